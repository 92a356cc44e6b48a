package doctor

import (
	"context"
	"io"
	"log"
	"net"
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
func secondOpinion(ctx context.Context, used []netmon.Interface, me string) Second {
	out := Second{Stack: stack}
	ctx, cancel := context.WithTimeout(ctx, secondTime)
	defer cancel()
	before := log.Writer()
	log.SetOutput(io.Discard) // it writes to the global log, names of people too
	defer log.SetOutput(before)
	options := selectInterfaces(used)
	if options == nil {
		return out
	}
	r, err := zeroconf.NewResolver(options...)
	if err != nil {
		return out
	}
	found := make(chan *zeroconf.ServiceEntry)
	names := make(chan map[string]bool)
	go func() { // drained to its end: the stack closes it
		all := map[string]bool{}
		for e := range found {
			if len(all) < maxPeople {
				all[strings.ToLower(unescape(e.Instance))] = true
			}
		}
		names <- all
	}()
	out.Asked = r.Browse(ctx, "_presence._tcp", "local.", found) == nil
	all := <-names
	out.SeesUs = me != "" && all[strings.ToLower(safetext.Name(me).String())]
	out.People = len(all)
	if out.SeesUs {
		out.People--
	}
	return out
}

// unescape makes one of the stack's names comparable.
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
