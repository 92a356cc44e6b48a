package avahi

import (
	"time"

	"llchat/internal/mdns/wire"
)

// Times of lookups.
const (
	lookTime    = 5 * time.Second        // as mdns.Node's Resolve
	moreTime    = 100 * time.Millisecond // after the first address, for the others
	againFirst  = 10 * time.Second       // next lookup after one without an answer
	confirmTime = 130 * time.Second      // an SRV record runs out within 120 s
	answerTime  = 10 * time.Second       // RFC 6762 10.4: who does not answer is gone
)

// lookup asks for SRV and addresses of one instance by browsers that end when
// the answers are there (174-4.6).
//
//	SRV --target--> A and AAAA --addresses--> end
//	 |                  |
//	 +---- lookTime ----+-------------------> end without
type lookup struct {
	srv, a, aaaa *browser
	host         wire.Name
	found        bool // the first address is there
	timer        *time.Timer
	waiting      []chan resolved
}

// lookUp begins a lookup, unless one is under way.
func (n *Node) lookUp(in *instance) {
	if in.look != nil {
		return
	}
	l := &lookup{srv: in.kept}
	if l.srv == nil {
		l.srv = n.open(wire.TypeSRV, in, in.name.Labels()...)
	}
	in.look = l
	n.browse.lookups++
	l.timer = n.after(lookTime, func(time.Time) {
		if in.look == l {
			n.endLookup(in, len(n.found(l)) > 0)
		}
	})
	if l.srv == nil {
		n.endLookup(in, false)
		return
	}
	n.step(in)
}

// told goes on with what waits for b.
func (n *Node) told(b *browser) {
	in := b.in
	switch b {
	case in.txt:
		if len(b.live) > 0 {
			in.text = b.live[len(b.live)-1].data
		}
		n.touch(in)
	case in.kept:
		n.toldKept(in, b)
	}
	if in.fetch != nil && b == in.fetch.browser {
		n.toldAvatar(in)
	}
	if in.look != nil {
		n.step(in)
	}
}

// toldKept follows the SRV record of a watched instance: where it moves to, and
// that it has run out.
func (n *Node) toldKept(in *instance, b *browser) {
	switch {
	case len(b.live) == 0 && b.had:
		in.dead = true
	case len(b.live) > 0:
		host, port, err := latest(b)
		if err == nil && in.hasSRV && in.look == nil && (port != in.port || !host.Equal(in.host)) {
			n.enqueue(in)
		}
	}
	n.touch(in)
}

// latest reads the newest SRV record of b.
func latest(b *browser) (host wire.Name, port uint16, err error) {
	if b == nil || len(b.live) == 0 {
		return wire.Name{}, 0, errData
	}
	return readSRV([]byte(b.live[len(b.live)-1].data))
}

// step does what the answers until now allow.
func (n *Node) step(in *instance) {
	l := in.look
	host, port, err := latest(l.srv)
	if err != nil {
		return
	}
	if l.a == nil && l.aaaa == nil || !host.Equal(l.host) {
		n.shut(l.a)
		n.shut(l.aaaa)
		l.host = host
		l.a = n.open(wire.TypeA, in, host.Labels()...)
		l.aaaa = n.open(wire.TypeAAAA, in, host.Labels()...)
	}
	in.host, in.port, in.hasSRV = host, port, true
	all := n.found(l)
	switch {
	case over(l.a) && over(l.aaaa):
		n.endLookup(in, len(n.endpoints(all, port)) > 0)
	case len(all) > 0 && !l.found:
		l.found = true
		n.after(moreTime, func(time.Time) {
			if in.look == l {
				n.endLookup(in, true)
			}
		})
	}
}

func over(b *browser) bool { return b == nil || b.done }

// found are the address records of a lookup.
func (n *Node) found(l *lookup) []record {
	var out []record
	for _, b := range []*browser{l.a, l.aaaa} {
		if b != nil {
			out = append(out, b.live...)
		}
	}
	return out
}

// endLookup ends the questions and takes what they brought.
func (n *Node) endLookup(in *instance, ok bool) {
	l := in.look
	in.look = nil
	n.browse.lookups--
	l.timer.Stop()
	if all := n.found(l); len(all) > 0 {
		in.addrs = n.endpoints(all, in.port)
		ok = ok && len(in.addrs) > 0
	}
	n.shut(l.a)
	n.shut(l.aaaa)
	if l.srv != in.kept {
		n.shut(l.srv)
	}
	in.looked = true
	n.touch(in)
	for _, c := range l.waiting {
		c <- resolved{peer: in.peer(), ok: ok}
	}
	if !ok && !in.hasSRV {
		n.after(againFirst, func(time.Time) {
			if n.browse.byKey[in.key] == in && !in.hasSRV && n.owner != "" {
				n.enqueue(in)
			}
		})
	}
}

// resolve begins a lookup for c; false when the instance is not there.
func (n *Node) resolve(key string, c chan resolved) bool {
	in := n.browse.byKey[key]
	if in == nil || !in.shown {
		return false
	}
	if n.owner == "" {
		c <- resolved{peer: in.current()}
		return true
	}
	if in.look == nil && n.browse.lookups >= 2*maxLookups {
		c <- resolved{peer: in.current()}
		return true
	}
	n.lookUp(in)
	if in.look == nil {
		c <- resolved{peer: in.current()}
		return true
	}
	in.look.waiting = append(in.look.waiting, c)
	return true
}

// watch sets the instances whose SRV records are kept fresh.
func (n *Node) watch(now time.Time, keys []string) {
	b := &n.browse
	before := b.watched
	b.watched = map[string]bool{}
	for _, k := range keys[:min(len(keys), maxWatch)] {
		b.watched[k] = true
	}
	for k := range before {
		if in := b.byKey[k]; in != nil {
			n.keep(now, in)
		}
	}
	for k := range b.watched {
		if in := b.byKey[k]; in != nil {
			n.keep(now, in)
		}
	}
}

// reconfirm keeps the SRV record of key until it must have run out.
func (n *Node) reconfirm(now time.Time, key string) {
	b := &n.browse
	in := b.byKey[key]
	if in == nil || now.Before(in.until) || b.confirms >= maxConfirm {
		return
	}
	b.confirms++
	in.until = now.Add(confirmTime)
	n.after(confirmTime, func(now time.Time) {
		b.confirms--
		n.keep(now, in)
	})
	n.keep(now, in)
}

// keep opens or ends the SRV browser of in, as it is wanted.
func (n *Node) keep(now time.Time, in *instance) {
	b := &n.browse
	if b.byKey[in.key] != in {
		return
	}
	if !b.watched[in.key] && !now.Before(in.until) {
		if !in.dead {
			n.release(in)
		}
		return
	}
	if in.kept != nil || n.owner == "" {
		return
	}
	kept := n.open(wire.TypeSRV, in, in.name.Labels()...)
	if kept == nil {
		return
	}
	in.kept = kept
	n.after(answerTime, func(time.Time) {
		if in.kept == kept && len(kept.live) == 0 {
			in.dead = true
			n.touch(in)
		}
	})
}

// release ends the SRV browser of in, unless a lookup uses it.
func (n *Node) release(in *instance) {
	kept := in.kept
	in.kept = nil
	if kept != nil && (in.look == nil || in.look.srv != kept) {
		n.shut(kept)
	}
}
