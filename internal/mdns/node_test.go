package mdns

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/mdns/link"
)

// seeded is a source of randomness that makes a run repeatable.
type seeded byte

func (s seeded) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s) + byte(i)
	}
	return len(b), nil
}

// newNode opens a node called user@machine on a host.
func newNode(t *testing.T, h *link.Host, user, machine string, port uint16) *Node {
	t.Helper()
	n, err := Open(t.Context(), Config{Source: h, User: user, Machine: machine, Port: port, Random: seeded(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func publish(t *testing.T, n *Node, text Text) string {
	t.Helper()
	name, err := n.Publish(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// wait returns the next event of a kind and fails when other kinds come first.
func wait(t *testing.T, n *Node, kind Kind) Event {
	t.Helper()
	select {
	case ev := <-n.Events():
		if ev.Kind != kind {
			t.Fatalf("event is %+v, want kind %d", ev, kind)
		}
		return ev
	case <-time.After(time.Hour):
		t.Fatalf("no event of kind %d", kind)
	}
	return Event{}
}

func TestTwoNodesMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fe80::1/64")), "alice", "pronto", 5298)
		b := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("fe80::2/64")), "bob", "forza", 5299)
		start := time.Now()
		if got := publish(t, a, PresenceText("Alice", "avail", "")); got != "alice@pronto" {
			t.Errorf("alice is called %q", got)
		}
		if d := time.Since(start); d > 1100*time.Millisecond {
			t.Errorf("publishing took %v", d)
		}
		publish(t, b, PresenceText("Bob", "away", "lunch"))
		ev := wait(t, a, Joined)
		if ev.Peer.Key != "bob@forza" || ev.Peer.Port != 5299 || ev.Peer.Host != "forza.local" {
			t.Errorf("alice sees %+v", ev.Peer)
		}
		if got, _ := ev.Peer.Text.Get("status"); got != "away" {
			t.Errorf("bob's status is %q", got)
		}
		wait(t, b, Joined)
		time.Sleep(10 * time.Second)
		if err := b.SetText(PresenceText("Bob", "dnd", "")); err != nil {
			t.Fatal(err)
		}
		changed := time.Now()
		ev = wait(t, a, Changed)
		if got, _ := ev.Peer.Text.Get("status"); got != "dnd" || time.Since(changed) > 5*time.Millisecond {
			t.Errorf("status %q after %v", got, time.Since(changed))
		}
		p, err := a.Resolve(t.Context(), "bob@forza")
		if err != nil || len(p.Addrs) != 2 {
			t.Errorf("resolve: %+v, %v", p, err)
		}
		bye := time.Now()
		if err := b.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(bye); d != time.Second {
			t.Errorf("withdrawing took %v", d)
		}
		if ev = wait(t, a, Left); ev.Cause != CauseGoodbye {
			t.Errorf("bob left: %q", ev.Cause)
		}
		time.Sleep(3 * time.Hour)
		if got := b.Peers(); len(got) != 1 {
			t.Errorf("bob sees %+v", got)
		}
	})
}
