package chat

import (
	"cmp"
	"context"
	"slices"
	"time"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
)

// A network that was cut without a word tells nobody when it is whole again:
// discovery has backed off to minutes by then, and so have we. So whoever is
// missed is asked for, by name, in one small packet for all. Only names that
// were on this network a while ago are asked for: elsewhere they would tell
// whom we know (T-04).
const (
	seekEvery  = 2500 * time.Millisecond // with the jitter, less than 4 s
	seekJitter = time.Second
	seekAtOnce = 20               // contacts a round (L-24)
	missedFor  = 30 * time.Minute // without a person or a message that waits
	probePause = time.Minute      // for who answers, and yet takes no stream
	hungDial   = 3 * time.Second  // a dial this old waits for a lost packet
	maxMissed  = 3                // names kept of one contact
)

// absence is what is known about a contact that was on this network and is
// not to be had.
//
//	here --claim gone, stream broken, dial failed--> missed --answers, or heard--> here
type absence struct {
	since  time.Time // zero: it is not missed
	names  []string  // instances that it bore here, newest first
	asked  time.Time
	asking bool
	quiet  bool      // it did not answer when it was asked last
	rest   time.Time // it answers: not asked again before
}

// seeker is a source of claims that can ask for instances by name.
type seeker interface{ Seek(instances ...string) }

// vanished follows an announcement that ended. Who said goodbye, and who is
// where our link led, is not missed.
func (n *Node) vanished(e mdns.Event) {
	if c := n.claims[e.Peer.Key]; c != nil {
		c.Seen = e.Peer.Seen
		if e.Cause == mdns.CauseGoodbye {
			c.Seen = time.Now() // it has just said so
		}
	}
	r := n.remotes[n.owner[e.Peer.Key]]
	if r == nil || !n.isContact(r.pin) {
		return
	}
	switch e.Cause {
	case mdns.CauseGoodbye:
		if len(r.live) == 0 {
			r.absence = absence{}
		}
	case mdns.CauseExpired, mdns.CauseUnanswered:
		r.absence.names = slices.DeleteFunc(r.absence.names, func(s string) bool { return s == e.Peer.Instance })
		r.absence.names = append([]string{e.Peer.Instance}, r.absence.names...)
		r.absence.names = r.absence.names[:min(len(r.absence.names), maxMissed)]
		r.absence.quiet = true
		n.miss(r)
	}
}

// miss has a contact looked for.
func (n *Node) miss(r *remote) {
	if n.opt.Passive || !n.isContact(r.pin) {
		return
	}
	if r.absence.since.IsZero() {
		r.absence.since, r.absence.rest = time.Now(), time.Time{}
	}
	n.seekLater()
}

func (n *Node) seekLater() {
	if n.seekTimer == nil {
		n.seekTimer = n.after(seekEvery+jitter(seekJitter), n.seekDue)
	}
}

// seekDue asks for those who are missed, the longest unasked first.
func (n *Node) seekDue() {
	n.seekTimer = nil
	missed := n.missed()
	if len(missed) == 0 {
		return
	}
	n.seekLater()
	now := time.Now()
	var names []string
	for _, r := range missed[:min(len(missed), seekAtOnce)] {
		r.absence.asked = now
		if claims := n.claimsOf(r.pin); len(claims) > 0 {
			n.probe(r, claims)
			continue
		}
		names = append(names, r.absence.names...)
	}
	if d, ok := n.disc.Load().Finder.(seeker); ok && len(names) > 0 {
		d.Seek(names[:min(len(names), seekAtOnce)]...)
	}
}

// missed lists contacts to ask for. After a while only those count whom a
// person sees, or for whom a message waits.
func (n *Node) missed() []*remote {
	var found, old []*remote
	now := time.Now()
	for _, r := range n.remotes {
		a := &r.absence
		switch {
		case a.since.IsZero() || len(r.live) > 0 || !n.isContact(r.pin):
			a.since = time.Time{}
		case now.Before(a.rest) || a.asking || len(a.names) == 0 && len(n.owned[r.pin]) == 0:
		case now.Sub(a.since) < missedFor || n.inView(r.pin):
			found = append(found, r)
		default:
			old = append(old, r)
		}
	}
	if len(old) > 0 {
		waits, err := n.hist.OutboxPeers()
		if err != nil {
			n.log.Error("Outbox not read", "err", err)
		}
		for _, r := range old {
			if slices.Contains(waits, r.pin) {
				found = append(found, r)
			}
		}
	}
	slices.SortFunc(found, func(a, b *remote) int {
		return cmp.Or(a.absence.asked.Compare(b.absence.asked), slices.Compare(a.pin[:], b.pin[:]))
	})
	return found
}

// probe asks a contact that is announced, and has no stream, whether it is
// there. Only an answer after silence is news: one who answers all the time
// and takes no stream is dialled at the pace of L-26.
func (n *Node) probe(r *remote, claims []peer.Claim) {
	r.absence.asking = true
	disc, key, start := n.disc.Load(), claims[0].Key, time.Now()
	n.start(func() {
		ctx, cancel := context.WithTimeout(n.ctx, seekEvery)
		defer cancel()
		p, err := disc.Resolve(ctx, key)
		n.post(func() {
			r.absence.asking = false
			if err != nil || !p.Seen.Before(start) { // else it was heard so lately that nobody was asked
				n.probed(r, key, err == nil)
			}
		})
	})
}

func (n *Node) probed(r *remote, key string, answers bool) {
	a := &r.absence
	news := answers && a.quiet
	a.quiet = !answers
	switch {
	case a.since.IsZero() || len(r.live) > 0:
	case news:
		if c := n.claims[key]; c != nil && n.owner[key] == r.pin {
			c.Silent = false // it was heard
			n.touchClaim(key)
		}
		n.dialNow(r)
	case answers:
		a.rest = time.Now().Add(probePause)
	}
}

// appeared follows an announcement of somebody we know.
func (n *Node) appeared(r *remote) {
	a := &r.absence
	if !a.since.IsZero() && a.quiet && len(r.live) == 0 && n.isContact(r.pin) && !n.opt.Passive {
		a.quiet = false
		n.dialNow(r)
		return
	}
	n.retrySoon(r)
	n.greet(r)
}

// dialNow dials somebody who is there again, whatever the failures before.
func (n *Node) dialNow(r *remote) {
	r.redial.wanted, r.redial.failures = true, 0
	if !r.redial.running {
		n.retryNow(r)
		return
	}
	r.redial.again = true
	if r.redial.cancel != nil && time.Since(r.redial.began) >= hungDial {
		r.redial.cancel()
	}
}

// moved follows a change of our links (spec 5.7): every stream is checked, who
// waits is dialled at once, and nobody is asked for by a name that was on
// another network.
func (n *Node) moved() {
	for _, r := range n.remotes {
		r.absence = absence{asking: r.absence.asking}
		r.redial.failures = 0
		if r.redial.timer != nil {
			n.pause(r)
		}
	}
	n.checkAll()
	n.tellPlaces()
	n.retryAll()
}

// inView reports whether a person sees the row of a key.
func (n *Node) inView(pin identity.Pin) bool { return pin == n.focus || slices.Contains(n.view, pin) }
