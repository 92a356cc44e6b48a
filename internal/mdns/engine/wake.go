package engine

import "time"

// A network that is cut somewhere behind our own cable, and whole again, tells
// us neither. But somebody who does not answer is a hint of the first, and a
// packet after a silence of the second: both start the question anew.
const (
	silence     = 20 * time.Second
	missedPause = time.Minute
)

// missed is called when somebody known on l did not answer.
func (e *Engine) missed(now time.Time, l *linkState) {
	if now.Sub(l.lost) >= missedPause {
		e.restartAsking(now, l)
	}
	l.lost = now
}

// aloneGap is the pause between our questions from which on we count as alone on
// a link where nobody was ever heard: five have had no answer by then.
const aloneGap = 16 * askFirst

// hearForeign is called for each packet of another machine. The first one of all
// on a link may be the end of a filter: whoever is there has not heard us either,
// and our questions have backed off. It happens once in the life of a link, so
// nobody can make us ask by it.
func (e *Engine) hearForeign(now time.Time, l *linkState) {
	quiet := now.Sub(l.foreign) >= silence
	first := l.foreign.IsZero() && l.ask.gap >= aloneGap
	l.foreign = now
	if first || quiet && !l.lost.IsZero() {
		l.lost = time.Time{}
		e.restartAsking(now, l)
	}
}

// wakeTime is how long instances known before a sleep have to be heard again.
// Our questions at 0, 1, 3, 7 and 15 s do not list them as known (RFC 6762 7.1).
const wakeTime = 20 * time.Second

// Wake is called when the machine has slept: who was here may be gone, and
// others may have given us up. All links start again as if they had just come
// up (RFC 6762 8), and whoever is not heard again within 20 s has left.
func (e *Engine) Wake(now time.Time) {
	e.now = now
	e.stats.Wakes++
	e.stats.Woke = now
	e.emit(Event{Kind: Health, Fact: Woke})
	for _, l := range e.sorted() {
		clear(l.responder.sent) // that was long ago
		e.linkUp(now, l)
	}
	for _, in := range e.all() {
		for _, v := range in.views {
			v.ptr.expires = earlier(v.ptr.expires, now.Add(wakeTime))
			v.ptr.stage = max(v.ptr.stage, refreshStep) // no more questions than ours to all
		}
		e.arm(now, in)
	}
	e.settle()
}
