package chat

import (
	"time"

	"llchat/internal/history"
	"llchat/internal/stanza"
)

// maxStoring bounds how many messages of one stream may be on their way to the
// disk: then its peer is read no faster than the disk writes.
const maxStoring = 32

// storing is a write that the engine does not wait for. Writes end in the
// order in which they began, the ones that it waits for among them, and what
// waits shares a commit: a burst of messages costs a few (S2).
type storing struct {
	*history.Pending
	// then follows the end: it publishes, and changes nothing on the disk.
	then func(m history.Message, fresh bool, err error)
}

// disk are all of them, oldest first, and what is to be done once this turn of
// the engine is over.
type disk struct {
	storing []storing
	after   []func()
	busy    bool // in then
}

// later has then called when a write has ended.
func (n *Node) later(p *history.Pending, then func(m history.Message, fresh bool, err error)) {
	n.disk.storing = append(n.disk.storing, storing{p, then})
}

// oldest is where the engine hears of the oldest write.
func (n *Node) oldest() <-chan error {
	if len(n.disk.storing) == 0 {
		return nil
	}
	return n.disk.storing[0].Done()
}

// settle follows the end of the oldest write.
func (n *Node) settle(err error) {
	s := n.disk.storing[0]
	n.disk.storing = n.disk.storing[1:]
	m, fresh, err := s.Result(err)
	n.disk.busy = true
	s.then(m, fresh, err)
	n.disk.busy = false
}

// settleFirst has facts that were stored before another one be published
// before it: whoever asks again from a number must not miss them.
func (n *Node) settleFirst() {
	for !n.disk.busy && len(n.disk.storing) > 0 {
		n.settle(<-n.oldest())
	}
}

// afterwards has f run when what was stored has been published.
func (n *Node) afterwards(f func()) { n.disk.after = append(n.disk.after, f) }

// endTurn does what was put off.
func (n *Node) endTurn() {
	for len(n.disk.after) > 0 {
		f := n.disk.after[0]
		n.disk.after = n.disk.after[1:]
		f()
	}
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
	n.later(n.hist.MarkLater(l.remote.pin, id, history.Delivered, ""), func(m history.Message, fresh bool, err error) {
		if err != nil {
			n.storeFailed(err)
			f.settling = false
			l.flights[id] = f
			return
		}
		if fresh {
			n.publishMessage(m)
		}
		delete(l.flights, id)
		delete(l.remote.retries, id)
		n.afterwards(func() { n.pumpOn(l) })
	})
}

// pumpOn is pump for a stream that may have ended meanwhile.
func (n *Node) pumpOn(l *live) {
	if n.find(l.conn) != nil {
		n.pump(l)
	}
}

// storeLater puts a received text on disk and confirms it then. It reports
// whether the stream may go on before that.
func (n *Node) storeLater(l *live, m history.Message, receipt bool) bool {
	if m.Kind != history.Chat || l.storing >= maxStoring || len(l.talk) >= maxTalk {
		return false
	}
	l.storing++
	n.later(n.hist.AppendLater(m), func(m history.Message, fresh bool, err error) {
		l.storing--
		if err == nil && receipt {
			n.afterwards(func() {
				if n.find(l.conn) != nil {
					n.say(l, receiptFor(m.ID))
				}
			})
		}
		n.received(m, fresh, err)
	})
	return true
}

// received follows the end of storing a message of a contact.
func (n *Node) received(m history.Message, fresh bool, err error) bool {
	if err != nil {
		n.storeFailed(err)
		return false // no receipt: the sender keeps it
	}
	n.clearHealth(healthStore)
	if fresh {
		n.publishMessage(m)
	}
	n.afterwards(func() {
		if m.Peer == n.focus {
			n.looked(m.Peer)
		}
	})
	return true
}

// written is a message of ours as it stands in the outbox, or why it does not.
type written struct {
	Message
	err error
}

// queueLater puts what was written on disk and starts delivering it. From the
// answer on it is never lost without a word.
func (n *Node) queueLater(h history.Message) <-chan written {
	answer := make(chan written, 1)
	n.later(n.hist.AppendLater(h), func(m history.Message, _ bool, err error) {
		if err != nil {
			answer <- written{err: n.damaged(writingError(err))}
			return
		}
		answer <- written{Message: n.publishMessage(m)}
		n.afterwards(func() { n.deliver(m.Peer) })
	})
	return answer
}

// draft is what was written as it is stored.
func (n *Node) draft(w Writing) history.Message {
	id := w.ID
	if id == "" {
		id = stanza.NewID()
	}
	return history.Message{
		ID: id, Direction: history.Out, State: history.Queued, Time: time.Now(),
		Kind: w.kind(), Body: w.Text, Spoiler: w.Spoiler, Hint: w.Hint,
		Target: w.Replaces + w.Retracts + w.Reacts, Emoji: w.Emoji,
	}
}
