package tui

import (
	"cmp"
	"context"
	"slices"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

func (f *fake) Unblock(_ context.Context, who string) (chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("unblock %s", who)
	return chat.Peer{}, nil
}

// AcceptAs and Replace answer with the row that was there, accepted.
func (f *fake) AcceptAs(_ context.Context, who, petname string) (chat.Peer, error) {
	return f.decide("accept "+who+" as "+petname, who, petname)
}

func (f *fake) Replace(_ context.Context, who, petname string) (chat.Peer, error) {
	return f.decide("accept "+who+" as a new key of "+petname, who, petname)
}

func (f *fake) decide(call, who, petname string) (chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("%s", call)
	p := f.find(who)
	if p == nil {
		return chat.Peer{}, &chat.Error{Code: chat.CodeNoSuch, Text: "no key of that name", Hint: "see who is here"}
	}
	p.Name, p.Trust, p.Of = safetext.Name(petname), chat.Pinned, identity.Pin{}
	f.emit(*p)
	return *p, nil
}

func (f *fake) Rename(_ context.Context, who, petname string) (chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("rename %s %s", who, petname)
	return chat.Peer{}, nil
}

func (f *fake) Forget(_ context.Context, who string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("forget %s", who)
	return nil
}

func (f *fake) Message(_ context.Context, who, id string) (chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.lines[who], func(m chat.Message) bool { return m.ID == id }); i >= 0 {
		return f.lines[who][i], nil
	}
	return chat.Message{}, &chat.Error{Code: chat.CodeNoSuch, Text: "there is no such message"}
}

func (f *fake) Export(_ context.Context, who string, after int64, n int) ([]chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.lines[who]
	i, _ := slices.BinarySearchFunc(all, after+1, func(m chat.Message, row int64) int { return cmp.Compare(m.Row, row) })
	return slices.Clone(all[i:min(len(all), i+n)]), nil
}
