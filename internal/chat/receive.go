package chat

import (
	"llchat/internal/history"
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
	case s.Type == "groupchat":
		return nil
	case s.Payloads.Displayed != "":
		n.displayedBy(l, s.Payloads.Displayed)
		return nil
	}
	n.heardTyping(l, s)
	if s.Nick != "" && s.Nick != l.nick {
		l.nick = s.Nick
		n.touch(l.remote.pin)
	}
	n.heardStamp(l.remote, s.Delay)
	m, ok := incoming(l.remote.pin, s)
	if !ok || !n.store(m) || !s.Request || s.ID == "" {
		return nil
	}
	return []stanza.Stanza{receiptFor(s.ID)}
}

// store puts a received message on disk; what was there already is not shown
// again but is confirmed again (spec 5.7).
func (n *Node) store(m history.Message) bool {
	var err error
	if m.Kind == history.Chat {
		var fresh bool
		if m, fresh, err = n.hist.Append(m); err == nil && fresh {
			n.publishMessage(m)
		}
	} else {
		var out history.Outcome
		if out, err = n.storeAbout(m); err == nil {
			n.publishOutcome(out)
		}
	}
	if err != nil {
		n.storeFailed(err)
		return false // no receipt: the sender keeps it
	}
	n.clearHealth(healthStore)
	if m.Peer == n.focus {
		n.looked(m.Peer)
	}
	return true
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
