package engine

import (
	"time"

	"llchat/internal/mdns/wire"
)

// Resolve asks for fresh SRV and address records of an instance, right before
// we dial it (174-11.2). The event Resolved follows, within 5 s. It reports
// whether the instance is known at all.
func (e *Engine) Resolve(now time.Time, key string) bool {
	e.now = now
	in := e.cache.byKey[key]
	if in == nil || !in.shown {
		return false
	}
	switch {
	case in.resolve.active():
	case in.fresh(now.Add(-resolveFresh)):
		e.cache.resolved = append(e.cache.resolved, in)
	default:
		e.cache.resolving++
		in.resolve = questions{start: now, next: now, end: now.Add(resolveTime)}
		e.askResolve(now, in)
		e.arm(now, in)
	}
	e.settle()
	return true
}

// Reconfirm asks whether an instance is still there, because reaching it
// failed. If nobody answers within 10 s, Left follows (RFC 6762 10.4).
func (e *Engine) Reconfirm(now time.Time, key string) {
	e.now = now
	if in := e.cache.byKey[key]; in != nil {
		e.startReconfirm(now, in)
	}
}

// Watch sets the instances whose SRV records are kept fresh, so that a silent
// death is seen within their TTL of 120 s. Keys beyond 64 are not watched.
func (e *Engine) Watch(now time.Time, keys []string) {
	e.now = now
	c := &e.cache
	before := c.watched
	c.watched = map[string]bool{}
	for _, k := range keys[:min(len(keys), maxWatch)] {
		c.watched[k] = true
		in := c.byKey[k]
		if in == nil || before[k] {
			continue
		}
		if !in.lost() && !in.alive(now) {
			e.startReconfirm(now, in) // nobody kept it fresh until now
		}
		e.arm(now, in)
	}
}

// alive says whether an SRV record of in is valid still.
func (in *instance) alive(now time.Time) bool {
	for _, v := range in.views {
		if v.srv.left(now) > 0 {
			return true
		}
	}
	return false
}

// wantAll wants answers about in from all its links.
func (e *Engine) wantAll(now time.Time, in *instance, w wants) {
	for _, v := range in.views {
		e.want(now, v, w)
	}
}

// want puts questions about v into the queue of its link. What a person waits
// for (addresses) goes first.
func (e *Engine) want(now time.Time, v *view, w wants) {
	l := v.link
	v.wants.srv = v.wants.srv || w.srv
	v.wants.txt = v.wants.txt || w.txt
	v.wants.addr = v.wants.addr || w.addr
	if !v.queued || w.addr {
		v.queued = true
		if w.addr {
			l.queue = append([]*view{v}, l.queue...)
		} else {
			l.queue = append(l.queue, v)
		}
	}
	e.timers.sooner(&l.resolve, later(now, l.resolved.Add(resolvePause)))
}

// sendQueue asks the questions of one packet: 20 names at most, as many as fit,
// five packets a second (L-24).
func (e *Engine) sendQueue(now time.Time, l *linkState) {
	var m wire.Message
	room, names, i := l.payload()-headerLen, 0, 0
	for ; i < len(l.queue) && names < maxQuestions; i++ {
		v := l.queue[i]
		q := v.questions()
		size := 0
		for _, x := range q {
			size += x.Size()
		}
		if size > room {
			break
		}
		room -= size
		v.queued, v.wants = false, wants{}
		if len(q) > 0 {
			names++
			m.Questions = append(m.Questions, q...)
		}
	}
	l.queue = append(l.queue[:0:0], l.queue[i:]...)
	if len(m.Questions) > 0 {
		l.resolved = now
		e.multicast(l, &m)
	}
	if len(l.queue) > 0 {
		e.timers.set(&l.resolve, now.Add(resolvePause))
	}
}

// headerLen is the size of a DNS header (RFC 1035 4.1.1).
const headerLen = 12

// questions are what v waits to ask, repeating the name as it was received.
func (v *view) questions() []wire.Question {
	var out []wire.Question
	add := func(on bool, n wire.Name, t wire.Type) {
		if on {
			out = append(out, wire.Question{Name: n, Type: t, Class: wire.ClassIN})
		}
	}
	add(v.wants.srv, v.in.name, wire.TypeSRV)
	add(v.wants.txt, v.in.name, wire.TypeTXT)
	known := v.wants.addr && v.host != nil
	add(known, v.target.Target, wire.TypeA)
	add(known, v.target.Target, wire.TypeAAAA)
	return out
}

// asked notes that somebody else has just asked for a record that we wanted to
// ask for: the answer will reach us too (RFC 6762 7.3).
func (in *instance) asked(l *linkState, t wire.Type) {
	v := in.view(l)
	if v == nil {
		return
	}
	switch t {
	case wire.TypeSRV:
		v.wants.srv = false
	case wire.TypeTXT:
		v.wants.txt = false
	}
}
