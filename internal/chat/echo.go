package chat

import (
	"context"
	"errors"
)

// Echo answers every message with its text, for trying things out. It answers
// no correction or reaction, never itself, nor what was delayed on its way: two
// echoes that lost each other must not throw an old conversation back and forth.
func Echo(ctx context.Context, api API) error {
	self, err := api.Status(ctx)
	if err != nil {
		return err
	}
	f, err := api.Subscribe(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for {
		events, err := f.Next(ctx)
		if errors.Is(err, context.Canceled) || errors.Is(err, errFeedClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range events {
			m, ok := e.Body.(Message)
			if !ok || m.Direction != In || m.Delayed || !m.firstHeard() || m.Peer.Equal(self.Fingerprint) {
				continue
			}
			if _, err := api.Send(ctx, m.Peer.String(), m.Body.String()); err != nil && ctx.Err() != nil {
				return nil
			}
		}
	}
}

// firstHeard reports a text as it came, not one that something was said about.
func (m *Message) firstHeard() bool {
	return m.Kind == Plain && m.Edited.IsZero() && m.Retracted.IsZero() && len(m.Reactions) == 0
}
