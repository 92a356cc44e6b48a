package chat

import (
	"slices"

	"llchat/internal/trust"
)

// secured keeps how well the stream of a contact is protected, and marks one
// that is less than an earlier one was (T-32). Nobody between the two could
// bring that about, as TLS proves what both sides offered; but the other side
// may run with other settings, and whoever recorded this conversation may read
// it some day. So it is told, and nothing is refused. What we ourselves do not
// offer is told elsewhere (Status.PostQuantum).
func (n *Node) secured(l *live) {
	s := l.conn.TLS() // of a handshake that has returned, for this very key
	is := trust.Security{Version: s.Version, Group: s.CurveID}
	before, err := n.trust.Secured(l.remote.pin, is)
	if err != nil {
		n.log.Error("Contact not written", "err", err)
	}
	l.weaker = is.Below(before) && postQuantum()
}

// isWeaker reports whether a stream is protected less than an earlier one.
func (r *remote) isWeaker() bool {
	return slices.ContainsFunc(r.live, func(l *live) bool { return l.weaker })
}
