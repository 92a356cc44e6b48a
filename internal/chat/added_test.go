package chat_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
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

// What goes wrong has a sentence, something to do, and the code of cli.md.
func TestAddRefusals(t *testing.T) {
	faraway(t, func(t *testing.T, c *distant) {
		shy := c.lan.Host()
		c.lan.Deaf(c.hostA, shy)
		refusing := shy.Node(chat.Options{Nick: "shy", Port: 6000, Strangers: chat.StrangersRefuse})
		ready(t, refusing)
		mute := plainListener(t, shy, 6001)
		own, _ := c.alice.Status(t.Context())
		gone := c.lan.Host()
		c.lan.Partition(gone)
		for _, tt := range []struct {
			name, address, text string
			code                int
		}{
			{"no address", "192.0.2", "not an address", chat.CodeUsage},
			{"a ticket", "llchat:abc", "ticket", chat.CodeUsage},
			{"our own", own.Addresses[0], "your own", chat.CodeUsage},
			{"our own on loopback", fmt.Sprintf("127.0.0.1:%d", own.Port), "your own", chat.CodeUsage},
			{"nobody listens", c.hostB.Addr().String() + ":6002", "nobody listens", chat.CodeError},
			{"no answer", gone.Addr().String(), "does not answer", chat.CodeError},
			{"no such name", "nuc.example.org", "no address for the name", chat.CodeError},
			{"cannot encrypt", shy.Addr().String() + ":6001", "cannot encrypt", chat.CodeRefused},
			{"takes no strangers", shy.Addr().String() + ":6000", "not known there", chat.CodeRefused},
		} {
			_, err := c.alice.Add(t.Context(), tt.address)
			e, ok := errors.AsType[*chat.Error](err)
			if !ok || e.Code != tt.code || !strings.Contains(e.Text, tt.text) || e.Hint == "" {
				t.Errorf("%s: %+v; want code %d with %q and a hint", tt.name, err, tt.code, tt.text)
			}
		}
		if rows, _ := c.alice.Peers(t.Context()); len(rows) != 0 {
			t.Errorf("something was added: %+v", rows)
		}
		mute()
		closeNode(t, refusing)
	})
}

// plainListener speaks XMPP and has no STARTTLS.
func plainListener(t *testing.T, h *lantest.Host, port uint16) (stop func()) {
	t.Helper()
	l, err := h.Listen(port)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='old'>"))
			_, _ = c.Read(make([]byte, 4096))
			_ = c.Close()
		}
	}()
	return func() {
		_ = l.Close()
		<-done
	}
}

// T-04: where another key answers at an address later, in another network
// perhaps, it learns nothing of us, and the row stays that of the first key.
func TestAddedAddressOfAnother(t *testing.T) {
	faraway(t, func(t *testing.T, c *distant) {
		first := add(t, c.alice, c.hostB.Addr().String())
		closeNode(t, c.bob)
		c.bob = c.hostB.Node(chat.Options{Nick: "mallory", Port: 5298})
		ready(t, c.bob)
		time.Sleep(5 * time.Minute)
		if rows, _ := c.bob.Peers(t.Context()); len(rows) != 0 {
			t.Errorf("whoever took the address knows %+v", rows)
		}
		p, _ := peerNamed(t, c.alice, "bob")
		if p.Fingerprint != first.Fingerprint || p.Presence != chat.Offline {
			t.Errorf("row %+v, want bob offline", p)
		}
		again := add(t, c.alice, c.hostB.Addr().String())
		if again.Fingerprint == first.Fingerprint || again.Name.String() != "mallory" {
			t.Errorf("added again: %+v, want the key that is there now", again)
		}
		if _, ok := peerNamed(t, c.alice, "bob"); ok {
			t.Error("the first key is still listed at the address of another")
		}
	})
}

// T-13: a key that takes a contact's name is not added.
func TestAddNamesake(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		host := c.lan.Host()
		twin := host.Node(chat.Options{Nick: "bob", Port: 6000})
		ready(t, twin)
		_, err := c.alice.Add(t.Context(), host.Addr().String()+":6000")
		wantCode(t, "add a namesake", err, chat.CodeRefused)
		if _, err := c.alice.Block(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		bob, _ := c.bob.Status(t.Context())
		_, err = c.alice.Add(t.Context(), bob.Addresses[0])
		wantCode(t, "add a blocked key", err, chat.CodeRefused)
		closeNode(t, twin)
	})
}

// A ghost is reached by its address, and reaches others: without one packet of
// multicast (part 6 and 7 of issue 3).
func TestGhostsAddEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 12)
		hostA, hostB := lan.Host(), lan.Host()
		outA, outB := count(hostA), count(hostB)
		alice := outA.open(t, chat.Options{Profile: t.TempDir() + "/a", Nick: "alice", Visibility: chat.VisibleGhost})
		bob := outB.open(t, chat.Options{Profile: t.TempDir() + "/b", Nick: "bob", Visibility: chat.VisibleGhost, Port: 5298})
		ready(t, alice)
		ready(t, bob)
		p := add(t, alice, hostB.Addr().String())
		send(t, alice, p.Key, "boo")
		if _, err := alice.Add(t.Context(), "nuc.local"); err == nil {
			t.Error("a ghost asked for a name by multicast")
		}
		within(t, 5*time.Second, "bob has the request", func() bool {
			r, _ := bob.Requests(t.Context())
			return len(r) == 1 && r[0].Body.String() == "boo"
		})
		if n := outA.sent.Load() + outB.sent.Load(); n != 0 {
			t.Errorf("%d packets were multicast", n)
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// A host name is looked up at each dial, and its first address that answers
// counts.
func TestAddByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 13)
		hostA, hostB := lan.Host(), lan.Host()
		lan.Deaf(hostA, hostB)
		network := hostA.Network()
		network.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "nuc.example.org" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("10.77.9.9"), hostB.Addr()}, nil
		}
		alice, err := chat.Open(t.Context(), chat.Options{Profile: t.TempDir() + "/a", Nick: "alice", Network: network})
		if err != nil {
			t.Fatal(err)
		}
		bob := hostB.Node(chat.Options{Nick: "bob", Port: 5298})
		ready(t, bob)
		p := add(t, alice, "nuc.example.org")
		if p.Name.String() != "bob" || p.Addresses[len(p.Addresses)-1] != "nuc.example.org:5298" {
			t.Errorf("added %+v", p)
		}
		closeNode(t, bob)
		time.Sleep(time.Minute)
		if p, _ := peerNamed(t, alice, "bob"); p.Presence != chat.Offline {
			t.Errorf("gone: %+v, want offline", p)
		}
		closeNode(t, alice)
	})
}

// The list is bounded: the oldest addresses make room, and their rows go.
func TestAddedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 14)
		hostA, hostB := lan.Host(), lan.Host()
		lan.Deaf(hostA, hostB)
		alice := hostA.Node(chat.Options{Nick: "alice"})
		old := lan.Host()
		lan.Deaf(hostA, old)
		first := old.Node(chat.Options{Nick: "first", Port: 6000})
		ready(t, first)
		add(t, alice, old.Addr().String()+":6000")
		closeNode(t, first)
		bob := hostB.Node(chat.Options{Nick: "bob", Port: 6000})
		ready(t, bob)
		network := hostB.Addr().String()
		add(t, alice, network+":6000")
		if err := chat.FillAdded(alice, network+":6000"); err != nil {
			t.Fatal(err)
		}
		if _, ok := peerNamed(t, alice, "first"); ok {
			t.Error("the oldest address is still there")
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}
