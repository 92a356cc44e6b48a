package dnssd

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"llchat/internal/mdns"
)

// The defaults of Limits.
const (
	defaultInstances  = 8192 // L-22
	defaultParallel   = 8
	defaultPerSecond  = 200
	defaultEvents     = 1024
	defaultMinRefresh = 10 * time.Second
	defaultMaxRefresh = 5 * time.Minute
	defaultStale      = 10 * time.Minute
)

func (l Limits) withDefaults() Limits {
	return Limits{
		Instances:  cmp.Or(l.Instances, defaultInstances),
		Parallel:   cmp.Or(l.Parallel, defaultParallel),
		PerSecond:  cmp.Or(l.PerSecond, defaultPerSecond),
		Events:     cmp.Or(l.Events, defaultEvents),
		MinRefresh: cmp.Or(l.MinRefresh, defaultMinRefresh),
		MaxRefresh: cmp.Or(l.MaxRefresh, defaultMaxRefresh),
		NewEvery:   cmp.Or(l.NewEvery, l.MaxRefresh, defaultMaxRefresh),
		Stale:      cmp.Or(l.Stale, defaultStale),
	}
}

// Browser watches one domain. All state belongs to the goroutine of loop;
// methods and lookups send it functions to run.
type Browser struct {
	cfg    Config
	owner  string // the service name: owner of the PTR records
	asker  *asker
	calls  chan func(now time.Time)
	events chan Event
	cancel context.CancelFunc
	done   chan struct{} // loop has ended
	wg     sync.WaitGroup

	// The following belong to loop.
	list    list
	known   map[string]*instance
	queue   queue
	running int  // lookups under way
	behind  bool // a Resync was queued
	shed    int  // instances not looked at, as told last
}

// list is what is known about the PTR records.
type list struct {
	due      time.Time // when they are asked for next
	asked    time.Time // when they were last
	asking   bool
	expires  time.Time // until when they hold
	failures int
	err      error // why they could not be had last
}

// instance is one service instance that the list names.
type instance struct {
	named
	peer     mdns.Peer
	here     bool // it has a service, and Joined was told
	busy     bool // a lookup is under way
	due      time.Time
	asked    time.Time
	failures int
	place    int // in the queue; -1: not in it
}

func open(ctx context.Context, c Config) (*Browser, error) {
	domain, err := checkDomain(c.Domain)
	if err != nil {
		return nil, err
	}
	c.Limits = c.Limits.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	b := &Browser{
		cfg: c, owner: service + domain, cancel: cancel,
		asker:  newAsker(c.Dial, slices.Clone(c.Servers), newPace(c.Limits.PerSecond)),
		calls:  make(chan func(time.Time), c.Limits.Parallel),
		events: make(chan Event, c.Limits.Events),
		done:   make(chan struct{}),
		known:  map[string]*instance{},
		list:   list{due: time.Now()},
	}
	b.wg.Go(func() { b.loop(ctx) })
	return b, nil
}

// loop owns the state until ctx ends.
func (b *Browser) loop(ctx context.Context) {
	defer close(b.done)
	defer close(b.events)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-b.calls:
			f(time.Now())
		case <-timer.C:
		}
		b.start(ctx, time.Now())
		if next := b.next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// next is when something is to be asked; zero while we wait for answers.
func (b *Browser) next() time.Time {
	var next time.Time
	if !b.list.asking {
		next = b.list.due
	}
	if len(b.queue) > 0 && b.mayLookUp() && (next.IsZero() || b.queue[0].due.Before(next)) {
		next = b.queue[0].due
	}
	return next
}

// mayLookUp says whether instances are asked about now: not while the servers
// fail to give the list, for then each question would wait in vain.
func (b *Browser) mayLookUp() bool {
	return b.list.err == nil && b.running < b.cfg.Limits.Parallel
}

// start asks what is due.
func (b *Browser) start(ctx context.Context, now time.Time) {
	if !b.list.asking && !b.list.due.After(now) {
		b.list.asking, b.list.asked = true, now
		b.wg.Go(func() { b.askList(ctx) })
	}
	for b.mayLookUp() {
		in := b.queue.take(now)
		if in == nil {
			return
		}
		b.running++
		in.busy, in.asked = true, now
		name := in.name
		b.wg.Go(func() { b.askInstance(ctx, in, name) })
	}
}

// post has f run by the loop, unless the browser ends first.
func (b *Browser) post(f func(now time.Time)) bool {
	select {
	case b.calls <- f:
		return true
	case <-b.done:
		return false
	}
}

// run is post that waits until f did.
func (b *Browser) run(ctx context.Context, f func(now time.Time)) error {
	ran := make(chan struct{})
	select {
	case b.calls <- func(now time.Time) { f(now); close(ran) }:
	case <-b.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ran:
		return nil
	case <-b.done:
		return ErrClosed
	}
}

// Domain is the domain that is browsed.
func (b *Browser) Domain() string {
	return strings.TrimSuffix(strings.TrimPrefix(b.owner, service), ".")
}

// Events returns the one channel of events. It is closed when the browser
// ends. After a Resync event read Peers again.
func (b *Browser) Events() <-chan Event { return b.events }

// Peers returns everybody who is there, sorted by key, without ourselves.
func (b *Browser) Peers() []Peer {
	var out []Peer
	_ = b.run(context.Background(), func(time.Time) {
		for _, in := range b.known {
			if in.here {
				out = append(out, b.peer(in))
			}
		}
	})
	slices.SortFunc(out, func(x, y Peer) int { return strings.Compare(x.Key, y.Key) })
	return out
}

// peer is a copy for others.
func (b *Browser) peer(in *instance) Peer {
	p := in.peer
	p.Addrs = slices.Clone(p.Addrs)
	p.Text = slices.Clone(p.Text)
	return Peer{Peer: p, Stale: b.list.err != nil || in.failures > 0}
}

// Resolve asks for fresh records of the instance, as one does right before
// dialling (174-11.2). When no server answers it returns what was known
// before, and the error; for an instance that is not there ErrUnknown.
func (b *Browser) Resolve(ctx context.Context, key string) (Peer, error) {
	var in *instance
	var name string
	err := b.run(ctx, func(time.Time) {
		if in = b.known[key]; in != nil {
			name = in.name
		}
	})
	switch {
	case err != nil:
		return Peer{}, err
	case in == nil:
		return Peer{}, ErrUnknown
	}
	f, failed := b.asker.lookup(ctx, name)
	var p Peer
	var here bool
	if err := b.run(context.WithoutCancel(ctx), func(now time.Time) {
		if here = b.known[key] == in; !here {
			return
		}
		if ctx.Err() == nil { // giving up says nothing about the server
			b.learn(now, in, f, failed)
		}
		p, here = b.peer(in), in.here
	}); err != nil {
		return Peer{}, err
	}
	if !here && failed == nil {
		return Peer{}, ErrUnknown
	}
	return p, failed
}

// Refresh asks for the list, and for the instances named, again now: call it
// when the user looks, or when dialling failed. Nothing is asked for sooner
// than Limits.MinRefresh after the last time.
func (b *Browser) Refresh(keys ...string) {
	_ = b.run(context.Background(), func(now time.Time) {
		again := func(due, asked time.Time) time.Time {
			if soonest := asked.Add(b.cfg.Limits.MinRefresh); soonest.Before(due) {
				return soonest
			}
			return due
		}
		b.list.due = again(b.list.due, b.list.asked)
		for _, key := range keys {
			if in := b.known[key]; in != nil && !in.busy {
				b.queue.put(in, again(in.due, in.asked))
			}
		}
	})
}

// Err is why no server answers for the domain; nil while one does, ErrClosed
// after the end.
func (b *Browser) Err() (err error) {
	if e := b.run(context.Background(), func(time.Time) { err = b.list.err }); e != nil {
		return e
	}
	return err
}

// Close ends the browser and waits for its goroutines.
func (b *Browser) Close() error {
	b.cancel()
	b.wg.Wait()
	return nil
}

// tell queues an event for the reader. The loop is the only writer: when the
// queue is full it empties it and says so. As long as that was not read, the
// reader will see all that happens in Peers anyway.
func (b *Browser) tell(ev Event) {
	if b.behind && len(b.events) > 0 {
		return
	}
	b.behind = false
	select {
	case b.events <- ev:
		return
	default:
	}
	for len(b.events) > 0 {
		select {
		case <-b.events:
		default:
		}
	}
	b.events <- Event{Kind: Resync}
	b.behind = true
}

// jitter spreads d over its last tenth, so that many nodes do not ask at once.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1))
}

// hold is how long records with this TTL are taken for true.
func (b *Browser) hold(ttl time.Duration) time.Duration {
	return min(max(ttl, b.cfg.Limits.MinRefresh), b.cfg.Limits.MaxRefresh)
}

// backOff is when to ask again after failures: the shortest refresh, doubled
// each time up to the longest, but in time to drop what is too stale.
func (b *Browser) backOff(now time.Time, failures int, expires time.Time) time.Time {
	d := min(b.cfg.Limits.MinRefresh<<min(failures-1, 16), b.cfg.Limits.MaxRefresh)
	due := now.Add(jitter(d))
	if drop := expires.Add(b.cfg.Limits.Stale); drop.After(now) && drop.Before(due) {
		return drop
	}
	return due
}

func (b *Browser) tooStale(now, expires time.Time) bool {
	return !now.Before(expires.Add(b.cfg.Limits.Stale))
}

func ports(addrs []netip.Addr, port uint16) []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range addrs {
		out = append(out, netip.AddrPortFrom(a, port))
	}
	return out
}
