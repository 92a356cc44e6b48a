package chat_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// Both write first at the same moment: both arrive, one stream stays (5.6).
func TestTwoDialsAtOnce(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for round := range 10 {
			closeNode(t, c.alice)
			closeNode(t, c.bob)
			c.alice, c.bob = c.startAlice(), c.startBob()
			sees(t, c.alice, "bob")
			sees(t, c.bob, "alice")
			ping, pong := fmt.Sprintf("ping %d", round), fmt.Sprintf("pong %d", round)
			done := make(chan error, 2)
			go func() { _, err := c.alice.Send(context.Background(), "bob", ping); done <- err }()
			go func() { _, err := c.bob.Send(context.Background(), "alice", pong); done <- err }()
			for range 2 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			becomes(t, c.alice, "bob", ping, chat.Delivered)
			becomes(t, c.bob, "alice", pong, chat.Delivered)
			time.Sleep(10 * time.Second)
			for _, n := range []*chat.Node{c.alice, c.bob} {
				if got := chat.Streams(n); got != 1 {
					t.Errorf("round %d: %d streams, want 1", round, got)
				}
			}
			if _, n := find(t, c.bob, "alice", ping); n != 1 {
				t.Errorf("bob shows %q %d times", ping, n)
			}
		}
	})
}

// A silent outage: what was written meanwhile arrives once, in order, soon
// after it heals.
func TestOutage(t *testing.T) {
	for _, outage := range []time.Duration{10 * time.Second, 150 * time.Second, 20 * time.Minute} {
		t.Run(outage.String(), func(t *testing.T) {
			inLAN(t, func(t *testing.T, c *couple) {
				c.lan.Partition(c.hostB)
				var want []string
				for i := range 5 {
					want = append(want, fmt.Sprintf("during the outage %d", i))
					send(t, c.alice, "bob", want[i])
					time.Sleep(outage / 5)
				}
				c.lan.Heal(c.hostB)
				for _, text := range want {
					becomes(t, c.alice, "bob", text, chat.Delivered)
				}
				page, err := c.bob.History(t.Context(), "alice", 0, 100)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, m := range page[1:] {
					got = append(got, m.Body.String())
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("bob has %q, want %q", got, want)
				}
			})
		})
	}
}

// The receiver ends between its commit and its receipt: the message comes
// again with the same id and is not shown twice (5.7).
func TestRepeatIsNotShownTwice(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for i := range 10 {
			text := fmt.Sprintf("message %d", i)
			send(t, c.alice, "bob", text)
			ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
			_ = c.bob.Close(ctx) // at once, as a kill does
			cancel()
			c.bob = c.startBob()
			becomes(t, c.alice, "bob", text, chat.Delivered)
			if _, n := find(t, c.bob, "alice", text); n != 1 {
				t.Errorf("bob shows %q %d times, want once", text, n)
			}
		}
	})
}

// What waits is on disk: the sender may end too.
func TestOutboxSurvivesRestart(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.bob)
		send(t, c.alice, "bob", "tomorrow then")
		reasons(t, c.alice, "bob", "tomorrow then", chat.ReasonNotHere)
		closeNode(t, c.alice)
		c.bob = c.startBob()
		c.alice = c.startAlice()
		becomes(t, c.alice, "bob", "tomorrow then", chat.Delivered)
		if m := becomes(t, c.bob, "alice", "tomorrow then", chat.Received); m.Delayed {
			t.Log("says when it was written")
		}
	})
}

// A peer that speaks XMPP in clear: listed, marked, never written to (5.1).
func TestPeerThatCannotEncrypt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 9)
		alice, host := lan.Host().Node(chat.Options{Nick: "alice"}), lan.Host()
		got := make(chan string, 16)
		m := host.Mallory("romeo@forza")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("romeo", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		stop() // its announcement stays, its listener gives way to one in clear
		l, err := host.Listen(announcedPort(t, alice, "romeo"))
		if err != nil {
			t.Fatal(err)
		}
		go func() { defer close(got); inClear(l, got) }()
		_, err = alice.Send(t.Context(), "romeo", "the words")
		wantCode(t, "send to a peer in clear", err, chat.CodeRefused)
		within(t, time.Second, "the roster says why", func() bool {
			p, ok := peerNamed(t, alice, "romeo")
			return ok && p.Encrypts != nil && !*p.Encrypts && !p.Note.IsEmpty()
		})
		_ = l.Close()
		for text := range got {
			if len(text) > 300 {
				t.Errorf("it got %q", text)
			}
		}
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

func announcedPort(t *testing.T, n *chat.Node, name string) uint16 {
	t.Helper()
	var port uint16
	within(t, 5*time.Second, name+" is announced", func() bool {
		p, ok := peerNamed(t, n, name)
		if !ok || len(p.Addresses) == 0 {
			return false
		}
		_, s, err := net.SplitHostPort(p.Addresses[0])
		if err != nil {
			return false
		}
		_, err = fmt.Sscan(s, &port)
		return err == nil
	})
	return port
}

// inClear answers as libpurple does: a header without a version.
func inClear(l net.Listener, got chan<- string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 1024)
		n, _ := c.Read(buf)
		got <- string(buf[:n])
		_, _ = c.Write([]byte(`<?xml version="1.0" encoding="UTF-8" ?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" from="romeo@forza">`))
		n, _ = c.Read(buf)
		got <- string(buf[:n])
		_ = c.Close()
	}
}

// An echo answers, and the answer of another echo ends there.
func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 10)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		echo := lan.Host().Node(chat.Options{Nick: "echo", Strangers: chat.StrangersAccept})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- chat.Echo(ctx, echo) }()
		sees(t, alice, "echo")
		send(t, alice, "echo", "hall\nhall")
		becomes(t, alice, "echo", "hall\nhall", chat.Received)
		correctTwice(t, alice)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		closeNode(t, alice)
		closeNode(t, echo)
	})
}

// correctTwice corrects what the echo answered: it answers once.
func correctTwice(t *testing.T, alice *chat.Node) {
	t.Helper()
	page, err := alice.History(t.Context(), "echo", 0, 10)
	if err != nil || len(page) != 2 {
		t.Fatalf("history: %v, %v", page, err)
	}
	for _, text := range []string{"ball", "fall"} {
		if _, err := alice.Write(t.Context(), "echo", chat.Writing{Text: text, Replaces: page[0].ID}); err != nil {
			t.Fatal(err)
		}
	}
	becomes(t, alice, "echo", "fall", chat.Delivered)
	time.Sleep(time.Minute)
	if page, err = alice.History(t.Context(), "echo", 0, 10); err != nil || len(page) != 2 {
		t.Errorf("after two corrections the history holds %d messages, want 2: %v", len(page), err)
	}
}
