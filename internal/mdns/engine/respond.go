package engine

import (
	"net/netip"
	"slices"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// Response timing (RFC 6762 6, 6.7, 7.2).
const (
	sharedMin    = 20 * time.Millisecond
	sharedMax    = 120 * time.Millisecond
	trainMin     = 400 * time.Millisecond
	trainMax     = 500 * time.Millisecond
	recordPause  = time.Second            // between multicasts of one record
	defendPause  = 250 * time.Millisecond // the same against a probe
	legacyMaxTTL = 10
)

// responder is what we are about to answer on one link.
type responder struct {
	sent    map[slot]time.Time // last multicast
	pending map[slot]time.Time // not to be multicast before
	timer   timer
	trains  map[netip.AddrPort]*train

	pictured bool // somebody on the link was told our picture
}

// train is a query whose known answers go on in further packets (7.2).
type train struct {
	want  []slot
	timer timer
}

func (r *responder) init(fire func(time.Time)) {
	r.sent = map[slot]time.Time{}
	r.pending = map[slot]time.Time{}
	r.trains = map[netip.AddrPort]*train{}
	r.timer.fire = fire
}

// clearResponder forgets what was about to be answered on l.
func (e *Engine) clearResponder(l *linkState) {
	r := &l.responder
	e.timers.stop(&r.timer)
	for _, t := range r.trains {
		e.timers.stop(&t.timer)
	}
	clear(r.trains)
	clear(r.pending)
}

// ready is when s may be multicast again.
func (r *responder) ready(s slot) time.Time {
	if isPicture(s) {
		return r.sent[s].Add(picturePause)
	}
	return r.sent[s].Add(recordPause)
}

func (r *responder) mark(now time.Time, s slot) {
	r.sent[s] = now
	delete(r.pending, s)
}

// pend wants s multicast at the given time, or earlier if that was wanted
// before.
func (r *responder) pend(s slot, at time.Time) {
	if was, ok := r.pending[s]; !ok || at.Before(was) {
		r.pending[s] = at
	}
}

// answer replies to the questions about our records in a query.
func (e *Engine) answer(now time.Time, l *linkState, in input) {
	if len(in.msg.Questions) == 0 {
		e.continueTrain(now, l, in)
		return
	}
	var want, unicast []slot
	for _, q := range in.msg.Questions {
		found := e.matching(l, q)
		if q.Unicast {
			unicast = append(unicast, found...)
		} else {
			want = append(want, found...)
		}
	}
	want, unicast = e.unknown(l, want, in.msg), e.unknown(l, unicast, in.msg)
	switch {
	case len(want)+len(unicast) == 0:
	case in.src.Port() != link.Port:
		e.legacyReply(now, l, in, both(want, unicast))
	case e.isProbe(in):
		e.defend(now, l, in, both(want, unicast))
	case in.msg.Truncated:
		e.startTrain(now, l, in, both(want, unicast))
	default:
		want = append(want, e.unicastReply(now, l, in, unicast)...)
		e.schedule(now, l, want, len(in.msg.Questions) > 1)
	}
}

// both are the records of both lists, each once.
func both(want, unicast []slot) []slot {
	for _, s := range unicast {
		if !slices.Contains(want, s) {
			want = append(want, s)
		}
	}
	return want
}

// matching returns our records that answer q; where a name is ours and the
// type does not exist, the NSEC record that says so (RFC 6762 6.1).
func (e *Engine) matching(l *linkState, q wire.Question) []slot {
	if q.Class != wire.ClassIN && q.Class != wire.ClassANY {
		return nil
	}
	all := q.Type == wire.TypeANY
	switch key := q.Name.Key(); key {
	case serviceKey:
		if all || q.Type == wire.TypePTR {
			return []slot{{kind: slotPTR}}
		}
	case metaKey:
		if all || q.Type == wire.TypePTR {
			return []slot{{kind: slotMeta}}
		}
	case e.own.instanceKey:
		switch q.Type {
		case wire.TypeANY:
			return e.withPicture(slot{kind: slotSRV}, slot{kind: slotTXT})
		case wire.TypeSRV:
			return []slot{{kind: slotSRV}}
		case wire.TypeTXT:
			return []slot{{kind: slotTXT}}
		case wire.TypeNULL:
			if s := e.withPicture(); len(s) > 0 {
				return s
			}
		}
		return []slot{{kind: slotNSECInstance}}
	case e.own.hostKey:
		out := slices.DeleteFunc(l.addrSlots(), func(s slot) bool {
			return !all && q.Type != addrType(s.addr)
		})
		if len(out) > 0 {
			return out
		}
		return []slot{{kind: slotNSECHost}}
	}
	return nil
}

func addrType(a netip.Addr) wire.Type {
	if a.Is4() {
		return wire.TypeA
	}
	return wire.TypeAAAA
}

// unknown drops what the querier knows already with at least half of its TTL
// (7.1), and repetitions.
func (e *Engine) unknown(l *linkState, want []slot, m *wire.Message) []slot {
	var out []slot
	for _, s := range want {
		if slices.Contains(out, s) {
			continue
		}
		if !knows(m.Answers, e.record(l, s).rec, 2) {
			out = append(out, s)
		}
	}
	return out
}

// knows says whether list holds r with at least its TTL divided by part.
func knows(list []wire.Record, r wire.Record, part uint32) bool {
	return slices.ContainsFunc(list, func(k wire.Record) bool {
		return k.TTL >= r.TTL/part && k.Type == r.Type && k.Name.Equal(r.Name) && wire.SameData(k, r)
	})
}

// isProbe says whether the query probes for one of our names.
func (e *Engine) isProbe(in input) bool {
	return slices.ContainsFunc(in.msg.Authority, func(r wire.Record) bool {
		return r.Name.Equal(e.own.instance) || r.Name.Equal(e.own.host)
	})
}

// defend answers a probe at once, to everybody (8.1), unless it is our own or
// agrees with us.
func (e *Engine) defend(now time.Time, l *linkState, in input, want []slot) {
	if e.isOurProbe(in) {
		return
	}
	for _, s := range want {
		if isPicture(s) {
			continue // the others defend the name, and are smaller
		}
		at := later(now, l.responder.sent[s].Add(defendPause))
		l.responder.pend(s, at)
		e.timers.sooner(&l.responder.timer, at)
	}
}

// schedule has records multicast: our unique ones at once, as soon as the
// answer has shared ones or several questions after 20 to 120 ms (6, 6.3).
func (e *Engine) schedule(now time.Time, l *linkState, want []slot, several bool) {
	wait := several || slices.ContainsFunc(want, func(s slot) bool { return e.record(l, s).shared })
	at := now
	if wait {
		at = l.responder.together(now, now.Add(e.between(sharedMin, sharedMax)))
	}
	e.scheduleAt(l, want, at)
}

// together is at, or when an answer goes out anyway that can wait for no longer
// and leaves others their 20 ms: one packet then says both (6.4).
func (r *responder) together(now, at time.Time) time.Time {
	if r.timer.running() && r.timer.at.Sub(now) >= sharedMin && r.timer.at.Before(now.Add(sharedMax)) {
		return r.timer.at
	}
	return at
}

// scheduleAt has records multicast at the given time, or as soon after it as
// the pause between multicasts of a record allows (6; L-24).
func (e *Engine) scheduleAt(l *linkState, want []slot, at time.Time) {
	for _, s := range want {
		due := later(at, l.responder.ready(s))
		l.responder.pend(s, due)
		e.timers.sooner(&l.responder.timer, due)
	}
}

// respond multicasts what is due on l, with what else the reader will need.
func (e *Engine) respond(now time.Time, l *linkState) {
	r := &l.responder
	var due []slot
	if e.own.pictures.onAir.none() {
		delete(r.pending, slot{kind: slotNULL})
	}
	for s, at := range r.pending {
		if !at.After(now) {
			due = append(due, s)
		} else {
			e.timers.sooner(&r.timer, at)
		}
	}
	if len(due) == 0 || l.pub.phase != live {
		return
	}
	slices.SortFunc(due, func(a, b slot) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return a.addr.Compare(b.addr)
	})
	extra := slices.DeleteFunc(e.additional(l, due), func(s slot) bool { return r.ready(s).After(now) })
	m := wire.Message{Response: true, Authoritative: true}
	for _, s := range due {
		r.mark(now, s)
		r.pictured = r.pictured || isPicture(s)
		m.Answers = append(m.Answers, e.record(l, s).rec)
	}
	for _, s := range extra {
		r.mark(now, s)
		m.Additional = append(m.Additional, e.record(l, s).rec)
	}
	e.multicast(l, &m)
}

// additional returns what goes along with answers: SRV, TXT and addresses with
// PTR, addresses with SRV, the other family or its absence with an address
// (RFC 6763 12, RFC 6762 6.2).
func (e *Engine) additional(l *linkState, answers []slot) []slot {
	var out []slot
	add := func(more ...slot) {
		for _, s := range more {
			if !slices.Contains(answers, s) && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	for _, s := range answers {
		switch s.kind {
		case slotPTR:
			add(slot{kind: slotSRV}, slot{kind: slotTXT})
			add(l.addrSlots()...)
		case slotSRV, slotAddr:
			add(l.addrSlots()...)
			if len(l.families()) < 2 {
				add(slot{kind: slotNSECHost})
			}
		}
	}
	return out
}

// unicastReply answers a QU question to the asker alone (5.4), and returns the
// records that everybody must hear again: not multicast within a quarter of
// their TTL.
func (e *Engine) unicastReply(now time.Time, l *linkState, in input, want []slot) (multicast []slot) {
	var direct []slot
	for _, s := range want {
		quarter := time.Duration(e.record(l, s).rec.TTL) * time.Second / 4
		alone := now.Sub(l.responder.sent[s]) < quarter
		if isPicture(s) {
			alone = in.onLink && e.mayReply(now, l) // 5.4 is a SHOULD; this is large
		}
		if alone && in.onLink {
			direct = append(direct, s)
		} else {
			multicast = append(multicast, s)
		}
	}
	if len(direct) == 0 || !e.sources.reply(now, in.src.Addr().Unmap()) {
		return multicast
	}
	m := wire.Message{Response: true, Authoritative: true}
	for _, s := range direct {
		m.Answers = append(m.Answers, e.record(l, s).rec)
	}
	for _, s := range e.additional(l, direct) {
		m.Additional = append(m.Additional, e.record(l, s).rec)
	}
	e.send(l, in.src, &m)
	return multicast
}

// legacyReply answers a querier that is not on port 5353 as a plain DNS server
// would (6.7): its ID and questions, short TTLs, no flush bit.
func (e *Engine) legacyReply(now time.Time, l *linkState, in input, want []slot) {
	want = e.small(l, want)
	if len(want) == 0 || !e.sources.reply(now, in.src.Addr().Unmap()) {
		return
	}
	m := wire.Message{ID: in.msg.ID, Response: true, Authoritative: true, Legacy: true}
	m.Questions = in.msg.Questions
	for i := range m.Questions {
		m.Questions[i].Unicast = false
	}
	plain := func(s slot) wire.Record {
		r := e.record(l, s).rec
		r.Flush, r.TTL = false, min(r.TTL, legacyMaxTTL)
		return r
	}
	for _, s := range want {
		m.Answers = append(m.Answers, plain(s))
	}
	for _, s := range e.additional(l, want) {
		m.Additional = append(m.Additional, plain(s))
	}
	e.send(l, in.src, &m)
}

// startTrain holds the answer back until the known answers are complete.
func (e *Engine) startTrain(now time.Time, l *linkState, in input, want []slot) {
	r := &l.responder
	t := r.trains[in.src]
	if t == nil {
		if len(r.trains) >= maxTrains {
			e.schedule(now, l, want, true) // crowded: answer without waiting
			return
		}
		t = &train{}
		t.timer.fire = func(now time.Time) { e.endTrain(now, l, in.src) }
		r.trains[in.src] = t
	}
	t.want = append(t.want, want...)
	e.timers.set(&t.timer, now.Add(e.between(trainMin, trainMax)))
}

// continueTrain takes more known answers of a train.
func (e *Engine) continueTrain(now time.Time, l *linkState, in input) {
	t := l.responder.trains[in.src]
	if t == nil {
		return
	}
	t.want = e.unknown(l, t.want, in.msg)
	switch {
	case len(t.want) == 0 || !in.msg.Truncated:
		e.endTrain(now, l, in.src)
	default:
		e.timers.set(&t.timer, now.Add(e.between(trainMin, trainMax)))
	}
}

func (e *Engine) endTrain(now time.Time, l *linkState, src netip.AddrPort) {
	t := l.responder.trains[src]
	e.timers.stop(&t.timer)
	delete(l.responder.trains, src)
	if l.pub.phase == live {
		e.scheduleAt(l, t.want, now) // it has waited long enough
	}
}

// suppress drops our pending answer to a service enumeration when somebody else
// has just given it (7.4). All other records of ours are ours alone: whoever
// gives those may want us to stay silent.
func (e *Engine) suppress(l *linkState, in input) {
	s := slot{kind: slotMeta}
	if _, ok := l.responder.pending[s]; !ok || in.own || !in.multicast {
		return
	}
	if knows(in.msg.Answers, e.record(l, s).rec, 1) {
		delete(l.responder.pending, s)
	}
}
