package chat

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/xmlstream"
)

// Times of spec 5.7 for the conversation that somebody looks at: a check after
// 10 s of silence, 5 s for the answer. A silent death shows within 15 s.
const (
	focusIdle = 10 * time.Second
	focusWait = 5 * time.Second
)

// nameTime is how long a notice about our name stays. Of what happened to it
// the last is told.
const nameTime = time.Hour

const (
	healthRenamed   = "renamed"
	healthContested = "contested"
)

// wokeTime is how long the roster may be a little behind after a sleep.
const wokeTime = 2 * time.Minute

// Focus implements API. The newest word of any face counts.
func (n *Node) Focus(ctx context.Context, key string) error {
	return n.call(ctx, func() error {
		n.focus, n.sight.focus = identity.Pin{}, nil
		if row, ok := n.rows[key]; ok {
			n.focus = row.Fingerprint
			n.sight.focus = n.claimsIn(row)
		}
		n.watchClaims()
		n.checkFocus()
		n.looked(n.focus)
		return nil
	})
}

// View implements API. The newest word of any face counts.
func (n *Node) View(ctx context.Context, keys []string) error {
	return n.call(ctx, func() error {
		n.view, n.sight.view = nil, nil
		for _, key := range keys[:min(len(keys), MaxView)] {
			row, ok := n.rows[key]
			if !ok {
				continue
			}
			n.sight.view = append(n.sight.view, n.claimsIn(row)...)
			if !row.Fingerprint.IsZero() {
				n.view = append(n.view, row.Fingerprint)
			}
		}
		n.watchClaims()
		return nil
	})
}

// watchClaims keeps the records of contacts fresh, the open conversation's
// first, then those in view: their silent death shows within 120 s (mdns.md
// 2.6).
func (n *Node) watchClaims() {
	d := n.disc.Load()
	d.Watch(n.watched()...)
	if f, ok := d.Finder.(looker); ok {
		f.Look(slices.Concat(n.sight.focus, n.sight.view)...)
	}
}

// sight is which claims a person sees, in the open conversation and in the list.
type sight struct{ focus, view []string }

// looker is a source of claims that asks, now and then, for whoever is in view.
type looker interface{ Look(keys ...string) }

// claimsIn are the claims on the links behind a row that is no contact's: nobody
// watches those, and whoever died without a word would stay in view for an hour.
func (n *Node) claimsIn(row shownRow) []string {
	switch {
	case row.Fingerprint.IsZero():
		return []string{row.id.claim}
	case n.isContact(row.Fingerprint):
		return nil
	}
	return slices.Sorted(maps.Keys(n.owned[row.Fingerprint]))
}

// watched lists the claims of contacts in the order in which they matter.
func (n *Node) watched() []string {
	var keys []string
	done := map[identity.Pin]bool{}
	add := func(pin identity.Pin) {
		if !done[pin] && n.isContact(pin) {
			done[pin] = true
			keys = append(keys, slices.Sorted(maps.Keys(n.owned[pin]))...)
		}
	}
	add(n.focus)
	for _, pin := range n.view {
		add(pin)
	}
	for pin := range n.owned {
		add(pin)
	}
	return keys[:min(len(keys), mdnsWatch)]
}

// mdnsWatch is how many records discovery keeps fresh (mdns.Node.Watch).
const mdnsWatch = 64

// checkFocus asks the other end of the open conversation whether it is there,
// when it has been silent.
func (n *Node) checkFocus() {
	if n.focusTimer != nil {
		n.focusTimer.Stop()
		n.focusTimer = nil
	}
	r := n.remotes[n.focus]
	if r == nil || n.focus.IsZero() {
		return
	}
	l := r.best()
	if l == nil {
		return // opened begins again
	}
	if wait := focusIdle - l.conn.Idle(); wait > 0 {
		n.focusTimer = n.after(wait, n.checkFocus)
		return
	}
	n.start(func() {
		ctx, cancel := context.WithTimeout(n.ctx, focusWait)
		defer cancel()
		err := l.conn.Ping(ctx)
		n.post(func() {
			if err != nil {
				n.silent(l)
				return
			}
			n.checkFocus()
		})
	})
}

// silent gives up a stream whose other end does not answer: its contact shows
// as offline at once, whatever its announcement says, until it is heard again.
func (n *Node) silent(l *live) {
	if n.find(l.conn) == nil {
		return // it ended otherwise meanwhile
	}
	l.conn.Abort(xmlstream.Error{Condition: xmlstream.ConnectionTimeout})
	n.streamEnded(l, errSilent) // saying so may take a while on a dead link
	n.showSilent(l.remote.pin)
}

// showSilent shows somebody as offline, whatever is announced.
func (n *Node) showSilent(pin identity.Pin) {
	for key, owner := range n.owner {
		if owner == pin {
			n.claims[key].Silent = true
		}
	}
	n.touch(pin)
}

var errSilent = errors.New("chat: no answer")

// greet makes a stream to a contact that is here, so that presence and all
// else flow inside it. Nobody waits for it: the arbiter of the pair comes
// first, and a few at a time (L-26).
func (n *Node) greet(r *remote) {
	if n.opt.Passive || len(r.live) > 0 || r.redial.running || r.redial.timer != nil && r.redial.wanted {
		return
	}
	if c, ok := n.trust.Get(r.pin); !ok || !isContact(c.State) {
		return
	}
	r.redial.wanted = true
	n.pause(r)
}

// missing follows the end of the last stream of a contact. One that closed it
// properly has most likely left: its goodbye did not count while the stream
// stood (T-24). One that broke off has discovery ask whether it is still
// there. Either is to be had again while it is announced.
func (n *Node) missing(r *remote, err error) {
	if err != nil && !goesOn(err) {
		n.miss(r)
	}
	for _, c := range n.claimsOf(r.pin) {
		switch {
		case err == nil:
			n.claims[c.Key].Silent = true
		case !goesOn(err):
			n.disc.Load().Reconfirm(c.Key)
		}
	}
	// One that broke off without being announced, a ghost, is to be had where it
	// was.
	if kept, ok := n.trust.Get(r.pin); ok && isContact(kept.State) && !n.opt.Passive &&
		(err != nil || len(n.claimsOf(r.pin)) > 0) {
		r.redial.wanted = true
	}
}

// keepLive tells discovery which names have a proven stream right now: no
// packet makes these leave or move (T-24).
func (n *Node) keepLive() {
	live := map[string]struct{}{}
	for _, r := range n.remotes {
		for _, l := range r.live {
			if l.accepted {
				live[l.instance] = struct{}{}
			}
		}
	}
	n.names.setLive(live)
}

// linkHealth tells what discovery found out about our links.
func (n *Node) linkHealth(e mdns.Event) {
	switch e.Cause {
	case mdns.CauseNoEcho:
		n.setHealth("no-echo "+e.Name, "what llchat multicasts on "+e.Name+" does not come back: this machine filters it, so others may not see you",
			"llchat doctor")
	case mdns.CauseEcho:
		n.clearHealth("no-echo " + e.Name)
	case mdns.CauseNoLinks:
		n.setHealth("no-network", "no network to find people on", "connect to one: llchat goes on by itself")
	case mdns.CauseLinks:
		n.clearHealth("no-network")
		n.moved()
	case mdns.CauseMoved:
		n.moved()
	case mdns.CauseWoke:
		n.note("clock-jump", "the clock jumped: this machine slept, or it was set; everybody is asked again", "", wokeTime)
		n.moved()
	case mdns.CauseContested:
		n.clearHealth(healthRenamed) // old news beside a name that is kept
		n.note(healthContested, "somebody on this network speaks for your name; you keep yours", "", nameTime)
	}
}

// checkAll asks every contact's stream at once whether it still stands, after
// a wake-up or a change of the network (spec 5.7).
func (n *Node) checkAll() {
	for _, r := range n.remotes {
		n.checkStreams(r)
	}
}
