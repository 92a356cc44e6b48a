package chat

import (
	"cmp"
	"context"
	"crypto/tls"
	"net/netip"
	"os"
	"slices"
	"strings"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// replayBatch is how many stored facts a subscription reads at once.
const replayBatch = 256

// Status implements API.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var s Status
	err := n.call(ctx, func() error {
		if s = n.status(); n.keeping.why == concealed {
			s = n.concealedStatus(s)
		}
		return nil
	})
	return s, err
}

func (n *Node) status() Status {
	s := faceSettings(n.settings)
	s.Fingerprint, s.Port, s.Running = n.id.Pin(), n.port, !n.opt.Passive
	s.Discovery = n.discoveryStatus()
	s.Profile, s.Health, s.PostQuantum = n.prof.Dir(), n.health.Items(), postQuantum()
	s.Interfaces, s.Addresses = []Interface{}, []string{} // never null in JSON
	if n.net.Interfaces != nil {
		s.Interfaces = append(s.Interfaces, n.net.Interfaces()...)
	}
	if n.port != 0 {
		s.Addresses = append(s.Addresses, addressesOf(s.Interfaces, n.port)...)
	}
	select {
	case <-n.ready:
		s.Ready, s.Name = true, safetext.Line(n.names.now())
	default:
	}
	return s
}

// addressesOf is where a node that listens on a port can be dialled.
func addressesOf(used []Interface, port uint16) []string {
	var addrs []string
	for _, i := range used {
		for _, text := range i.Addresses {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				continue
			}
			a := p.Addr()
			if a.IsLinkLocalUnicast() && a.Is6() {
				a = a.WithZone(i.Name)
			}
			addrs = append(addrs, netip.AddrPortFrom(a, port).String())
		}
	}
	return addrs
}

// Peers implements API: contacts first, then the others by name.
func (n *Node) Peers(ctx context.Context) ([]Peer, error) {
	var rows []Peer
	err := n.call(ctx, func() error {
		n.refresh()
		for _, row := range n.rows {
			rows = append(rows, row.Peer)
		}
		return nil
	})
	sortPeers(rows)
	return rows, err
}

func sortPeers(rows []Peer) {
	slices.SortFunc(rows, func(a, b Peer) int {
		if a.Contact() != b.Contact() {
			if a.Contact() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Name.String(), b.Name.String()), cmp.Compare(a.Key, b.Key))
	})
}

// History implements API.
func (n *Node) History(ctx context.Context, who string, before int64, max int) ([]Message, error) {
	var page []Message
	err := n.call(ctx, func() error {
		row, err := n.resolve(who)
		if err != nil || row.Fingerprint.IsZero() {
			return err // a claim has no past
		}
		stored, err := n.hist.Page(row.Fingerprint, before, max)
		for _, m := range stored {
			page = append(page, n.face(m))
		}
		return n.damaged(err)
	})
	return page, err
}

// Message implements API.
func (n *Node) Message(ctx context.Context, who, id string) (Message, error) {
	var m Message
	err := n.call(ctx, func() error {
		stored, err := n.stored(who, id)
		if err == nil {
			m = n.face(stored)
		}
		return n.damaged(err)
	})
	return m, err
}

// Export implements API.
func (n *Node) Export(ctx context.Context, who string, after int64, most int) ([]Message, error) {
	var page []Message
	err := n.call(ctx, func() error {
		var with *identity.Pin
		if who != "" {
			row, err := n.resolve(who)
			if err != nil || row.Fingerprint.IsZero() {
				return err // a claim has no past
			}
			with = &row.Fingerprint
		}
		stored, err := n.hist.After(with, after, most)
		for _, m := range stored {
			page = append(page, n.face(m))
		}
		return n.damaged(err)
	})
	return page, err
}

// Subscribe implements API.
func (n *Node) Subscribe(ctx context.Context, since uint64) (Feed, error) {
	var f *feed
	err := n.call(ctx, func() error {
		if since == 0 {
			f = n.hub.subscribe(n.hist.NextSeq())
			return nil
		}
		f = n.hub.subscribe(since)
		f.replay = n.replay
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// replay reads the stored facts after a number.
func (n *Node) replay(ctx context.Context, after uint64) ([]Event, error) {
	var events []Event
	err := n.call(ctx, func() error {
		facts, err := n.hist.Since(after, replayBatch)
		for _, f := range facts {
			events = append(events, n.faceFact(f))
		}
		return n.damaged(err)
	})
	return events, err
}

func (n *Node) faceFact(f history.Fact) Event {
	if f.Message != nil {
		return Event{Seq: f.Message.Seq, Time: f.Message.Time, Body: n.face(*f.Message)}
	}
	return Event{Seq: f.Request.Seq, Time: f.Request.Last, Body: n.faceRequest(*f.Request)}
}

// postQuantum reports whether handshakes offer the hybrid group: GODEBUG can
// take it away behind our back (security.md 4.3).
func postQuantum() bool {
	return !strings.Contains(os.Getenv("GODEBUG"), "tlsmlkem=0") && tls.X25519MLKEM768 != 0
}
