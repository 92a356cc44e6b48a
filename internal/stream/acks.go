package stream

import (
	"slices"
	"strconv"
	"time"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// Acknowledgements are those of XEP-0198 without resumption (README 5.7). The
// dialler enables them when the listener offers them; then each side counts
// the stanzas that it puts out from there on, and those that it has handled.
//
//	dialler: off --features with <sm/>, peer accepted: <enable/>--> asked --<enabled/>--> on
//	listener: off --<enable/> of an accepted peer: <enabled/>--> on
//
// An <a/> for a stanza says that the peer's Handler has returned for it. It
// says nothing about a disk: that is what receipts are for.

const (
	enableAcks  = "<enable xmlns='" + stanza.NSSM + "'/>"
	enabledAcks = "<enabled xmlns='" + stanza.NSSM + "'/>"
	requestAck  = "<r xmlns='" + stanza.NSSM + "'/>"
	ackBefore   = "<a xmlns='" + stanza.NSSM + "' h='" // and behind the count
	ackBehind   = "'/>"

	// ackAgain answers a second <enable/>, ackNoResume an attempt to resume.
	ackAgain    = "<failed xmlns='" + stanza.NSSM + "'><unexpected-request xmlns='" + stanza.NSStanzaErrors + "'/></failed>"
	ackNoResume = "<failed xmlns='" + stanza.NSSM + "'><feature-not-implemented xmlns='" + stanza.NSStanzaErrors + "'/></failed>"
)

const (
	// maxUnacked is how many messages may wait for an <a/>; Send waits beyond.
	maxUnacked = 1024

	// ackLate and ackDead are README 5.7: from when a message without <a/> is
	// shown as waiting, and after which silence the connection is dead.
	ackLate = 5 * time.Second
	ackDead = 15 * time.Second
)

// ackState says how far a stream has come with acknowledgements.
type ackState uint8

const (
	acksOff   ackState = iota
	acksAsked          // our <enable/> is out: we count what we send
	acksMute           // and has no answer: we count on, and wait for nothing
	acksOn
)

// acks is the sending half. It is part of the outbox and guarded by its lock:
// what is counted has the order of what is written.
type acks struct {
	state   ackState
	sent    uint32 // stanzas put in since; modulo 2^32, as all of these
	taken   uint32 // of these, given to the writer
	acked   uint32
	waiting []unacked // messages, oldest first
	timed   bool      // checkAcks will come
}

// unacked is a message that the peer has not acknowledged.
type unacked struct {
	n    uint32 // its number among all stanzas
	id   string
	at   time.Time
	late bool // the caller was told
}

// visible returns the id by which a stanza is acknowledged to the caller: that
// of a message which its user may see.
func visible(s stanza.Stanza) string {
	m, ok := s.(stanza.Message)
	if !ok || m.Received != "" || m.Type == "error" {
		return ""
	}
	if m.HasBody || m.Body != "" || m.Request || m.Reactions != nil || m.Retracts != "" {
		return m.ID
	}
	return ""
}

func isVisible(s stanza.Stanza) bool { return visible(s) != "" }

// appendCounted appends a stanza and counts it. It reports whether the peer is
// to be asked for an <a/>.
func (o *outbox) appendCounted(s stanza.Stanza, own, peer string) (ask bool) {
	o.buf = stanza.AppendAddressed(o.buf, s, own, peer)
	if o.acks.state == acksOff {
		return false
	}
	o.acks.sent++
	id := visible(s)
	if id == "" || o.acks.state == acksMute {
		return false
	}
	o.acks.waiting = append(o.acks.waiting, unacked{n: o.acks.sent, id: id, at: time.Now()})
	return o.acks.state == acksOn
}

// full reports whether as many messages wait as may.
func (a *acks) full() bool { return len(a.waiting) >= maxUnacked }

// Acknowledges reports whether the peer acknowledges what it has handled, so
// that Config.Acked will be called for messages sent from now on.
func (c *Conn) Acknowledges() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.acks.state == acksOn
}

// Unacked returns the ids of the messages that the peer has not acknowledged,
// oldest first, and since when the first of them waits.
func (c *Conn) Unacked() (ids []string, since time.Time) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for _, u := range c.out.acks.waiting {
		ids = append(ids, u.id)
	}
	if len(ids) > 0 {
		since = c.out.acks.waiting[0].at
	}
	return ids, since
}

// askForAcks is the dialler's <enable/>, once, and only to a peer that the
// user has accepted (P-19). It goes out with what follows.
func (c *Conn) askForAcks() {
	if !c.acksOffered.Load() || c.Standing() != Accepted {
		return
	}
	_, _, _ = c.out.fill(outboxReply, true, func(o *outbox) error {
		if o.acks.state == acksOff && c.acksOffered.CompareAndSwap(true, false) {
			o.buf = append(o.buf, enableAcks...)
			o.acks.state = acksAsked
		}
		return nil
	})
}

// management handles an element of XEP-0198.
func (c *Conn) management(e *xmlstream.Element) error {
	switch on := c.handled.on.Load(); {
	case e.Name.Local == "enable" && c.mayEnable && c.Standing() == Accepted:
		c.mayEnable = false
		c.handled.on.Store(true)
		return c.say(func(o *outbox) error {
			o.buf = append(o.buf, enabledAcks...)
			o.acks.state = acksOn
			return nil
		})
	case e.Name.Local == "enable" && on:
		return c.sayOctets(ackAgain)
	case e.Name.Local == "resume" && (on || c.mayEnable):
		return c.sayOctets(ackNoResume)
	case e.Name.Local == "enabled" && c.acknowledged(acksOn):
		c.handled.on.Store(true)
		return c.say(func(o *outbox) error {
			if len(o.acks.waiting) > 0 {
				o.buf = append(o.buf, requestAck...)
			}
			return nil
		})
	case e.Name.Local == "failed" && c.acknowledged(acksOff):
		return nil
	case e.Name.Local == "r" && on:
		return c.answerAck()
	case e.Name.Local == "a" && on:
		return c.ack(e.Attr("h"))
	}
	return violation(xmlstream.UnsupportedStanzaType, "")
}

// takeAcks handles what comes with every message, written as we write it,
// without the detour of a tree (S1). It reports whether there was something.
func (c *Conn) takeAcks() (took bool, err error) {
	if !c.handled.on.Load() || c.node.wire != nil {
		return false, nil
	}
	if _, took = c.reader.Take(requestAck, ""); took {
		return true, c.answerAck()
	}
	if h, took := c.reader.Take(ackBefore, ackBehind); took {
		return true, c.ack(string(h))
	}
	return false, nil
}

func (c *Conn) answerAck() error {
	return c.say(func(o *outbox) error {
		o.buf = c.appendAck(o.buf)
		return nil
	})
}

// acknowledged takes the answer to our <enable/>, and reports whether there
// was one to answer.
func (c *Conn) acknowledged(s ackState) bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	a := &c.out.acks
	if a.state != acksAsked && a.state != acksMute {
		return false
	}
	if a.state = s; s == acksOff {
		a.waiting = nil
		c.out.wakeLocked()
	}
	return true
}

// say queues what the reader answers to nonzas.
func (c *Conn) say(fill func(*outbox) error) error {
	var err error
	c.handle(func() { err = c.queue(c.ctx, fill) })
	return ended(err)
}

func (c *Conn) sayOctets(s string) error {
	return c.say(func(o *outbox) error {
		o.buf = append(o.buf, s...)
		return nil
	})
}

func (c *Conn) appendAck(dst []byte) []byte {
	dst = append(dst, ackBefore...)
	dst = strconv.AppendUint(dst, uint64(c.handled.n.Load()), 10)
	return append(dst, ackBehind...)
}

// ack takes the peer's count. What it cannot have handled, or had
// acknowledged before already, ends the stream: both are far ahead of where
// we are, since counts are modulo 2^32.
func (c *Conn) ack(count string) error {
	h, err := strconv.ParseUint(count, 10, 32)
	if err != nil {
		return violation(xmlstream.InvalidXML, "ack without a count")
	}
	ids, v := c.out.acknowledge(uint32(h))
	if v != nil {
		return v
	}
	if len(ids) > 0 && c.node.cfg.Acked != nil {
		c.handle(func() { c.node.cfg.Acked(c, ids) })
	}
	return nil
}

// acknowledge returns the ids of the messages that h is news about.
func (o *outbox) acknowledge(h uint32) (ids []string, v *xmlstream.Error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := &o.acks
	if h-a.acked > a.taken-a.acked {
		return nil, &xmlstream.Error{
			Condition: xmlstream.UndefinedCondition, AppCondition: xmlstream.HandledCountTooHigh,
			Handled: h, Sent: a.taken,
		}
	}
	n := slices.IndexFunc(a.waiting, func(u unacked) bool { return u.n-a.acked > h-a.acked })
	if n < 0 {
		n = len(a.waiting)
	}
	for _, u := range a.waiting[:n] {
		ids = append(ids, u.id)
	}
	a.acked = h
	a.waiting = slices.Delete(a.waiting, 0, n)
	if cap(a.waiting) > 16 && len(a.waiting) == 0 {
		a.waiting = nil
	}
	if n > 0 {
		o.wakeLocked()
	}
	return ids, nil
}

// untimed reports whether a message waits and nobody looks after it: the caller
// then has to start the timer of checkAcks.
func (a *acks) untimed() bool {
	needed := len(a.waiting) > 0 && !a.timed
	a.timed = a.timed || needed
	return needed
}

func (c *Conn) setAckTimer(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx.Err() != nil:
	case c.ackTimer == nil:
		c.ackTimer = time.AfterFunc(d, c.checkAcks)
	default:
		c.ackTimer.Reset(d)
	}
}

// checkAcks looks at what waits for an <a/>: it tells the caller what is late,
// and ends a connection from which nothing has come for too long.
func (c *Conn) checkAcks() {
	now := time.Now()
	heard := time.Unix(0, c.lastOctet.Load())
	ids, dead, next := c.out.overdue(now, heard)
	if len(ids) > 0 && c.node.cfg.AckLate != nil {
		c.node.cfg.AckLate(c, ids)
	}
	switch {
	case dead:
		c.cut(ErrSilent)
	case next > 0:
		c.setAckTimer(next)
	}
}

// overdue returns the messages that have become late, whether the connection
// is dead, and when to look again; 0 is not at all.
func (o *outbox) overdue(now, heard time.Time) (ids []string, dead bool, next time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := &o.acks
	if len(a.waiting) == 0 || o.dead {
		a.timed = false
		return nil, false, 0
	}
	next = ackDead
	for i := range a.waiting {
		u := &a.waiting[i]
		if wait := ackLate - now.Sub(u.at); wait > 0 {
			next = min(next, wait)
			break
		}
		if !u.late {
			u.late = true
			ids = append(ids, u.id)
		}
	}
	since := a.waiting[0].at
	if heard.After(since) {
		since = heard
	}
	left := ackDead - now.Sub(since)
	if a.state == acksAsked {
		if now.Sub(a.waiting[0].at) >= ackDead { // offered, and not kept
			a.state, a.waiting = acksMute, nil
			o.wakeLocked()
		}
		return nil, false, next
	}
	return ids, left <= 0, max(min(next, left), time.Millisecond)
}
