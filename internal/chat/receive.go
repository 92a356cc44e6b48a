package chat

import (
	"llchat/internal/history"
	"llchat/internal/stanza"
)

// message takes in a message stanza and returns what is to be answered.
func (n *Node) message(l *live, s stanza.Message) []stanza.Stanza {
	if n.keeping.why != notClosed {
		return n.putOff(l, s)
	}
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
	case s.Type == "groupchat":
		return nil
	case s.Payloads.Displayed != "":
		n.displayedBy(l, s.Payloads.Displayed)
		return nil
	}
	n.heardTyping(l, s)
	if nick := cut(s.Nick, maxNick); nick != "" && nick != l.nick {
		l.nick = nick
		n.touch(l.remote.pin)
	}
	n.heardStamp(l.remote, s.Delay)
	m, ok := incoming(l.remote.pin, s)
	receipt := s.Request && s.ID != ""
	if !ok || n.storeLater(l, m, receipt) || !n.store(m) || !receipt {
		return nil
	}
	return []stanza.Stanza{receiptFor(s.ID)}
}

// store puts a received message on disk; what was there already is not shown
// again but is confirmed again (spec 5.7).
func (n *Node) store(m history.Message) bool {
	if m.Kind == history.Chat {
		m, fresh, err := n.hist.Append(m)
		return n.received(m, fresh, err)
	}
	out, err := n.storeAbout(m)
	if err == nil {
		n.publishOutcome(out)
	}
	return n.received(m, false, err)
}

func receiptFor(id string) stanza.Message {
	return stanza.Message{ID: stanza.NewID(), Received: id}
}

// refusedMessage follows an error stanza for a message that is on this stream.
// Any other is none that this stream could say anything about.
func (n *Node) refusedMessage(l *live, s stanza.Message) {
	f, ok := l.flights[s.ID]
	if !ok || f.settling {
		return
	}
	if !n.mark(l.remote.pin, s.ID, history.Failed, "refused by the other side") {
		f.read = true
		l.flights[s.ID] = f
		return
	}
	delete(l.flights, s.ID)
	delete(l.remote.retries, s.ID)
	n.pump(l)
}
