package chat_test

import (
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// A message to somebody who is just appearing waits a moment for the name:
// the next command after `peers --wait` is often faster than discovery.
func TestSendWaitsForAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 11)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		ready(t, alice)
		start := time.Now()
		_, err := alice.Send(t.Context(), "bob", "too early")
		wantCode(t, "to nobody", err, chat.CodeNoSuch)
		if d := time.Since(start); d < 2*time.Second || d > 3*time.Second {
			t.Errorf("said no after %v, want 2 s", d)
		}
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		if _, err := alice.Send(t.Context(), "bob", "just in time"); err != nil {
			t.Errorf("while bob appears: %v", err)
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// A stranger that announces a contact's name does not keep the user from
// writing to the contact: the petname is the user's own word (cli.md, PEER).
func TestPetnameBeatsStrangers(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		twin := c.lan.Host().Node(chat.Options{Nick: "Bob"})
		within(t, 5*time.Second, "the twin is listed", func() bool {
			_, ok := peerNamed(t, c.alice, "Bob")
			return ok
		})
		send(t, c.alice, "bob", "for my bob")
		becomes(t, c.bob, "alice", "for my bob", chat.Received)
		if r, _ := twin.Requests(t.Context()); len(r) != 0 {
			t.Errorf("the twin got %+v", r)
		}
		p, _ := peerNamed(t, c.alice, "Bob")
		_, err := c.alice.Send(t.Context(), p.Key, "to the other one")
		wantCode(t, "to a key that claims bob's name", err, chat.CodeRefused)
		closeNode(t, twin)
	})
}
