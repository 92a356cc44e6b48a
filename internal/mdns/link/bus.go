package link

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bus is one LAN in memory. It is safe for use inside a testing/synctest
// bubble when made there. Methods may be called at any time; the exported
// fields are set before the first Attach.
type Bus struct {
	// MTU of the links; 0 means 1500.
	MTU int
	// Filter decides about each copy of a packet, ours to ourselves included;
	// nil delivers all at once. SetFilter changes it later. Filter and Copies
	// must not call the bus or a host.
	Filter func(from, to netip.Addr, data []byte) (deliver bool, delay time.Duration)
	// Copies, when set, says how many times a packet is sent to a receiver;
	// Filter is asked for each.
	Copies func(from, to netip.Addr, data []byte) int

	mu        sync.Mutex // guards what follows and Filter
	links     []*busLink
	tap       func(Sent)
	oversized int

	late pending
}

// pending holds delayed packets. Those that are due at the same instant arrive
// in the order in which they were sent, whichever timer fires first: runs in
// virtual time repeat exactly.
type pending struct {
	mu   sync.Mutex // taken before Bus.mu; guards list, sorted by due
	list []delivery
}

func (p *pending) add(d delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.due = time.Now().Add(d.delay)
	at := len(p.list)
	for at > 0 && p.list[at-1].due.After(d.due) {
		at--
	}
	p.list = slices.Insert(p.list, at, d)
	time.AfterFunc(d.delay, p.fire)
}

// fire delivers all that is due.
func (p *pending) fire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.list) > 0 && !p.list[0].due.After(time.Now()) {
		d := p.list[0]
		p.list = p.list[1:]
		d.to.host.deliver(d.to, d.pkt)
	}
}

// Sent is a packet as it was handed to the bus.
type Sent struct {
	From, To netip.AddrPort
	Data     []byte
}

// busLink is one host's plug in the bus. Its fields are guarded by Bus.mu.
type busLink struct {
	bus   *Bus
	host  *Host
	id    ID
	name  string
	addrs []netip.Prefix
	down  bool
}

// NewBus makes an empty LAN.
func NewBus() *Bus { return &Bus{} }

// SetFilter replaces Filter while the bus is in use.
func (b *Bus) SetFilter(f func(from, to netip.Addr, data []byte) (bool, time.Duration)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Filter = f
}

// SetTap makes f see every packet when it is sent, before Filter. f must not
// call the bus and may keep Data.
func (b *Bus) SetTap(f func(Sent)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tap = f
}

// Attach makes a host with one link on the bus that has the given addresses.
func (b *Bus) Attach(addrs ...netip.Prefix) *Host {
	h := newHost()
	h.Join(b, addrs...)
	return h
}

// Inject sends a packet from an address that need not be attached: a legacy
// querier, or an attacker. A zero dst means the group of src's family.
func (b *Bus) Inject(src, dst netip.AddrPort, data []byte) {
	if !dst.IsValid() {
		dst = netip.AddrPortFrom(group(src.Addr()), Port)
	}
	b.transmit(src, dst, data)
}

// Oversized returns how many packets sent were larger than the MTU allows
// without fragments.
func (b *Bus) Oversized() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.oversized
}

func (b *Bus) mtu() int {
	if b.MTU > 0 {
		return b.MTU
	}
	return 1500
}

func group(a netip.Addr) netip.Addr {
	if a.Unmap().Is4() {
		return GroupIPv4
	}
	return GroupIPv6
}

// headers is what IP and UDP add to a payload.
func headers(a netip.Addr) int {
	if a.Unmap().Is4() {
		return 20 + 8
	}
	return 40 + 8
}

// delivery is one copy on its way.
type delivery struct {
	to    *busLink
	pkt   Packet
	delay time.Duration
	due   time.Time
}

// transmit decides under the lock who gets the packet and delivers outside of
// it. Receivers come in the order in which they were attached.
func (b *Bus) transmit(src, dst netip.AddrPort, data []byte) {
	data = slices.Clone(data)
	b.mu.Lock()
	if len(data)+headers(src.Addr()) > b.mtu() {
		b.oversized++
	}
	if b.tap != nil {
		b.tap(Sent{src, dst, data})
	}
	var out []delivery
	for _, l := range b.links {
		to, ok := l.receives(src, dst)
		if ok && !l.down {
			out = b.copies(out, l, src, to, dst.Addr().IsMulticast(), data)
		}
	}
	b.mu.Unlock()
	for _, d := range out {
		if d.delay <= 0 {
			d.to.host.deliver(d.to, d.pkt)
			continue
		}
		b.late.add(d)
	}
}

// copies asks the hooks about one receiver. The caller holds b.mu.
func (b *Bus) copies(out []delivery, l *busLink, src netip.AddrPort, to netip.Addr, multicast bool, data []byte) []delivery {
	n := 1
	if b.Copies != nil {
		n = b.Copies(src.Addr(), to, data)
	}
	for range n {
		ok, delay := true, time.Duration(0)
		if b.Filter != nil {
			ok, delay = b.Filter(src.Addr(), to, data)
		}
		if ok {
			out = append(out, delivery{to: l, pkt: Packet{Link: l.id, Src: l.zoned(src), Multicast: multicast, HopLimit: 255, Data: data}, delay: delay})
		}
	}
	return out
}

// receives returns the address at which l hears a packet for dst.
func (l *busLink) receives(src, dst netip.AddrPort) (netip.Addr, bool) {
	for _, p := range l.addrs {
		a := p.Addr()
		if dst.Addr().IsMulticast() && dst.Port() == Port && a.Is4() == src.Addr().Unmap().Is4() {
			return a, true
		}
		if a == dst.Addr().WithZone("") && dst.Port() == Port && l.host.Unicast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// zoned gives a link-local IPv6 sender our name of the link.
func (l *busLink) zoned(src netip.AddrPort) netip.AddrPort {
	a := src.Addr().Unmap().WithZone("")
	if a.Is6() && a.IsLinkLocalUnicast() {
		a = a.WithZone(l.name)
	}
	return netip.AddrPortFrom(a, src.Port())
}

// source returns our address for packets of the family of dst.
func (l *busLink) source(dst netip.Addr) (netip.AddrPort, bool) {
	for _, p := range l.addrs {
		if p.Addr().Is4() == dst.Unmap().Is4() {
			return netip.AddrPortFrom(p.Addr(), Port), true
		}
	}
	return netip.AddrPort{}, false
}
