package chat

import "net/netip"

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
