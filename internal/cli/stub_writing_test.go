package cli

import (
	"context"

	"llchat/internal/chat"
)

func (s *stub) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	return s.Send(ctx, who, w.Text)
}

func (s *stub) Retry(context.Context, string, string) (chat.Message, error) {
	return chat.Message{}, s.err
}

func (s *stub) Delete(context.Context, string, string) error { return s.err }

func (s *stub) Versions(context.Context, string, string) ([]chat.Version, error) { return nil, s.err }

func (s *stub) Search(context.Context, string, string, int64, int) ([]chat.Message, error) {
	return nil, s.err
}

func (s *stub) Typing(context.Context, string, bool) error { return s.err }
