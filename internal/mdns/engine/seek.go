package engine

import (
	"net/netip"
	"time"

	"llchat/internal/mdns/wire"
)

// A network that was cut without a word, and is whole again, tells nobody: the
// question for everybody has backed off to minutes by then. Seek asks for the
// few that somebody misses, by name, in one small packet for all of them.
const (
	seekPause = 2 * time.Second // one question a name in this time, whoever asks it
	seekWait  = time.Minute     // so long an answer makes an instance known
	maxSought = 64              // names kept for that, per link
)

// sought is when a name was last asked for.
type sought struct {
	asked time.Time
	ours  bool // by us: an answer is taken
}

// Seek asks on every link for instances that were there and are not known any
// more, at most 20 (L-24). One who answers is known again, without the PTR
// record, which its refresh question then brings. Names that somebody else has
// just asked for are left out: the answer will reach us too (RFC 6762 7.3).
func (e *Engine) Seek(now time.Time, labels []string) {
	e.now = now
	if e.silent {
		return
	}
	for _, l := range e.sorted() {
		if now.Sub(l.resolved) >= resolvePause {
			e.seek(now, l, labels)
		}
	}
}

func (e *Engine) seek(now time.Time, l *linkState, labels []string) {
	var m wire.Message
	room := l.payload() - headerLen
	for _, label := range labels[:min(len(labels), maxQuestions)] {
		name, err := service.Child(label)
		if err != nil || !isInstance(name) {
			continue
		}
		key := keyOf(name)
		in, was := e.cache.byKey[key], l.sought[key]
		questions := []wire.Question{
			{Name: name, Type: wire.TypeSRV, Class: wire.ClassIN}, {Name: name, Type: wire.TypeTXT, Class: wire.ClassIN},
		}
		size := questions[0].Size() + questions[1].Size()
		if in != nil && in.view(l) != nil || size > room {
			continue
		}
		l.noteSought(now, key, true)
		if now.Sub(was.asked) < seekPause {
			continue
		}
		room -= size
		m.Questions = append(m.Questions, questions...)
	}
	if len(m.Questions) > 0 {
		l.resolved = now
		e.multicast(l, &m)
	}
}

// noteSought notes a question for a name that is not known here. Only names
// that we asked for ourselves take room.
func (l *linkState) noteSought(now time.Time, key string, ours bool) {
	was, ok := l.sought[key]
	if !ok && !ours {
		return
	}
	if l.sought == nil {
		l.sought = map[string]sought{}
	}
	for k, s := range l.sought {
		if now.Sub(s.asked) > seekWait {
			delete(l.sought, k)
		}
	}
	if ok || len(l.sought) < maxSought {
		next := sought{asked: was.asked, ours: was.ours || ours}
		if !ours || now.Sub(was.asked) >= seekPause {
			next.asked = now
		}
		l.sought[key] = next
	}
}

// learnSought takes the answer to Seek: an SRV record makes its instance exist
// as a PTR record would, for as long as it lives itself.
func (e *Engine) learnSought(now time.Time, l *linkState, src netip.Addr, r *wire.Record) *view {
	key := keyOf(r.Name)
	s, ok := l.sought[key]
	if !ok || !s.ours || now.Sub(s.asked) > seekWait || r.Type != wire.TypeSRV || r.TTL == 0 || !isInstance(r.Name) ||
		r.Name.Equal(e.own.instance) {
		return nil
	}
	delete(l.sought, key)
	in := e.admit(now, l, src, r.Name)
	if in == nil || in.view(l) != nil {
		return nil
	}
	v := e.addView(in, l)
	v.ptr = life(now, r, minPTR)
	in.seen = now
	e.fetchMissing(now, in)
	e.arm(now, in)
	return v
}
