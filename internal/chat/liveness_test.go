package chat_test

import (
	"testing"
	"time"

	"llchat/internal/chat"
)

func presence(t *testing.T, n *chat.Node, name string) chat.Presence {
	t.Helper()
	p, _ := peerNamed(t, n, name)
	return p.Presence
}

// A contact that appears is dialled by itself, so that presence flows inside
// TLS; one stream stays though both dial.
func TestContactsThatAppearAreDialled(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		closeNode(t, c.bob)
		c.alice, c.bob = c.startAlice(), c.startBob()
		within(t, 10*time.Second, "a stream", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			q, _ := peerNamed(t, c.bob, "alice")
			return p.Stream && q.Stream
		})
		time.Sleep(10 * time.Second)
		if a, b := chat.Streams(c.alice), chat.Streams(c.bob); a != 1 || b != 1 {
			t.Errorf("%d and %d streams, want one", a, b)
		}
	})
}

// Whom the user never accepted is never dialled unasked.
func TestStrangersAreNotDialled(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		carol := c.lan.Host().Node(chat.Options{Nick: "carol"})
		sees(t, c.alice, "carol")
		time.Sleep(5 * time.Minute)
		if n := chat.Streams(carol); n != 0 {
			t.Errorf("%d streams to somebody nobody wrote to", n)
		}
	})
}

// Issue 3, part 3: whose conversation is open shows offline within 15 s of a
// silent death, and online again when it is back.
func TestSilentDeathOfTheOpenConversation(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		p, _ := peerNamed(t, c.alice, "bob")
		if err := c.alice.Focus(t.Context(), p.Key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if presence(t, c.alice, "bob") != chat.Online {
			t.Fatal("bob is here and shows as offline")
		}
		c.lan.Partition(c.hostB)
		within(t, 15*time.Second+100*time.Millisecond, "bob is offline", func() bool {
			return presence(t, c.alice, "bob") == chat.Offline
		})
		c.lan.Heal(c.hostB)
		within(t, time.Minute, "bob is online", func() bool { return presence(t, c.alice, "bob") == chat.Online })
	})
}

// To whom something is on its way: likewise.
func TestSilentDeathWithAMessageUnderWay(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		c.lan.Partition(c.hostB)
		send(t, c.alice, "bob", "are you there?")
		within(t, 15*time.Second+100*time.Millisecond, "bob is offline", func() bool {
			return presence(t, c.alice, "bob") == chat.Offline
		})
		c.lan.Heal(c.hostB)
		becomes(t, c.alice, "bob", "are you there?", chat.Delivered)
	})
}
