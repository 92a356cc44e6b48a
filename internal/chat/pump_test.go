package chat_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
)

// countingNode opens a node whose dials are counted.
func countingNode(t *testing.T, h *lantest.Host, opt chat.Options) (*chat.Node, *atomic.Int64) {
	t.Helper()
	var dials atomic.Int64
	network := *h.Network()
	network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		dials.Add(1)
		return h.Dial(ctx, to)
	}
	opt.Network = &network
	if opt.Profile == "" {
		opt.Profile = t.TempDir() + "/p"
	}
	n, err := chat.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return n, &dials
}

// almost is a text whose stanza fits the limit for strangers only as long as
// nobody counts the names in it.
func almost(limit int) string {
	s := stanza.Message{ID: stanza.NewID(), Type: "chat", HasBody: true, Request: true, Nick: "alice"}
	s.Body = strings.Repeat("&", 1900)
	s.Body += strings.Repeat("x", limit-10-len(stanza.Append(nil, s)))
	return s.Body
}

// What is too big for the stream of a stranger waits for acceptance like any
// other: no new stream is tried for it, and nothing is stuck behind it (5.5).
func TestTooBigForAStranger(t *testing.T) {
	for name, text := range map[string]string{
		"grows in XML":         strings.Repeat("&", 3000),
		"but for the names":    almost(10_000),
		"more than is kept":    strings.Repeat("x", 5000),
		"more than a stranger": strings.Repeat("x", 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := lantest.New(t, 1)
				alice, dials := countingNode(t, lan.Host(), chat.Options{Nick: "alice"})
				bob := lan.Host().Node(chat.Options{Nick: "bob"})
				sees(t, alice, "bob")
				send(t, alice, "bob", text)
				send(t, alice, "bob", "after it")
				reasons(t, alice, "bob", text, chat.ReasonWaiting)
				reasons(t, alice, "bob", "after it", chat.ReasonWaiting)
				time.Sleep(5 * time.Minute)
				if got := dials.Load(); got != 1 {
					t.Errorf("%d dials while waiting, want 1", got)
				}
				sees(t, bob, "alice")
				if _, err := bob.Accept(t.Context(), "alice"); err != nil {
					t.Fatal(err)
				}
				becomes(t, alice, "bob", text, chat.Delivered)
				becomes(t, alice, "bob", "after it", chat.Delivered)
				page, err := bob.History(t.Context(), "alice", 0, 10)
				if err != nil || len(page) != 2 || page[1].Body.String() != "after it" {
					t.Errorf("bob has %d messages, %v; want both in order", len(page), err)
				}
				closeNode(t, alice)
				closeNode(t, bob)
			})
		})
	}
}

// A request that others pushed out of the queue is gone there, and its stream
// lives: once accepted, what was dropped is sent again and not lost (5.7).
func TestPushedOutRequestIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		hostB := lan.Host()
		alice, bob := lan.Host().Node(chat.Options{Nick: "alice"}), hostB.Node(chat.Options{Nick: "bob"})
		sees(t, alice, "bob")
		send(t, alice, "bob", "before the flood")
		reasons(t, alice, "bob", "before the flood", chat.ReasonWaiting)
		for i := range 50 {
			m := lan.Host().Mallory(fmt.Sprintf("stranger%d@h", i))
			conn, err := m.Dial(t.Context(), place(t, hostB, bob))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: "me"})
			time.Sleep(time.Second)
			closeMallory(t, m)
		}
		r, _ := bob.Requests(t.Context())
		for _, r := range r {
			if r.Name.String() == "alice" {
				t.Fatal("alice was not pushed out")
			}
		}
		send(t, alice, "bob", "after the flood")
		reasons(t, alice, "bob", "after the flood", chat.ReasonWaiting)
		own, _ := alice.Status(t.Context())
		if _, err := bob.Accept(t.Context(), own.Fingerprint.String()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		becomes(t, alice, "bob", "after the flood", chat.Delivered)
		becomes(t, alice, "bob", "before the flood", chat.Delivered)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("delivered after %v", d)
		}
		for _, text := range []string{"before the flood", "after the flood"} {
			if _, n := find(t, bob, own.Fingerprint.String(), text); n != 1 {
				t.Errorf("bob shows %q %d times", text, n)
			}
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// A peer that never sends a receipt gets every message once, however many, and
// none is called delivered (5.7).
func TestPeerWithoutReceipts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		m := lan.Host().Mallory("mute@h")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("mute", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "mute")
		for i := range 3 * 32 {
			send(t, alice, "mute", fmt.Sprintf("message %d", i))
		}
		time.Sleep(2 * time.Minute)
		got := texts(m)
		for i, text := range got {
			if want := fmt.Sprintf("message %d", i); text != want {
				t.Fatalf("message %d is %q", i, text)
			}
		}
		if len(got) != 3*32 {
			t.Errorf("it got %d messages, want %d once each", len(got), 3*32)
		}
		for i := range got {
			m, _ := find(t, alice, "mute", fmt.Sprintf("message %d", i))
			if m.State != chat.Sent || m.Reason != chat.ReasonNoReceipt {
				t.Fatalf("message %d is %s %s, want sent without a receipt", i, m.State, m.Reason)
			}
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

// A peer that takes streams and ends them at once is not dialled without end.
func TestPeerThatHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host := lan.Host()
		var dials atomic.Int64
		network := *host.Network()
		network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			dials.Add(1)
			c, err := host.Dial(ctx, to)
			if err == nil {
				time.AfterFunc(100*time.Millisecond, func() { _ = c.Close() })
			}
			return c, err
		}
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: t.TempDir() + "/p", Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		m := lan.Host().Mallory("mute@h")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("mute", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "mute")
		send(t, alice, "mute", "are you there?")
		time.Sleep(10 * time.Minute)
		// 0.5 or 2 s doubled up to a minute: six, then one a minute.
		if got := dials.Load(); got < 10 || got > 25 {
			t.Errorf("%d dials in ten minutes", got)
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

// A peer that died without a word and comes back elsewhere: the stream on which
// we waited for it is given up, and what waits is sent to where it is now.
func TestComesBackElsewhere(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		t.Run(fmt.Sprint(accepted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := lantest.New(t, 1)
				hostB, folder := lan.Host(), t.TempDir()+"/bob"
				alice := lan.Host().Node(chat.Options{Nick: "alice"})
				bob := hostB.Node(chat.Options{Nick: "bob", Profile: folder})
				sees(t, alice, "bob")
				send(t, alice, "bob", "first")
				reasons(t, alice, "bob", "first", chat.ReasonWaiting)
				if accepted {
					sees(t, bob, "alice")
					if _, err := bob.Accept(t.Context(), "alice"); err != nil {
						t.Fatal(err)
					}
					becomes(t, alice, "bob", "first", chat.Delivered)
				}
				time.Sleep(time.Minute)
				lan.Partition(hostB) // until the test is over
				closeNode(t, bob)
				bob = lan.Host().Node(chat.Options{Profile: folder})
				send(t, alice, "bob", "second")
				within(t, time.Minute, "bob has the second", func() bool {
					if accepted {
						_, n := find(t, bob, "alice", "second")
						return n == 1
					}
					r, _ := bob.Requests(t.Context())
					return len(r) == 1 && len(r[0].Bodies) == 2
				})
				lan.Heal(hostB)
				closeNode(t, alice)
				closeNode(t, bob)
			})
		})
	}
}
