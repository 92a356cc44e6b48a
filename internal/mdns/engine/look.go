package engine

import "time"

// A person looks at a list of people. Whoever of them dies without a word would
// stay there until its PTR record ends, after 75 min. So those in view are asked
// for when nothing was heard of them for a while: there is local interest in the
// record (RFC 6762 5.2), and a person who sees somebody is about to talk to it
// (10.4). The answer is multicast, so that it serves all who look, and how long
// is waited grows with the crowd: a thousand people who all look at others make
// two questions a second together, and two answers.
const (
	maxLook    = 20 // names of one packet, L-24
	lookLeast  = 2 * time.Minute
	lookEach   = 500 * time.Millisecond // for each instance that we know
	lookSpread = 4                      // a part of that, so that one asks for all who look
	lookStart  = 5 * time.Second        // those who come into view are not asked for at one moment
	lookTries  = 4                      // after 0, 2, 6 and 14 s, as much as for a watched one
	lookTime   = 24 * time.Second
)

// Look sets the instances that a person sees. Who of them is silent is asked for,
// and leaves when it does not answer. Keys beyond 20 do not count.
func (e *Engine) Look(now time.Time, keys []string) {
	e.now = now
	c := &e.cache
	before := c.viewed
	c.viewed = map[string]bool{}
	for _, k := range keys[:min(len(keys), maxLook)] {
		c.viewed[k] = true
		if in := c.byKey[k]; in != nil && !before[k] {
			in.look = later(e.lookAt(in), now.Add(e.between(0, lookStart)))
			e.arm(now, in)
		}
	}
}

// lookPause is how long an instance may be silent and be shown unasked.
func (e *Engine) lookPause() time.Duration {
	return max(lookLeast, time.Duration(len(e.cache.byKey))*lookEach)
}

// lookAt is when we ask if an instance is not heard until then.
func (e *Engine) lookAt(in *instance) time.Time {
	pause := e.lookPause()
	return in.seen.Add(pause + e.between(0, pause/lookSpread))
}

// checkLook asks for an instance in view that has been silent.
func (e *Engine) checkLook(now time.Time, in *instance) {
	if !e.cache.viewed[in.key] || in.look.IsZero() || in.look.After(now) {
		return
	}
	switch {
	case now.Sub(in.seen) < e.lookPause(): // heard meanwhile: somebody else has asked
		in.look = e.lookAt(in)
	case in.lost() || in.reconfirm.active():
		in.look = now.Add(lookLeast)
	default:
		in.look = now.Add(lookLeast)
		in.reconfirm = questions{start: now, next: now, end: now.Add(lookTime), tries: lookTries}
	}
}
