package chat

import (
	"net/netip"
	"time"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/trust"
)

// MayDial is for TestL26.
func MayDial(n *Node, to netip.AddrPort) error { return n.mayDial(to) }

// Streams is how many streams are open.
func Streams(n *Node) int {
	count := 0
	_ = n.call(n.ctx, func() error {
		for _, r := range n.remotes {
			count += len(r.live)
		}
		return nil
	})
	return count
}

// EndStreams begins the end of every stream, as an idle time does.
func EndStreams(n *Node) {
	_ = n.call(n.ctx, func() error {
		for _, r := range n.remotes {
			for _, l := range r.live {
				l.conn.End()
			}
		}
		return nil
	})
}

// Appear has the engine take in announcements as discovery tells them.
func Appear(n *Node, kind mdns.Kind, peers []mdns.Peer) {
	_ = n.call(n.ctx, func() error {
		for _, p := range peers {
			n.claimEvent(mdns.Event{Kind: kind, Peer: p})
			n.refresh()
		}
		return nil
	})
}

// AddContact pins a key without a stream, as an earlier start did.
func AddContact(n *Node, pin identity.Pin, names ...string) error {
	return n.call(n.ctx, func() error {
		_, err := n.trust.Accept(pin, names[0], names, trust.ByAccepted, time.Now())
		n.remote(pin)
		n.rebind()
		n.touch(pin)
		return err
	})
}

// AcceptedStreams is how many of them are those of contacts.
func AcceptedStreams(n *Node) int {
	count := 0
	_ = n.call(n.ctx, func() error {
		for _, r := range n.remotes {
			for _, l := range r.live {
				if l.accepted {
					count++
				}
			}
		}
		return nil
	})
	return count
}
