package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/netmon"
)

// fake is a socket without a network.
type fake struct {
	f      family
	index  int
	in     chan Packet
	closed chan struct{}
	block  chan struct{} // when set, write waits for it

	mu      sync.Mutex
	out     []string
	joins   int
	joinErr error
}

func (f *fake) read(deliver func(Packet)) {
	for {
		select {
		case <-f.closed:
			return
		case p := <-f.in:
			deliver(p)
		}
	}
}

func (f *fake) write(data []byte, dst netip.AddrPort) error {
	if f.block != nil {
		select {
		case <-f.block:
		case <-f.closed:
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = append(f.out, fmt.Sprintf("%s %s", dst, data))
	return nil
}

func (f *fake) rejoin() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.joins++
	return f.joinErr
}

func (f *fake) close() error {
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
	return nil
}

func (f *fake) isClosed() bool {
	select {
	case <-f.closed:
		return true
	default:
		return false
	}
}

// machine is a computer whose network the test changes. All its methods are
// called by the test's goroutine or under mu.
type machine struct {
	changes chan []netmon.Interface
	mu      sync.Mutex
	sockets []*fake
	errs    map[family]error
	opened  int
	shared  bool // another program has port 5353
	probes  []*fake
	source  *source
	*recorder
}

func newMachine() *machine {
	m := &machine{changes: make(chan []netmon.Interface), errs: map[family]error{}, recorder: &recorder{}}
	m.source = &source{
		watch: func(ctx context.Context, _ []string, changed func([]netmon.Interface)) error {
			changed(nil)
			for {
				select {
				case <-ctx.Done():
					return nil
				case now := <-m.changes:
					changed(now)
				}
			}
		},
		open: m.open,
		probe: func(f family) (socket, bool) {
			s := newFake(f, 0)
			m.probes = append(m.probes, s)
			return s, !m.shared
		},
	}
	return m
}

func newFake(f family, index int) *fake {
	return &fake{f: f, index: index, in: make(chan Packet), closed: make(chan struct{})}
}

func (m *machine) open(f family, i netmon.Interface) (socket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	if err := m.errs[f]; err != nil {
		return nil, err
	}
	s := newFake(f, i.Index)
	m.sockets = append(m.sockets, s)
	return s, nil
}

// run serves until the test ends.
func (m *machine) run(t *testing.T) *machine {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.source.Run(ctx, m.recorder); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		for _, s := range slices.Concat(m.sockets, m.probes) {
			if !s.isClosed() {
				t.Errorf("socket left open: %s on %d", s.f, s.index)
			}
		}
	})
	synctest.Wait()
	return m
}

func (m *machine) set(now ...netmon.Interface) {
	m.changes <- now
	synctest.Wait()
}

func (m *machine) socket(f family, index int) *fake {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sockets {
		if s.f == f && s.index == index && !s.isClosed() {
			return s
		}
	}
	return nil
}

func (m *machine) calls() int {
	m.recorder.mu.Lock()
	defer m.recorder.mu.Unlock()
	return len(m.links)
}

func eth(index int, addrs ...string) netmon.Interface {
	return netmon.Interface{Index: index, Name: fmt.Sprintf("eth%d", index), MTU: 1500, Up: true, Multicast: true, Addrs: prefixes(addrs...)}
}

// No network at all: told so, and waiting.
func TestSource_NoNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		if m.calls() != 1 || m.lastLinks() != "" {
			t.Errorf("%d calls, last %q", m.calls(), m.lastLinks())
		}
		if err := m.source.Send(2, everyone, nil); !errors.Is(err, ErrNoLink) {
			t.Errorf("Send: %v", err)
		}
		m.set(eth(2, "192.0.2.1/24"))
		if m.lastLinks() != "2:[192.0.2.1/24] " {
			t.Errorf("last %q", m.lastLinks())
		}
	})
}

func TestSource_FollowsInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		steps := []struct {
			name  string
			now   []netmon.Interface
			links string
			calls int
		}{
			{"dual stack", []netmon.Interface{eth(2, "192.0.2.1/24", "fe80::1/64")}, "2:[192.0.2.1/24 fe80::1/64] ", 2},
			{"nothing new", []netmon.Interface{eth(2, "192.0.2.1/24", "fe80::1/64")}, "2:[192.0.2.1/24 fe80::1/64] ", 2},
			{"second link", []netmon.Interface{eth(3, "fe80::3/64"), eth(2, "192.0.2.1/24", "fe80::1/64")}, "2:[192.0.2.1/24 fe80::1/64] 3:[fe80::3/64] ", 3},
			{"IPv4 gone", []netmon.Interface{eth(2, "fe80::1/64"), eth(3, "fe80::3/64")}, "2:[fe80::1/64] 3:[fe80::3/64] ", 4},
			{"link gone", []netmon.Interface{eth(3, "fe80::3/64")}, "3:[fe80::3/64] ", 5},
			{"all gone", nil, "", 6},
			{"back", []netmon.Interface{eth(3, "192.0.2.3/24")}, "3:[192.0.2.3/24] ", 7},
		}
		for _, st := range steps {
			m.set(st.now...)
			if m.lastLinks() != st.links || m.calls() != st.calls {
				t.Errorf("%s: %d calls, last %q; want %d, %q", st.name, m.calls(), m.lastLinks(), st.calls, st.links)
			}
		}
		if m.socket(ipv4Family, 2) != nil || m.socket(ipv6Family, 3) != nil || m.socket(ipv4Family, 3) == nil {
			t.Error("wrong sockets open")
		}
	})
}

// mdns.md 2.2: the group is joined again when the link changed, and a socket
// for which that fails is opened anew.
func TestSource_JoinsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		m.set(eth(2, "192.0.2.1/24"))
		s := m.socket(ipv4Family, 2)
		m.set(eth(2, "192.0.2.1/24"), eth(3, "192.0.2.3/24"))
		if s.joins != 0 {
			t.Errorf("joined again without a change of the link")
		}
		m.set(eth(2, "198.51.100.1/24"))
		if s.joins != 1 || m.socket(ipv4Family, 2) != s {
			t.Errorf("%d joins", s.joins)
		}
		s.joinErr = syscall.ENODEV
		m.set(eth(2, "192.0.2.1/24"))
		if n := m.socket(ipv4Family, 2); n == s || n == nil || !s.isClosed() {
			t.Error("no new socket")
		}
	})
}

// An interface number that now belongs to another interface is a new link.
func TestSource_NumberReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		m.set(eth(2, "192.0.2.1/24"))
		old := m.socket(ipv4Family, 2)
		other := eth(2, "192.0.2.1/24")
		other.Name = "wlan0"
		m.set(other)
		if !old.isClosed() || m.socket(ipv4Family, 2) == nil || m.calls() != 3 {
			t.Errorf("closed %v, %d calls", old.isClosed(), m.calls())
		}
	})
}

// What cannot be opened now is tried again, without a change of the network.
func TestSource_Retries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		m.errs[ipv4Family] = syscall.EADDRNOTAVAIL
		m.set(eth(2, "192.0.2.1/24", "fe80::1/64"))
		if m.lastLinks() != "2:[fe80::1/64] " {
			t.Errorf("last %q", m.lastLinks())
		}
		m.mu.Lock()
		delete(m.errs, ipv4Family)
		m.mu.Unlock()
		time.Sleep(retryAfter)
		synctest.Wait()
		if m.lastLinks() != "2:[192.0.2.1/24 fe80::1/64] " {
			t.Errorf("last %q", m.lastLinks())
		}
		opened := m.opened
		time.Sleep(time.Minute)
		if m.opened != opened {
			t.Error("goes on trying")
		}
	})
}

// Another program has the port for itself in both families: Run says so. In
// one family only: the other works.
func TestSource_Taken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.errs[ipv4Family], m.errs[ipv6Family] = syscall.EADDRINUSE, syscall.EADDRINUSE
		done := make(chan error)
		go func() { done <- m.source.Run(t.Context(), m.recorder) }()
		m.changes <- []netmon.Interface{eth(2, "192.0.2.1/24", "fe80::1/64")}
		if err := <-done; !errors.Is(err, ErrTaken) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("Run: %v", err)
		}

		m = newMachine().run(t)
		m.errs[ipv4Family] = fmt.Errorf("bind: %w", syscall.EADDRINUSE)
		m.set(eth(2, "192.0.2.1/24", "fe80::1/64"))
		if m.lastLinks() != "2:[fe80::1/64] " {
			t.Errorf("last %q", m.lastLinks())
		}
	})
}

func TestSource_Send(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		m.set(eth(2, "192.0.2.1/24", "fe80::1/64"), eth(3, "192.0.2.3/24"))
		buf := []byte("all")
		m.source.Send(2, everyone, buf)
		copy(buf, "xxx") // Send kept no reference
		m.source.Send(2, netip.MustParseAddrPort("192.0.2.9:4000"), []byte("four"))
		m.source.Send(2, netip.MustParseAddrPort("[fe80::9%eth2]:5353"), []byte("six"))
		m.source.Send(3, everyone, []byte("three"))
		if err := m.source.Send(2, everyone, make([]byte, MaxPacket+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("9,001 octets: %v", err)
		}
		synctest.Wait()
		for _, tt := range []struct {
			s    *fake
			want []string
		}{
			{m.socket(ipv4Family, 2), []string{"224.0.0.251:5353 all", "192.0.2.9:4000 four"}},
			{m.socket(ipv6Family, 2), []string{"[ff02::fb]:5353 all", "[fe80::9%eth2]:5353 six"}},
			{m.socket(ipv4Family, 3), []string{"224.0.0.251:5353 three"}},
		} {
			if diff := cmp.Diff(tt.want, tt.s.out); diff != "" {
				t.Errorf("%s on %d (-want +got)\n%s", tt.s.f, tt.s.index, diff)
			}
		}
	})
}

// A device that is stuck holds its own queue only, and Send never blocks.
func TestSource_StuckLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		m.set(eth(2, "192.0.2.1/24"), eth(3, "192.0.2.3/24"))
		m.socket(ipv4Family, 2).block = make(chan struct{})
		var err error
		for range queueSize + 2 {
			err = errors.Join(err, m.source.Send(2, everyone, []byte("x")))
			synctest.Wait()
		}
		if !errors.Is(err, ErrFull) {
			t.Errorf("Send: %v", err)
		}
		m.source.Send(3, everyone, []byte("free"))
		synctest.Wait()
		if got := m.socket(ipv4Family, 3).out; !slices.Equal(got, []string{"224.0.0.251:5353 free"}) {
			t.Errorf("other link sent %v", got)
		}
	})
}

// Packets come one call at a time, after Links, and from known links only.
func TestSource_Delivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		if !m.source.Unicast() {
			t.Error("no unicast although the port is free")
		}
		p := Packet{Link: 2, Src: netip.MustParseAddrPort("192.0.2.9:5353"), Data: []byte("u")}
		m.probes[0].in <- p // before there is a link
		synctest.Wait()
		m.set(eth(2, "192.0.2.1/24"), eth(3, "192.0.2.3/24"))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { m.socket(ipv4Family, 2).in <- p })
			wg.Go(func() { m.probes[0].in <- p })
		}
		wg.Wait()
		m.probes[0].in <- Packet{Link: 9}
		synctest.Wait()
		if len(m.packets) != 100 || m.before != 0 || m.overlap {
			t.Errorf("%d packets, %d before, overlap %v", len(m.packets), m.before, m.overlap)
		}
	})
}

// The responder of the system is there: no socket of ours takes its unicast.
func TestSource_SharedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.shared = true
		m.run(t)
		if m.source.Unicast() {
			t.Error("unicast although the port is shared")
		}
		for _, s := range m.probes {
			if !s.isClosed() {
				t.Error("socket left open")
			}
		}
	})
}

// L-29: sockets and goroutines are bounded.
func TestL29_Links(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine().run(t)
		var many []netmon.Interface
		for i := range 30 {
			many = append(many, eth(i+1, "192.0.2.1/24"))
		}
		m.set(many...)
		if len(m.sockets) != maxLinks {
			t.Errorf("%d sockets", len(m.sockets))
		}
	})
}

// What the system tells about a datagram decides where it belongs.
func TestUDP_Packet(t *testing.T) {
	ifi := &net.Interface{Index: 2, Name: "eth2"}
	on := &udp{family: ipv6Family, ifi: ifi}
	all := &udp{family: ipv4Family}
	from := &net.UDPAddr{IP: net.ParseIP("fe80::9"), Port: 5353, Zone: "old"}
	four := &net.UDPAddr{IP: net.ParseIP("192.0.2.9"), Port: 4000}
	host := netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		name string
		u    *udp
		n    int
		from net.Addr
		a    arrival
		want string
	}{
		{"group", on, 5, from, arrival{2, GroupIPv6, 255}, "2 [fe80::9%eth2]:5353 true 255"},
		{"group of another link", on, 5, from, arrival{3, GroupIPv6, 255}, ""},
		{"unicast by another link", on, 5, four, arrival{3, host, 64}, "3 192.0.2.9:4000 false 64"},
		{"the system tells nothing", on, 5, four, arrival{}, "2 192.0.2.9:4000 true 0"},
		{"9,000 octets", on, 9000, four, arrival{2, GroupIPv4, 1}, "2 192.0.2.9:4000 true 1"},
		{"9,001 octets", on, 9001, four, arrival{2, GroupIPv4, 1}, ""},
		{"unicast socket", all, 5, four, arrival{4, host, 64}, "4 192.0.2.9:4000 false 64"},
		{"group at the unicast socket", all, 5, four, arrival{4, GroupIPv4, 64}, ""},
		{"no UDP address", on, 5, nil, arrival{2, GroupIPv6, 255}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if p, ok := tt.u.packet(make([]byte, tt.n), tt.from, tt.a); ok {
				got = fmt.Sprintf("%d %s %v %d", p.Link, p.Src, p.Multicast, p.HopLimit)
			}
			if got != tt.want {
				t.Errorf("packet %q, want %q", got, tt.want)
			}
		})
	}
}

// A socket that only fails neither spins nor hangs.
func TestUDP_Pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &udp{closed: make(chan struct{})}
		begin := time.Now()
		if !u.pause(syscall.ECONNREFUSED) || time.Since(begin) != errorPause {
			t.Errorf("paused %v", time.Since(begin))
		}
		if u.pause(net.ErrClosed) {
			t.Error("goes on after close")
		}
		close(u.closed)
		if u.pause(syscall.ECONNREFUSED) {
			t.Error("goes on after close")
		}
	})
}

// With a name that no interface has, the real thing only waits and ends.
func TestOpen_Waits(t *testing.T) {
	s, err := Open([]string{"no such interface"})
	if err != nil {
		t.Fatal(err)
	}
	s.(*source).probe = func(family) (socket, bool) { return nil, false } // nothing on the host's port
	ctx, cancel := context.WithCancel(t.Context())
	stop := &stopper{stop: cancel}
	if err := s.Run(ctx, stop); err != nil || stop.n != 0 {
		t.Errorf("Run: %v with %d links", err, stop.n)
	}
}

type stopper struct {
	stop context.CancelFunc
	n    int
}

func (s *stopper) Links(l []Info) { s.n = len(l); s.stop() }
func (s *stopper) Packet(Packet)  {}
