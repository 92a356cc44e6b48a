package chat

import (
	"errors"
	"time"

	"llchat/internal/safetext"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// conditionOf is the stream error with which a stream ended, ours or theirs;
// empty for a clean end and for one without a word.
func conditionOf(err error) string {
	if e, ok := errors.AsType[*stream.PeerError](err); ok {
		return e.Err.Condition
	}
	if e, ok := errors.AsType[*xmlstream.Error](err); ok {
		return e.Condition
	}
	return ""
}

// isCut reports whether a stream ended without an end: neither a closing tag
// and close_notify nor an error that says why (T-09, P-25).
func isCut(err error) bool {
	c := conditionOf(err)
	return err != nil && (c == "" || c == xmlstream.ConnectionTimeout)
}

// goesOn reports whether who ended the stream said that there will be another:
// a second one (spec 5.6), or one with new keys (5.7).
func goesOn(err error) bool {
	c := conditionOf(err)
	return c == xmlstream.Conflict || c == xmlstream.Reset
}

// Words of Peer.Clock.
const (
	ClockAhead  = "ahead"
	ClockBehind = "behind"
)

const (
	// clockSlack is how much two clocks may differ without a word.
	clockSlack = 5 * time.Minute
	// oldestStamp: nothing waits for longer (L-14), so what claims to be older
	// was written under another clock.
	oldestStamp = 31 * 24 * time.Hour
)

// clockOf compares the clock of who wrote stamp, which is when a message was
// written, with ours. Nothing depends on the answer (T-33): times only order
// what was written by one clock, and that is ours.
func clockOf(stamp, now time.Time) string {
	switch {
	case stamp.IsZero():
		return ""
	case stamp.After(now.Add(clockSlack)):
		return ClockAhead
	case stamp.Before(now.Add(-oldestStamp)):
		return ClockBehind
	}
	return ""
}

// heardStamp keeps for the row of a contact how its clock differs.
func (n *Node) heardStamp(r *remote, stamp time.Time) {
	if stamp.IsZero() {
		return
	}
	if c := clockOf(stamp, time.Now()); c != r.clock {
		r.clock = c
		n.touch(r.pin)
	}
}

// withEnding shows in a row what is odd about its streams.
func (r *remote) withEnding(p *Peer) {
	p.Clock = r.clock
	p.Broken = r.broken && !p.Stream
	switch {
	case !p.Note.IsEmpty():
	case p.Broken:
		p.Note = safetext.Line(noteBroken)
	case r.isWeaker():
		p.Note = safetext.Line(noteWeaker)
	case p.Clock != "":
		p.Note = safetext.Line(noteClock)
	}
}

const (
	noteBroken = "the connection broke off"
	noteWeaker = "less protected than before: without post-quantum keys"
	noteClock  = "its clock and yours differ"
)
