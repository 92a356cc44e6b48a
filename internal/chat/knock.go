package chat

import (
	"net/netip"
	"slices"
	"time"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
)

// A name is a label that anybody can take: a forged record is enough to make a
// contact rename itself. Who it is then shows where its key was proven before.
// We knock there with its key wanted, so that whoever else answers learns
// nothing (P-07), and the header tells the new name.
const (
	knockSpread = 5 * time.Second // not all contacts of one who renamed at once
	knockFirst  = 3 * time.Second // announcements come first
	knockPause  = time.Minute     // between two knocks at one contact
	maxKnocks   = 64              // contacts at a start, or a change of links
)

// knockAll knocks at every contact that is not here where it answered before:
// once, because it may have another name since. A ghost hears nobody come, and
// nobody hears it: it goes on, and keeps to the networks that it is on, because
// elsewhere the addresses of its contacts would tell who it is.
func (n *Node) knockAll() {
	if n.opt.Passive {
		return
	}
	count := 0
	for _, c := range n.trust.All() {
		if !c.Accepted() || len(c.LastAddrs) == 0 || count == maxKnocks {
			continue
		}
		r, places := n.remote(c.Pin), placesIn(c.LastAddrs)
		if n.ghost() {
			if places = n.onLink(places); len(places) == 0 {
				continue
			}
			r.redial.wanted = true
		}
		count++
		n.after(knockFirst+jitter(knockSpread), func() {
			if len(r.live) == 0 {
				n.knockOnce(r, places)
			}
		})
	}
}

// knockAtName follows a claim that nobody owns. Where it points to a place at
// which a contact is right now, that contact may have renamed itself.
func (n *Node) knockAtName(p mdns.Peer) {
	if n.opt.Passive || isInDomain(p.Key) || !n.owner[p.Key].IsZero() {
		return
	}
	for _, r := range n.remotes {
		if !slices.ContainsFunc(r.live, func(l *live) bool { return l.accepted }) {
			continue
		}
		at, ok := n.provenPlace(r, p)
		if !ok {
			continue
		}
		n.after(jitter(knockSpread), func() {
			if c := n.claims[p.Key]; c != nil && n.owner[p.Key].IsZero() {
				n.knockOnce(r, []netip.AddrPort{at})
			}
		})
		return
	}
}

// provenPlace is the address of an announcement at which a contact's key was
// proven before.
func (n *Node) provenPlace(r *remote, p mdns.Peer) (netip.AddrPort, bool) {
	c, ok := n.trust.Get(r.pin)
	if !ok || !c.Accepted() {
		return netip.AddrPort{}, false
	}
	proven := placesIn(c.LastAddrs)
	i := slices.IndexFunc(p.Addrs, func(a netip.AddrPort) bool { return slices.Contains(proven, a) })
	if i < 0 {
		return netip.AddrPort{}, false
	}
	return p.Addrs[i], true
}

// knockOnce makes one stream to a contact that may have one already: the newer of
// two stays (spec 5.6).
func (n *Node) knockOnce(r *remote, places []netip.AddrPort) {
	if r.redial.running || time.Since(r.redial.knocked) < knockPause {
		return
	}
	r.redial.running, r.redial.knocked = true, time.Now()
	n.start(func() {
		err := n.dialContact(n.ctx, n.ctx, r.pin, nil, places)
		n.post(func() { n.knockEnded(r, err) })
	})
}

func (n *Node) knockEnded(r *remote, err error) {
	again := r.redial.again
	r.redial.running, r.redial.again = false, false
	if err == nil || len(r.live) > 0 {
		return
	}
	n.log.Debug("Nobody answers where a contact was", "err", err)
	if again || n.wants(r) {
		n.retrySoon(r)
	}
}

// onLink leaves the places on networks that we are on.
func (n *Node) onLink(places []netip.AddrPort) []netip.AddrPort {
	if n.net.Interfaces == nil {
		return nil
	}
	var here []netip.Prefix
	for _, i := range n.net.Interfaces() {
		for _, text := range i.Addresses {
			if p, err := netip.ParsePrefix(text); err == nil {
				here = append(here, p)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(places), func(a netip.AddrPort) bool {
		return !slices.ContainsFunc(here, func(p netip.Prefix) bool { return p.Contains(a.Addr().WithZone("")) })
	})
}

// placesIn reads stored addresses.
func placesIn(stored []string) []netip.AddrPort {
	var places []netip.AddrPort
	for _, s := range stored {
		if a, err := netip.ParseAddrPort(s); err == nil {
			places = append(places, a)
		}
	}
	return places
}

// keepPlace keeps where a contact listens that has dialled us: the address of
// its stream, and the port of its announcement, which it has just proven.
func (n *Node) keepPlace(c *peer.Claim, pin identity.Pin) {
	r := n.remotes[pin]
	if r == nil || !n.isContact(pin) {
		return
	}
	for _, l := range r.live {
		from := l.conn.Peer().Addr.Addr().Unmap()
		i := slices.IndexFunc(c.Addrs, func(a netip.AddrPort) bool { return a.Addr().WithZone("") == from.WithZone("") })
		if i < 0 {
			continue
		}
		if err := n.trust.Seen(pin, nil, c.Addrs[i].String(), time.Now()); err != nil {
			n.log.Error("Contact not written", "err", err)
		}
		return
	}
}
