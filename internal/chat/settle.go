package chat

import (
	"slices"

	"llchat/internal/history"
)

// maxSettle bounds how many receipts share one commit.
const maxSettle = 256

// settling are receipts on their way to the disk: those that come while a
// group is being written make the next group, so that a burst costs a few
// commits and the engine waits for none.
type settling struct {
	next    []settled
	group   []settled
	marking *history.Marking // of group; nil while nothing is written
}

type settled struct {
	l  *live
	id string
}

// receipt ends the journey of one of our messages: it is on their disk. While
// ours does not take that, the message stays where it is: sending it again
// would only bring the same receipt.
func (n *Node) receipt(l *live, id string) {
	f, ok := l.flights[id]
	if !ok || f.settling {
		return
	}
	l.remote.confirms = true
	f.settling, f.read = true, true
	l.flights[id] = f
	n.settling.next = append(n.settling.next, settled{l, id})
	n.settleNext()
}

// settleNext begins to write a group, unless one is being written.
func (n *Node) settleNext() {
	s := &n.settling
	if s.marking != nil || len(s.next) == 0 {
		return
	}
	count := min(len(s.next), maxSettle)
	s.group = slices.Clone(s.next[:count])
	s.next = slices.Delete(s.next, 0, count)
	var refs []history.Ref
	for _, x := range s.group {
		refs = append(refs, history.Ref{Peer: x.l.remote.pin, ID: x.id})
	}
	s.marking = n.hist.MarkAll(refs, history.Delivered, "")
}

// settledGroup is where the engine hears of the group.
func (n *Node) settledGroup() <-chan error {
	if n.settling.marking == nil {
		return nil
	}
	return n.settling.marking.Done()
}

// settledAll follows the end of a group.
func (n *Node) settledAll(err error) {
	s := &n.settling
	changed, err := s.marking.Result(err)
	group := s.group
	s.marking, s.group = nil, nil
	if err != nil {
		n.storeFailed(err)
	}
	for _, m := range changed {
		n.publishMessage(m)
	}
	var lives []*live
	for _, x := range group {
		f, open := x.l.flights[x.id]
		switch {
		case !open:
			continue
		case err != nil:
			f.settling = false
			x.l.flights[x.id] = f
		default:
			delete(x.l.flights, x.id)
			delete(x.l.remote.retries, x.id)
		}
		if !slices.Contains(lives, x.l) {
			lives = append(lives, x.l)
		}
	}
	n.settleNext()
	for _, l := range lives {
		if n.find(l.conn) != nil {
			n.pump(l)
		}
	}
}

// settleFirst has facts that were stored before another one be published
// before it: whoever asks again from a number must not miss them.
func (n *Node) settleFirst() {
	if n.settling.marking != nil {
		n.settledAll(<-n.settling.marking.Done())
	}
}
