package engine

import (
	"net/netip"
	"slices"
	"time"
)

// What others can make us keep and do (security.md 9.1).
const (
	maxPeers      = 8192 // L-22
	maxPerSource  = 64   // L-22
	maxAddrs      = 8    // L-25
	maxWatch      = 64   // mdns.md 2.6
	maxHostUsers  = 64   // instances told about an address change of one host
	maxTrains     = 64   // queriers whose TC trains are collected at once, per link
	maxQuestions  = 20   // names in one resolve packet, L-24
	resolvePause  = 200 * time.Millisecond
	sourceRate    = 50    // packets/s and source, L-20
	sourceBurst   = 300   // L-20
	linkRate      = 5000  // packets/s and link, L-20
	reserveRate   = 500   // beyond that, from sources of contacts
	reserveLook   = 8     // instances of a source looked at to know it for that
	newRate       = 10000 // new instances/s, L-23
	unicastRate   = 10    // unicast replies/s and asker
	unicastTotal  = 100   // unicast replies/s in all
	victimSample  = 64    // equally heavy sources looked at for one eviction
	sourceBuckets = 4096  // token buckets for sources; sources share them by hash
)

// bucket is a token bucket; the zero value is full.
type bucket struct {
	used float32 // tokens taken and not yet back
	at   int64   // when used was right, Unix nanoseconds
}

// take takes a token of a bucket that holds burst and gets rate back a second.
func (b *bucket) take(now time.Time, rate, burst float32) bool {
	return b.takeMany(now, 1, rate, burst)
}

// takeMany takes n tokens, or none.
func (b *bucket) takeMany(now time.Time, tokens, rate, burst float32) bool {
	n := now.UnixNano()
	b.used = max(0, b.used-float32(float64(n-b.at)/1e9)*rate)
	b.at = n
	if b.used+tokens > burst {
		return false
	}
	b.used += tokens
	return true
}

// sources counts what comes from which address. Addresses on a LAN can be
// forged: this bounds damage, it proves nothing.
type sources struct {
	packets [sourceBuckets]bucket
	replies [sourceBuckets]bucket
	total   bucket // unicast replies to everybody
	fresh   bucket // new instances, L-23
	seed    uint64

	byAddr map[netip.Addr]*source
	levels []map[*source]struct{} // by number of instances: who is heaviest
	top    int                    // highest level in use
}

// source is an address that made us keep instances.
type source struct {
	addr  netip.Addr
	items []*instance // oldest first
}

func (s *sources) init(seed uint64) {
	s.seed = seed
	s.byAddr = map[netip.Addr]*source{}
}

// slot hashes an address (FNV-1a) with a seed that others do not know.
func (s *sources) slot(a netip.Addr) int {
	h := 14695981039346656037 ^ s.seed
	for _, b := range a.As16() {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return int((h ^ h>>32) % sourceBuckets)
}

// packet says whether one more packet from a may be looked at (L-20); frames is
// what it took on the wire.
func (s *sources) packet(now time.Time, a netip.Addr, frames float32) bool {
	return s.packets[s.slot(a)].takeMany(now, frames, sourceRate, sourceBurst)
}

// frameSize is a packet as the limits of L-20 mean it. A larger one comes in
// fragments, costs as much to read as they do, and counts as that many.
const frameSize = 1500

// known says whether a pinned instance was first heard from a. Whoever forges
// that address competes for the reserve, no more.
func (s *sources) known(a netip.Addr, pinned func(string) bool) bool {
	src := s.byAddr[a]
	return src != nil && slices.ContainsFunc(src.items[:min(len(src.items), reserveLook)],
		func(in *instance) bool { return pinned(in.key) })
}

// reply says whether a may have one more unicast reply.
func (s *sources) reply(now time.Time, a netip.Addr) bool {
	return s.replies[s.slot(a)].take(now, unicastRate, unicastRate) &&
		s.total.take(now, unicastTotal, unicastTotal)
}

// count returns how many instances a has.
func (s *sources) count(a netip.Addr) int {
	if src := s.byAddr[a]; src != nil {
		return len(src.items)
	}
	return 0
}

// add books in to a.
func (s *sources) add(a netip.Addr, in *instance) {
	src := s.byAddr[a]
	if src == nil {
		src = &source{addr: a}
		s.byAddr[a] = src
	}
	s.shelve(src, func() { src.items = append(src.items, in) })
	in.source = src
}

// remove takes in off the books.
func (s *sources) remove(in *instance) {
	src := in.source
	s.shelve(src, func() {
		for i, x := range src.items {
			if x == in {
				src.items = append(src.items[:i], src.items[i+1:]...)
				break
			}
		}
	})
	if len(src.items) == 0 {
		delete(s.byAddr, src.addr)
	}
	in.source = nil
}

// shelve keeps levels and top right while change alters src.items.
func (s *sources) shelve(src *source, change func()) {
	if n := len(src.items); n > 0 {
		delete(s.levels[n], src)
	}
	change()
	n := len(src.items)
	for len(s.levels) <= n {
		s.levels = append(s.levels, map[*source]struct{}{})
	}
	if n > 0 {
		s.levels[n][src] = struct{}{}
	}
	s.top = max(s.top, n)
	for s.top > 0 && len(s.levels[s.top]) == 0 {
		s.top--
	}
}

// victim is the newest instance of the heaviest source that pinned does not
// protect; nil when everything is protected.
func (s *sources) victim(pinned func(string) bool) *instance {
	for n := s.top; n > 0; n-- {
		var found *instance
		looked := 0
		for src := range s.levels[n] {
			for i := len(src.items) - 1; i >= 0; i-- {
				in := src.items[i]
				if pinned(in.key) {
					continue
				}
				if found == nil || in.number > found.number {
					found = in
				}
				break
			}
			if looked++; looked >= victimSample && found != nil {
				break // all equally heavy: do not walk thousands
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}
