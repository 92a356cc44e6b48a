package engine

import (
	"slices"
	"time"

	"llchat/internal/mdns/wire"
)

// Probing (RFC 6762 8.1, 8.2).
const (
	probeCount     = 3
	probeGap       = 250 * time.Millisecond
	probeSpread    = 250 * time.Millisecond
	lostPause      = time.Second      // after a lost tie-break, 8.2
	lostLimit      = 3                // lost in a row, yet nobody has the name: we do not wait for ever
	conflictWindow = 10 * time.Second // 8.1: 15 conflicts in 10 s
	conflictLimit  = 15
	conflictPause  = 5 * time.Second
	reprobePause   = 10 * time.Second // from live to probing and back at most that often
)

// A squatter answers every probe. After this many conflicts in a minute we stop
// listening to them for a minute and announce: a name that is taken twice is a
// nuisance, silence is what the squatter wants.
const (
	squatterLimit  = 20
	squatterWindow = time.Minute
)

// startProbing claims our names on l after delay.
func (e *Engine) startProbing(now time.Time, l *linkState, delay time.Duration) {
	p := &l.pub
	p.phase, p.probes, p.lost, p.gaps = probing, 0, 0, nil
	e.clearResponder(l)
	e.timers.set(&p.timer, now.Add(max(delay, e.conflictDelay(now))))
}

// conflictDelay is the pause of 8.1 after too many conflicts.
func (e *Engine) conflictDelay(now time.Time) time.Duration {
	n := 0
	for _, t := range e.own.conflicts {
		if now.Sub(t) < conflictWindow {
			n++
		}
	}
	if n >= conflictLimit {
		return conflictPause
	}
	return 0
}

// sendProbe asks for all records of both names and shows what we are going to
// say (8.1, 8.2).
func (e *Engine) sendProbe(now time.Time, l *linkState) {
	if e.unicast {
		l.quUntil = now.Add(quWait)
	}
	var m wire.Message
	for _, n := range []wire.Name{e.own.instance, e.own.host} {
		m.Questions = append(m.Questions, wire.Question{Name: n, Type: wire.TypeANY, Class: wire.ClassIN, Unicast: e.unicast})
	}
	m.Authority = e.proposal(l)
	e.multicast(l, &m)
}

// quWait is how long after a QU question unicast responses count (RFC 6762 6).
const quWait = 2 * time.Second

// proposal are our unique records on l as a probe shows them: no flush bit.
func (e *Engine) proposal(l *linkState) []wire.Record {
	var out []wire.Record
	for _, s := range l.fullSet() {
		if s.kind != slotPTR {
			r := e.record(l, s).rec
			r.Flush = false
			out = append(out, r)
		}
	}
	return out
}

// won is called when all probes of a link stayed unanswered.
func (e *Engine) won(now time.Time) {
	o := &e.own
	o.established = true
	if o.reported == "" {
		o.reported = o.user + "@" + o.machine
	}
	if o.label != o.reported {
		e.stats.Renames++
		e.emit(Event{Kind: Renamed, Name: o.label})
	}
	o.reported = o.label
	o.tries = 0
	e.forgetOwn(now)
}

// tieBreak compares the records somebody is probing with to ours (8.2). The
// lexicographically later set wins; the loser waits a second and asks again.
func (e *Engine) tieBreak(now time.Time, l *linkState, in input) {
	if l.pub.phase != probing || len(in.msg.Authority) == 0 || e.isOurProbe(in) {
		return
	}
	if l.pub.probes == 0 || l.pub.lost >= lostLimit || now.Before(e.own.deafUntil) {
		return // we are not asking, or have waited often enough
	}
	ours := e.proposal(l)
	for _, n := range []wire.Name{e.own.instance, e.own.host} {
		theirs := named(in.msg.Authority, n)
		if len(theirs) > 0 && compareSets(named(ours, n), theirs) < 0 {
			l.pub.lost++
			l.pub.probes = 0
			e.timers.set(&l.pub.timer, now.Add(lostPause))
			return
		}
	}
}

// isOurProbe recognises our own probe from any of our links: from this machine
// and with our SRV record. Two links on one network hear each other.
func (e *Engine) isOurProbe(in input) bool {
	return in.own && slices.ContainsFunc(in.msg.Authority, e.isOurSRV)
}

func (e *Engine) isOurSRV(r wire.Record) bool {
	return r.Type == wire.TypeSRV && r.Name.Equal(e.own.instance) && r.SRV.Port == e.cfg.Port &&
		r.SRV.Priority == 0 && r.SRV.Weight == 0 && r.SRV.Target.Equal(e.own.host)
}

func named(records []wire.Record, n wire.Name) []wire.Record {
	var out []wire.Record
	for _, r := range records {
		if r.Name.Equal(n) {
			out = append(out, r)
		}
	}
	return out
}

// compareSets orders two sets of records as 8.2.1 says.
func compareSets(a, b []wire.Record) int {
	slices.SortFunc(a, wire.Compare)
	slices.SortFunc(b, wire.Compare)
	return slices.CompareFunc(a, b, wire.Compare)
}

// conflict is what a response says against our names.
type conflict struct {
	instance, host bool // somebody else has the name
	contradicted   bool // our records are said to be gone or different
	local          bool // by another program on this machine
}

// compareOwn looks for our own names in a response (RFC 6762 9).
func (e *Engine) compareOwn(now time.Time, l *linkState, in input) {
	if !e.own.wanted || l.pub.phase == idle {
		return
	}
	c := conflict{local: in.own}
	for _, section := range [][]wire.Record{in.msg.Answers, in.msg.Additional} {
		for i := range section {
			e.compareRecord(&c, l, in, &section[i])
		}
	}
	if l.pub.phase == live && (c.contradicted || c.instance || c.host) {
		e.rescue(now, l)
	}
	if !c.instance && !c.host || now.Before(e.own.deafUntil) {
		return
	}
	if l.pub.phase == probing && l.pub.probes == 0 {
		return // 8.1: an answer to nobody's probe
	}
	if l.pub.phase == live {
		e.reprobe(now)
		return
	}
	e.yield(now, c)
}

// compareRecord judges one record. Our own packets come back to us, over other
// links too, perhaps late and with a text we have replaced since: those are
// never conflicts.
func (e *Engine) compareRecord(c *conflict, l *linkState, in input, r *wire.Record) {
	o := &e.own
	strange := l.pub.phase == probing && !in.own && r.TTL > 0 // 8.1: any record of the name is a conflict
	switch {
	case r.Type == wire.TypePTR:
		if r.TTL == 0 && r.PTR.Equal(o.instance) && r.Name.Equal(service) {
			c.contradicted = true
		}
	case r.Name.Equal(o.instance):
		switch {
		case r.TTL == 0:
			c.contradicted = true
		case r.Type == wire.TypeSRV:
			c.instance = c.instance || !e.isOurSRV(*r)
		case r.Type == wire.TypeTXT && !in.own && !wire.SameData(*r, e.record(l, slot{kind: slotTXT}).rec):
			c.contradicted = true
			c.instance = c.instance || strange
		case r.Type != wire.TypeTXT:
			c.instance = c.instance || strange
		}
	case r.Name.Equal(o.host) && (r.Type == wire.TypeA || r.Type == wire.TypeAAAA):
		switch {
		case r.TTL == 0:
			c.contradicted = true
		case !e.isOwnAddr(r.Addr):
			c.host = true
		}
	case r.Name.Equal(o.host):
		c.host = c.host || strange
	}
}

// reprobe goes back to probing with the names we have (9). They stay ours until
// somebody proves to have them by answering.
func (e *Engine) reprobe(now time.Time) {
	o := &e.own
	if !o.reprobed.IsZero() && now.Sub(o.reprobed) < reprobePause {
		return
	}
	o.reprobed = now
	e.emit(Event{Kind: Health, Fact: Contested})
	for _, l := range e.sorted() {
		if l.pub.phase == live {
			e.startProbing(now, l, e.between(0, probeSpread))
		}
	}
}

// yield gives a name up and probes for the next one (174-3.8, 174-3.9).
func (e *Engine) yield(now time.Time, c conflict) {
	o := &e.own
	e.stats.Conflicts++
	o.conflicts = slices.DeleteFunc(o.conflicts, func(t time.Time) bool { return now.Sub(t) >= squatterWindow })
	o.conflicts = append(o.conflicts, now)
	if len(o.conflicts) >= squatterLimit {
		o.deafUntil = now.Add(squatterWindow)
		o.conflicts = nil
	}
	if o.established && !c.instance {
		e.goodbye(now) // the instance name was ours alone, nobody else ends it
	}
	o.established = false
	if c.host || !c.local {
		o.next(e, machinePart)
	} else {
		o.next(e, userPart)
	}
	delay := e.between(0, probeSpread)
	for _, l := range e.sorted() {
		l.pub.announced = false
		clear(l.responder.sent) // new names, new records
		e.startProbing(now, l, delay)
		e.restartAsking(now, l) // whoever has the old name is a peer
	}
}
