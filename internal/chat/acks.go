package chat

import (
	"time"

	"llchat/internal/history"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// Times after which a peer that confirms gets again, on the same stream, what
// it has read and not confirmed: its disk may have been full.
const (
	remindFirst = 30 * time.Second
	remindMost  = 10 * time.Minute
)

// receiptTime is how long a receipt may take to follow an acknowledgement.
const receiptTime = 2 * time.Second

// acked is stream.Config.Acked: the peer has handled messages of ours. Where a
// receipt came before, as from llchat, there is nothing left to do.
func (n *Node) acked(c *stream.Conn, ids []string) {
	_ = n.call(n.ctx, func() error {
		if l := n.find(c); l != nil {
			n.handled(l, ids)
		}
		return nil
	})
}

// ackLate is stream.Config.AckLate.
func (n *Node) ackLate(c *stream.Conn, ids []string) {
	n.post(func() {
		if l := n.find(c); l != nil {
			n.late(l, ids)
		}
	})
}

// handled moves messages to sent (spec 5.7): they have been read, and are on
// nobody's disk that we know of.
func (n *Node) handled(l *live, ids []string) {
	for _, id := range ids {
		f, open := l.flights[id]
		switch {
		case !open || f.due || f.settling:
			continue
		case l.knowsNoReceipts():
			n.finish(l, id)
			continue
		case l.owesReceipts():
			n.showSent(l)
		default:
			n.mark(l.remote.pin, id, history.Sent, ReasonNoReceipt)
		}
		f.read = true
		l.flights[id] = f
	}
	n.remind(l)
	n.pump(l)
}

// showSent shows as sent, in a while, what was acknowledged by a peer whose
// receipts are about to come: nearly always there is nothing left to write.
func (n *Node) showSent(l *live) {
	if l.shows {
		return
	}
	l.shows = true
	n.after(receiptTime, func() {
		l.shows = false
		if n.find(l.conn) == nil {
			return
		}
		for _, id := range l.unconfirmed() {
			if !l.flights[id].again {
				n.mark(l.remote.pin, id, history.Sent, "")
			}
		}
	})
}

// finish ends a message whose receiver sends no receipts.
func (n *Node) finish(l *live, id string) {
	m, err := n.hist.Finish(l.remote.pin, id, ReasonNoReceipt)
	if err != nil {
		n.storeFailed(err)
		return
	}
	delete(l.flights, id)
	delete(l.remote.retries, id)
	n.publishMessage(m)
}

// late shows messages as waiting that nobody has acknowledged for 5 s.
func (n *Node) late(l *live, ids []string) {
	for _, id := range ids {
		if f, open := l.flights[id]; open && !f.read && !f.due {
			n.mark(l.remote.pin, id, history.Queued, ReasonNoAnswer)
		}
	}
}

// owesReceipts reports whether this peer confirms what it has stored.
func (l *live) owesReceipts() bool { return l.remote.confirms || l.receipts }

// knowsNoReceipts reports whether this peer has told what it can do, and that
// receipts are not among it.
func (l *live) knowsNoReceipts() bool { return l.told && !l.owesReceipts() }

// remind sends again what a peer that confirms has read and not confirmed,
// ever more rarely. The id is the same: what it has is not shown twice.
func (n *Node) remind(l *live) {
	if l.reminds || !l.owesReceipts() || len(l.unconfirmed()) == 0 {
		return
	}
	l.reminds = true
	n.after(min(remindFirst<<min(l.reminded, 8), remindMost), func() {
		l.reminds = false
		if n.find(l.conn) == nil {
			return
		}
		list := l.unconfirmed()
		for _, id := range list {
			f := l.flights[id]
			f.read, f.due, f.again = false, true, true
			l.flights[id] = f
			l.remote.retries[id] = true
			n.mark(l.remote.pin, id, history.Sent, ReasonNoReceipt)
		}
		if l.reminded++; len(list) == 0 {
			l.reminded = 0
		}
		n.pump(l)
	})
}

// unconfirmed are the messages on this stream that were read, and no more.
func (l *live) unconfirmed() []string {
	var ids []string
	for id, f := range l.flights {
		if f.read && !f.settling {
			ids = append(ids, id)
		}
	}
	return ids
}

// learn takes what a peer says that it can do: in the features of its stream, as
// an answer, or by a hash that is ours.
func (n *Node) learn(l *live, info stanza.Info) {
	l.told, l.receipts = true, info.Has(stanza.NSReceipts)
	if !l.knowsNoReceipts() {
		return
	}
	for _, id := range l.unconfirmed() {
		n.finish(l, id)
	}
	n.pump(l)
}

// offered looks for disco#info in the features of a listener (174-10.4).
func (n *Node) offered(l *live) {
	for _, e := range l.conn.Offered() {
		if info, ok := stanza.ParseInfo(e); ok {
			n.learn(l, info)
			return
		}
	}
}

// heardCaps follows the capabilities in a presence (XEP-0115). Who has our hash
// can do what we can; anybody else is asked, once a stream (174-10.3), and only
// who has accepted us: nobody else would answer.
func (n *Node) heardCaps(l *live, p stanza.Presence) {
	for _, e := range p.Unknown {
		if e.Is(stanza.NSCaps, "c") && e.Attr("hash") == "sha-1" && e.Attr("ver") == ourVer {
			n.learn(l, ourInfo)
		}
	}
	if l.told || l.question != "" || !l.accepted {
		return
	}
	q := stanza.InfoRequest("")
	l.question = q.ID
	n.say(l, q)
}

// answersInfo takes the answer to our question.
func (n *Node) answersInfo(l *live, q stanza.IQ) bool {
	if q.ID == "" || q.ID != l.question {
		return false
	}
	if info, ok := stanza.ParseInfo(q.Payload); ok && q.Type == "result" {
		n.learn(l, info)
	}
	return true
}

// capsElement is what contacts are told about what we can do.
var capsElement = &xmlstream.Element{
	Name: xmlstream.Name{Space: stanza.NSCaps, Local: "c"},
	Attrs: []xmlstream.Attr{
		{Name: xmlstream.Name{Local: "hash"}, Value: "sha-1"},
		{Name: xmlstream.Name{Local: "node"}, Value: capsNode},
		{Name: xmlstream.Name{Local: "ver"}, Value: ourVer},
	},
}
