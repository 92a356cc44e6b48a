package engine

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// settle reports what changed since the last call. It ends every input, so that
// one packet makes one event for each instance.
func (e *Engine) settle() {
	dirty := e.cache.dirty
	e.cache.dirty = nil
	for _, in := range dirty {
		in.dirty = false
		if e.cache.byKey[in.key] != in || in.lost() {
			continue
		}
		if !in.shown && !in.complete() {
			continue
		}
		p := in.peer()
		switch {
		case !in.shown:
			in.shown = true
			if e.cache.viewed[in.key] {
				in.look = e.lookAt(in)
				e.arm(e.now, in)
			}
			e.emit(Event{Kind: Joined, Peer: p})
		case !p.same(in.last):
			e.emit(Event{Kind: Changed, Peer: p})
		}
		in.last = p
	}
	resolved := e.cache.resolved
	e.cache.resolved = nil
	for _, in := range resolved {
		e.emit(Event{Kind: Resolved, Peer: in.current(), OK: true})
	}
}

// lost says whether in waits for its link to come back.
func (in *instance) lost() bool { return len(in.views) == 0 }

// complete says whether enough is known to show in: PTR and SRV, and TXT unless
// it was waited for long enough.
func (in *instance) complete() bool {
	for _, v := range in.views {
		if v.srv.known() && (v.txt.known() || in.wait.IsZero()) {
			return true
		}
	}
	return false
}

// peer describes in with all its links merged (174-11.1). The record heard last
// counts.
func (in *instance) peer() Peer {
	p := Peer{Key: in.key, Instance: in.label, Seen: in.seen}
	var srv, txt *view
	for _, v := range in.views {
		p.Expires = later(p.Expires, v.ptr.expires)
		if v.srv.known() && (srv == nil || v.srv.at.After(srv.srv.at)) {
			srv = v
		}
		if v.txt.known() && (txt == nil || v.txt.at.After(txt.txt.at)) {
			txt = v
		}
	}
	if txt != nil {
		p.TXT = txt.data
	}
	if srv == nil {
		return p
	}
	p.Port = srv.target.Port
	p.Host = strings.TrimSuffix(srv.target.Target.String(), ".")
	for _, v := range in.views {
		if v.host != nil {
			p.Addrs = append(p.Addrs, v.addrs()...)
		}
	}
	p.Addrs = p.Addrs[:min(len(p.Addrs), maxAddrs)]
	return p
}

// addrs are the addresses on one link, best first, with the port of that link's
// SRV record.
func (v *view) addrs() []netip.AddrPort {
	list := slices.Clone(v.host.addrs)
	slices.SortStableFunc(list, func(a, b addr) int {
		if d := rank(a.ip) - rank(b.ip); d != 0 {
			return d
		}
		return a.ip.Compare(b.ip)
	})
	out := make([]netip.AddrPort, 0, len(list))
	for _, a := range list {
		ip := a.ip
		if ip.Is6() && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(v.link.info.Name)
		}
		out = append(out, netip.AddrPortFrom(ip, v.target.Port))
	}
	return out
}

// rank orders addresses: IPv6 link-local works on any link without a router or
// a lease, then IPv4, then other IPv6; an IPv4 link-local address is a stopgap.
func rank(a netip.Addr) int {
	switch {
	case a.Is6() && a.IsLinkLocalUnicast():
		return 0
	case a.Is4() && !a.IsLinkLocalUnicast():
		return 1
	case a.Is6():
		return 2
	}
	return 3
}

// reaches says whether a can be a neighbour's address on l: in one of our
// subnets, or link-local in a family that we have there (L-25).
func (l *linkState) reaches(a netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == v4Broadcast {
		return false
	}
	return slices.ContainsFunc(l.info.Addrs, func(p netip.Prefix) bool {
		return p.Masked().Contains(a) || a.IsLinkLocalUnicast() && p.Addr().Is4() == a.Is4()
	})
}

var v4Broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Peers returns all instances that were shown, sorted by key.
func (e *Engine) Peers() []Peer {
	var out []Peer
	for _, in := range e.all() {
		if in.shown {
			out = append(out, in.current())
		}
	}
	return out
}

// Peer returns the shown instance with that key.
func (e *Engine) Peer(key string) (Peer, bool) {
	in := e.cache.byKey[key]
	if in == nil || !in.shown {
		return Peer{}, false
	}
	return in.current(), true
}

// current is what was last reported, with the times of now.
func (in *instance) current() Peer {
	p := in.last
	p.Seen = in.seen
	for _, v := range in.views {
		p.Expires = later(p.Expires, v.ptr.expires)
	}
	return p
}

// overloaded reports what was not looked at.
func (e *Engine) overloaded(time.Time) {
	if n := e.cache.shed; n > 0 {
		e.cache.shed = 0
		e.emit(Event{Kind: Overload, Shed: n})
	}
}
