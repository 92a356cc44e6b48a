package engine

import (
	"bytes"
	"slices"
	"time"

	"llchat/internal/mdns/wire"
)

// Rates of changes (RFC 6762 8.4, 174-5.3).
const (
	updatesPerMinute = 10
	updatePause      = time.Second
)

// phase is where our records are on one link.
type phase int

const (
	idle    phase = iota // not published
	probing              // asking whether somebody has the names
	live                 // ours: announced, answered, defended
)

// publication is our records on one link.
type publication struct {
	phase     phase
	timer     timer           // next probe or announcement
	probes    int             // probes sent
	lost      int             // tie-breaks lost to somebody who did not come
	gaps      []time.Duration // between the announcements still to come
	announced bool
	extra     []wire.Record // goes along with the next announcement
}

// startGaps are the pauses between the announcements at 0, 1 and 3 s. A change
// is announced like a start (RFC 6762 8.4); two times are enough for it where
// many talk. Among few a third one is cheap, and halves the number of those who
// miss it on bad Wi-Fi.
var (
	startGaps  = []time.Duration{time.Second, 2 * time.Second}
	changeGaps = []time.Duration{time.Second}
)

// fewPeers is how many instances are few.
const fewPeers = 64

// Publish puts the instance with TXT data txt on the air: probes, announces,
// answers and defends it on all links that are there or will come. The event
// Published tells when it was announced.
func (e *Engine) Publish(now time.Time, txt []byte) {
	e.now = now
	o := &e.own
	if o.wanted {
		e.SetText(now, txt)
		e.publishedYet()
		return
	}
	e.dropGoodbye()
	e.publish(now, txt)
}

// SetText changes the TXT data of the instance. Changes that come faster than
// RFC 6762 8.4 allows wait; the last one wins.
func (e *Engine) SetText(now time.Time, txt []byte) {
	e.now = now
	o := &e.own
	o.wantTXT = bytes.Clone(txt)
	if !o.wanted || bytes.Equal(o.wantTXT, o.txt) && o.pictureStands() {
		e.timers.stop(&o.change)
		return
	}
	at := o.updateAt(now)
	if !at.After(now) {
		e.applyText(now)
		return
	}
	e.timers.set(&o.change, at)
}

// updateAt is when the next change may be announced.
func (o *own) updateAt(now time.Time) time.Time {
	o.updates = slices.DeleteFunc(o.updates, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	n := len(o.updates)
	if n == 0 {
		return now
	}
	at := o.updates[n-1].Add(updatePause)
	if n >= updatesPerMinute {
		at = later(at, o.updates[n-updatesPerMinute].Add(time.Minute))
	}
	return later(at, now)
}

// applyText announces the wanted TXT data: the full set, never a goodbye.
func (e *Engine) applyText(now time.Time) {
	o := &e.own
	if !o.wanted || bytes.Equal(o.txt, o.wantTXT) && o.pictureStands() {
		return
	}
	o.txt = o.wantTXT
	e.turnPicture(now)
	if !o.established {
		return // the first announcement will carry it
	}
	o.updates = append(o.updates, now)
	for _, l := range e.sorted() {
		if l.pub.phase != live {
			continue
		}
		delete(l.responder.sent, slot{kind: slotTXT}) // other data: another record
		gaps := changeGaps
		if len(l.pub.gaps) > 0 || len(e.cache.byKey) <= fewPeers {
			gaps = startGaps
		}
		e.announce(now, l, gaps)
	}
}

// publishStep does the next probe or announcement on l.
func (e *Engine) publishStep(now time.Time, l *linkState) {
	p := &l.pub
	switch {
	case p.phase == probing && p.probes < probeCount:
		p.probes++
		e.sendProbe(now, l)
		e.timers.set(&p.timer, now.Add(probeGap))
	case p.phase == probing:
		p.phase = live
		e.won(now)
		e.announce(now, l, startGaps)
		p.announced = true
		e.publishedYet()
	case p.phase == live:
		e.announce(now, l, p.gaps)
	}
}

// announce multicasts the full set now and again after each of the gaps.
// Records that went out within the last second are left to the next time.
func (e *Engine) announce(now time.Time, l *linkState, gaps []time.Duration) {
	if len(gaps) > 0 {
		e.timers.set(&l.pub.timer, now.Add(gaps[0]))
		l.pub.gaps = gaps[1:]
	}
	m := wire.Message{Response: true, Authoritative: true}
	for _, s := range l.fullSet() {
		if l.responder.ready(s).After(now) {
			continue
		}
		l.responder.mark(now, s)
		m.Answers = append(m.Answers, e.record(l, s).rec)
	}
	m.Answers = append(m.Answers, l.pub.extra...)
	l.pub.extra = nil
	if len(m.Answers) > 0 {
		e.multicast(l, &m)
	}
}

// publishedYet emits Published once the instance was announced and no link is
// still being probed for the first time.
func (e *Engine) publishedYet() {
	announced := false
	for _, l := range e.links {
		if l.pub.phase == probing && !l.pub.announced {
			return
		}
		announced = announced || l.pub.announced
	}
	if announced && e.own.wanted {
		e.emit(Event{Kind: Published, Name: e.own.label})
	}
}

// Withdraw says goodbye twice, one second apart, and stops answering. The
// event Withdrawn tells when it is done.
func (e *Engine) Withdraw(now time.Time) {
	e.now = now
	o := &e.own
	if !o.wanted {
		if !o.bye.running() {
			e.emit(Event{Kind: Withdrawn})
		}
		return
	}
	packets := e.goodbye(now)
	e.unpublish(now)
	if len(packets) == 0 {
		e.emit(Event{Kind: Withdrawn})
		return
	}
	o.byePackets, o.byeKey = packets, o.instanceKey
	e.timers.set(&o.bye, now.Add(time.Second)) // mdns.md 2.4: at 0 and 1 s
}

// goodbye sends PTR, SRV and TXT with TTL 0 on every link where they were
// announced; never addresses, never the meta PTR (mdns.md 2.4). It returns
// what it sent.
func (e *Engine) goodbye(now time.Time) []Send {
	before := len(e.packets)
	for _, l := range e.sorted() {
		if !l.pub.announced {
			continue
		}
		m := wire.Message{Response: true, Authoritative: true}
		for _, k := range []slotKind{slotPTR, slotSRV, slotTXT} {
			r := e.record(l, slot{kind: k}).rec
			r.TTL = 0
			m.Answers = append(m.Answers, r)
		}
		if l.responder.pictured && !e.own.pictures.onAir.none() {
			m.Answers = append(m.Answers, e.pictureBye(l, e.own.pictures.onAir))
			l.responder.pictured = false
		}
		e.multicast(l, &m)
	}
	o := &e.own
	o.former[o.instanceKey] = now.Add(formerFor)
	return slices.Clone(e.packets[before:])
}

func (e *Engine) secondGoodbye(now time.Time) {
	for _, p := range e.own.byePackets {
		if e.links[p.Link] != nil {
			e.packets = append(e.packets, p)
		}
	}
	e.own.byePackets = nil
	e.own.former[e.own.byeKey] = now.Add(formerFor)
	e.emit(Event{Kind: Withdrawn})
}

// unpublish takes our records off all links without a word.
func (e *Engine) unpublish(now time.Time) {
	o := &e.own
	o.wanted, o.established = false, false
	e.timers.stop(&o.change)
	for _, l := range e.links {
		e.timers.stop(&l.pub.timer)
		l.pub = publication{timer: l.pub.timer}
		e.clearResponder(l)
	}
}

// rescue repeats our records soon because somebody said that they are gone or
// different; no more than twice a second.
func (e *Engine) rescue(now time.Time, l *linkState) {
	at := now.Add(e.between(rescueMin, rescueMax))
	for _, s := range l.fullSet() {
		due := later(at, l.responder.sent[s].Add(rescuePause))
		l.responder.pend(s, due)
		e.timers.sooner(&l.responder.timer, due)
	}
}

// The goodbye's grace is one second (RFC 6762 10.1): a rescue must be quicker,
// and yet not become an amplifier.
const (
	rescueMin   = 5 * time.Millisecond
	rescueMax   = 20 * time.Millisecond
	rescuePause = 500 * time.Millisecond
)

// Name is the instance label in use, "" when nothing is announced.
func (e *Engine) Name() string {
	if !e.own.established {
		return ""
	}
	return e.own.label
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
