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
	askLossy    = 50          // unless more than one in so many answered though listed
	askEcho     = time.Second // this soon after our question is an answer to it (7.2: 500 ms for a train)
	askJump     = time.Minute // to here first, to askLast next (mdns.md 2.5)
	askHuge     = 2000        // more than that, and to askLater: each question lists them all, in over
	askLater    = 2 * askJump // 50 packets a family, and issue 3 allows 0.5 MB in the first 100 s
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
	again int           // who answered though they were listed: they had not heard it all
	saved bool          // the last question was somebody else's
	soon  bool          // a record nears its end: the next question is not to be left out
}

// restartAsking asks on l as if it had just come up.
func (e *Engine) restartAsking(now time.Time, l *linkState) {
	l.ask.gap, l.ask.fresh = 0, true
	e.timers.set(&l.ask.timer, now.Add(e.between(askMin, askMax)))
}

// askDue asks, unless the last question has shown since that it is useless.
func (e *Engine) askDue(now time.Time, l *linkState) {
	a := &l.ask
	if jump := e.jump(); a.gap > askFirst && a.gap < jump && !a.soon && e.settled(a) {
		a.gap = jump
		e.timers.set(&a.timer, a.last.Add(a.gap+e.between(0, a.gap/50+1)))
		return
	}
	e.askLink(now, l)
}

// jump is the first of the long pauses of a settled crowd.
func (e *Engine) jump() time.Duration {
	if len(e.cache.byKey) > askHuge {
		return askLater
	}
	return askJump
}

// askLink asks who is there, listing who is known.
func (e *Engine) askLink(now time.Time, l *linkState) {
	m := wire.Message{Answers: e.knownAnswers(now, l)}
	m.Questions = []wire.Question{{Name: service, Type: wire.TypePTR, Class: wire.ClassIN}}
	e.multicast(l, &m)
	l.ask.last, l.ask.saved, l.ask.soon = now, false, false
	e.askAgain(now, l)
}

// askAgain sets the time of the next question: 1 s after the first, then twice
// the pause each time, an hour at most.
func (e *Engine) askAgain(now time.Time, l *linkState) {
	a := &l.ask
	switch {
	case a.gap == 0:
		a.gap = askFirst
	case !e.settled(a):
		a.gap = min(2*a.gap, askLast)
	case a.gap < e.jump():
		a.gap = e.jump()
	default:
		a.gap = askLast
	}
	a.fresh, a.again = false, 0
	e.timers.set(&a.timer, now.Add(a.gap+e.between(0, a.gap/50+1)))
}

// settled says whether to ask a crowd on is useless: nobody new answered the
// last question, and nobody whom it listed. Listed ones who answer missed a
// part of it, so the link loses packets, and somebody unknown may have missed
// it as well: silence proves nothing there.
func (e *Engine) settled(a *asking) bool {
	n := len(e.cache.byKey)
	return n > askCrowd && !a.fresh && a.again*askLossy <= n
}

// noteAnswer notes a PTR record heard anew that v had before.
func (l *linkState) noteAnswer(now time.Time, v *view) {
	switch a := &l.ask; {
	case v.ptr.left(now) <= v.ptr.ttl/2:
		a.fresh = true // we did not list it: the question was worth asking
	case !a.last.IsZero() && v.ptr.at.Before(a.last) && now.Sub(a.last) < askEcho:
		a.again++
	}
}

// askSoon brings the next question forward because a PTR record nears its end.
// It does not start the back-off again.
func (e *Engine) askSoon(now time.Time, l *linkState) {
	at := now.Add(e.between(askMin, askMax))
	if !l.ask.last.IsZero() {
		at = later(at, l.ask.last.Add(refreshGap))
	}
	l.ask.soon = true
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
	e.noteKnown(l, in)
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
			} else if q.Type == wire.TypeSRV {
				l.noteSought(now, keyOf(q.Name), false)
			}
		}
	}
}

// noteKnown looks at what somebody else lists as known. Nothing is learned from
// it (7.1), but a name that we do not have says that our picture has a hole: we
// ask on at the pace of 5.2. We do not ask about the name itself: whoever makes
// names up would have all of us ask about them.
func (e *Engine) noteKnown(l *linkState, in input) {
	if in.own || l.ask.fresh || len(e.cache.byKey) <= askCrowd {
		return // it changes nothing
	}
	l.ask.fresh = slices.ContainsFunc(in.msg.Answers, func(r wire.Record) bool {
		return r.Type == wire.TypePTR && r.TTL > 0 && r.Name.Equal(service) && !r.PTR.Equal(e.own.instance) &&
			e.cache.byKey[keyOf(r.PTR)] == nil
	})
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
