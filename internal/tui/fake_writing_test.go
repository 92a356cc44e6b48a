package tui

import (
	"context"
	"strings"

	"llchat/internal/chat"
)

func (f *fake) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	if w.Text != "" && w.Replaces == "" {
		return f.Send(ctx, who, w.Text)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("write %s replaces=%s retracts=%s reacts=%s %s %s", who, w.Replaces, w.Retracts, w.Reacts, strings.Join(w.Emoji, ""), w.Text)
	return chat.Message{}, nil
}

func (f *fake) Retry(_ context.Context, who, id string) (chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("retry %s %s", who, id)
	return chat.Message{}, nil
}

func (f *fake) Delete(_ context.Context, who, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("delete %s %s", who, id)
	return nil
}

func (f *fake) Versions(_ context.Context, who, id string) ([]chat.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("versions %s %s", who, id)
	return nil, nil
}

func (f *fake) Search(_ context.Context, query, who string, _ int64, _ int) ([]chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("search %s %s", query, who)
	return nil, nil
}

func (f *fake) Typing(_ context.Context, key string, writes bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("typing %s %t", key, writes)
	return nil
}
