package chat_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// watched collects every event of a node as a reader that is never behind
// gets them, until the end of the test.
type watched struct {
	mu     sync.Mutex
	events []chat.Event
	feed   chat.Feed
	done   chan struct{}
}

func watch(t *testing.T, n *chat.Node) *watched {
	t.Helper()
	feed, err := n.Subscribe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{feed: feed, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			events, err := feed.Next(context.Background())
			if err != nil {
				return
			}
			w.mu.Lock()
			w.events = append(w.events, events...)
			w.mu.Unlock()
		}
	}()
	return w
}

// stop ends the collecting and returns what there was.
func (w *watched) stop() []chat.Event {
	_ = w.feed.Close()
	<-w.done
	return w.events
}

// messages are the events about a message with this body.
func messages(events []chat.Event, body string) (found []chat.Message) {
	for _, e := range events {
		if m, ok := e.Body.(chat.Message); ok && m.Body.String() == body {
			found = append(found, m)
		}
	}
	return found
}

// cli.md: seq rises. A reader that takes each event at once sees every message
// of a request that was accepted, although the end of the request is an event
// of the same moment; and nobody is told twice what did not change.
func TestNumbersOfEventsRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 2)
		alice, bob := lan.Host().Node(chat.Options{Nick: "alice"}), lan.Host().Node(chat.Options{Nick: "bob"})
		atAlice, atBob := watch(t, alice), watch(t, bob)
		sees(t, alice, "bob")
		for _, text := range []string{"one", "two"} {
			send(t, alice, "bob", text)
		}
		within(t, 5*time.Second, "bob is asked", func() bool {
			r, err := bob.Requests(t.Context())
			return err == nil && len(r) == 1 && len(r[0].Bodies) == 2
		})
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		becomes(t, alice, "bob", "two", chat.Delivered)
		becomes(t, alice, "bob", "one", chat.Delivered)
		synctest.Wait()
		seen := map[string][]chat.Event{"alice": atAlice.stop(), "bob": atBob.stop()}
		for who, events := range seen {
			var last uint64
			for _, e := range events {
				if e.Seq <= last {
					t.Errorf("%s: %s %d comes after %d", who, e.Type(), e.Seq, last)
				}
				last = e.Seq
			}
		}
		requests := 0
		for _, e := range seen["bob"] {
			if r, ok := e.Body.(chat.Request); ok && !r.Gone {
				requests++
			}
		}
		if requests < 2 || requests > 3 { // alice's presence asks, too
			t.Errorf("bob is told of %d requests, want one a message", requests)
		}
		for _, text := range []string{"one", "two"} {
			if got := messages(seen["bob"], text); len(got) != 1 {
				t.Errorf("bob is told of %q %d times, want once", text, len(got))
			}
			var states []string
			for _, m := range messages(seen["alice"], text) {
				states = append(states, string(m.State)+" "+m.Reason)
			}
			if len(states) != 3 || states[2] != "delivered " {
				t.Errorf("alice is told of %q: %q, want queued, waiting, delivered", text, states)
			}
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}
