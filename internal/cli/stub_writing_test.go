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

func (s *stub) Search(_ context.Context, query, who string, _ int64, _ int) ([]chat.Message, error) {
	s.note("search " + query + " " + who)
	return []chat.Message{fromBob, toBob}, s.err
}

func (s *stub) Typing(context.Context, string, bool) error { return s.err }

func (s *stub) Unblock(context.Context, string) (chat.Peer, error) { return bobRow, s.err }

func (s *stub) AcceptAs(_ context.Context, who, petname string) (chat.Peer, error) {
	s.note("accept " + who + " as " + petname)
	return bobRow, s.err
}

func (s *stub) Replace(_ context.Context, who, petname string) (chat.Peer, error) {
	s.note("accept " + who + " as a new key of " + petname)
	return bobRow, s.err
}

func (s *stub) Rename(_ context.Context, who, petname string) (chat.Peer, error) {
	s.note("rename " + who + " " + petname)
	return bobRow, s.err
}

func (s *stub) Forget(_ context.Context, who string) error {
	s.note("forget " + who)
	return s.err
}

func (s *stub) Message(context.Context, string, string) (chat.Message, error) { return fromBob, s.err }

func (s *stub) Export(_ context.Context, _ string, after int64, _ int) ([]chat.Message, error) {
	if after > 0 || s.err != nil {
		return nil, s.err
	}
	return []chat.Message{toBob, fromBob}, nil
}
