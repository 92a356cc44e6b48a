// Package lantest is a LAN in memory, for tests: hosts with addresses, real
// multicast DNS packets over a bus, TCP as pipes, and ways to break it all:
// loss, delay, partition. Made inside a testing/synctest bubble it runs in
// virtual time: an hour of network in milliseconds.
//
// New makes the LAN, LAN.Host a host, Host.Node a node on it. Any host can be
// mallory: Host.Dial and Host.Listen give bare connections, Host.Shout a bare
// multicast packet.
package lantest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest/pipe"
	"llchat/internal/mdns/link"
)

// LAN is one link with hosts on it.
type LAN struct {
	t   testing.TB
	bus *link.Bus

	mu        sync.Mutex // guards the following
	hosts     []*Host
	listeners map[netip.AddrPort]*pipe.Listener
	cut       map[netip.Addr]bool
	deaf      map[[2]netip.Addr]bool // pairs between which no multicast passes
	changed   chan struct{}          // closed when cut changes
	loss      float64
	delay     time.Duration
	random    *rand.Rand
	wire      []byte // everything that crossed, both kinds
	record    bool
	watched   []netip.Addr // whose multicast packets are kept
	packets   [][]byte
	ports     uint16 // free ones given so far
}

// New makes an empty LAN. The seed decides which packets get lost.
func New(t testing.TB, seed uint64) *LAN {
	l := &LAN{
		t: t, bus: link.NewBus(),
		listeners: map[netip.AddrPort]*pipe.Listener{},
		cut:       map[netip.Addr]bool{},
		deaf:      map[[2]netip.Addr]bool{},
		changed:   make(chan struct{}),
		random:    rand.New(rand.NewPCG(seed, 1)),
	}
	l.bus.Filter = l.filter
	l.bus.SetTap(l.tap)
	t.Cleanup(func() { l.Heal(l.all()...) }) // octets that wait end with their streams
	return l
}

func (l *LAN) all() []*Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.hosts)
}

// filter decides about each copy of a multicast packet.
func (l *LAN) filter(from, to netip.Addr, _ []byte) (bool, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, to = from.WithZone(""), to.WithZone("")
	if from != to && (l.deaf[[2]netip.Addr{from, to}] || l.cut[from] || l.cut[to] || l.random.Float64() < l.loss) {
		return false, 0
	}
	return true, l.delay
}

// Loss makes this share of the multicast packets vanish. TCP repeats what is
// lost, so streams only feel Delay.
func (l *LAN) Loss(share float64) { l.set(func() { l.loss = share }) }

// Delay makes everything arrive this much later.
func (l *LAN) Delay(d time.Duration) { l.set(func() { l.delay = d }) }

// Partition cuts hosts off from all others, silently: nothing arrives, nothing
// fails. Heal ends it, and streams go on where they stood.
func (l *LAN) Partition(hosts ...*Host) { l.cutAll(hosts, true) }

// Heal ends a partition.
func (l *LAN) Heal(hosts ...*Host) { l.cutAll(hosts, false) }

// Deaf keeps the multicast packets of two hosts from each other, as an access
// point that filters does, or two links. Streams pass.
func (l *LAN) Deaf(a, b *Host) {
	l.set(func() {
		for _, x := range []netip.Addr{a.four, a.six} {
			for _, y := range []netip.Addr{b.four, b.six} {
				l.deaf[[2]netip.Addr{x, y}], l.deaf[[2]netip.Addr{y, x}] = true, true
			}
		}
	})
}

func (l *LAN) cutAll(hosts []*Host, on bool) {
	l.set(func() {
		for _, h := range hosts {
			l.cut[h.four], l.cut[h.six] = on, on
		}
	})
}

func (l *LAN) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Record keeps every octet that crosses from now on, for Wire.
func (l *LAN) Record() {
	l.set(func() { l.record = true })
}

// tap sees every multicast packet as it is sent.
func (l *LAN) tap(s link.Sent) {
	l.keep(s.Data)
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.watched, s.From.Addr().WithZone("")) {
		l.packets = append(l.packets, s.Data)
	}
}

// Listening keeps the multicast packets that a host sends from now on, each
// once for IPv4 and once for IPv6, also from addresses that it gets later,
// until stop returns them.
func (l *LAN) Listening(h *Host, later ...netip.Addr) (stop func() [][]byte) {
	l.set(func() { l.watched, l.packets = append([]netip.Addr{h.four, h.six}, later...), nil })
	return func() (packets [][]byte) {
		l.set(func() { packets, l.watched, l.packets = l.packets, nil, nil })
		return packets
	}
}

// Wire returns what has crossed since Record: multicast packets and TCP
// octets, as an eavesdropper sees them.
func (l *LAN) Wire() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wire
}

func (l *LAN) keep(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record {
		l.wire = append(l.wire, data...)
	}
}

// Host is a machine on the LAN.
type Host struct {
	lan       *LAN
	four, six netip.Addr
	number    int
	links     []*link.Host // of its nodes, guarded by lan.mu
}

// Host adds a machine: 10.77.0.N and fe80::N.
func (l *LAN) Host() *Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.hosts) + 1
	h := &Host{
		lan:    l,
		number: n,
		four:   netip.AddrFrom4([4]byte{10, 77, byte(n >> 8), byte(n)}),
		six:    netip.MustParseAddr(fmt.Sprintf("fe80::%x", n)),
	}
	l.hosts = append(l.hosts, h)
	return h
}

// Addr is the host's IPv4 address.
func (h *Host) Addr() netip.Addr { return h.four }

// Network is the LAN as this host's node sees it.
func (h *Host) Network() *chat.Network {
	return &chat.Network{
		Source: func() (link.Source, error) {
			return h.attach(), nil
		},
		Listen: func(_ context.Context, port uint16) ([]net.Listener, uint16, error) {
			l, err := h.Listen(port)
			if err != nil {
				return nil, 0, err
			}
			return []net.Listener{l}, l.Addr().(*net.TCPAddr).AddrPort().Port(), nil
		},
		Dial:       h.Dial,
		Interfaces: h.interfaces,
	}
}

func (h *Host) attach() *link.Host {
	at := h.lan.bus.Attach(h.prefixes()...)
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	h.links = append(h.links, at)
	return at
}

func (h *Host) prefixes() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(h.four, 16), netip.PrefixFrom(h.six, 64)}
}

// Unplug takes the network from the nodes of this host, and they know it, as
// when a cable is pulled. What streams carry needs Partition besides.
func (h *Host) Unplug() {
	for _, at := range h.attached() {
		at.Down(at.Links()[0])
	}
}

// Plug brings it back: the same, or another one with other addresses.
func (h *Host) Plug(addrs ...netip.Prefix) {
	if len(addrs) == 0 {
		addrs = h.prefixes()
	}
	for _, at := range h.attached() {
		at.SetAddrs(at.Links()[0], addrs...)
		at.Up(at.Links()[0])
	}
}

func (h *Host) attached() []*link.Host {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	return slices.Clone(h.links)
}

func (h *Host) interfaces() []chat.Interface {
	return []chat.Interface{{Name: zone, Addresses: []string{
		netip.PrefixFrom(h.four, 16).String(), netip.PrefixFrom(h.six, 64).String(),
	}}}
}

// Node opens a node on this host. It is closed at the end of the test, if not
// before.
func (h *Host) Node(opt chat.Options) *chat.Node {
	h.lan.t.Helper()
	if opt.Profile == "" {
		opt.Profile = filepath.Join(h.lan.t.TempDir(), "profile")
	}
	opt.Network = h.Network()
	n, err := chat.Open(context.Background(), opt)
	if err != nil {
		h.lan.t.Fatalf("open a node on host %d: %v", h.number, err)
	}
	h.lan.atEnd(n.Close)
	return n
}

// atEnd closes something when the test is over.
func (l *LAN) atEnd(end func(context.Context) error) {
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := end(ctx); err != nil {
			l.t.Errorf("close: %v", err)
		}
	})
}

// Shout sends a multicast packet from this host, whatever is in it.
func (h *Host) Shout(data []byte) {
	h.lan.bus.Inject(netip.AddrPortFrom(h.four, link.Port), netip.AddrPort{}, data)
}

// freePort is one that nobody on the LAN was given before: what is told to
// others about a port is not true of the next one by chance.
func (h *Host) freePort() uint16 {
	for {
		h.lan.ports++
		if port := 40000 + h.lan.ports%20000; h.lan.listeners[netip.AddrPortFrom(h.four, port)] == nil {
			return port
		}
	}
}

// Listen listens on both addresses of the host; port 0 is any free one.
func (h *Host) Listen(port uint16) (net.Listener, error) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	if port == 0 {
		port = h.freePort()
	}
	at := netip.AddrPortFrom(h.four, port)
	if h.lan.listeners[at] != nil {
		return nil, fmt.Errorf("listen %s: %w", at, syscall.EADDRINUSE)
	}
	l := pipe.Listen(at)
	h.lan.listeners[at] = l
	h.lan.listeners[netip.AddrPortFrom(h.six, port)] = l
	return &listener{Listener: l, host: h, port: port}, nil
}

// listener frees its port when it is closed.
type listener struct {
	*pipe.Listener
	host *Host
	port uint16
}

func (l *listener) Close() error {
	l.host.lan.mu.Lock()
	delete(l.host.lan.listeners, netip.AddrPortFrom(l.host.four, l.port))
	delete(l.host.lan.listeners, netip.AddrPortFrom(l.host.six, l.port))
	l.host.lan.mu.Unlock()
	return l.Listener.Close()
}

// Dial connects to a listener on the LAN.
func (h *Host) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	dest := netip.AddrPortFrom(to.Addr().WithZone(""), to.Port())
	w := wire{lan: h.lan, a: h.four, b: dest.Addr()}
	if err := w.pass(ctx); err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	h.lan.mu.Lock()
	l := h.lan.listeners[dest]
	h.lan.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	}
	from := netip.AddrPortFrom(h.source(dest), 50000)
	far, err := l.Dial(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	ours, near := pipe.Pair(pipe.Capacity)
	ours.SetAddrs(net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(dest))
	go w.carry(near, far.(*pipe.Conn))
	go w.carry(far.(*pipe.Conn), near)
	return ours, nil
}

func (h *Host) source(to netip.AddrPort) netip.Addr {
	if to.Addr().Is4() {
		return h.four
	}
	return h.six.WithZone(zone)
}

// zone is the only interface of every host, as the bus names it.
const zone = "mem1"

// wire carries the octets of one direction, late or not at all while cut.
type wire struct {
	lan  *LAN
	a, b netip.Addr
}

func (w wire) carry(from, to *pipe.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			w.lan.keep(buf[:n])
			_ = w.pass(context.Background())
			if _, werr := to.Write(buf[:n]); werr != nil {
				from.Reset()
				return
			}
		}
		if err != nil {
			_ = w.pass(context.Background())
			_ = to.CloseWrite()
			return
		}
	}
}

// pass waits until octets may cross.
func (w wire) pass(ctx context.Context) error {
	for {
		w.lan.mu.Lock()
		cut, changed, delay := w.lan.cut[w.a] || w.lan.cut[w.b], w.lan.changed, w.lan.delay
		w.lan.mu.Unlock()
		if !cut {
			time.Sleep(delay)
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
