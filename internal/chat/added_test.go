package chat_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// distant is two nodes between which no multicast passes.
type distant struct {
	lan          *lantest.LAN
	hostA, hostB *lantest.Host
	folderA      string
	alice, bob   *chat.Node
}

// faraway runs a test with two nodes that never hear of each other, in
// virtual time.
func faraway(t *testing.T, test func(t *testing.T, c *distant)) {
	synctest.Test(t, func(t *testing.T) {
		c := &distant{lan: lantest.New(t, 7), folderA: t.TempDir() + "/alice"}
		c.hostA, c.hostB = c.lan.Host(), c.lan.Host()
		c.lan.Deaf(c.hostA, c.hostB)
		c.alice = c.startAlice()
		c.bob = c.hostB.Node(chat.Options{Nick: "bob", Port: 5298})
		ready(t, c.bob)
		test(t, c)
		closeNode(t, c.alice)
		closeNode(t, c.bob)
	})
}

func (c *distant) startAlice() *chat.Node {
	return c.hostA.Node(chat.Options{Nick: "alice", Profile: c.folderA})
}

func ready(t *testing.T, n *chat.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, n *chat.Node, address string) chat.Peer {
	t.Helper()
	p, err := n.Add(t.Context(), address)
	if err != nil {
		t.Fatalf("add %s: %v", address, err)
	}
	return p
}

// Reach without multicast: an address given by hand leads to a row, to a
// message, and, after a restart, there again.
func TestAddedByAddress(t *testing.T) {
	faraway(t, func(t *testing.T, c *distant) {
		at := c.hostB.Addr().String()
		p := add(t, c.alice, at)
		bob, _ := c.bob.Status(t.Context())
		if p.Fingerprint != bob.Fingerprint || p.Trust != chat.Unknown || p.Presence != chat.Online || !p.Stream {
			t.Errorf("added %+v; want bob's key, not pinned, online", p)
		}
		if want := at + ":5298"; len(p.Addresses) != 1 || p.Addresses[0] != want {
			t.Errorf("addresses %q, want %s", p.Addresses, want)
		}
		if r, _ := c.bob.Requests(t.Context()); len(r) != 0 {
			t.Errorf("adding alone asked bob for something: %+v", r)
		}
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		sees(t, c.alice, "bob")
		send(t, c.alice, "bob", "over there")
		reasons(t, c.alice, "bob", "over there", chat.ReasonWaiting)
		if p, _ := peerNamed(t, c.alice, "bob"); p.Trust != chat.Pinned {
			t.Errorf("after sending: %+v, want pinned", p)
		}
		if _, err := c.bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		becomes(t, c.alice, "bob", "over there", chat.Delivered)
		closeNode(t, c.alice)
		time.Sleep(time.Minute)
		c.alice = c.startAlice()
		within(t, 5*time.Second, "the contact is here again", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return p.Stream
		})
	})
}
