package chat

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"llchat/internal/stanza"
)

// whereabouts is where we told a contact that we are, and on which stream.
type whereabouts struct {
	on *live
	at string
}

// contactCame follows the first presence of a contact on a stream: it learns
// where we are to be dialled, which a port that it was dialled from does not
// tell, and may know where others are whom we look for.
func (n *Node) contactCame(l *live) {
	n.tellPlace(l)
	for _, r := range n.remotes {
		if r != l.remote && len(r.live) == 0 && r.redial.wanted {
			n.askAround(r)
		}
	}
}

// tellPlaces tells every contact that we talk to where we are now: a switch of
// visibility takes another port, and another network gives other addresses.
func (n *Node) tellPlaces() {
	for _, r := range n.remotes {
		if l := r.best(); l != nil {
			n.tellPlace(l)
		}
	}
}

// tellPlace tells one of them, once each time that something has changed.
func (n *Node) tellPlace(l *live) {
	if !n.confides(l) {
		return
	}
	c, ok := n.signCard()
	now := whereabouts{on: l, at: fmt.Sprint(c.Port, c.Addrs)}
	if told := &l.remote.exchange.told; ok && *told != now {
		*told = now
		n.say(l, stanza.IQ{ID: stanza.NewID(), Type: "set", Payload: c.Element()})
	}
}

// takeCard takes the card of a contact from its own stream. Where the stream
// itself comes from it was, so that is kept for the next start, too (P-02: the
// dial checks the key there). No card names a link-local address, which means
// nothing elsewhere; but on its link, which its zone names, the port of the card
// is the right one. An address of that link's network goes with it: onLink knows
// the link by it.
func (n *Node) takeCard(l *live, id string, raw stanza.Card) stanza.Stanza {
	c, ok := openCard(raw)
	if !ok || !c.chain.Pin.Equal(l.remote.pin) || c.chain.Device != l.conn.Peer().Device {
		return refusal(id, notReadable) // of somebody else, or not signed by its device
	}
	n.keepCard(c)
	n.knockSoon(l.remote, 0)
	from := l.conn.Peer().Addr.Addr().Unmap()
	var kept []netip.AddrPort
	switch {
	case from.IsLinkLocalUnicast():
		var told []netip.AddrPort
		for _, a := range c.at.Addrs {
			told = append(told, netip.AddrPortFrom(a, c.at.Port))
		}
		told = n.onLink(told)
		kept = append(told[:min(len(told), 1)], netip.AddrPortFrom(from, c.at.Port))
	case slices.Contains(c.at.Addrs, from):
		kept = []netip.AddrPort{netip.AddrPortFrom(from, c.at.Port)}
	}
	for _, at := range kept {
		if err := n.trust.Seen(l.remote.pin, nil, at.String(), time.Now()); err != nil {
			n.log.Error("Contact not written", "err", err)
		}
	}
	return stanza.IQ{ID: id, Type: "result"}
}
