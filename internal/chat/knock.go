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
	maxKnocksAt = 3               // claims in knockPause that may be one contact's
	knockRest   = time.Hour       // for a claim at which the contact has answered
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
			if len(r.live) == 0 && !r.redial.running && time.Since(r.redial.knocked) >= knockPause {
				n.knockOnce(r, places, func(error) {})
			}
		})
	}
}

// knockAtName follows a claim that nobody owns. Where it points to a place at
// which a contact listens right now, that contact may bear another name.
func (n *Node) knockAtName(p mdns.Peer) {
	for _, r := range n.remotes {
		if r.talks() && n.mayBear(r, p.Key) {
			n.knockSoon(r, 0)
		}
	}
}

// talks reports whether a contact has a stream with us.
func (r *remote) talks() bool {
	return slices.ContainsFunc(r.live, func(l *live) bool { return l.accepted })
}

// mayBear reports whether a claim is nobody's, and points to where a contact
// proved its key or said inside its stream that it listens. That makes it a
// place to knock at, no more: anybody can announce somebody else's address.
func (n *Node) mayBear(r *remote, key string) bool {
	c := n.claims[key]
	if n.opt.Passive || c == nil || isInDomain(key) || !n.owner[key].IsZero() {
		return false
	}
	_, ok := n.provenPlace(r, c.Peer)
	return ok
}

// provenPlace is the address of an announcement at which a contact's key was
// proven before, or at which it said that it is to be found.
func (n *Node) provenPlace(r *remote, p mdns.Peer) (netip.AddrPort, bool) {
	c, ok := n.trust.Get(r.pin)
	if !ok || !c.Accepted() {
		return netip.AddrPort{}, false
	}
	proven := append(placesIn(c.LastAddrs), n.toldPlaces(r.pin)...)
	i := slices.IndexFunc(p.Addrs, func(a netip.AddrPort) bool { return slices.Contains(proven, a) })
	if i < 0 {
		return netip.AddrPort{}, false
	}
	return p.Addrs[i], true
}

// knockSoon looks after a while which claims may be a contact's. What it told of
// itself and what it announces come in either order, and the sooner look counts.
func (n *Node) knockSoon(r *remote, wait time.Duration) {
	wait += jitter(knockSpread)
	due := time.Now().Add(wait)
	if r.redial.knock != nil {
		if !due.Before(r.redial.knockDue) {
			return
		}
		r.redial.knock.Stop()
	}
	r.redial.knockDue = due
	r.redial.knock = n.after(wait, func() {
		r.redial.knock = nil
		if r.talks() { // else whoever dials anew hears the name
			n.knockAtNames(r)
		}
	})
}

// knockAtNames knocks at one of the claims that may be a contact's, and looks
// again when the next one is due.
func (n *Node) knockAtNames(r *remote) {
	var next *peer.Claim
	for key, c := range n.claims {
		if n.mayBear(r, key) && (next == nil || c.Knock.Before(next.Knock)) {
			next = c
		}
	}
	if next == nil {
		return
	}
	r.redial.knocks.most, r.redial.knocks.per = maxKnocksAt, knockPause
	// Of two streams the newer one is kept for sure only as a reconnect (spec 5.6):
	// else the old one would stay, with the old name in its header.
	young := reconnectAge + time.Second - time.Since(r.live[len(r.live)-1].opened)
	switch wait := max(time.Until(next.Knock), young); {
	case wait > 0:
		n.knockSoon(r, wait)
	case r.redial.running || !r.redial.knocks.take(time.Now()):
		n.knockSoon(r, knockSpread)
	default:
		n.knockAt(r, next)
	}
}

// knockAt makes a stream at a claim, with the contact's key wanted. If the claim
// is its, the header says so; if not, asking again teaches nothing for long.
func (n *Node) knockAt(r *remote, c *peer.Claim) {
	at, _ := n.provenPlace(r, c.Peer)
	c.Knock = time.Now().Add(knockPause)
	n.knockOnce(r, []netip.AddrPort{at}, func(err error) {
		if err == nil {
			c.Knock = time.Now().Add(knockRest)
		}
		n.knockSoon(r, 0)
	})
}

// knockOnce makes one stream to a contact that may have one already: the newer of
// two stays (spec 5.6).
func (n *Node) knockOnce(r *remote, places []netip.AddrPort, then func(error)) {
	r.redial.running, r.redial.knocked = true, time.Now()
	n.start(func() {
		err := n.dialContact(n.ctx, n.ctx, r.pin, nil, places)
		n.post(func() {
			n.knockEnded(r, err)
			then(err)
		})
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

// onLink leaves the places on networks that we are on. A link-local address says
// nothing about where it is: it counts on the link that its zone names, and there
// only beside an address of that link's network.
func (n *Node) onLink(places []netip.AddrPort) []netip.AddrPort {
	if n.net.Interfaces == nil {
		return nil
	}
	links := n.net.Interfaces()
	return slices.DeleteFunc(slices.Clone(places), func(a netip.AddrPort) bool {
		return !slices.ContainsFunc(links, func(i Interface) bool {
			if !a.Addr().IsLinkLocalUnicast() {
				return i.contains(a.Addr())
			}
			return (a.Addr().Is4() || a.Addr().Zone() == i.Name) &&
				slices.ContainsFunc(places, func(b netip.AddrPort) bool { return i.contains(b.Addr()) })
		})
	})
}

// contains reports whether an address, not a link-local one, is of the network of
// an interface.
func (i Interface) contains(a netip.Addr) bool {
	return !a.IsLinkLocalUnicast() && slices.ContainsFunc(i.Addresses, func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err == nil && p.Contains(a)
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
