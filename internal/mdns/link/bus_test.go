package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder is a Handler that keeps what it is told.
type recorder struct {
	mu      sync.Mutex
	links   [][]Info
	packets []Packet
	at      []time.Time
	before  int // packets that came before the first Links
	busy    bool
	overlap bool
}

func (r *recorder) enter() func() {
	r.mu.Lock()
	r.overlap = r.overlap || r.busy
	r.busy = true
	return func() { r.busy = false; r.mu.Unlock() }
}

func (r *recorder) Links(l []Info) {
	defer r.enter()()
	r.links = append(r.links, l)
}

func (r *recorder) Packet(p Packet) {
	defer r.enter()()
	if len(r.links) == 0 {
		r.before++
	}
	p.Data = bytes.Clone(p.Data)
	r.packets = append(r.packets, p)
	r.at = append(r.at, time.Now())
}

// texts returns the packets as text and forgets them.
func (r *recorder) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, p := range r.packets {
		out = append(out, fmt.Sprintf("%d %s %v %s", p.Link, p.Src, p.Multicast, p.Data))
	}
	r.packets, r.at = nil, nil
	return out
}

// lastLinks describes the last call of Links.
func (r *recorder) lastLinks() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.links) == 0 {
		return "never"
	}
	var out strings.Builder
	for _, l := range r.links[len(r.links)-1] {
		out.WriteString(fmt.Sprintf("%d:%v ", l.ID, l.Addrs))
	}
	return out.String()
}

// serve runs a Source with a recorder until the test ends.
func serve(t *testing.T, s Source) *recorder {
	t.Helper()
	r := &recorder{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx, r); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	synctest.Wait()
	return r
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// lan is two hosts with both families: alice and bob.
func lan(t *testing.T) (b *Bus, alice, bob *Host, ra, rb *recorder) {
	t.Helper()
	b = NewBus()
	alice = b.Attach(prefixes("192.0.2.1/24", "fe80::1/64")...)
	bob = b.Attach(prefixes("192.0.2.2/24", "fe80::2/64")...)
	return b, alice, bob, serve(t, alice), serve(t, bob)
}

func want(t *testing.T, who string, r *recorder, texts ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(texts, r.texts()); diff != "" {
		t.Errorf("%s heard (-want +got)\n%s", who, diff)
	}
}

var everyone netip.AddrPort

// Multicast goes out on both families and comes back to the sender.
func TestBus_Multicast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, alice, _, ra, rb := lan(t)
		if err := alice.Send(1, everyone, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		both := []string{"1 192.0.2.1:5353 true hello", "1 [fe80::1%mem1]:5353 true hello"}
		want(t, "alice", ra, both...)
		want(t, "bob", rb, both...)
		if rb.lastLinks() != "1:[192.0.2.2/24 fe80::2/64] " || rb.before != 0 || rb.overlap {
			t.Errorf("links %s, %d packets before, overlap %v", rb.lastLinks(), rb.before, rb.overlap)
		}
	})
}

func TestBus_Unicast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, alice, bob, ra, rb := lan(t)
		send := func(to string) { alice.Send(1, netip.MustParseAddrPort(to), []byte("psst")) }
		send("192.0.2.2:5353")
		send("[fe80::2%mem1]:5353")
		want(t, "bob", rb, "1 192.0.2.1:5353 false psst", "1 [fe80::1%mem1]:5353 false psst")
		send("192.0.2.2:999")
		send("192.0.2.9:5353")
		bob.SetUnicast(false)
		send("192.0.2.2:5353")
		if bob.Unicast() || !alice.Unicast() {
			t.Error("Unicast")
		}
		want(t, "bob", rb)
		want(t, "alice", ra)

		// A legacy querier asks from another port and gets its answer there.
		var sent []Sent
		b.SetTap(func(s Sent) { sent = append(sent, s) })
		asker := netip.MustParseAddrPort("192.0.2.77:40000")
		b.Inject(asker, netip.AddrPort{}, []byte("who?"))
		want(t, "alice", ra, "1 192.0.2.77:40000 true who?")
		alice.Send(1, asker, []byte("me"))
		if got := sent[len(sent)-1]; got.To != asker || got.From.Port() != Port || string(got.Data) != "me" {
			t.Errorf("answer %+v", got)
		}
		b.Inject(netip.MustParseAddrPort("[fe80::77]:5353"), netip.AddrPort{}, []byte("six"))
		want(t, "alice", ra, "1 [fe80::77%mem1]:5353 true six")
	})
}

func TestBus_Families(t *testing.T) {
	tests := []struct {
		name       string
		alice, bob []string
		want       []string
	}{
		{"both IPv4", []string{"192.0.2.1/24"}, []string{"192.0.2.2/24"}, []string{"1 192.0.2.1:5353 true x"}},
		{"both IPv6", []string{"fe80::1/64"}, []string{"fe80::2/64"}, []string{"1 [fe80::1%mem1]:5353 true x"}},
		{"one dual", []string{"192.0.2.1/24", "fe80::1/64"}, []string{"fe80::2/64"}, []string{"1 [fe80::1%mem1]:5353 true x"}},
		{"nothing in common", []string{"192.0.2.1/24"}, []string{"fe80::2/64"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBus()
				alice, bob := b.Attach(prefixes(tt.alice...)...), b.Attach(prefixes(tt.bob...)...)
				serve(t, alice)
				rb := serve(t, bob)
				alice.Send(1, everyone, []byte("x"))
				want(t, "bob", rb, tt.want...)
			})
		})
	}
}

func TestBus_LossDelayCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBus()
		toBob := netip.MustParseAddr("192.0.2.2")
		calls := 0
		b.Copies = func(_, to netip.Addr, _ []byte) int {
			if to == toBob {
				return 2
			}
			return 1
		}
		b.Filter = func(_, to netip.Addr, data []byte) (bool, time.Duration) {
			if to == toBob {
				calls++
			}
			return string(data) != "lost", time.Duration(calls) * time.Second
		}
		alice, bob := b.Attach(prefixes("192.0.2.1/24")...), b.Attach(prefixes("192.0.2.2/24")...)
		serve(t, alice)
		rb := serve(t, bob)
		begin := time.Now()
		alice.Send(1, everyone, []byte("twice"))
		time.Sleep(3 * time.Second)
		rb.mu.Lock()
		var after []time.Duration
		for _, at := range rb.at {
			after = append(after, at.Sub(begin))
		}
		rb.mu.Unlock()
		if !slices.Equal(after, []time.Duration{time.Second, 2 * time.Second}) {
			t.Errorf("bob heard after %v", after)
		}
		rb.texts()
		alice.Send(1, everyone, []byte("lost"))
		time.Sleep(10 * time.Second)
		want(t, "bob", rb)
		b.SetFilter(nil)
		alice.Send(1, everyone, []byte("clear"))
		want(t, "bob", rb, "1 192.0.2.1:5353 true clear", "1 192.0.2.1:5353 true clear")
	})
}

func TestBus_Partition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, alice, bob, ra, rb := lan(t)
		b.SetFilter(func(from, to netip.Addr, _ []byte) (bool, time.Duration) { return from == to, 0 })
		alice.Send(1, everyone, []byte("a"))
		bob.Send(1, everyone, []byte("b"))
		want(t, "alice", ra, "1 192.0.2.1:5353 true a", "1 [fe80::1%mem1]:5353 true a")
		want(t, "bob", rb, "1 192.0.2.2:5353 true b", "1 [fe80::2%mem1]:5353 true b")
	})
}

func TestBus_DownAndUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, alice, bob, _, rb := lan(t)
		b.SetFilter(func(_, _ netip.Addr, _ []byte) (bool, time.Duration) { return true, time.Second })
		alice.Send(1, everyone, []byte("on its way"))
		bob.Down(1)
		synctest.Wait()
		if got := rb.lastLinks(); got != "" {
			t.Errorf("links %q while down", got)
		}
		if err := bob.Send(1, everyone, []byte("x")); !errors.Is(err, ErrNoLink) {
			t.Errorf("Send while down: %v", err)
		}
		time.Sleep(2 * time.Second)
		want(t, "bob", rb)
		bob.Up(1)
		alice.Send(1, everyone, []byte("back"))
		time.Sleep(2 * time.Second)
		want(t, "bob", rb, "1 192.0.2.1:5353 true back", "1 [fe80::1%mem1]:5353 true back")
		bob.SetAddrs(1, prefixes("198.51.100.2/24")...)
		synctest.Wait()
		if got := rb.lastLinks(); got != "1:[198.51.100.2/24] " {
			t.Errorf("links %q", got)
		}
		bob.Down(99) // unknown: nothing happens
	})
}

// Cable and Wi-Fi of one host on one LAN, and a second LAN.
func TestBus_SeveralLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, alice, bob, ra, rb := lan(t)
		wifi := alice.Join(b, prefixes("192.0.2.11/24")...)
		other := NewBus()
		second := alice.Join(other, prefixes("203.0.113.1/24")...)
		synctest.Wait()
		if !slices.Equal(alice.Links(), []ID{1, 2, 3}) || wifi != 2 || second != 3 {
			t.Errorf("links %v, %d, %d", alice.Links(), wifi, second)
		}
		alice.Send(wifi, everyone, []byte("w"))
		want(t, "bob", rb, "1 192.0.2.11:5353 true w")
		want(t, "alice", ra, "1 192.0.2.11:5353 true w", "2 192.0.2.11:5353 true w")
		alice.Send(second, everyone, []byte("s"))
		want(t, "bob", rb)
		want(t, "alice", ra, "3 203.0.113.1:5353 true s")
		bob.Send(1, everyone, []byte("b"))
		want(t, "alice", ra, "1 192.0.2.2:5353 true b", "2 192.0.2.2:5353 true b", "1 [fe80::2%mem1]:5353 true b")
	})
}

func TestBus_Bounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, alice, _, _, rb := lan(t)
		if err := alice.Send(1, everyone, make([]byte, MaxPacket+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("9,001 octets: %v", err)
		}
		if err := alice.Send(2, everyone, nil); !errors.Is(err, ErrNoLink) {
			t.Errorf("unknown link: %v", err)
		}
		alice.Send(1, everyone, make([]byte, 1500-48)) // fits IPv6
		if got := b.Oversized(); got != 0 {
			t.Errorf("%d oversized", got)
		}
		alice.Send(1, everyone, make([]byte, 1500-28)) // fits IPv4 only
		if got := b.Oversized(); got != 1 {
			t.Errorf("%d oversized", got)
		}
		synctest.Wait()
		rb.texts()
	})
}

// A handler that does not return loses packets beyond the inbox and nothing
// else happens; Run ends all the same.
func TestBus_SlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBus()
		alice := b.Attach(prefixes("192.0.2.1/24")...)
		gate := make(chan struct{})
		slow := &gated{gate: gate}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { alice.Run(ctx, slow) })
		synctest.Wait()
		for range inboxSize + 100 {
			alice.Send(1, everyone, []byte("x"))
		}
		close(gate)
		synctest.Wait()
		if slow.n != inboxSize {
			t.Errorf("%d packets, want %d", slow.n, inboxSize)
		}
		cancel()
		wg.Wait()
		alice.Send(1, everyone, []byte("late"))
		if len(alice.inbox) != 0 {
			t.Error("packets kept without Run")
		}
	})
}

type gated struct {
	gate chan struct{}
	n    int
}

func (g *gated) Links([]Info)  { <-g.gate }
func (g *gated) Packet(Packet) { g.n++ }

// A handler may answer from within a call.
func TestBus_AnswerFromHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, alice, _, _, _ := lan(t)
		echo := b.Attach(prefixes("192.0.2.3/24")...)
		e := &echoing{host: echo}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { echo.Run(ctx, e) })
		synctest.Wait()
		alice.Send(1, everyone, []byte("ping"))
		synctest.Wait()
		if e.n != 2 { // the ping and its own pong
			t.Errorf("%d packets", e.n)
		}
		cancel()
		wg.Wait()
	})
}

type echoing struct {
	host *Host
	n    int
}

func (e *echoing) Links([]Info) {}
func (e *echoing) Packet(p Packet) {
	if e.n++; string(p.Data) == "ping" {
		e.host.Send(p.Link, everyone, []byte("pong"))
	}
}

func TestInfo_OnLink(t *testing.T) {
	i := Info{Addrs: prefixes("192.0.2.7/24", "2001:db8::7/64")}
	tests := []struct {
		addr string
		want bool
	}{
		{"192.0.2.200", true},
		{"::ffff:192.0.2.200", true},
		{"198.51.100.1", false},
		{"169.254.3.4", true},
		{"fe80::1%eth0", true},
		{"2001:db8::99", true},
		{"2001:db8:1::99", false},
	}
	for _, tt := range tests {
		if got := i.OnLink(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("OnLink(%s) = %v, want %v", tt.addr, got, tt.want)
		}
	}
}
