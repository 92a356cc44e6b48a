package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// dialPeople is how many people of a link are tried: enough to tell one
	// person's firewall from a network that keeps all apart.
	dialPeople = 3
	// dialKnown is how many last addresses of contacts are tried on a link.
	dialKnown = 8
	dialTime  = 3 * time.Second
)

// reply is what dialling an address showed.
type reply int

const (
	silent   reply = iota // nothing came back
	refused               // a machine is there, the port is not
	accepted              // somebody listens
)

// knock opens a connection and closes it without a word.
func knock(ctx context.Context, to netip.AddrPort) reply {
	d := net.Dialer{Timeout: dialTime}
	c, err := d.DialContext(ctx, "tcp", to.String())
	switch {
	case err == nil:
		_ = c.Close()
		return accepted
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return refused
	}
	return silent
}

// knocks tries all addresses at once and returns the best reply.
func knocks(ctx context.Context, addrs []netip.AddrPort) reply {
	replies := make([]reply, len(addrs))
	var wg sync.WaitGroup
	for n, a := range addrs {
		wg.Go(func() { replies[n] = knock(ctx, a) })
	}
	wg.Wait()
	if len(replies) == 0 {
		return silent
	}
	return slices.Max(replies)
}

// dialled is what trying the people of a link showed.
type dialled struct {
	tried, reached, silent int
	quiet                  [][]netip.AddrPort // who gave no reply
}

// dial tries people, each at all addresses.
func dial(ctx context.Context, people [][]netip.AddrPort) dialled {
	replies := make([]reply, len(people))
	var wg sync.WaitGroup
	for n, addrs := range people {
		wg.Go(func() { replies[n] = knocks(ctx, addrs) })
	}
	wg.Wait()
	out := dialled{tried: len(people)}
	for n, r := range replies {
		switch r {
		case accepted:
			out.reached++
		case silent:
			out.silent++
			out.quiet = append(out.quiet, people[n])
		}
	}
	return out
}

// routeTo returns our address that the system would send from; no packet is
// sent. It is the portable way to ask for a route.
func routeTo(to netip.AddrPort) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = c.Close() }()
	a, ok := netip.AddrFromSlice(c.LocalAddr().(*net.UDPAddr).IP)
	if !ok {
		return netip.Addr{}
	}
	return a.Unmap()
}

// elsewhere is an address that lies beyond every local network (RFC 5737);
// the port is discard (RFC 863). Nothing is sent to it.
var elsewhere = netip.MustParseAddrPort("192.0.2.1:9")

// neighbours are two addresses of each IPv4 network of an interface, one near
// either end: a tunnel that takes a half of it is seen.
func neighbours(addrs []netip.Prefix) []netip.AddrPort {
	var out []netip.AddrPort
	for _, p := range addrs {
		if !p.Addr().Is4() || p.Bits() > 30 {
			continue
		}
		first := p.Masked().Addr().Next()
		b := p.Masked().Addr().As4()
		for bit := p.Bits(); bit < 31; bit++ {
			b[bit/8] |= 0x80 >> (bit % 8)
		}
		last := netip.AddrFrom4(b) // ends in 0 bit: not the broadcast address
		for _, a := range []netip.Addr{first, last} {
			if a != p.Addr() {
				out = append(out, netip.AddrPortFrom(a, elsewhere.Port()))
			}
		}
	}
	return out
}
