package tui

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"llchat/internal/chat"
)

// mortal is an API whose node ends, and is there again later.
type mortal struct {
	*fake
	gone atomic.Bool
}

func (m *mortal) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	if m.gone.Load() {
		return nil, chat.ErrEnded
	}
	feed, err := m.fake.Subscribe(ctx, since)
	return &mortalFeed{feed, m}, err
}

type mortalFeed struct {
	chat.Feed
	m *mortal
}

func (f *mortalFeed) Next(ctx context.Context) ([]chat.Event, error) {
	for !f.m.gone.Load() {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		events, err := f.Feed.Next(short)
		cancel()
		if err == nil || ctx.Err() != nil {
			return events, err
		}
	}
	return nil, chat.ErrEnded
}

// TestPlainNodeGone: the line mode says once that its node ended, and goes on
// with the next one.
func TestPlainNodeGone(t *testing.T) {
	api := &mortal{fake: meeting()}
	inLinesOf(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		api.gone.Store(true)
		time.Sleep(5 * feedRetry)
		if got := l.take(); strings.Count(got, "error: ") != 1 || !strings.Contains(got, "the running node ended") || strings.Contains(got, "unix") {
			t.Errorf("when it ended: %s", got)
		}
		api.gone.Store(false)
		time.Sleep(2 * feedRetry)
		if got := l.take(); !strings.Contains(got, "the node runs again\nhere: ") {
			t.Errorf("when it is back: %s", got)
		}
		api.mu.Lock()
		api.emit(api.message("bob", chat.In, "still there?", chat.Received))
		api.mu.Unlock()
		time.Sleep(time.Second)
		if got := l.take(); !strings.Contains(got, "still there?") {
			t.Errorf("a message after that: %s", got)
		}
	})
}
