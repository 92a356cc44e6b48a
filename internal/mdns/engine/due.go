package engine

import (
	"slices"
	"time"
)

// questions is a short series of questions about one instance.
type questions struct {
	start time.Time
	end   time.Time // no answer by then: it failed
	next  time.Time
	asked int
	tries int // of a reconfirmation
}

func (q questions) active() bool { return !q.start.IsZero() }

// wants says which questions wait in a link's queue.
type wants struct{ srv, txt, addr bool }

func (w wants) any() bool { return w.srv || w.txt || w.addr }

// How questions about one instance are spread (RFC 6762 5.2: at least a second,
// then factor two) and when we give up.
const (
	fetchTries    = 3
	fetchGap      = time.Second
	reconfirmGap  = 2 * time.Second
	reconfirmTime = 10 * time.Second // 10.4
	reconfirmMost = 2
	resolveTime   = 5 * time.Second
	resolveFresh  = 10 * time.Second // heard that recently needs no question
	liveCheck     = 30 * time.Second // an instance kept for its live stream is looked at again
)

// fetchMissing starts asking for SRV and TXT of an instance whose PTR came
// without them.
func (e *Engine) fetchMissing(now time.Time, in *instance) {
	complete := !slices.ContainsFunc(in.views, func(v *view) bool { return !v.srv.known() || !v.txt.known() })
	if in.fetch.active() || complete {
		return
	}
	in.fetch = questions{start: now, next: now.Add(e.between(askMin, askMax))}
}

// instanceDue does what is due for in and sets its timer again.
func (e *Engine) instanceDue(now time.Time, in *instance) {
	e.checkPoof(now, in)
	e.checkLook(now, in)
	if !e.expireViews(now, in) || !e.askWatched(now, in) || !e.askReconfirm(now, in) {
		return // removed
	}
	e.askFetch(now, in)
	e.askResolve(now, in)
	e.askPicture(now, in)
	if !in.wait.IsZero() && !now.Before(in.wait) {
		in.wait = time.Time{}
		e.touch(in)
	}
	e.arm(now, in)
}

// expireViews ends PTR records whose time is over and asks for those whose time
// nears. It reports whether in is still there.
func (e *Engine) expireViews(now time.Time, in *instance) bool {
	cause := Expired
	for _, v := range slices.Clone(in.views) {
		if !v.ptr.expires.After(now) {
			if e.cfg.Live(in.key) {
				v.ptr.expires = now.Add(liveCheck) // it is here, whatever packets say
				e.doubt(in)
				continue
			}
			if v.ptr.stage == saidGoodbye {
				cause = Goodbye
			}
			e.dropView(v)
			continue
		}
		for at := v.ptr.refreshAt(in.spread(v.ptr.ttl)); !at.IsZero() && !at.After(now); {
			v.ptr.stage++
			e.askSoon(now, v.link)
			at = v.ptr.refreshAt(in.spread(v.ptr.ttl))
		}
	}
	switch {
	case len(in.views) > 0:
		return true
	case !in.lostAt.IsZero() && now.Sub(in.lostAt) < linkGrace:
		return true
	case !in.lostAt.IsZero():
		cause = LinkLost
	}
	e.remove(now, in, cause)
	return false
}

// spread is the jitter of refresh questions, up to 2 % of the life (5.2). It
// follows from the order of arrival: neighbours in time do not ask together.
func (in *instance) spread(ttl time.Duration) time.Duration {
	return ttl * time.Duration(in.number*7919%200) / 10000
}

// askWatched keeps the SRV record of a watched instance fresh. When all four
// questions stay unanswered the instance is gone.
func (e *Engine) askWatched(now time.Time, in *instance) bool {
	in.again = time.Time{}
	if !e.cache.watched[in.key] || in.lost() {
		return true
	}
	for _, v := range in.views {
		for at := v.srv.refreshAt(in.spread(v.srv.ttl)); !at.IsZero() && !at.After(now); {
			v.srv.stage++
			e.want(now, v, wants{srv: true})
			if v.srv.stage == doubtStage && e.cfg.Live(in.key) {
				e.doubt(in)
			}
			at = v.srv.refreshAt(in.spread(v.srv.ttl))
		}
	}
	if in.shown && !in.alive(now) && !in.reconfirm.active() {
		if e.cfg.Live(in.key) {
			in.again = now.Add(liveCheck)
			return true
		}
		e.remove(now, in, Unanswered)
		return false
	}
	return true
}

// doubtStage is the refresh question, at 85 % of 120 s, before which one had
// no answer: time for a check of the stream within what is left.
const doubtStage = 2

// doubt tells that an instance does not answer which no packet takes away.
func (e *Engine) doubt(in *instance) {
	if in.shown {
		e.emit(Event{Kind: Doubted, Peer: in.current()})
	}
}

// startReconfirm asks whether in is still there (10.4).
func (e *Engine) startReconfirm(now time.Time, in *instance) {
	if in.reconfirm.active() {
		return
	}
	in.reconfirm = questions{start: now, next: now, end: now.Add(reconfirmTime), tries: reconfirmMost}
	e.arm(now, in)
}

func (e *Engine) askReconfirm(now time.Time, in *instance) bool {
	q := &in.reconfirm
	if !q.active() {
		return true
	}
	if !q.end.After(now) {
		if e.cfg.Live(in.key) {
			in.reconfirm = questions{}
			e.doubt(in)
			return true
		}
		e.remove(now, in, Unanswered)
		return false
	}
	if !q.next.IsZero() && !q.next.After(now) {
		e.wantAll(now, in, wants{srv: true})
		q.next = time.Time{}
		if q.asked++; q.asked < q.tries {
			q.next = now.Add(reconfirmGap << (q.asked - 1))
		}
	}
	return true
}

// askFetch asks for missing SRV and TXT records, three times at most.
func (e *Engine) askFetch(now time.Time, in *instance) {
	q := &in.fetch
	if !q.active() || q.next.After(now) {
		return
	}
	missing := false
	for _, v := range in.views {
		w := wants{srv: !v.srv.known(), txt: !v.txt.known()}
		if w.any() && q.asked < fetchTries {
			missing = true
			e.want(now, v, w)
		}
	}
	if !missing {
		in.fetch = questions{}
		return
	}
	q.next = now.Add(fetchGap << q.asked)
	q.asked++
}

// askResolve asks for SRV and addresses before we dial.
func (e *Engine) askResolve(now time.Time, in *instance) {
	q := &in.resolve
	switch {
	case !q.active():
	case !q.end.After(now):
		e.endResolve(in)
		e.emit(Event{Kind: Resolved, Peer: in.current(), OK: false})
	case !q.next.After(now):
		q.next = now.Add(fetchGap << q.asked)
		q.asked++
		e.wantAll(now, in, wants{srv: true, addr: true})
	}
}

func (e *Engine) endResolve(in *instance) {
	in.resolve = questions{}
	e.cache.resolving--
}

// answered is called when an SRV record or an address of in came.
func (e *Engine) answered(now time.Time, in *instance) {
	in.poof.check, in.poof.asked = time.Time{}, 0
	if in.reconfirm.active() && in.heard(in.reconfirm.start) {
		in.reconfirm = questions{}
	}
	if in.resolve.active() && in.fresh(in.resolve.start) {
		e.endResolve(in)
		e.touch(in)
		e.cache.resolved = append(e.cache.resolved, in)
	}
}

// heard says whether an SRV record came at or after t.
func (in *instance) heard(t time.Time) bool {
	return slices.ContainsFunc(in.views, func(v *view) bool { return v.srv.known() && !v.srv.at.Before(t) })
}

// fresh says whether SRV record and an address came at or after t.
func (in *instance) fresh(t time.Time) bool {
	return slices.ContainsFunc(in.views, func(v *view) bool {
		return v.srv.known() && !v.srv.at.Before(t) && v.host != nil &&
			slices.ContainsFunc(v.host.addrs, func(a addr) bool { return !a.at.Before(t) })
	})
}

// arm sets the timer of in to the next thing due.
func (e *Engine) arm(now time.Time, in *instance) {
	var at time.Time
	need := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, v := range in.views {
		need(v.ptr.expires)
		need(v.ptr.refreshAt(in.spread(v.ptr.ttl)))
		if e.cache.watched[in.key] && v.srv.known() {
			if v.srv.expires.After(now) {
				need(v.srv.expires)
			}
			need(v.srv.refreshAt(in.spread(v.srv.ttl)))
		}
	}
	if in.lost() && !in.lostAt.IsZero() {
		need(in.lostAt.Add(linkGrace))
	}
	need(in.wait)
	need(in.again)
	need(in.poof.check)
	if e.cache.viewed[in.key] && in.shown {
		need(in.look)
	}
	for _, q := range []questions{in.fetch, in.reconfirm, in.resolve} {
		if q.active() {
			need(q.next)
			need(q.end)
		}
	}
	if in.picture != nil {
		need(in.picture.next)
		need(in.picture.end)
	}
	e.timers.set(&in.timer, at)
}
