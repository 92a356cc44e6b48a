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
)

// checkText refuses what cannot be sent whole and unchanged.
func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return usage("the message is empty", "")
	case len(text) > maxBody:
		return usage(fmt.Sprintf("the message has %d octets, more than the %d that fit", len(text), maxBody),
			fmt.Sprintf("split it: %d octets at most in one message", maxBody))
	case !utf8.ValidString(text):
		return usage("the message is not UTF-8 text", "convert it first: iconv -t UTF-8 does")
	}
	if size := len(xmlstream.AppendText(nil, text)); size > maxEscaped {
		return usage(fmt.Sprintf("the message becomes %d octets of XML, more than the %d that fit", size, maxEscaped),
			"split it: a sign such as & or < takes more than one octet of them")
	}
	for _, r := range text {
		if !xmlstream.ValidChar(r) {
			return usage(fmt.Sprintf("the message has a character that XML cannot carry (U+%04X)", r),
				"remove it: only text can be sent")
		}
	}
	return nil
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
		of, _ := n.trust.Get(row.Of)
		return pin, "", conflictError(row.Fingerprint, of, "nothing is sent to it")
	case trust.Retired:
		return pin, "", n.retiredError(row.Peer)
	}
	return pin, "", &Error{Code: CodeRefused, Text: fmt.Sprintf("%s is %s", row.Name, row.Trust)}
}

// sendToClaim dials a claim, pins the key that answered, and only then lets
// the text leave the caller.
func (n *Node) sendToClaim(ctx context.Context, claim string, w Writing) (Message, error) {
	done, err := n.alone(ctx, claim)
	if err != nil {
		return Message{}, err
	}
	defer done()
	var m Message
	var queued bool
	err = n.call(ctx, func() (err error) { // the one before us may have pinned it
		if pin := n.owner[claim]; n.isContact(pin) {
			queued = true
			m, err = n.queue(pin, w)
		}
		return err
	})
	if queued || err != nil {
		return m, err
	}
	c, err := n.dialClaim(ctx, claim)
	if err != nil {
		return Message{}, err
	}
	err = n.call(ctx, func() (err error) {
		if err = n.acceptAnswer(claim, c.Peer()); err == nil {
			m, err = n.queue(c.Peer().Pin, w)
		}
		return err
	})
	return m, err
}

// acceptAnswer pins the key that answered at a claim that the user wrote to,
// unless it is one to which nothing is sent.
func (n *Node) acceptAnswer(claim string, p stream.Peer) error {
	r := n.remote(p.Pin)
	if len(r.names) == 0 { // its stream has ended already
		r.names = namesOf(p)
	}
	n.prove(claim, p.Pin)
	switch state, of := n.judge(r); state {
	case trust.Unknown:
		_, err := n.accept(r, trust.BySent)
		return err
	case trust.Pinned, trust.Verified:
		return nil
	case trust.Conflict:
		n.conflict(r, of)
		return conflictError(r.pin, of, "nothing is sent to it")
	default:
		return &Error{Code: CodeRefused, Text: "the key that answered is " + string(state)}
	}
}

// alone waits until nobody else is writing the first message to a claim: two
// at once would dial twice. The return ends that.
func (n *Node) alone(ctx context.Context, claim string) (done func(), err error) {
	for {
		var busy chan struct{}
		mine := make(chan struct{})
		err := n.call(ctx, func() error {
			if busy = n.firsts[claim]; busy == nil {
				n.firsts[claim] = mine
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if busy == nil {
			return func() {
				n.post(func() { delete(n.firsts, claim) })
				close(mine)
			}, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// isContact reports whether the user has accepted a key.
func (n *Node) isContact(pin identity.Pin) bool {
	c, ok := n.trust.Get(pin)
	return ok && c.Accepted()
}

// publishMessage tells every face about a stored message.
func (n *Node) publishMessage(h history.Message) Message {
	n.settleFirst()
	m := n.face(h)
	n.emitFact(h.Seq, m)
	return m
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

// mark changes the state of one of our messages and publishes it. It reports
// whether the disk has it now.
func (n *Node) mark(pin identity.Pin, id string, s history.State, reason string) bool {
	now := n.hist.NextSeq()
	m, err := n.hist.Mark(pin, id, s, reason)
	if err != nil {
		n.storeFailed(err)
		return false
	}
	if m.Seq > now { // else nothing changed, and nobody is told twice
		n.publishMessage(m)
	}
	return true
}

// storeFailed tells the user that the disk does not take messages.
func (n *Node) storeFailed(err error) {
	switch {
	case errors.Is(err, history.ErrDamaged):
		_ = n.damaged(err)
		return
	case n.keeping.why != notClosed, errors.Is(err, history.ErrMoved): // said elsewhere
		return
	}
	n.setHealth(healthStore, "a message could not be stored: "+err.Error(), "make room on the disk")
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
	n.note(healthClear, safetext.Line(c.Instance).String()+" tried to write; its client cannot encrypt",
		"nothing of it was read, and nothing is sent in clear: ask them to use llchat", refusedPause)
}

// refusedPause is the time between two such notices about one name.
const refusedPause = time.Hour

const noteCannotEncrypt = "its client cannot encrypt"
