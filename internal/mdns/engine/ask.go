package engine

import (
	"cmp"
	"slices"
	"time"

	"llchat/internal/mdns/wire"
)

// The continuous question "who is there" (RFC 6762 5.2).
const (
	askMin      = 20 * time.Millisecond
	askMax      = 120 * time.Millisecond
	askFirst    = time.Second
	askLast     = time.Hour
	askCrowd    = 200         // more peers than that, and nothing new: back off faster
	askJump     = time.Minute // to here first, to askLast next (mdns.md 2.5)
	refreshGap  = 5 * time.Second
	ownEcho     = 500 * time.Millisecond // a question this soon after ours is taken for ours
	suppressGap = 10                     // another's question counts as ours in the last tenth of the pause
)

// asking is the state of the question on one link.
type asking struct {
	timer timer
	last  time.Time     // last time it was asked, by us
	gap   time.Duration // until the next time
	fresh bool          // something new came since
	saved bool          // the last question was somebody else's
}

// restartAsking asks on l as if it had just come up.
func (e *Engine) restartAsking(now time.Time, l *linkState) {
	l.ask.gap, l.ask.fresh = 0, true
	e.timers.set(&l.ask.timer, now.Add(e.between(askMin, askMax)))
}

// askLink asks who is there, listing who is known.
func (e *Engine) askLink(now time.Time, l *linkState) {
	m := wire.Message{Answers: e.knownAnswers(now, l)}
	m.Questions = []wire.Question{{Name: service, Type: wire.TypePTR, Class: wire.ClassIN}}
	e.multicast(l, &m)
	l.ask.last, l.ask.saved = now, false
	e.askAgain(now, l)
}

// askAgain sets the time of the next question: 1 s after the first, then twice
// the pause each time, an hour at most.
func (e *Engine) askAgain(now time.Time, l *linkState) {
	a := &l.ask
	switch {
	case a.gap == 0:
		a.gap = askFirst
	case len(e.cache.byKey) > askCrowd && !a.fresh && a.gap < askJump:
		a.gap = askJump
	case len(e.cache.byKey) > askCrowd && !a.fresh:
		a.gap = askLast
	default:
		a.gap = min(2*a.gap, askLast)
	}
	a.fresh = false
	e.timers.set(&a.timer, now.Add(a.gap+e.between(0, a.gap/50+1)))
}

// askSoon brings the next question forward because a PTR record nears its end.
// It does not start the back-off again.
func (e *Engine) askSoon(now time.Time, l *linkState) {
	at := now.Add(e.between(askMin, askMax))
	if !l.ask.last.IsZero() {
		at = later(at, l.ask.last.Add(refreshGap))
	}
	e.timers.sooner(&l.ask.timer, at)
}

// knownAnswers are the PTR records from l with more than half of their life
// left (7.1), without flush bit (10.2). Our own is among them, or we would
// answer ourselves.
func (e *Engine) knownAnswers(now time.Time, l *linkState) []wire.Record {
	var out []wire.Record
	if l.pub.phase == live {
		out = append(out, e.record(l, slot{kind: slotPTR}).rec)
	}
	for _, in := range e.all() {
		v := in.view(l)
		if v == nil || v.ptr.left(now) <= v.ptr.ttl/2 {
			continue
		}
		out = append(out, wire.Record{
			Name: service, Type: wire.TypePTR, Class: wire.ClassIN,
			TTL: uint32(v.ptr.left(now) / time.Second), PTR: in.name,
		})
	}
	return out
}

func byKey(a, b *instance) int { return cmp.Compare(a.key, b.key) }

// noteQuestions treats a question of ours that somebody else has just asked as
// asked (7.3).
func (e *Engine) noteQuestions(now time.Time, l *linkState, in input) {
	for _, q := range in.msg.Questions {
		if q.Unicast {
			continue
		}
		key := q.Name.Key()
		switch {
		case key == serviceKey && q.Type == wire.TypePTR:
			if !in.msg.Truncated && e.sameQuestion(now, l, in.msg.Answers) {
				l.ask.saved = true
				e.askAgain(now, l)
			}
		case !in.own && q.Name.HasSuffix(service):
			if i := e.cache.byKey[keyOf(q.Name)]; i != nil {
				i.asked(l, q.Type)
				e.observe(now, l, i, in, q)
			}
		}
	}
}

// sameQuestion says whether our next question is about due, and nobody would
// be kept silent by known that we do not know. Every other question we ask
// ourselves: a query that only we heard must not keep us from asking.
func (e *Engine) sameQuestion(now time.Time, l *linkState, known []wire.Record) bool {
	a := &l.ask
	if !a.timer.running() || a.saved || now.Sub(a.last) < ownEcho {
		return false
	}
	if a.timer.at.Sub(now) > max(ownEcho, a.gap/suppressGap) {
		return false
	}
	return !slices.ContainsFunc(known, func(r wire.Record) bool {
		if r.Type != wire.TypePTR || !r.Name.Equal(service) || r.PTR.Equal(e.own.instance) {
			return false
		}
		i := e.cache.byKey[keyOf(r.PTR)]
		return i == nil || i.view(l) == nil || i.view(l).ptr.left(now) <= i.view(l).ptr.ttl/2
	})
}
