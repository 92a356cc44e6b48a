package engine

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"llchat/internal/mdns/wire"
)

// Times of RFC 6762 10 and mdns.md 2.3.
const (
	grace       = time.Second      // between a goodbye, or a flush, and the end
	linkGrace   = 10 * time.Second // a peer whose link is gone may come back
	joinWait    = 3 * time.Second  // for a TXT record that nobody sends
	minRefresh  = 30 * time.Second // shorter lives are not worth questions
	minPTR      = 5 * time.Second  // shorter ones are taken as that
	refreshStep = 4                // questions at 80, 85, 90 and 95 %
)

// cache is what we know about others.
type cache struct {
	byKey     map[string]*instance
	watched   map[string]bool
	viewed    map[string]bool
	dirty     []*instance
	resolved  []*instance // Resolve is answered
	resolving int         // instances with Resolve under way
	fetching  int         // and with FetchAvatar
	number    uint64
	shed      int
	overload  timer
	poofs     bucket // reconfirmations for others' unanswered questions
}

func (c *cache) init(e *Engine) {
	c.overload.fire = e.overloaded
	c.byKey = map[string]*instance{}
	c.watched = map[string]bool{}
}

// entry is the life of one record, or of one kind of record.
type entry struct {
	at, expires time.Time
	ttl         time.Duration
	stage       int // questions asked to refresh it
}

// known says whether such a record was ever heard and not withdrawn.
func (x entry) known() bool { return x.ttl > 0 }

// left is how long the record is valid.
func (x entry) left(now time.Time) time.Duration { return max(0, x.expires.Sub(now)) }

// refreshAt is when to ask for the record again (5.2); zero when all four
// questions were asked.
func (x entry) refreshAt(jitter time.Duration) time.Time {
	if !x.known() || x.stage >= refreshStep || x.ttl < minRefresh {
		return time.Time{}
	}
	return x.at.Add(x.ttl*time.Duration(80+5*x.stage)/100 + jitter)
}

// instance is a service instance of somebody else, on however many links.
type instance struct {
	key    string
	name   wire.Name
	label  string
	source *source
	number uint64 // order of arrival
	seen   time.Time
	timer  timer

	views  []*view // one for each link, ascending
	lostAt time.Time
	wait   time.Time // joined without TXT then; zero: now
	again  time.Time // kept for its live stream: look again then
	look   time.Time // in view: asked for then if it is silent

	shown bool
	dirty bool
	last  Peer // as last reported

	fetch     questions // SRV and TXT that did not come by themselves
	reconfirm questions
	resolve   questions
	picture   *questions // nil: not asked for
	poof      poof
}

// view is an instance on one link.
type view struct {
	in     *instance
	link   *linkState
	ptr    entry
	srv    entry
	txt    entry
	target wire.SRV
	data   []byte
	host   *host
	wants  wants // questions in the link's queue
	queued bool
	gone   bool
}

// host is an SRV target on one link.
type host struct {
	key   string
	addrs []addr
	refs  int
	users []*instance // told about changes; at most maxHostUsers
	timer timer
}

type addr struct {
	ip          netip.Addr
	at, expires time.Time
	end         time.Time // withdrawn or flushed: gone then
}

func (in *instance) view(l *linkState) *view {
	for _, v := range in.views {
		if v.link == l {
			return v
		}
	}
	return nil
}

// keyOf returns the instance key of a name of the form <Instance>.service.
func keyOf(n wire.Name) string { return foldASCII(n.First()) }

// foldASCII makes A-Z small and leaves all other octets alone (C-32).
func foldASCII(s string) string {
	if !strings.ContainsFunc(s, isCapital) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func isCapital(r rune) bool { return 'A' <= r && r <= 'Z' }

// isInstance says whether n is <Instance>.service with an instance label that
// may be used (C-31: no control octets).
func isInstance(n wire.Name) bool {
	return n.Parent().Equal(service) && n.Len() > service.Len() && validLabel(n.First())
}

// admit returns the instance for name, making room for it when it is new; nil
// when there is no room for it (L-22, L-23).
func (e *Engine) admit(now time.Time, l *linkState, src netip.Addr, name wire.Name) *instance {
	c := &e.cache
	key := keyOf(name)
	if in := c.byKey[key]; in != nil {
		return in
	}
	pinned := e.cfg.Pinned(key)
	if !pinned && (e.sources.count(src) >= e.cfg.PerSource || !e.sources.fresh.take(now, newRate, newRate)) {
		e.stats.ShedInstances++
		e.shed(now, 1)
		return nil
	}
	if len(c.byKey) >= e.cfg.Peers {
		victim := e.sources.victim(e.cfg.Pinned)
		e.shed(now, 1)
		if victim == nil || !pinned && e.sources.count(src)+1 > len(victim.source.items) {
			e.stats.ShedInstances++
			return nil
		}
		e.stats.Evicted++
		e.remove(now, victim, Evicted)
	}
	c.number++
	in := &instance{key: key, name: name, label: name.First(), number: c.number}
	in.wait = now.Add(joinWait)
	in.timer.fire = func(now time.Time) { e.instanceDue(now, in) }
	c.byKey[key] = in
	e.sources.add(src, in)
	l.ask.fresh = true
	return in
}

// addView makes the view of in on l.
func (e *Engine) addView(in *instance, l *linkState) *view {
	v := &view{in: in, link: l}
	in.views = append(in.views, v)
	slices.SortFunc(in.views, func(a, b *view) int { return int(a.link.id) - int(b.link.id) })
	in.lostAt = time.Time{}
	return v
}

// dropView forgets what is known about v.in on v.link.
func (e *Engine) dropView(v *view) {
	v.gone, v.wants = true, wants{}
	e.unlinkHost(v)
	v.in.views = slices.DeleteFunc(v.in.views, func(x *view) bool { return x == v })
	e.touch(v.in)
}

// remove takes in out of the cache and reports that it left.
func (e *Engine) remove(now time.Time, in *instance, cause Cause) {
	if cause == Unanswered {
		for _, v := range in.views {
			e.missed(now, v.link)
		}
	}
	for len(in.views) > 0 {
		e.dropView(in.views[0])
	}
	e.timers.stop(&in.timer)
	delete(e.cache.byKey, in.key)
	e.sources.remove(in)
	if in.resolve.active() {
		e.endResolve(in)
		e.emit(Event{Kind: Resolved, Peer: in.last, OK: false})
	}
	e.endPicture(in, nil)
	if in.shown {
		in.shown = false
		in.last.Seen = in.seen
		e.emit(Event{Kind: Left, Cause: cause, Peer: in.last})
	}
}

// forgetOwn removes what we took for somebody else under the name that is ours
// now.
func (e *Engine) forgetOwn(now time.Time) {
	if in := e.cache.byKey[keyOf(e.own.instance)]; in != nil {
		e.remove(now, in, Expired)
	}
}

// forgetLink drops all views on a link that is gone (RFC 6762 10.3). Instances
// without another link stay for linkGrace.
func (e *Engine) forgetLink(now time.Time, l *linkState) {
	for _, in := range e.all() {
		v := in.view(l)
		if v == nil {
			continue
		}
		e.dropView(v)
		if len(in.views) == 0 {
			in.lostAt = now
		}
		e.arm(now, in)
	}
	for _, h := range l.hosts {
		e.timers.stop(&h.timer)
	}
}

// all returns the instances sorted by key.
func (e *Engine) all() []*instance {
	out := make([]*instance, 0, len(e.cache.byKey))
	for _, in := range e.cache.byKey {
		out = append(out, in)
	}
	slices.SortFunc(out, byKey)
	return out
}

// touch marks in as perhaps changed; settle will look.
func (e *Engine) touch(in *instance) {
	if !in.dirty {
		in.dirty = true
		e.cache.dirty = append(e.cache.dirty, in)
	}
}

// linkHost makes v use the host that its SRV record names.
func (e *Engine) linkHost(v *view) {
	key := v.target.Target.Key()
	if v.host != nil && v.host.key == key {
		return
	}
	e.unlinkHost(v)
	h := v.link.hosts[key]
	if h == nil {
		h = &host{key: key}
		h.timer.fire = func(now time.Time) { e.hostDue(now, h) }
		v.link.hosts[key] = h
	}
	h.refs++
	if len(h.users) < maxHostUsers {
		h.users = append(h.users, v.in)
	}
	v.host = h
}

func (e *Engine) unlinkHost(v *view) {
	h := v.host
	if h == nil {
		return
	}
	v.host = nil
	h.refs--
	h.users = slices.DeleteFunc(h.users, func(in *instance) bool { return in == v.in })
	if h.refs == 0 {
		e.timers.stop(&h.timer)
		delete(v.link.hosts, h.key)
	}
}

// hostDue ends addresses that were withdrawn or flushed a second ago.
func (e *Engine) hostDue(now time.Time, h *host) {
	n := len(h.addrs)
	h.addrs = slices.DeleteFunc(h.addrs, func(a addr) bool { return !a.end.IsZero() && !a.end.After(now) })
	for _, a := range h.addrs {
		if !a.end.IsZero() {
			e.timers.sooner(&h.timer, a.end)
		}
	}
	if len(h.addrs) != n {
		e.touchUsers(h)
	}
}

func (e *Engine) touchUsers(h *host) {
	for _, in := range h.users {
		e.touch(in)
	}
}
