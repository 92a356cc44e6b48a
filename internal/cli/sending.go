package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"llchat/internal/chat"
)

// giving gives something that is to be delivered to an engine.
type giving func(context.Context, *reached) (chat.Message, error)

// sending is one thing on its way, through as many nodes as it takes.
type sending struct {
	a       *app
	who     string
	give    giving
	id      string // empty: only the node knows it
	message bool   // one by itself: a node finds it by its id, and send takes that
	timeout time.Duration
	began   time.Time
	again   bool // a node ended before it answered
	given   bool // one of these may have it
}

// attempt gives the message to the node there is, and follows it.
func (s *sending) attempt(ctx context.Context, timeout time.Duration) (chat.Event, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := s.a.connect(ctx, network)
	if err != nil && s.again {
		err = errors.Join(s.lost(), err)
	}
	if err != nil {
		return chat.Event{}, err
	}
	defer r.end()
	feed, err := r.Subscribe(waiting, 0)
	if err != nil {
		return chat.Event{}, err
	}
	defer func() { _ = feed.Close() }()
	s.given = true
	m, err := s.give(waiting, r)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return s.late(ctx, r)
	}
	if err != nil {
		return chat.Event{}, err
	}
	return follow(waiting, feed, m), nil
}

// late looks whether a message is kept after all that nobody confirmed in time.
// That it is not is said only where the node says so.
func (s *sending) late(ctx context.Context, r *reached) (chat.Event, error) {
	e := &chat.Error{
		Code: chat.CodeError, Text: fmt.Sprintf("%s did not answer within %v: whether this is kept is not known", s.who, s.timeout),
		Hint: s.askAgain(),
	}
	if !s.message {
		return chat.Event{}, e
	}
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	m, err := r.Message(looking, s.who, s.id)
	if err == nil && m.ID == s.id {
		return chat.Event{Time: m.Written, Body: m}, nil
	}
	if said, ok := errors.AsType[*chat.Error](err); ok && said.Code == chat.CodeNoSuch {
		e.Text = fmt.Sprintf("%s did not answer within %v: nothing was sent", s.who, s.timeout)
		e.Hint = "send it again, with a longer --timeout"
	}
	return chat.Event{}, e
}

// lost says what is known of a message whose node ended, when there is no other
// one, which would know more.
func (s *sending) lost() error {
	text := "the running node ended before it had the message: it is not kept"
	hint := "start it again (llchat daemon), and send the message again"
	if s.given {
		text, hint = "the running node ended before it said whether the message is kept", s.askAgain()
	}
	return &chat.Error{Code: chat.CodeError, Text: text, Hint: hint}
}

// askAgain is how to learn what became of it, without doing it twice.
func (s *sending) askAgain() string {
	if s.message {
		return "send it again with --id " + s.id + ": it arrives once, also if it is kept"
	}
	return "llchat history PEER shows whether it is"
}

// follow waits for the end of a message's journey, or for a reason why it
// cannot end now: the time is over, or the node ended. The message is on disk
// in any case.
func follow(ctx context.Context, feed chat.Feed, m chat.Message) chat.Event {
	last := chat.Event{Time: m.Written, Body: m}
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return last
		}
		for _, e := range events {
			got, ok := e.Body.(chat.Message)
			if !ok || got.ID != m.ID || got.Direction != chat.Out {
				continue
			}
			last = e
			if ended(got) {
				return last
			}
		}
	}
}

func ended(m chat.Message) bool {
	return m.State == chat.Delivered || m.State == chat.Displayed || m.State == chat.Failed ||
		m.Reason == chat.ReasonWaiting
}
