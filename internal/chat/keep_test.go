package chat_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
)

// conceal puts a node under a passphrase and locks it on the network.
func conceal(t *testing.T, n *chat.Node) {
	t.Helper()
	if err := n.SetPassphrase(t.Context(), nil, horse); err != nil {
		t.Fatal(err)
	}
	if err := n.Conceal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func reveal(t *testing.T, n *chat.Node) {
	t.Helper()
	if err := n.Reveal(t.Context(), horse); err != nil {
		t.Fatal(err)
	}
}

// delivered waits until a message is, and checks that it is shown once.
func delivered(t *testing.T, from *chat.Node, to string, n *chat.Node, who, text string) {
	t.Helper()
	becomes(t, from, to, text, chat.Delivered)
	if _, times := find(t, n, who, text); times != 1 {
		t.Errorf("%q is shown %d times", text, times)
	}
}

// R-7 with the network kept: who is locked has no key, is away and not gone,
// confirms nothing and has nothing of it in memory that could be asked for;
// unlocked, it has everything once.
func TestR7_LockedOnTheNetwork(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(15 * time.Second)
		conceal(t, c.bob)
		if chat.HasKey(c.bob) {
			t.Error("the key is still there")
		}
		send(t, c.alice, "bob", "while locked")
		time.Sleep(3 * time.Minute)
		if m, _ := find(t, c.alice, "bob", "while locked"); m.State == chat.Delivered || m.State == chat.Failed {
			t.Errorf("%s, and it is on no disk", m.State)
		}
		if p, _ := peerNamed(t, c.alice, "bob"); p.Presence != chat.Away || !p.Stream {
			t.Errorf("bob is %s (stream %v), want away, with a stream", p.Presence, p.Stream)
		}
		if _, err := c.bob.History(t.Context(), "alice", 0, 10); !errors.Is(err, chat.ErrProfileLocked) {
			t.Errorf("history while locked: %v", err)
		}
		s, err := c.bob.Status(t.Context())
		if err != nil || !s.Locked || !s.Ready || !s.Fingerprint.IsZero() || len(s.Health) != 0 {
			t.Errorf("status %+v (%v), want locked, ready, and no more than a profile says", s, err)
		}
		wantCode(t, "a wrong passphrase", c.bob.Reveal(t.Context(), battery), chat.CodeRefused)
		if chat.HasKey(c.bob) {
			t.Error("a wrong passphrase has brought the key back")
		}

		at := time.Now()
		reveal(t, c.bob)
		delivered(t, c.alice, "bob", c.bob, "alice", "while locked")
		if d := time.Since(at); d > 10*time.Second {
			t.Errorf("delivered %v after unlocking", d)
		}
		send(t, c.bob, "alice", "there again")
		delivered(t, c.bob, "alice", c.alice, "bob", "there again")
		within(t, 5*time.Second, "bob is online", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return p.Presence == chat.Online
		})
	})
}

// A receipt that comes while we are locked is asked for again.
func TestR7_ReceiptWhileLocked(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(15 * time.Second)
		if err := c.bob.SetPassphrase(t.Context(), nil, horse); err != nil {
			t.Fatal(err)
		}
		c.lan.Delay(100 * time.Millisecond)
		send(t, c.bob, "alice", "on its way")
		time.Sleep(50 * time.Millisecond) // it has left, and is not there yet
		if err := c.bob.Conceal(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "alice has it", func() bool {
			_, n := find(t, c.alice, "bob", "on its way")
			return n == 1
		})
		time.Sleep(time.Minute)
		reveal(t, c.bob)
		delivered(t, c.bob, "alice", c.alice, "bob", "on its way")
	})
}

// Ended while locked, the node has lost nothing: what was written waits with
// who wrote it.
func TestR7_EndedWhileLocked(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(15 * time.Second)
		conceal(t, c.bob)
		send(t, c.alice, "bob", "for later")
		time.Sleep(time.Minute)
		closeNode(t, c.bob)
		if found := openly(t, c.folderB, "for later", "may I?"); len(found) > 0 {
			t.Errorf("in clear: %q", found)
		}
		c.bob = c.hostB.Node(chat.Options{Held: holding(t, c.folderB, horse)})
		delivered(t, c.alice, "bob", c.bob, "alice", "for later")
	})
}

// Who asks to be accepted while we are locked asks again when we are back.
func TestR7_StrangerWhileLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		bob := lan.Host().Node(chat.Options{Nick: "bob", Profile: t.TempDir() + "/bob"})
		sees(t, alice, "bob")
		conceal(t, bob)
		send(t, alice, "bob", "may I?")
		time.Sleep(time.Minute)
		reveal(t, bob)
		within(t, 2*time.Minute, "bob is asked", func() bool {
			r, err := bob.Requests(t.Context())
			return err == nil && len(r) == 1 && r[0].Body.String() == "may I?"
		})
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		delivered(t, alice, "bob", bob, "alice", "may I?")
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// A client that asks for no receipts would take what it sent for delivered: it
// is told that nothing was taken. A stranger is told nothing (P-19).
func TestR7_WhoAsksForNoReceiptIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host := lan.Host()
		bob := host.Node(chat.Options{Nick: "bob", Profile: t.TempDir() + "/bob"})
		friend, stranger := lan.Host().Mallory("ann@h"), lan.Host().Mallory("eve@h")
		stop, err := friend.Announce(t.Context(), mdns.PresenceText("ann", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, bob, "ann")
		send(t, bob, "ann", "hello")
		time.Sleep(15 * time.Second)
		conceal(t, bob)
		for _, m := range []*lantest.Mallory{friend, stranger} {
			conn, err := m.Dial(t.Context(), place(t, host, bob))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []stanza.Message{
				{ID: "plain", HasBody: true, Body: "one"},
				{ID: "confirmed", HasBody: true, Body: "two", Request: true},
				{ID: "typing", Payloads: stanza.Payloads{State: stanza.Composing}},
			} {
				if err := conn.Send(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		for m, want := range map[*lantest.Mallory][]string{friend: {"plain"}, stranger: nil} {
			var told []string
			for _, s := range m.Got() {
				if msg, ok := s.(stanza.Message); ok && (msg.Type == "error" || msg.Received != "") {
					told = append(told, msg.ID+msg.Received)
				}
			}
			if len(told) != len(want) || len(want) > 0 && told[0] != want[0] {
				t.Errorf("told about %q, want %q", told, want)
			}
		}
		stop()
		closeMallory(t, friend)
		closeMallory(t, stranger)
		closeNode(t, bob)
	})
}

// Feeds end with the lock, and what waited in them is not to be had any more.
func TestR7_FeedsEnd(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		feed, err := c.bob.Subscribe(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		send(t, c.alice, "bob", "waits in the feed")
		becomes(t, c.alice, "bob", "waits in the feed", chat.Delivered)
		conceal(t, c.bob)
		if events, err := feed.Next(t.Context()); err == nil {
			t.Errorf("%d events after the lock", len(events))
		}
		reveal(t, c.bob)
		if _, err := c.bob.Subscribe(t.Context(), 0); err != nil {
			t.Errorf("subscribe after unlocking: %v", err)
		}
	})
}
