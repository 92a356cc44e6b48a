package stream

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// budget is what connections may cost before they have proved a key
// (security.md L-01, L-02, L-05). It decides before the first octet is read.
type budget struct {
	lim   Limits
	known func(netip.Addr) bool

	mu      sync.Mutex // guards the following
	sources map[netip.Addr]*source
	pending int // slots in use
	reserve int // slots of the reserve in use
	slots   map[*slot]struct{}
	swept   time.Time
}

// source is one address, or the /64 around it, that has connected.
type source struct {
	open   int // unauthenticated connections now
	tokens bucket
	barred time.Time // penalties end here
	failed time.Time // last time; zero: never
}

// slot is one admitted connection; release it exactly once.
type slot struct {
	b        *budget
	key      netip.Addr
	reserved bool
	since    time.Time
	cut      func() // ends the connection; nil: it is not to be shed
	shed     bool   // it was, and counts no more
}

func newBudget(lim Limits, known func(netip.Addr) bool) *budget {
	if known == nil {
		known = func(netip.Addr) bool { return false }
	}
	return &budget{lim: lim, known: known, sources: make(map[netip.Addr]*source), slots: make(map[*slot]struct{})}
}

// sourceOf returns the key an address is counted under: itself, or its /64 for
// IPv6 (L-01). Link-local addresses all share one /64, so these count singly.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() || a.IsLinkLocalUnicast() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// take admits a connection or returns nil.
func (b *budget) take(addr netip.Addr, now time.Time) *slot {
	key, known := sourceOf(addr), b.known(addr)
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sourceLocked(key, now)
	if s == nil || now.Before(s.barred) || s.open >= b.lim.PerSource || !s.tokens.spend(1, now) {
		return nil
	}
	reserved := false
	crowded := b.pending >= b.lim.Pending/2
	if crowded {
		b.shedLocked(now)
	}
	if b.pending >= b.lim.Pending || b.dropLocked() || crowded && !s.fresh(now) {
		if !known || b.reserve >= b.lim.Reserve {
			return nil
		}
		reserved = true
	}
	if reserved {
		b.reserve++
	} else {
		b.pending++
	}
	s.open++
	taken := &slot{b: b, key: key, reserved: reserved, since: now}
	b.slots[taken] = struct{}{}
	return taken
}

// fresh reports whether a source may have one of the slots that are left in a
// crowd: it holds none, and has not wasted one lately. Whoever made the crowd
// has only as many of those as it has addresses.
func (s *source) fresh(now time.Time) bool {
	return s.open == 0 && (s.failed.IsZero() || now.Sub(s.failed) >= maxPenalty)
}

// attach says how to end the connection when others need the slot more.
func (s *slot) attach(cut func()) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.cut = cut
}

// patience is how long a connection may take to prove its key while more than
// half of the slots are in use. A handshake takes five round trips; even with
// 300 ms each and a lost segment it is done by then.
const patience = 2 * time.Second

// shedLocked makes room in a crowd: of the connections that have had their
// time, two of the sources that have most of them go, the oldest first. What is
// younger stays, so nobody can push out a peer that is about to prove its key.
func (b *budget) shedLocked(now time.Time) {
	for range 2 {
		b.shedOneLocked(now)
	}
}

func (b *budget) shedOneLocked(now time.Time) {
	var worst *slot
	for s := range b.slots {
		if s.reserved || s.cut == nil || now.Sub(s.since) < patience {
			continue
		}
		if worst == nil || b.heavierLocked(s, worst) {
			worst = s
		}
	}
	if worst == nil {
		return
	}
	worst.shed = true
	b.pending--
	delete(b.slots, worst)
	worst.cut()
}

func (b *budget) heavierLocked(s, than *slot) bool {
	mine, its := b.sources[s.key].open, b.sources[than.key].open
	return mine > its || mine == its && s.since.Before(than.since)
}

// dropLocked decides about early random drop: from half of the slots on, the
// chance rises from nothing to certainty (L-02).
func (b *budget) dropLocked() bool {
	half := b.lim.Pending / 2
	over := b.pending - half
	if over <= 0 {
		return false
	}
	var octets [4]byte
	rand.Read(octets[:]) // never fails (Go 1.24)
	return uint64(binary.BigEndian.Uint32(octets[:]))*uint64(b.lim.Pending-half) < uint64(over)<<32
}

// sourceLocked finds or makes the entry of a source. Nil: all places are held
// by sources with an open connection or a penalty.
func (b *budget) sourceLocked(key netip.Addr, now time.Time) *source {
	if s := b.sources[key]; s != nil {
		return s
	}
	if len(b.sources) >= b.lim.Sources {
		b.sweepLocked(now)
	}
	if len(b.sources) >= b.lim.Sources {
		return nil
	}
	s := &source{tokens: newBucket(float64(b.lim.Burst), 1/b.lim.Every.Seconds(), now)}
	b.sources[key] = s
	return s
}

// sweepLocked makes room: all sources that are as good as new go, at most once
// a second, since that looks at every one. If there are none, any without a
// connection goes, so that a crowd of made-up sources cannot keep out everybody
// else for longer than it keeps up.
func (b *budget) sweepLocked(now time.Time) {
	if now.Sub(b.swept) >= time.Second {
		b.swept = now
		for key, s := range b.sources {
			if s.open == 0 && !now.Before(s.barred) && s.tokens.full(now) {
				delete(b.sources, key)
			}
		}
	}
	if len(b.sources) < b.lim.Sources {
		return
	}
	for key, s := range b.sources { // in random order
		if s.open == 0 {
			delete(b.sources, key)
			return
		}
	}
}

// release gives the slot back. A failure costs the source a penalty (L-05).
func (s *slot) release(now time.Time, failed bool) {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.slots, s)
	switch {
	case s.shed: // was counted off then
	case s.reserved:
		b.reserve--
	default:
		b.pending--
	}
	src := b.sources[s.key]
	if src == nil {
		return // cannot happen: a source with an open connection stays
	}
	src.open--
	if failed {
		src.failed = now
		from := now
		if src.barred.After(now) {
			from = src.barred
		}
		src.barred = from.Add(b.lim.Penalty)
		if latest := now.Add(maxPenalty); src.barred.After(latest) {
			src.barred = latest
		}
	}
}

// bucket is a token bucket. Tokens may be owed.
type bucket struct {
	tokens, burst, rate float64 // rate is per second
	last                time.Time
}

func newBucket(burst, rate float64, now time.Time) bucket {
	return bucket{tokens: burst, burst: burst, rate: rate, last: now}
}

// refill credits the time since the last call.
func (b *bucket) refill(now time.Time) {
	if d := now.Sub(b.last); d > 0 {
		b.tokens = min(b.burst, b.tokens+d.Seconds()*b.rate)
		b.last = now
	}
}

// spend takes n tokens if they are there.
func (b *bucket) spend(n float64, now time.Time) bool {
	b.refill(now)
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// owe takes n tokens and returns how long to wait until none is owed.
func (b *bucket) owe(n float64, now time.Time) time.Duration {
	b.refill(now)
	b.tokens -= n
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate * float64(time.Second))
}

func (b *bucket) full(now time.Time) bool {
	b.refill(now)
	return b.tokens >= b.burst
}
