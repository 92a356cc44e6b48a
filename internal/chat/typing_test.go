package chat_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/stanza"
)

// choose is for a setting that must be taken.
func choose(t *testing.T, n *chat.Node, key, value string) {
	t.Helper()
	if err := n.Set(t.Context(), key, value); err != nil {
		t.Fatalf("set %s %s: %v", key, value, err)
	}
}

// typed collects what a feed tells about writing for a while.
func typed(t *testing.T, f chat.Feed, d time.Duration) (list []bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for {
		events, err := f.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if y, ok := e.Body.(chat.Typing); ok {
				list = append(list, y.Typing)
			}
		}
	}
}

func subscribe(t *testing.T, n *chat.Node) chat.Feed {
	t.Helper()
	f, err := n.Subscribe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// P-19, T-03: nobody learns that we write unless the user says so.
func TestXEP0085_OffByDefault(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		say, got := befriendMallory(t, c)
		say(stanza.Message{ID: "1", Type: "chat", HasBody: true, Body: "hi", Payloads: stanza.Payloads{State: stanza.Active, Markable: true}})
		becomes(t, c.alice, "mallory", "hi", chat.Received)
		p, _ := peerNamed(t, c.alice, "mallory")
		if err := c.alice.Typing(t.Context(), p.Key, true); err != nil {
			t.Fatal(err)
		}
		if err := c.alice.Focus(t.Context(), p.Key); err != nil {
			t.Fatal(err)
		}
		send(t, c.alice, "mallory", "hello")
		time.Sleep(time.Second)
		for _, s := range got() {
			if m, ok := s.(stanza.Message); ok && (m.State != "" || m.Payloads.Displayed != "" || m.Markable) {
				t.Errorf("mallory was told %+v", m)
			}
		}
	})
}

// XEP-0085: both say it, so both are told: once each, and it ends by itself.
func TestXEP0085_ChatStates(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		choose(t, c.alice, "typing", "on")
		choose(t, c.bob, "typing", "on")
		bob, _ := peerNamed(t, c.alice, "bob")
		feed := subscribe(t, c.bob)
		if err := c.alice.Typing(t.Context(), bob.Key, true); err != nil {
			t.Fatal(err)
		}
		if got := typed(t, feed, time.Second); len(got) > 0 {
			t.Errorf("told before bob had said that he wants to know: %v", got)
		}
		send(t, c.bob, "alice", "hi")
		becomes(t, c.alice, "bob", "hi", chat.Received)
		for _, writes := range []bool{true, true, false, false, true} {
			if err := c.alice.Typing(t.Context(), bob.Key, writes); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		got := typed(t, feed, 2*time.Minute)
		if len(got) != 4 || !got[0] || got[1] || !got[2] || got[3] {
			// state events coalesce for a reader that is late
			if len(got) != 2 || !got[0] || got[1] {
				t.Errorf("bob was told %v", got)
			}
		}
		send(t, c.alice, "bob", "there")
		becomes(t, c.bob, "alice", "there", chat.Received)
	})
}

// XEP-0085 5.1: who answers without a state is not told any.
func TestXEP0085_MutePeer(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		choose(t, c.alice, "typing", "on")
		say, got := befriendMallory(t, c)
		send(t, c.alice, "mallory", "one")
		within(t, 5*time.Second, "one goes with a state", func() bool {
			for _, s := range got() {
				if m, ok := s.(stanza.Message); ok && m.Body == "one" {
					return m.State == stanza.Active
				}
			}
			return false
		})
		say(stanza.Message{ID: "1", Type: "chat", HasBody: true, Body: "no states here"})
		becomes(t, c.alice, "mallory", "no states here", chat.Received)
		send(t, c.alice, "mallory", "two")
		within(t, 5*time.Second, "two goes without", func() bool {
			for _, s := range got() {
				if m, ok := s.(stanza.Message); ok && m.Body == "two" {
					return m.State == ""
				}
			}
			return false
		})
	})
}

// L-13: a peer that changes its state all the time is not listened to.
func TestL13_ChatStates(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		say, _ := befriendMallory(t, c)
		feed := subscribe(t, c.alice)
		for range 20 {
			for _, s := range []stanza.ChatState{stanza.Composing, stanza.Paused} {
				say(stanza.Message{ID: stanza.NewID(), Type: "chat", Payloads: stanza.Payloads{State: s}})
				time.Sleep(10 * time.Millisecond)
			}
		}
		say(stanza.Message{ID: "end", Type: "chat", HasBody: true, Body: "end"})
		becomes(t, c.alice, "mallory", "end", chat.Received)
		if got := typed(t, feed, time.Second); len(got) > 10 {
			t.Errorf("told %d times, want at most 10", len(got))
		}
	})
}

// XEP-0333: what is looked at is told, newest only, if both want that.
func TestXEP0333_Displayed(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		choose(t, c.alice, "displayed", "on")
		send(t, c.alice, "bob", "one")
		becomes(t, c.alice, "bob", "one", chat.Delivered)
		alice, _ := peerNamed(t, c.bob, "alice")
		if err := c.bob.Focus(t.Context(), alice.Key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if m, _ := find(t, c.alice, "bob", "one"); m.State != chat.Delivered {
			t.Fatalf("bob does not tell, and yet: %+v", m)
		}
		choose(t, c.bob, "displayed", "on")
		send(t, c.alice, "bob", "two")
		becomes(t, c.alice, "bob", "two", chat.Displayed)
		becomes(t, c.alice, "bob", "one", chat.Displayed)
		if err := c.bob.Focus(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		send(t, c.alice, "bob", "three")
		becomes(t, c.alice, "bob", "three", chat.Delivered)
		time.Sleep(time.Second)
		if m, _ := find(t, c.alice, "bob", "three"); m.State != chat.Delivered {
			t.Errorf("nobody looked, and yet: %+v", m)
		}
	})
}

// 174-10.2, XEP-0030: a contact learns what we can do, and by the hash that is
// announced; a stranger learns nothing.
func TestDisco(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		say, got := befriendMallory(t, c)
		answer := func(id string) (stanza.IQ, bool) {
			for _, s := range got() {
				if q, ok := s.(stanza.IQ); ok && q.ID == id {
					return q, true
				}
			}
			return stanza.IQ{}, false
		}
		ask := func(q stanza.IQ) stanza.IQ {
			t.Helper()
			say(q)
			var a stanza.IQ
			within(t, 5*time.Second, "an answer", func() (ok bool) {
				a, ok = answer(q.ID)
				return ok
			})
			return a
		}
		first := ask(stanza.InfoRequest(""))
		info, ok := stanza.ParseInfo(first.Payload)
		if !ok || !info.Has(stanza.NSDiscoInfo) || !info.Has(stanza.NSReceipts) || len(info.Identities) != 1 {
			t.Fatalf("we say %+v in %+v", info, first)
		}
		node := "urn:x-llchat#" + info.Ver()
		if byNode, ok := stanza.ParseInfo(ask(stanza.InfoRequest(node)).Payload); !ok || byNode.Ver() != info.Ver() || byNode.Node != node {
			t.Errorf("by node: %+v", byNode)
		}
		if a := ask(stanza.InfoRequest("urn:x-llchat#old")); a.Error == nil || a.Error.Condition != "item-not-found" {
			t.Errorf("for another node: %+v", a)
		}
		items := stanza.InfoRequest("")
		items.Payload.Name.Space = stanza.NSDiscoItems
		if a := ask(items); a.Type != "result" || !a.Payload.Is(stanza.NSDiscoItems, "query") || len(a.Payload.Children) > 0 {
			t.Errorf("items: %+v", a)
		}
	})
}
