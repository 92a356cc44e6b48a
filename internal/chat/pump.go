package chat

import (
	"context"
	"math"
	"slices"
	"time"

	"llchat/internal/history"
	"llchat/internal/stanza"
)

const (
	// batch bounds the messages on a stream that the peer may not have read
	// yet, so that one that stopped reading is noticed with little under way.
	batch = 32

	// To somebody who has not accepted us: no more than the other side keeps
	// (L-11). The rest stays here and follows on acceptance.
	waitingMessages = 3
	waitingOctets   = 4 << 10

	// ackTime and deadTime are the timers of spec 5.7.
	ackTime  = 5 * time.Second
	deadTime = 10 * time.Second

	// delayAfter: a message older than this when it leaves says when it was
	// written (XEP-0203).
	delayAfter = 30 * time.Second
)

// flight is a message on a stream without a receipt.
//
//	under way --<a/>, or a ping answered--> read --next stream, or remind--> (again)
//	    |  ^
//	    |  +-- sent again, once -- due
//	    +-- ping answered, yet it was dropped --> due
type flight struct {
	at     time.Time
	octets int
	waited bool // it left while the peer kept us waiting
	read   bool // the peer acknowledged it, or answered a ping sent after it
	due    bool // to be sent again
	again  bool // was sent again

	settling bool // its receipt is here and on its way to our disk
}

// say puts stanzas before the messages that wait. Of presence only the newest
// counts: a peer that does not read costs us no more than one.
func (n *Node) say(l *live, stanzas ...stanza.Stanza) {
	for _, s := range stanzas {
		if _, ok := s.(stanza.Presence); ok {
			l.talk = withoutPresence(l.talk)
		}
		l.talk = append(l.talk, s)
	}
	n.pump(l)
}

func withoutPresence(talk []stanza.Stanza) []stanza.Stanza {
	var rest []stanza.Stanza
	for _, s := range talk {
		if _, ok := s.(stanza.Presence); !ok {
			rest = append(rest, s)
		}
	}
	return rest
}

// pump starts the goroutine that feeds a stream from the outbox, unless it
// runs already or has nothing to do.
func (n *Node) pump(l *live) {
	if !l.accepted || l.pumping || l.full && len(l.talk) == 0 && l.underWay() > batch/2 {
		return
	}
	l.pumping = true
	n.start(func() {
		for {
			var next []stanza.Stanza
			err := n.call(n.ctx, func() error {
				next = n.nextBatch(l)
				l.pumping = len(next) > 0
				return nil
			})
			if err != nil || len(next) == 0 {
				return
			}
			if err := l.conn.Send(n.ctx, next...); err != nil {
				// Either it is ending already, or it takes less than a
				// presence: then nothing can be said on it. Closed puts the
				// messages back.
				l.conn.End()
				return
			}
		}
	})
}

// nextBatch takes what is to be said, then the next messages from the outbox
// that are not on this stream yet, oldest first.
func (n *Node) nextBatch(l *live) []stanza.Stanza {
	if !l.accepted {
		return nil // parted from meanwhile
	}
	next := l.talk
	l.talk, l.full = nil, false
	if l.underWay() >= batch {
		l.full = true
		return next
	}
	if n.keeping.why != notClosed {
		return next
	}
	// No more than may go out now, behind those that are on this stream already.
	// Of who keeps us waiting all are told that they wait.
	most := len(l.flights) + batch + 1
	if l.theyWait() {
		most = math.MaxInt32
	}
	box, err := n.hist.OutboxHead(l.remote.pin, most)
	if err != nil {
		n.log.Error("Outbox not read", "err", err)
		return next
	}
	for i, m := range box {
		f, known := l.flights[m.ID]
		if known && !f.due {
			continue
		}
		s := n.outgoing(l, m)
		size := l.size(s)
		if !l.room(len(m.Body)) || l.theyWait() && size > l.conn.MaxBytes() {
			l.full = !l.theyWait()
			n.holdBack(l, box[i:])
			break
		}
		if size > l.conn.MaxBytes() {
			n.tooBig(l, m)
			continue
		}
		next = append(next, s)
		l.flights[m.ID] = flight{at: time.Now(), octets: len(m.Body), waited: l.theyWait(), again: f.again}
		if l.theyWait() && m.Reason != ReasonWaiting {
			n.mark(m.Peer, m.ID, history.Queued, ReasonWaiting)
		}
	}
	n.expectReceipt(l)
	return next
}

// size is that of the stanza with the names that the stream puts into it.
func (l *live) size(s stanza.Message) int {
	s.From, s.To = l.conn.Names()
	return len(stanza.Append(nil, s))
}

// tooBig follows a message that the peer does not take. A stream on which we
// waited may keep the small limit of strangers; the next one has the full one.
func (n *Node) tooBig(l *live, m history.Message) {
	if l.waited {
		l.conn.End()
		return
	}
	n.mark(m.Peer, m.ID, history.Failed, "too big for the other side")
}

// underWay counts what the peer may not have read yet.
func (l *live) underWay() int {
	count := 0
	for _, f := range l.flights {
		if !f.read && !f.due {
			count++
		}
	}
	return count
}

// room reports whether a stream may carry another message of this size.
func (l *live) room(size int) bool {
	if !l.theyWait() {
		return l.underWay() < batch
	}
	octets := size
	for _, f := range l.flights {
		octets += f.octets
	}
	return len(l.flights) < waitingMessages && octets <= waitingOctets
}

// holdBack says of messages that stay here until we are accepted why.
func (n *Node) holdBack(l *live, rest []history.Message) {
	if !l.theyWait() {
		return
	}
	for _, m := range rest {
		if _, sent := l.flights[m.ID]; !sent && m.Reason != ReasonWaiting {
			n.mark(m.Peer, m.ID, history.Queued, ReasonWaiting)
		}
	}
}

// expectReceipt checks a stream when a message is late that it does not
// acknowledge by itself (spec 5.7): there are no acknowledgements, or it left
// before they began. An answer to a ping proves that everything before it was
// processed, silence that the stream is dead. Who keeps us waiting owes no
// receipt.
func (n *Node) expectReceipt(l *live) {
	if l.checking || l.theyWait() || l.underWay() == 0 {
		return
	}
	l.checking = true
	n.after(ackTime, func() {
		l.checking = false
		if n.find(l.conn) == nil || l.theyWait() || l.underWay() == 0 {
			return
		}
		overdue := l.overdue()
		if acked, _ := l.conn.Unacked(); l.conn.Acknowledges() {
			overdue = slices.DeleteFunc(overdue, func(id string) bool { return slices.Contains(acked, id) })
			if len(overdue) == 0 {
				n.expectReceipt(l)
				return
			}
		}
		n.late(l, overdue)
		n.checkStream(l)
	})
}

// overdue are the messages that have been under way for too long.
func (l *live) overdue() []string {
	var ids []string
	for id, f := range l.flights {
		if !f.read && !f.due && time.Since(f.at) >= ackTime {
			ids = append(ids, id)
		}
	}
	return ids
}

// checkStreams follows a peer that is announced anew, or from elsewhere: it may
// have come back while we hold on to a stream that is dead (spec 5.7). Anybody
// can announce that, so it costs a ping now and then at the most.
func (n *Node) checkStreams(r *remote) {
	for _, l := range r.live {
		if !l.checking && time.Since(l.checked) >= deadTime {
			n.checkStream(l)
		}
	}
}

func (n *Node) checkStream(l *live) {
	var sent []string
	for id, f := range l.flights {
		if !f.read && !f.due && !l.theyWait() {
			sent = append(sent, id)
		}
	}
	l.checking, l.checked = true, time.Now()
	n.start(func() {
		ctx, cancel := context.WithTimeout(n.ctx, deadTime)
		defer cancel()
		if err := l.conn.Ping(ctx); err != nil {
			n.post(func() { n.silent(l) })
			return
		}
		n.post(func() { n.answered(l, sent) })
	})
}

// answered follows the answer to a ping: what was sent before it was read. A
// peer that confirms others has dropped what it did not confirm: its queue of
// requests, or its disk, was full. That is sent once more, and shown once: the
// id is the same. To a peer that never confirms, nothing is repeated.
func (n *Node) answered(l *live, sent []string) {
	l.checking = false
	for _, id := range sent {
		f, open := l.flights[id]
		switch {
		case !open || f.read || f.due:
			continue
		case l.knowsNoReceipts():
			n.finish(l, id)
			continue
		case (f.waited || l.owesReceipts()) && !f.again:
			f.due, f.again = true, true
			l.remote.retries[id] = true
		default:
			f.read = true
			n.mark(l.remote.pin, id, history.Sent, ReasonNoReceipt)
		}
		l.flights[id] = f
	}
	n.remind(l)
	n.pump(l)
}
