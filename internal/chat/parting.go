package chat

import (
	"context"
	"errors"
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/trust"
	"llchat/internal/xmlstream"
)

// blockTime is how long a key that we parted from may take to end its streams:
// they are gone within a second (P-09).
const blockTime = 900 * time.Millisecond

// Reasons of messages that will not go to the key that they were written to.
const (
	ReasonBlocked  = "blocked"
	ReasonReplaced = "this person has a new key" // and Retry sends to that one
)

// parting is how we leave a key that is no contact any more.
type parting struct {
	silent bool   // its streams end with a plain closing tag, else with reset
	reason string // why what waits for it does not go; empty: that is dealt with elsewhere
}

var (
	// blocking looks to the other side as any end of a stream does: it cannot tell
	// being blocked from being a stranger (security.md 4.3.4).
	blocking   = parting{silent: true, reason: ReasonBlocked}
	forgetting = parting{}
	retiring   = parting{reason: ReasonReplaced}
)

// part ends what binds us to a key, once the pin store says what it is now: its
// streams, its request, dials to it, and what waits for it.
func (n *Node) part(r *remote, how parting) error {
	for _, l := range r.live {
		l.accepted = false
		clear(l.flights) // nothing that it still says counts, acknowledgements included
		n.partStream(l, how)
	}
	r.redial.wanted = false
	r.redial.stop()
	clear(r.retries)
	r.displayed = ""
	var errs []error
	if r.request != nil {
		errs = append(errs, n.hist.DropRequest(r.pin))
		n.requestGone(r)
	}
	n.rebind()
	n.touch(r.pin)
	for pin := range n.remotes { // conflicts with it are none any more, or are with another
		n.touch(pin)
	}
	if how.reason != "" {
		errs = append(errs, n.failOutbox(r.pin, how.reason))
	}
	return errors.Join(errs...)
}

// partStream ends a stream of a key that is no contact any more. A revoked key
// is told to start anew, which proves what it is now (C-24).
func (n *Node) partStream(l *live, how parting) {
	l.parted = true
	if !how.silent {
		l.conn.Abort(xmlstream.Error{Condition: xmlstream.Reset})
	}
	n.endWithin(l, blockTime)
}

// partingOf is how to leave a key in a state that is none of a contact.
func partingOf(s trust.State) parting {
	if s == trust.Blocked {
		return blocking
	}
	return retiring
}

// endWithin ends a stream politely, and cuts it when that takes too long.
func (n *Node) endWithin(l *live, d time.Duration) {
	n.start(func() {
		ctx, cancel := context.WithTimeout(n.ctx, d)
		defer cancel()
		if err := l.conn.Close(ctx); err != nil {
			n.log.Debug("Stream cut", "err", err)
		}
	})
}

// failOutbox says of what still waits for a key why it will not go.
func (n *Node) failOutbox(pin identity.Pin, reason string) error {
	box, err := n.hist.Outbox(pin)
	if err != nil {
		return err
	}
	for _, m := range box {
		n.mark(pin, m.ID, history.Failed, reason)
	}
	return nil
}

// finishPartings fails what waits for keys that were blocked or replaced: we
// ended after the pin store knew of it and before the outbox did.
func (n *Node) finishPartings() {
	pins, err := n.hist.OutboxPeers()
	if err != nil {
		n.log.Error("Outbox not read", "err", err)
		return
	}
	for _, pin := range pins {
		c, ok := n.trust.Get(pin)
		if !ok || c.Accepted() {
			continue
		}
		if err := n.failOutbox(pin, partingOf(c.State).reason); err != nil {
			n.storeFailed(err)
		}
	}
}
