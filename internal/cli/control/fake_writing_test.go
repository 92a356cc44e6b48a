package control

import (
	"context"
	"fmt"

	"llchat/internal/chat"
)

func (f *fake) Write(_ context.Context, who string, w chat.Writing) (chat.Message, error) {
	f.note(fmt.Sprintf("write %s %+v", who, w))
	return chat.Message{ID: "w"}, nil
}

func (f *fake) Retry(_ context.Context, who, id string) (chat.Message, error) {
	f.note("retry " + who + " " + id)
	return chat.Message{ID: "r"}, nil
}

func (f *fake) Delete(_ context.Context, who, id string) error {
	f.note("delete " + who + " " + id)
	return nil
}

func (f *fake) Versions(_ context.Context, who, id string) ([]chat.Version, error) {
	f.note("versions " + who + " " + id)
	return []chat.Version{{}}, nil
}

func (f *fake) Search(_ context.Context, query, who string, before int64, n int) ([]chat.Message, error) {
	f.note(fmt.Sprintf("search %s %s %d %d", query, who, before, n))
	return []chat.Message{{ID: "s"}}, nil
}

func (f *fake) Typing(_ context.Context, key string, writes bool) error {
	f.note(fmt.Sprintf("typing %s %t", key, writes))
	return nil
}

func (f *fake) Unblock(_ context.Context, who string) (chat.Peer, error) {
	f.note("unblock " + who)
	return chat.Peer{Key: "u"}, nil
}

func (f *fake) AcceptAs(_ context.Context, who, petname string) (chat.Peer, error) {
	f.note("accept " + who + " as " + petname)
	return chat.Peer{Key: "as"}, nil
}

func (f *fake) Replace(_ context.Context, who, petname string) (chat.Peer, error) {
	f.note("accept " + who + " as a new key of " + petname)
	return chat.Peer{Key: "of"}, nil
}

func (f *fake) Rename(_ context.Context, who, petname string) (chat.Peer, error) {
	f.note("rename " + who + " " + petname)
	return chat.Peer{Key: "n"}, nil
}

func (f *fake) Forget(_ context.Context, who string) error {
	f.note("forget " + who)
	return nil
}

func (f *fake) Message(_ context.Context, who, id string) (chat.Message, error) {
	f.note("message " + who + " " + id)
	return chat.Message{ID: "m"}, nil
}

func (f *fake) Export(_ context.Context, who string, after int64, n int) ([]chat.Message, error) {
	f.note(fmt.Sprintf("export %s %d %d", who, after, n))
	return []chat.Message{{ID: "e"}}, nil
}

func (f *fake) SetPassphrase(_ context.Context, old, passphrase []byte) error {
	f.note(fmt.Sprintf("passphrase %s %s", old, passphrase))
	return nil
}

func (f *fake) Lock(context.Context) error {
	f.note("lock")
	return nil
}

func (f *fake) Unlock(_ context.Context, passphrase []byte) error {
	f.note("unlock " + string(passphrase))
	return nil
}

func (f *fake) CheckHistory(context.Context) (string, error) {
	f.note("check")
	return "sound", nil
}

func (f *fake) Panic(context.Context) error {
	f.note("panic")
	return nil
}
