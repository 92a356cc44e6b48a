package chat

import (
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/stanza"
)

// message takes in a message stanza and returns what is to be answered.
func (n *Node) message(l *live, s stanza.Message) []stanza.Stanza {
	if !l.accepted {
		n.strangerMessage(l, s)
		return nil
	}
	switch {
	case s.Type == "error":
		n.refusedMessage(l, s)
		return nil
	case s.Received != "":
		n.receipt(l, s.Received)
		return nil
	case !s.HasBody || s.Type == "groupchat":
		return nil
	}
	if s.Nick != "" && s.Nick != l.nick {
		l.nick = s.Nick
		n.touch(l.remote.pin)
	}
	if !n.store(l.remote.pin, s) || !s.Request || s.ID == "" {
		return nil
	}
	return []stanza.Stanza{receiptFor(s.ID)}
}

// store puts a received message on disk; what was there already is not shown
// again but is confirmed again (spec 5.7).
func (n *Node) store(pin identity.Pin, s stanza.Message) bool {
	m := history.Message{
		ID: s.ID, Peer: pin, Direction: history.In, Body: s.Body,
		State: history.Received, Time: time.Now(), Delay: s.Delay,
	}
	if m.ID == "" {
		m.ID = stanza.NewID()
	}
	stored, fresh, err := n.hist.Append(m)
	if err != nil {
		n.storeFailed(err)
		return false // no receipt: the sender keeps it
	}
	n.clearHealth(healthStore)
	if fresh {
		n.publishMessage(stored)
	}
	return true
}

func receiptFor(id string) stanza.Message {
	return stanza.Message{ID: stanza.NewID(), Received: id}
}

// receipt ends the journey of one of our messages: it is on their disk. While
// ours does not take that, the message stays where it is: sending it again
// would only bring the same receipt.
func (n *Node) receipt(l *live, id string) { n.settle(l, id, history.Delivered, "") }

// refusedMessage follows an error stanza for one of our messages.
func (n *Node) refusedMessage(l *live, s stanza.Message) {
	n.settle(l, s.ID, history.Failed, "refused by the other side")
}

// settle ends a message that is on this stream. Any other is none that this
// stream could say anything about.
func (n *Node) settle(l *live, id string, s history.State, reason string) {
	f, ok := l.flights[id]
	if !ok {
		return
	}
	l.confirms = l.confirms || s == history.Delivered
	if !n.mark(l.remote.pin, id, s, reason) {
		f.read = true
		l.flights[id] = f
		return
	}
	delete(l.flights, id)
	delete(l.remote.retries, id)
	n.pump(l)
}
