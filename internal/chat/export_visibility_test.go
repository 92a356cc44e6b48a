package chat

import (
	"net/netip"
	"time"

	"llchat/internal/identity"
)

// KnowAddress has a contact answer at an address, as on an earlier day.
func KnowAddress(n *Node, pin identity.Pin, at netip.AddrPort) error {
	return n.call(n.ctx, func() error { return n.trust.Seen(pin, nil, at.String(), time.Now()) })
}

// PeerNames is what the other ends of open streams call themselves.
func PeerNames(n *Node) []string {
	var names []string
	_ = n.call(n.ctx, func() error {
		for _, r := range n.remotes {
			for _, l := range r.live {
				names = append(names, l.conn.Peer().Name)
			}
		}
		return nil
	})
	return names
}

// OnLink is where a ghost with these links may look, of these places.
func OnLink(links []Interface, places []string) (left []string) {
	n := &Node{net: Network{Interfaces: func() []Interface { return links }}}
	for _, a := range n.onLink(placesIn(places)) {
		left = append(left, a.String())
	}
	return left
}
