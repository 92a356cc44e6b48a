package doctor

import (
	"context"
	"io"
	"log"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/grandcat/zeroconf"

	"llchat/internal/netmon"
	"llchat/internal/safetext"
)

// stack names the second opinion.
const stack = "github.com/grandcat/zeroconf"

// secondTime bounds the second opinion (issue 3: at most 10 s).
const secondTime = 10 * time.Second

// secondOpinion lets an independent stack browse until ctx ends: does it see
// us, and whom else. It only asks.
func secondOpinion(ctx context.Context, used []netmon.Interface, me string) (Second, []sighting) {
	out := Second{Stack: stack}
	ctx, cancel := context.WithTimeout(ctx, secondTime)
	defer cancel()
	before := log.Writer()
	log.SetOutput(io.Discard) // it writes to the global log, names of people too
	defer log.SetOutput(before)
	options := selectInterfaces(used)
	if options == nil {
		return out, nil
	}
	r, err := zeroconf.NewResolver(options...)
	if err != nil {
		return out, nil
	}
	found := make(chan *zeroconf.ServiceEntry)
	drained := make(chan []sighting)
	go func() { // to its end: the stack closes it
		var all []sighting
		for e := range found {
			if len(all) < maxPeople {
				all = append(all, sightingOf(e))
			}
		}
		drained <- all
	}()
	out.Asked = r.Browse(ctx, "_presence._tcp", "local.", found) == nil
	all := <-drained
	if me == "" {
		return out, all
	}
	others := slices.DeleteFunc(slices.Clone(all), func(s sighting) bool { return s.name == sameName(me) })
	out.SeesUs = len(others) < len(all)
	return out, others
}

// sighting is what the other stack found.
type sighting struct {
	name  string // as sameName makes it
	addrs []netip.Addr
}

func sightingOf(e *zeroconf.ServiceEntry) sighting {
	s := sighting{name: sameName(unescape(e.Instance))}
	for _, ip := range slices.Concat(e.AddrIPv4, e.AddrIPv6) {
		if a, ok := netip.AddrFromSlice(ip); ok {
			s.addrs = append(s.addrs, a.Unmap())
		}
	}
	return s
}

// strangers counts those of the other stack's finds that are not of this
// machine: who was heard from our own addresses, or announces only those, is
// another node of ours and proves nothing of the network.
func (e *ear) strangers(seen []sighting) int {
	local, names := e.ofThisMachine(), map[string]bool{}
	for _, s := range seen {
		ours := len(s.addrs) > 0 && !slices.ContainsFunc(s.addrs, func(a netip.Addr) bool { return !e.own[a] })
		if !ours && !local[s.name] {
			names[s.name] = true
		}
	}
	return len(names)
}

// sameName makes the label of an instance comparable.
func sameName(label string) string { return strings.ToLower(safetext.Name(label).String()) }

// unescape reads one of the stack's names.
func unescape(name string) string { return safetext.Name(safetext.UnescapeDNS(name)).String() }

// selectInterfaces is nil where there is nothing to ask on. A family that no
// interface has is left out: the stack would fail over it.
func selectInterfaces(used []netmon.Interface) []zeroconf.ClientOption {
	var list []net.Interface
	var families zeroconf.IPType
	for _, i := range used {
		ifi, err := net.InterfaceByIndex(i.Index)
		if err != nil {
			continue // it went away meanwhile
		}
		list = append(list, *ifi)
		for _, p := range i.Addrs {
			if p.Addr().Is4() {
				families |= zeroconf.IPv4
			} else {
				families |= zeroconf.IPv6
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	return []zeroconf.ClientOption{zeroconf.SelectIfaces(list), zeroconf.SelectIPTraffic(families)}
}
