package engine

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math"
	"net/netip"
	"slices"
	"time"

	"llchat/internal/mdns/wire"
)

// learn takes what a response says about others: first who is there, then
// where and what, then addresses, whatever order the packet has them in.
// Negative answers (NSEC) need no action: nothing is shown that was not said.
func (e *Engine) learn(now time.Time, l *linkState, in input) {
	sections := [][]wire.Record{in.msg.Answers, in.msg.Additional}
	each := func(f func(r *wire.Record)) {
		for _, s := range sections {
			for i := range s {
				if s[i].Class == wire.ClassIN {
					f(&s[i])
				}
			}
		}
	}
	each(func(r *wire.Record) {
		if r.Type == wire.TypePTR && r.Name.Equal(service) {
			e.learnPTR(now, l, in, r)
		}
	})
	best := map[*view]*wire.Record{}
	var name wire.Name // SRV and TXT of an instance come one after the other
	var v *view
	each(func(r *wire.Record) {
		if r.Type != wire.TypeSRV && r.Type != wire.TypeTXT {
			return
		}
		if v == nil || r.Name != name {
			name, v = r.Name, e.viewOf(l, r.Name)
		}
		if v == nil && len(l.sought) > 0 {
			v = e.learnSought(now, l, in.src.Addr().Unmap(), r)
		}
		switch {
		case v == nil:
		case r.Type == wire.TypeTXT:
			e.learnTXT(now, v, r)
		case e.better(best, v, r):
			e.learnSRV(now, v, r)
		}
	})
	if e.cache.fetching > 0 {
		each(func(r *wire.Record) { e.learnPicture(l, r) })
	}
	if len(l.hosts) == 0 {
		return
	}
	each(func(r *wire.Record) {
		if r.Type == wire.TypeA || r.Type == wire.TypeAAAA {
			e.learnAddr(now, l, r)
		}
	})
}

// better says whether r is the best SRV record of its name in this packet
// (RFC 2782: lowest priority, then one drawn by weight).
func (e *Engine) better(best map[*view]*wire.Record, v *view, r *wire.Record) bool {
	b, ok := best[v]
	if ok && (b.SRV.Priority < r.SRV.Priority ||
		b.SRV.Priority == r.SRV.Priority && e.draw(b.SRV) <= e.draw(r.SRV)) {
		return false
	}
	if r.TTL > 0 {
		best[v] = r
	}
	return true
}

// draw is a lot for s, and the smallest wins: exponentially distributed, with
// the weight as its rate, so that chances are as the weights are. An engine
// draws the same for the same record each time, or a peer would seem to move
// with each packet.
func (e *Engine) draw(s wire.SRV) float64 {
	h := fnv.New64a()
	var b [10]byte
	binary.BigEndian.PutUint64(b[:], e.sources.seed)
	binary.BigEndian.PutUint16(b[8:], s.Port)
	h.Write(b[:])
	h.Write([]byte(s.Target.Key()))
	sum := h.Sum64()
	sum = (sum ^ sum>>33) * 0xff51afd7ed558ccd        // FNV's last octets move its low bits only
	u := (float64((sum^sum>>33)>>11) + 1) / (1 << 53) // (0, 1]
	return -math.Log(u) / max(float64(s.Weight), tinyWeight)
}

// tinyWeight stands for 0, which RFC 2782 gives a very small chance.
const tinyWeight = 0.01

// learnPTR takes the record that makes an instance exist.
func (e *Engine) learnPTR(now time.Time, l *linkState, p input, r *wire.Record) {
	if !isInstance(r.PTR) || e.isOurs(now, p, r.PTR) {
		return
	}
	if r.TTL == 0 {
		e.goodbyePTR(now, l, r.PTR)
		return
	}
	in := e.admit(now, l, p.src.Addr().Unmap(), r.PTR)
	if in == nil {
		return
	}
	v := in.view(l)
	if v == nil {
		v = e.addView(in, l)
	}
	if label := r.PTR.First(); in.label != label {
		in.name, in.label = r.PTR, label
		e.touch(in)
	}
	if v.ptr.known() {
		l.noteAnswer(now, v)
	}
	v.ptr = life(now, r, minPTR)
	in.seen = now
	e.fetchMissing(now, in)
	e.arm(now, in)
}

// life is the entry of a record heard now. Lives shorter than min are taken as
// min, so that nobody can make us ask every moment.
func life(now time.Time, r *wire.Record, min time.Duration) entry {
	ttl := max(min, time.Duration(r.TTL)*time.Second)
	return entry{at: now, ttl: ttl, expires: now.Add(ttl)}
}

// goodbyePTR ends an instance on l in a second, unless it is heard again (10.1).
func (e *Engine) goodbyePTR(now time.Time, l *linkState, name wire.Name) {
	in := e.cache.byKey[keyOf(name)]
	if in == nil {
		return
	}
	v := in.view(l)
	if v == nil || v.ptr.stage > refreshStep || e.cfg.Live(in.key) {
		return
	}
	v.ptr.expires = earlier(v.ptr.expires, now.Add(grace))
	v.ptr.stage = saidGoodbye
	in.fetch, v.wants = questions{}, wants{} // 174-9.2
	e.endPicture(in, nil)
	e.arm(now, in)
}

// saidGoodbye is the stage of a record that was withdrawn and lives its last
// second.
const saidGoodbye = refreshStep + 1

// isOurs says whether name is our own instance: not a peer (174-4.2). A name
// that we only want may well be somebody else's.
func (e *Engine) isOurs(now time.Time, p input, name wire.Name) bool {
	key := name.Key()
	if e.own.established && key == e.own.instanceKey {
		return true
	}
	return p.own && e.own.isFormer(now, key)
}

// viewOf returns the view that a record of an instance name is about.
func (e *Engine) viewOf(l *linkState, name wire.Name) *view {
	if !name.Parent().Equal(service) || e.own.established && name.Equal(e.own.instance) {
		return nil
	}
	in := e.cache.byKey[keyOf(name)]
	if in == nil {
		return nil
	}
	return in.view(l)
}

// learnSRV takes where an instance is. A newer record replaces an older one:
// of a unique record there is one.
func (e *Engine) learnSRV(now time.Time, v *view, r *wire.Record) {
	if r.TTL == 0 {
		if v.srv.known() && v.ptr.stage != saidGoodbye && !e.cfg.Live(v.in.key) {
			e.startReconfirm(now, v.in) // gone alone: is the instance?
		}
		return
	}
	if v.srv.known() && !v.sameEnd(r.SRV) && e.cfg.Live(v.in.key) {
		return // a stream with it lives where it was; Resolve asks when it is needed
	}
	if !v.srv.known() || !v.sameEnd(r.SRV) || len(v.in.views) > 1 {
		e.touch(v.in)
	}
	v.srv = life(now, r, 0)
	v.target = r.SRV
	v.wants.srv = false
	v.in.seen = now
	e.linkHost(v)
	if v.in.resolve.active() && len(v.host.addrs) == 0 {
		e.want(now, v, wants{addr: true})
	}
	e.answered(now, v.in)
	e.arm(now, v.in)
}

// learnTXT takes what an instance says about itself. A TXT record that is
// withdrawn alone changes nothing: the next one will.
func (e *Engine) learnTXT(now time.Time, v *view, r *wire.Record) {
	if r.TTL == 0 {
		return
	}
	data := r.TXT
	if bytes.Equal(data, []byte{0}) {
		data = nil // RFC 6763 6.1: the forms of empty are one
	}
	if !v.txt.known() || !bytes.Equal(v.data, data) || len(v.in.views) > 1 {
		e.touch(v.in)
		v.data = data
	}
	v.txt = life(now, r, 0)
	v.wants.txt = false
	v.in.seen = now
	e.arm(now, v.in)
}

// learnAddr takes an address of a host that an instance names. Only neighbours'
// addresses count, eight at most (L-25).
func (e *Engine) learnAddr(now time.Time, l *linkState, r *wire.Record) {
	h := l.hosts[r.Name.Key()]
	if h == nil || !l.reaches(r.Addr) {
		return
	}
	if r.Flush && r.TTL > 0 {
		e.flush(now, h, r)
	}
	i := slices.IndexFunc(h.addrs, func(a addr) bool { return a.ip == r.Addr })
	switch {
	case i < 0 && r.TTL == 0:
		return
	case i < 0:
		i = h.add(r.Addr)
		e.touchUsers(h)
	}
	a := &h.addrs[i]
	if r.TTL == 0 {
		if e.usedLive(h) {
			return
		}
		a.end = now.Add(grace)
		e.timers.sooner(&h.timer, a.end)
		return
	}
	a.at, a.expires, a.end = now, now.Add(time.Duration(r.TTL)*time.Second), time.Time{}
	if e.cache.resolving == 0 {
		return
	}
	for _, in := range h.users {
		if in.resolve.active() {
			e.answered(now, in)
		}
	}
}

// add makes room for one more address and returns its place. When there are
// eight, the one heard longest ago goes: who is alive is heard again.
func (h *host) add(ip netip.Addr) int {
	if len(h.addrs) < maxAddrs {
		h.addrs = append(h.addrs, addr{ip: ip})
		return len(h.addrs) - 1
	}
	oldest := 0
	for i, a := range h.addrs {
		if a.at.Before(h.addrs[oldest].at) {
			oldest = i
		}
	}
	h.addrs[oldest] = addr{ip: ip}
	return oldest
}

// flush ends the other addresses of r's family that are older than a second
// (10.2).
func (e *Engine) flush(now time.Time, h *host, r *wire.Record) {
	for i := range h.addrs {
		a := &h.addrs[i]
		if a.ip.Is4() == r.Addr.Is4() && a.ip != r.Addr && now.Sub(a.at) > grace && a.end.IsZero() {
			if e.usedLive(h) {
				return
			}
			a.end = now.Add(grace)
			e.timers.sooner(&h.timer, a.end)
		}
	}
}

// usedLive says whether an instance on h has a live stream with us: what is
// known about where it is then stays, though more may be learned.
func (e *Engine) usedLive(h *host) bool {
	return slices.ContainsFunc(h.users, func(in *instance) bool { return e.cfg.Live(in.key) })
}

// sameEnd says whether s leads where we know v to be.
func (v *view) sameEnd(s wire.SRV) bool {
	return v.target.Port == s.Port && v.target.Target.Equal(s.Target)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
