package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/trust"
	"llchat/internal/xmlstream"
)

const (
	// maxBody is L-12. What is larger is refused here, at the sender.
	maxBody = 32 << 10

	// maxEscaped leaves room for the rest of a stanza of L-08: signs such as &
	// grow when they are written as XML.
	maxEscaped = 60 << 10

	// batch bounds the messages on a stream that have no receipt yet, so that
	// a peer that stopped reading is noticed with little under way.
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

// checkText refuses what cannot be sent whole and unchanged.
func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return usage("the message is empty", "")
	case len(text) > maxBody:
		return usage(fmt.Sprintf("the message has %d octets, more than the %d that fit", len(text), maxBody),
			"send it as a file")
	case !utf8.ValidString(text):
		return usage("the message is not UTF-8 text", "send it as a file")
	}
	if size := len(xmlstream.AppendText(nil, text)); size > maxEscaped {
		return usage(fmt.Sprintf("the message becomes %d octets of XML, more than the %d that fit", size, maxEscaped),
			"send it as a file")
	}
	for _, r := range text {
		if !xmlstream.ValidChar(r) {
			return usage(fmt.Sprintf("the message has a character that XML cannot carry (U+%04X)", r),
				"remove it, or send the text as a file")
		}
	}
	return nil
}

// Send implements API.
func (n *Node) Send(ctx context.Context, who, text string) (Message, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if err := checkText(text); err != nil {
		return Message{}, err
	}
	var m Message
	var claim string
	err := n.call(ctx, func() (err error) {
		pin, key, err := n.addressee(who)
		if err != nil {
			return err
		}
		claim = key
		if key == "" {
			m, err = n.queue(pin, text)
		}
		return err
	})
	if err != nil || claim == "" {
		return m, err
	}
	return n.sendToClaim(ctx, claim, text)
}

// addressee decides whether and to which key a message may be queued. For a
// claim without a key it returns the claim: somebody has to answer there
// first (security.md 6.2).
func (n *Node) addressee(who string) (pin identity.Pin, claim string, err error) {
	row, err := n.resolve(who)
	if err != nil {
		return pin, "", err
	}
	switch row.Trust {
	case "":
		return pin, row.id.claim, nil
	case trust.Pinned, trust.Verified:
		return row.Fingerprint, "", nil
	case trust.Unknown:
		// Writing to somebody who asked is accepting them.
		_, err := n.accept(n.remote(row.Fingerprint), "sent")
		return row.Fingerprint, "", err
	case trust.Conflict:
		return pin, "", &Error{
			Code: CodeRefused,
			Text: fmt.Sprintf("%s is not the key that you know under that name: nothing is sent to it", row.Name),
			Hint: "compare fingerprints with that person before you decide",
		}
	}
	return pin, "", &Error{Code: CodeRefused, Text: fmt.Sprintf("%s is %s", row.Name, row.Trust)}
}

// sendToClaim dials a claim, pins the key that answered, and only then lets
// the text leave the caller.
func (n *Node) sendToClaim(ctx context.Context, claim, text string) (Message, error) {
	c, err := n.dialClaim(ctx, claim)
	if err != nil {
		return Message{}, err
	}
	pin := c.Peer().Pin
	var m Message
	err = n.call(ctx, func() error {
		r := n.remote(pin)
		n.prove(claim, pin)
		switch state, of := n.judge(r); state {
		case trust.Unknown:
			if _, err := n.accept(r, "sent"); err != nil {
				return err
			}
		case trust.Pinned, trust.Verified:
		case trust.Conflict:
			n.conflict(r, of)
			return &Error{
				Code: CodeRefused,
				Text: fmt.Sprintf("another key claims the name of %s: nothing is sent to it",
					safetext.Name(of.Petname)),
				Hint: "compare fingerprints with that person before you decide",
			}
		default:
			return &Error{Code: CodeRefused, Text: "the key that answered is " + string(state)}
		}
		var err error
		m, err = n.queue(pin, text)
		return err
	})
	return m, err
}

// queue puts a message on disk and starts delivering it. From here on it is
// never lost without a word.
func (n *Node) queue(pin identity.Pin, text string) (Message, error) {
	stored, _, err := n.hist.Append(history.Message{
		ID: stanza.NewID(), Peer: pin, Direction: history.Out, Body: text,
		State: history.Queued, Time: time.Now(),
	})
	if errors.Is(err, history.ErrFull) {
		return Message{}, &Error{
			Code: CodeError,
			Text: "too much waits for this peer already",
			Hint: "it goes out when the peer is here again; then there is room",
		}
	}
	if err != nil {
		return Message{}, err
	}
	m := n.publishMessage(stored)
	r := n.remote(pin)
	if l := r.best(); l != nil {
		n.pump(l)
	} else {
		n.retryNow(r)
	}
	return m, nil
}

// publishMessage tells every face about a stored message.
func (n *Node) publishMessage(h history.Message) Message {
	m := n.face(h)
	n.emitFact(h.Seq, m)
	return m
}

// face makes a stored message fit for a face.
func (n *Node) face(h history.Message) Message {
	return Message{
		ID: safetext.Line(h.ID).String(), Peer: h.Peer, Name: n.nameOf(h.Peer),
		Direction: Direction(h.Direction), Body: safetext.Body(h.Body),
		State: State(h.State), Reason: h.Reason, Row: h.Row,
		Delayed: !h.Delay.IsZero(), Written: h.Time,
	}
}

func (n *Node) nameOf(pin identity.Pin) safetext.Text {
	if c, ok := n.trust.Get(pin); ok && c.Petname != "" {
		return safetext.Name(c.Petname)
	}
	if row, ok := n.rows[pin.String()]; ok {
		return row.Name
	}
	return safetext.Name(pin.Label())
}

// mark changes the state of one of our messages and publishes it.
func (n *Node) mark(pin identity.Pin, id string, s history.State, reason string) {
	now := n.hist.NextSeq()
	m, err := n.hist.Mark(pin, id, s, reason)
	if err != nil {
		n.log.Debug("Message not marked", "err", err)
		return
	}
	if m.Seq > now { // else nothing changed, and nobody is told twice
		n.publishMessage(m)
	}
}

// pump starts the goroutine that feeds a stream from the outbox, unless it
// runs already.
func (n *Node) pump(l *live) {
	if !l.accepted || l.pumping {
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
				return // the stream is ending; closed puts them back
			}
		}
	})
}

// nextBatch takes the next messages from the outbox that are not on this
// stream yet, oldest first.
func (n *Node) nextBatch(l *live) []stanza.Stanza {
	pin := l.remote.pin
	box, err := n.hist.Outbox(pin)
	if err != nil {
		n.log.Error("Outbox not read", "err", err)
		return nil
	}
	var next []stanza.Stanza
	for i, m := range box {
		if _, ok := l.inflight[m.ID]; ok {
			continue
		}
		if !l.room(len(m.Body)) {
			n.holdBack(l, box[i:])
			break
		}
		s := n.outgoing(l, m)
		if !n.fits(l, m, s) {
			continue
		}
		l.inflight[m.ID] = len(m.Body)
		next = append(next, s)
		if l.theyWait() && m.Reason != ReasonWaiting {
			n.mark(pin, m.ID, history.Queued, ReasonWaiting)
		}
	}
	if len(next) > 0 {
		n.expectReceipt(l)
	}
	return next
}

// fits reports whether the peer takes a stanza of this size. A stream on which
// we waited keeps the small limit of strangers; the next one has the full one.
func (n *Node) fits(l *live, m history.Message, s stanza.Message) bool {
	if len(stanza.Append(nil, s)) <= l.conn.MaxBytes() {
		return true
	}
	if l.waited {
		l.conn.End()
	} else {
		n.mark(m.Peer, m.ID, history.Failed, "too big for the other side")
	}
	return false
}

// room reports whether a stream may carry another message of this size.
func (l *live) room(size int) bool {
	if !l.theyWait() {
		return len(l.inflight) < batch
	}
	octets := size
	for _, o := range l.inflight {
		octets += o
	}
	return len(l.inflight) < waitingMessages && octets <= waitingOctets
}

// holdBack says of messages that stay here until we are accepted why.
func (n *Node) holdBack(l *live, rest []history.Message) {
	if !l.theyWait() {
		return
	}
	for _, m := range rest {
		if _, sent := l.inflight[m.ID]; !sent && m.Reason != ReasonWaiting {
			n.mark(m.Peer, m.ID, history.Queued, ReasonWaiting)
		}
	}
}

// outgoing is the stanza of a stored message.
func (n *Node) outgoing(l *live, m history.Message) stanza.Message {
	s := stanza.Message{ID: m.ID, Type: "chat", Body: m.Body, HasBody: true, Request: true}
	if l.remote.retries[m.ID] || time.Since(m.Time) > delayAfter {
		s.Delay = m.Time.UTC()
	}
	if l.theyWait() {
		s.Nick = n.settings.Nick // XEP-0172: with the first message to a new peer
	}
	return s
}

// expectReceipt checks the stream when a receipt is late (spec 5.7): an answer
// to a ping proves that everything before it was processed, silence that the
// stream is dead. Who keeps us waiting owes no receipt.
func (n *Node) expectReceipt(l *live) {
	if l.waiting || l.theyWait() {
		return
	}
	l.waiting = true
	n.after(ackTime, func() {
		l.waiting = false
		if len(l.inflight) == 0 || n.find(l.conn) == nil || l.theyWait() {
			return
		}
		n.checkStream(l)
	})
}

func (n *Node) checkStream(l *live) {
	var before []string
	for id := range l.inflight {
		before = append(before, id)
	}
	l.waiting = true
	n.start(func() {
		ctx, cancel := context.WithTimeout(n.ctx, deadTime)
		defer cancel()
		if err := l.conn.Ping(ctx); err != nil {
			l.conn.Abort(xmlstream.Error{Condition: xmlstream.ConnectionTimeout})
			return
		}
		n.post(func() {
			l.waiting = false
			for _, id := range before {
				if _, open := l.inflight[id]; open {
					n.mark(l.remote.pin, id, history.Sent, ReasonNoReceipt)
				}
			}
		})
	})
}

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
		n.setHealth(healthStore, "a message could not be stored: "+err.Error(), "make room on the disk")
		return false // no receipt: the sender keeps it
	}
	if fresh {
		n.publishMessage(stored)
	}
	return true
}

func receiptFor(id string) stanza.Message {
	return stanza.Message{ID: stanza.NewID(), Received: id}
}

// receipt ends the journey of one of our messages: it is on their disk.
func (n *Node) receipt(l *live, id string) {
	if _, ok := l.inflight[id]; !ok {
		return // never sent on this stream: nothing that it could confirm
	}
	delete(l.inflight, id)
	delete(l.remote.retries, id)
	n.mark(l.remote.pin, id, history.Delivered, "")
	n.pump(l)
}

// refusedMessage follows an error stanza for one of our messages.
func (n *Node) refusedMessage(l *live, s stanza.Message) {
	if _, ok := l.inflight[s.ID]; !ok {
		return
	}
	delete(l.inflight, s.ID)
	n.mark(l.remote.pin, s.ID, history.Failed, "refused by the other side")
	n.pump(l)
}

// cannotEncrypt tells the user once an hour and name that somebody tried to
// write in clear. Nothing about it is proven, so it is a note, not an alarm.
func (n *Node) cannotEncrypt(r stream.Refusal) {
	if r.Reason != stream.ReasonCannotEncrypt {
		return
	}
	key, ok := n.claimOf(r.Name, r.Addr.Addr())
	if !ok {
		return
	}
	c := n.claims[key]
	no := false
	c.Encrypts, c.Note = &no, noteCannotEncrypt
	n.touchClaim(key)
	if time.Since(n.refused[key]) < refusedPause {
		return
	}
	n.refused[key] = time.Now()
	n.note("cannot-encrypt", safetext.Line(c.Instance).String()+" tried to write; its client cannot encrypt",
		"nothing of it was read, and nothing is sent in clear: ask them to use llchat")
}

// refusedPause is the time between two such notices about one name.
const refusedPause = time.Hour

const noteCannotEncrypt = "its client cannot encrypt"
