package cli

import (
	"context"

	"llchat/internal/chat"
)

// The rest of what the window may ask for before its node is open: what is
// written about messages.

func (e *early) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	return with(ctx, e, func(a chat.API) (chat.Message, error) { return a.Write(ctx, who, w) })
}

func (e *early) Retry(ctx context.Context, who, id string) (chat.Message, error) {
	return with(ctx, e, func(a chat.API) (chat.Message, error) { return a.Retry(ctx, who, id) })
}

func (e *early) Delete(ctx context.Context, who, id string) error {
	_, err := with(ctx, e, func(a chat.API) (struct{}, error) { return struct{}{}, a.Delete(ctx, who, id) })
	return err
}

func (e *early) Versions(ctx context.Context, who, id string) ([]chat.Version, error) {
	return with(ctx, e, func(a chat.API) ([]chat.Version, error) { return a.Versions(ctx, who, id) })
}

func (e *early) Search(ctx context.Context, query, who string, before int64, n int) ([]chat.Message, error) {
	return with(ctx, e, func(a chat.API) ([]chat.Message, error) { return a.Search(ctx, query, who, before, n) })
}

func (e *early) Typing(ctx context.Context, key string, writes bool) error {
	_, err := with(ctx, e, func(a chat.API) (struct{}, error) { return struct{}{}, a.Typing(ctx, key, writes) })
	return err
}
