package cli

import (
	"context"
	"strings"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// Write takes what it is given as one text, with what it is about in front.
func (s *stub) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	what := w.Text
	for word, id := range map[string]string{"reply ": w.Reply, "replace ": w.Replaces, "retract ": w.Retracts, "react ": w.Reacts} {
		if id != "" {
			what = strings.TrimSpace(word + id + " " + w.Text + strings.Join(w.Emoji, " "))
		}
	}
	return s.Send(ctx, who, what)
}

func (s *stub) Retry(ctx context.Context, who, id string) (chat.Message, error) {
	return s.Send(ctx, who, "retry "+id)
}

func (s *stub) Delete(_ context.Context, who, id string) error {
	s.note("delete " + who + " " + id)
	return s.err
}

func (s *stub) Versions(context.Context, string, string) ([]chat.Version, error) {
	return []chat.Version{{Body: safetext.Body("lunhc?"), Written: noon}, {Body: safetext.Body("lunch?\nat one"), Written: noon}}, s.err
}

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

func (s *stub) Message(context.Context, string, string) (chat.Message, error) {
	if s.slow > 0 { // it never got as far as to store one
		return chat.Message{}, &chat.Error{Code: chat.CodeNoSuch, Text: "there is no such message"}
	}
	return fromBob, s.err
}

func (s *stub) Export(_ context.Context, _ string, after int64, _ int) ([]chat.Message, error) {
	if after > 0 || s.err != nil {
		return nil, s.err
	}
	return []chat.Message{toBob, fromBob}, nil
}
