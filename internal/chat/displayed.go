package chat

import (
	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/stanza"
)

// tellsDisplayed reports whether contacts learn what was displayed to the user
// (XEP-0333), which is off until asked for. Who tells also asks.
func (n *Node) tellsDisplayed() bool { return n.settings.Displayed == SettingOn }

// displayedBy follows what a contact says it has shown: nothing that was not
// delivered, and never backwards.
func (n *Node) displayedBy(l *live, id string) {
	n.receipt(l, id) // it may come before its receipt, and says more
	changed, err := n.hist.Displayed(l.remote.pin, id)
	if err != nil {
		n.storeFailed(err)
		return
	}
	for _, m := range changed {
		n.publishMessage(m)
	}
}

// looked notes that the user sees the end of a conversation, and tells the
// other side about the newest message there that wants it told.
func (n *Node) looked(pin identity.Pin) {
	if pin.IsZero() {
		return
	}
	page, err := n.hist.Page(pin, 0, 1)
	if err != nil || len(page) == 0 {
		return
	}
	newest := page[0]
	if err := n.hist.SetSeen(pin, newest.Row); err != nil {
		n.log.Error("Reading not noted", "err", err)
	}
	n.tellDisplayed(newest)
}

func (n *Node) tellDisplayed(m history.Message) {
	r := n.remotes[m.Peer]
	if r == nil || m.Direction != history.In || !m.Markable || !n.tellsDisplayed() || r.displayed == m.ID {
		return
	}
	l := r.best()
	if l == nil || !l.accepted || l.theyWait() {
		return // P-19; it is told when they are back and it is looked at again
	}
	r.displayed = m.ID
	n.say(l, stanza.Message{ID: stanza.NewID(), Type: "chat", Payloads: stanza.Payloads{Displayed: m.ID}})
}
