package lantest

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"sync"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// Mallory is an attacker with a key of its own: it says that it is whoever it
// likes, takes in everything, and keeps what it got.
type Mallory struct {
	host *Host
	name string
	id   *identity.Identity
	node *stream.Node

	mu     sync.Mutex // guards the following
	deaf   chan struct{}
	iq     func(*stream.Conn, stanza.IQ)
	got    []stanza.Stanza
	offers []*xmlstream.Element
	opened int
	closed int
	ends   []error
}

// Mallory makes an attacker on this host that calls itself name.
func (h *Host) Mallory(name string) *Mallory {
	h.lan.t.Helper()
	id, err := identity.Generate()
	if err != nil {
		h.lan.t.Fatalf("mallory: %v", err)
	}
	return h.MalloryWith(name, id)
}

// MalloryWith makes one with a key that is known already; change may set more
// of how its streams are made.
func (h *Host) MalloryWith(name string, id *identity.Identity, change ...func(*stream.Config)) *Mallory {
	m := &Mallory{host: h, name: name, id: id}
	c := stream.Config{
		Identity: id,
		Names:    func() (string, func(string) bool) { return name, func(string) bool { return true } },
		Admit:    func(stream.Peer) stream.Standing { return stream.Accepted },
		Handler:  (*malloryHandler)(m),
		Serves:   func(string) bool { return m.onIQ() != nil },
	}
	for _, f := range change {
		f(&c)
	}
	m.node = stream.NewNode(c)
	h.lan.atEnd(m.node.Close)
	return m
}

// Pin is mallory's own key.
func (m *Mallory) Pin() identity.Pin { return m.id.Pin() }

// Device is mallory's device key.
func (m *Mallory) Device() identity.DeviceID { return m.id.Device() }

// Dial opens a stream to a node as this name.
func (m *Mallory) Dial(ctx context.Context, to netip.AddrPort) (*stream.Conn, error) {
	return m.node.Dial(ctx, m.host.Dial, to, nil, "")
}

// OnIQ has mallory answer requests, and hear of the answers to its own.
func (m *Mallory) OnIQ(f func(*stream.Conn, stanza.IQ)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.iq = f
}

func (m *Mallory) onIQ() func(*stream.Conn, stanza.IQ) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.iq
}

// Deaf makes mallory read nothing more, once a stanza has arrived: it does not
// hear that a stream ends. It still speaks. The return ends that.
func (m *Mallory) Deaf() (hear func()) {
	deaf := make(chan struct{})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deaf = deaf
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.deaf = nil
		close(deaf)
	}
}

// Listen takes streams at this host without a word about it. The return ends
// that.
func (m *Mallory) Listen(ctx context.Context) (at netip.AddrPort, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	l, err := m.host.Listen(0)
	if err != nil {
		cancel()
		return at, nil, err
	}
	var work sync.WaitGroup
	work.Go(func() { _ = m.node.Serve(ctx, l) })
	return netip.AddrPortFrom(m.host.four, mustPort(l.Addr().String())), func() {
		cancel()
		work.Wait()
	}, nil
}

// Announce says over multicast DNS that name is to be found at this host, and
// listens there. The return ends both.
func (m *Mallory) Announce(ctx context.Context, text mdns.Text) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	l, err := m.host.Listen(0)
	if err != nil {
		cancel()
		return nil, err
	}
	var work sync.WaitGroup
	work.Go(func() { _ = m.node.Serve(ctx, l) })
	user, machine := mdns.SplitInstance(m.name)
	addrs := []netip.Prefix{netip.PrefixFrom(m.host.four, 16), netip.PrefixFrom(m.host.six, 64)}
	var source link.Source = m.host.lan.bus.Attach(addrs...)
	node, err := mdns.Open(ctx, mdns.Config{
		Source: source, User: user, Machine: machine, Random: rand.Reader,
		Port: mustPort(l.Addr().String()),
	})
	if err == nil {
		_, err = node.Publish(ctx, text)
	}
	stop = func() {
		cancel()
		if node != nil {
			_ = node.Close()
		}
		work.Wait()
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func mustPort(s string) uint16 { return netip.MustParseAddrPort(s).Port() }

// Close ends mallory.
func (m *Mallory) Close(ctx context.Context) error { return m.node.Close(ctx) }

// Got is every stanza that reached mallory.
func (m *Mallory) Got() []stanza.Stanza {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// Empty makes mallory forget what it got, for who counts octets.
func (m *Mallory) Empty() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = nil
}

// Streams is how many streams were opened and closed.
func (m *Mallory) Streams() (opened, closed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened, m.closed
}

// Ends is how its streams ended, nil for a clean end.
func (m *Mallory) Ends() []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ends)
}

// Offered is what the last listener offered beside what the stream understands.
func (m *Mallory) Offered() []*xmlstream.Element {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.offers
}

type malloryHandler Mallory

func (h *malloryHandler) Opened(c *stream.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened++
	h.offers = c.Offered()
}

func (h *malloryHandler) Stanza(c *stream.Conn, s stanza.Stanza) {
	h.mu.Lock()
	h.got = append(h.got, s)
	deaf := h.deaf
	h.mu.Unlock()
	if deaf != nil {
		<-deaf
	}
	if q, ok := s.(stanza.IQ); ok {
		if f := (*Mallory)(h).onIQ(); f != nil {
			f(c, q)
		}
	}
}

func (h *malloryHandler) Closed(_ *stream.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed++
	h.ends = append(h.ends, err)
}

func (h *malloryHandler) Refused(stream.Refusal) {}
