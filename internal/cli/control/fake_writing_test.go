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
