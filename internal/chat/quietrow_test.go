package chat_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns/wire"
)

// isOneRow reports whether a node lists nobody but one contact, connected and
// under the name by which it goes on the link now.
func isOneRow(t *testing.T, n, other *chat.Node) bool {
	t.Helper()
	rows, err := n.Peers(t.Context())
	own, err2 := other.Status(t.Context())
	return err == nil && err2 == nil && len(rows) == 1 && rows[0].Contact() && rows[0].Stream &&
		rows[0].Fingerprint == own.Fingerprint && rows[0].Instance == own.Name && !own.Name.IsEmpty()
}

// areOneRow waits until two contacts are one row for each other, with one
// stream, and are it half a minute later, too.
func areOneRow(t *testing.T, alice, bob *chat.Node) {
	t.Helper()
	for _, pause := range []time.Duration{0, 30 * time.Second} {
		time.Sleep(pause)
		within(t, 2*time.Minute, "one row each", func() bool {
			return isOneRow(t, alice, bob) && isOneRow(t, bob, alice)
		})
	}
	if a, b := chat.Streams(alice), chat.Streams(bob); a != 1 || b != 1 {
		t.Errorf("%d and %d streams, want one", a, b)
	}
}

// K5, K9: whoever turns quiet has another name and another port. For a contact
// it stays one row, whatever becomes of the stream meanwhile.
func TestK5_QuietContactIsOneRow(t *testing.T) {
	quiet := func(t *testing.T, c *couple) { show(t, c.bob, chat.VisibleQuiet) }
	for name, turn := range map[string]func(t *testing.T, c *couple){
		"while the stream lives": func(t *testing.T, c *couple) {
			send(t, c.bob, "alice", "I go")
			quiet(t, c)
			send(t, c.bob, "alice", "I am gone")
		},
		"while the stream is idle": func(t *testing.T, c *couple) {
			time.Sleep(20 * time.Minute)
			quiet(t, c)
		},
		"twice": func(t *testing.T, c *couple) {
			quiet(t, c)
			time.Sleep(3 * time.Second)
			show(t, c.bob, chat.VisibleOpen)
			time.Sleep(3 * time.Second)
			quiet(t, c)
		},
		"while the network loses packets": func(t *testing.T, c *couple) {
			c.lan.Loss(0.2)
			quiet(t, c)
		},
		"as its stream breaks": func(t *testing.T, c *couple) {
			quiet(t, c)
			chat.EndStreams(c.alice)
		},
		"while cut off": func(t *testing.T, c *couple) {
			c.lan.Partition(c.hostB)
			time.Sleep(time.Minute)
			quiet(t, c)
			time.Sleep(10 * time.Minute)
			c.lan.Heal(c.hostB)
		},
		"while the other is away": func(t *testing.T, c *couple) {
			closeNode(t, c.alice)
			time.Sleep(time.Minute)
			quiet(t, c)
			time.Sleep(time.Minute)
			c.alice = c.startAlice()
		},
	} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { turnsQuiet(t, seed, turn) })
			})
		}
	}
}

func turnsQuiet(t *testing.T, seed uint64, turn func(t *testing.T, c *couple)) {
	t.Helper()
	c := acquaint(t, lantest.New(t, seed))
	closeNode(t, c.bob)
	c.bob = count(c.hostB).open(t, chat.Options{Profile: c.folderB}) // each turn another port
	areOneRow(t, c.alice, c.bob)
	closeNode(t, c.alice)
	c.alice = c.startAlice()
	within(t, time.Minute, "they talk", func() bool { return isOneRow(t, c.alice, c.bob) && isOneRow(t, c.bob, c.alice) })
	time.Sleep(time.Duration(seed) * 7 * time.Second) // streams young and old
	was := status(t, c.bob)
	turn(t, c)
	within(t, 30*time.Second, "bob is quiet", func() bool {
		now := status(t, c.bob)
		return now.Name != was.Name && now.Port != was.Port
	})
	time.Sleep(5 * time.Second)
	areOneRow(t, c.alice, c.bob)
	send(t, c.alice, "bob", "are you there?")
	becomes(t, c.alice, "bob", "are you there?", chat.Delivered)
	closeNode(t, c.alice)
	c.alice = c.startAlice()
	areOneRow(t, c.alice, c.bob)
}

// claimAt announces an instance at somebody's place, which anybody can.
func claimAt(t *testing.T, from *lantest.Host, instance string, at netip.AddrPort) {
	t.Helper()
	service := wire.MustName("_presence", "_tcp", "local")
	name, err := service.Child(instance)
	if err != nil {
		t.Fatalf("instance %q: %v", instance, err)
	}
	target := wire.MustName("evil", "local")
	m := wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
		{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: name},
		{Name: name, Type: wire.TypeSRV, TTL: 120, Flush: true, SRV: wire.SRV{Port: at.Port(), Target: target}},
		{Name: name, Type: wire.TypeTXT, TTL: 4500, Flush: true, TXT: entry("txtvers=1")},
		{Name: target, Type: wire.TypeA, TTL: 120, Flush: true, Addr: at.Addr()},
	}}
	packet, _ := m.Append(nil, 1400)
	from.Shout(packet)
}

// P-02, T-13: a claim is no contact's because it names the place where the
// contact listens: only the name that the contact says inside its stream
// counts. Claims that go on pointing there make us dial a few times, no more.
func TestP02_ClaimAtAContactsPlaceStaysApart(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		var dials atomic.Int64
		out := count(c.hostA)
		dial := out.net.Dial
		out.net.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			dials.Add(1)
			return dial(ctx, to)
		}
		c.alice = out.open(t, chat.Options{Profile: c.folderA, Visibility: chat.VisibleOpen})
		areOneRow(t, c.alice, c.bob)
		dials.Store(0)
		eve := c.lan.Host()
		for i := range 60 {
			for j := range 5 {
				claimAt(t, eve, fmt.Sprintf("eve%d@x", j), place(t, c.hostB, c.bob))
			}
			if time.Sleep(10 * time.Second); i%20 != 0 {
				continue
			}
			rows, err := c.alice.Peers(t.Context())
			if err != nil || len(rows) != 6 {
				t.Fatalf("%d rows, %v; want bob and five claims", len(rows), err)
			}
			for _, p := range rows {
				if isBob := p.Name.String() == "bob"; isBob != p.Contact() || isBob != p.Stream {
					t.Errorf("row %+v", p)
				}
			}
		}
		if n := dials.Load(); n > 5 {
			t.Errorf("%d dials in ten minutes, want one for each claim at most", n)
		}
		if a := chat.Streams(c.alice); a != 1 {
			t.Errorf("%d streams", a)
		}
	})
}
