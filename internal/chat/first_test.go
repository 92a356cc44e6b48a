package chat_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// closeNode ends a node and fails the test when that goes wrong.
func closeNode(t *testing.T, n *chat.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// within waits until the engine's view satisfies ok, in virtual time.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// peerNamed finds the row that is shown under a name.
func peerNamed(t *testing.T, n *chat.Node, name string) (chat.Peer, bool) {
	t.Helper()
	rows, err := n.Peers(t.Context())
	if err != nil {
		t.Fatalf("peers: %v", err)
	}
	for _, p := range rows {
		if p.Name.String() == name {
			return p, true
		}
	}
	return chat.Peer{}, false
}

// sees waits until n lists somebody as online under a name.
func sees(t *testing.T, n *chat.Node, name string) {
	t.Helper()
	within(t, 5*time.Second, name+" is listed", func() bool {
		p, ok := peerNamed(t, n, name)
		return ok && p.Presence == chat.Online
	})
}

// state waits until the newest message to or from who is in a state.
func state(t *testing.T, n *chat.Node, who, body string, want chat.State) chat.Message {
	t.Helper()
	var got chat.Message
	within(t, 30*time.Second, body+" is "+string(want), func() bool {
		page, err := n.History(t.Context(), who, 0, 50)
		if err != nil {
			return false
		}
		for _, m := range page {
			if m.Body.String() == body {
				got = m
			}
		}
		return got.State == want
	})
	return got
}

// The main job: find each other, write, wait, accept, deliver.
func TestFirstLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		defer closeNode(t, alice)
		defer closeNode(t, bob)
		sees(t, alice, "bob")
		sees(t, bob, "alice")

		if _, err := alice.Send(t.Context(), "bob", "hello bob"); err != nil {
			t.Fatalf("send: %v", err)
		}
		if m := state(t, alice, "bob", "hello bob", chat.Queued); m.Reason != chat.ReasonWaiting {
			within(t, time.Second, "alice knows that she waits", func() bool {
				return state(t, alice, "bob", "hello bob", chat.Queued).Reason == chat.ReasonWaiting
			})
		}
		within(t, time.Second, "bob is asked", func() bool {
			r, err := bob.Requests(t.Context())
			return err == nil && len(r) == 1 && r[0].Body.String() == "hello bob"
		})
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatalf("accept: %v", err)
		}
		state(t, bob, "alice", "hello bob", chat.Received)
		state(t, alice, "bob", "hello bob", chat.Delivered)

		if _, err := bob.Send(t.Context(), "alice", "hello alice"); err != nil {
			t.Fatalf("send back: %v", err)
		}
		state(t, bob, "alice", "hello alice", chat.Delivered)
		state(t, alice, "bob", "hello alice", chat.Received)
	})
}
