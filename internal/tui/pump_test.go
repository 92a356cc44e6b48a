package tui

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
)

// feeder is an API of which only the feed matters.
type feeder struct {
	*fake
	since []uint64
	feeds []feedScript
}

// feedScript is what Next returns, call by call; then it blocks.
type feedScript struct {
	batches [][]chat.Event
	err     error
}

func (f *feeder) Subscribe(_ context.Context, since uint64) (chat.Feed, error) {
	f.since = append(f.since, since)
	if len(f.feeds) == 0 {
		return &script{}, nil
	}
	s := f.feeds[0]
	f.feeds = f.feeds[1:]
	if s.batches == nil && s.err != nil {
		return nil, s.err
	}
	return &script{s}, nil
}

type script struct{ feedScript }

func (s *script) Next(ctx context.Context) ([]chat.Event, error) {
	if len(s.batches) > 0 {
		b := s.batches[0]
		s.batches = s.batches[1:]
		return b, nil
	}
	if s.err != nil {
		return nil, s.err
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *script) Close() error { return nil }

func TestPump(t *testing.T) {
	ev := func(seq uint64, body any) chat.Event { return chat.Event{Seq: seq, Body: body} }
	synctest.Test(t, func(t *testing.T) {
		api := &feeder{feeds: []feedScript{
			{batches: [][]chat.Event{{ev(1, chat.Peer{}), ev(2, chat.Peer{})}, {ev(3, chat.Peer{}), ev(4, chat.Resync{Seq: 3}), ev(9, chat.Peer{})}}},
			{batches: [][]chat.Event{{ev(5, chat.Peer{})}}, err: errors.New("gone")},
			{err: errors.New("still gone")},
		}}
		var got []string
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			pump(ctx, api, func(msg tea.Msg) {
				m := msg.(feedMsg)
				word := "events"
				if m.reload {
					word = "reload"
				} else if m.err != nil {
					word = m.err.Error()
				}
				got = append(got, word+" "+time.Since(start).Round(time.Millisecond).String())
			})
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		cancel()
		<-done
		want := []string{
			"events 0s", "events 33ms", "reload 33ms", "events 33ms", "gone 67ms",
			"still gone 1.067s", "reload 2.067s",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]uint64{0, 3, 5, 5}, api.since); diff != "" {
			t.Errorf("asked from (-want +got):\n%s", diff)
		}
	})
}
