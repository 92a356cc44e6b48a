package avahi

import (
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
)

// MaxPeers is how many instances are listed: one TXT browser each.
const MaxPeers = 840

// What we keep besides. Of the 1,024 objects of a client, MaxPeers are TXT
// browsers; the rest are the PTR browsers, two groups a link, and the SRV and
// address browsers below.
const (
	maxWatch   = 64 // SRV browsers of watched instances, mdns.md 2.6
	maxConfirm = 16 // SRV browsers of reconfirmed ones
	maxLookups = 12 // at once, three browsers each
	maxRecords = 8  // of one name and type; a host has no more that matter
	maxViews   = 16 // links times two where one instance is seen
)

// Questions about instances: at most 20 names five times a second (L-24).
const (
	askPause = 200 * time.Millisecond
	askNames = 20
)

// browse is what the daemon tells of others.
type browse struct {
	limit    int
	ptr      *browser
	byPath   map[dbus.ObjectPath]*browser
	byKey    map[string]*instance
	dirty    map[*instance]bool
	queue    []*instance // to be asked about
	asking   bool        // the queue's timer runs
	lookups  int         // under way
	fetches  int         // of pictures
	watched  map[string]bool
	confirms int
	number   uint64
	missed   bool // instances were left out for want of room
	grace    *time.Timer
}

// browser is one record browser of the daemon.
type browser struct {
	path dbus.ObjectPath
	kind wire.Type
	in   *instance // nil for PTR
	live []record  // what is known now, the latest last
	told bool      // what is in the cache has been told
	done bool      // who is there has answered
	had  bool      // there was a record once
}

type record struct {
	view view
	data string
}

func (b *browse) init(limit int) {
	b.limit = MaxPeers
	if limit > 0 {
		b.limit = min(limit, MaxPeers)
	}
	b.byPath = map[dbus.ObjectPath]*browser{}
	b.byKey = map[string]*instance{}
	b.dirty = map[*instance]bool{}
	b.watched = map[string]bool{}
}

// open starts a record browser; nil when the daemon refuses.
func (n *Node) open(kind wire.Type, in *instance, labels ...string) *browser {
	b := &browser{kind: kind, in: in}
	err := n.ask("/", serverFace+".RecordBrowserNew", &b.path, int32(-1), anyProto,
		presentation(labels...), uint16(wire.ClassIN), uint16(kind), uint32(0))
	if err != nil {
		return nil
	}
	n.browse.byPath[b.path] = b
	return b
}

// shut ends a browser.
func (n *Node) shut(b *browser) {
	if b != nil && n.browse.byPath[b.path] == b {
		delete(n.browse.byPath, b.path)
		n.free(b.path, browserFace)
	}
}

// list asks who is there, from the beginning. What the former list knew and
// this one does not is gone when everybody has answered.
func (n *Node) list() error {
	b := &browser{kind: wire.TypePTR}
	err := n.ask("/", serverFace+".RecordBrowserNew", &b.path, int32(-1), anyProto,
		"_presence._tcp.local", uint16(wire.ClassIN), uint16(wire.TypePTR), uint32(0))
	if err != nil {
		return err
	}
	n.shut(n.browse.ptr)
	n.browse.ptr, n.browse.missed = b, false
	n.browse.byPath[b.path] = b
	return nil
}

// relist asks everything again after signals were lost.
func (n *Node) relist() {
	n.overload(1)
	if owner := n.findOwner(); owner != n.owner {
		n.down()
		if owner != "" {
			n.up(time.Now(), owner)
		}
		return
	}
	_ = n.list() // a daemon that does not answer is given up by ask
	for _, in := range n.browse.byKey {
		n.shut(in.txt)
		n.shut(in.kept)
		in.txt, in.kept = nil, nil
		n.touch(in)
	}
}

// dropBrowsers forgets browsers that the daemon does not hold any more.
func (n *Node) dropBrowsers() {
	b := &n.browse
	b.ptr, b.queue = nil, nil
	clear(b.byPath)
	for _, in := range b.byKey {
		in.txt, in.kept, in.queued = nil, nil, false
		clear(in.views)
		if in.look != nil {
			n.endLookup(in, false)
		}
		n.endFetch(in, nil)
	}
}

// record handles what a browser says.
func (n *Node) record(now time.Time, s signal) {
	b := n.browse.byPath[s.path]
	if b == nil {
		return
	}
	_, ours := n.links[s.view.link]
	switch s.kind {
	case exhausted:
		b.told = true
	case allForNow:
		b.told, b.done = true, true
	case failure:
		b.done = true
	case itemNew, itemGone:
		if !ours {
			return // not on a link that we use
		}
	}
	switch {
	case b.kind == wire.TypePTR:
		n.listed(now, b, s)
	case s.kind == itemNew:
		b.add(record{s.view, string(s.data)})
		b.in.seen, b.in.dead = now, false
	case s.kind == itemGone:
		b.remove(record{s.view, string(s.data)})
	}
	if b.in != nil {
		n.told(b)
	}
}

// add makes r the latest record; the oldest one makes room for it.
func (b *browser) add(r record) {
	b.remove(r)
	b.live = append(b.live[max(0, len(b.live)+1-maxRecords):], r)
	b.had = true
}

func (b *browser) remove(r record) {
	b.live = slices.DeleteFunc(b.live, func(x record) bool { return x == r })
}

// listed handles what the PTR browser says.
func (n *Node) listed(now time.Time, b *browser, s signal) {
	switch s.kind {
	case itemNew:
		n.appeared(now, b, s)
	case itemGone:
		label, err := readPTR(s.data)
		if in := n.browse.byKey[fold(label)]; err == nil && in != nil && in.views[s.view] == b {
			n.unview(in, s.view, mdns.CauseGoodbye)
		}
	case allForNow:
		for _, in := range n.browse.byKey {
			for v, by := range in.views {
				if by != b {
					n.unview(in, v, mdns.CauseExpired)
				}
			}
		}
	case failure:
		n.after(refusedPause, func(time.Time) {
			if n.browse.ptr == b {
				_ = n.list() // a daemon that does not answer is given up by ask
			}
		})
	}
}

// appeared takes in a PTR record.
func (n *Node) appeared(now time.Time, b *browser, s signal) {
	label, err := readPTR(s.data)
	if err != nil {
		return
	}
	in := n.browse.byKey[fold(label)]
	if in == nil {
		in = n.admit(now, label)
	}
	if in == nil || len(in.views) >= maxViews {
		return
	}
	in.views[s.view] = b
	in.local = s.local
	in.seen, in.dead = now, false
	n.touch(in)
}

// admit makes room for an instance: pinned ones always find it, the others
// while there is some (L-22).
func (n *Node) admit(now time.Time, label string) *instance {
	b := &n.browse
	name, err := service.Child(label)
	if err != nil {
		return nil
	}
	in := &instance{key: fold(label), label: label, name: name, number: b.number, views: map[view]*browser{}, born: now}
	if len(b.byKey) >= b.limit {
		b.missed = true
		n.overload(1)
		if !n.cfg.Pinned(in.key) || !n.evict() {
			return nil
		}
	}
	b.number++
	b.byKey[in.key] = in
	return in
}

// evict lets go of the newest instance that is not pinned.
func (n *Node) evict() bool {
	var victim *instance
	for _, in := range n.browse.byKey {
		if (victim == nil || in.number > victim.number) && !n.cfg.Pinned(in.key) {
			victim = in
		}
	}
	if victim == nil {
		return false
	}
	n.gone(victim, mdns.CauseEvicted)
	return true
}

// unview ends what was known of in on one link.
func (n *Node) unview(in *instance, v view, cause string) {
	delete(in.views, v)
	if len(in.views) == 0 {
		n.gone(in, cause)
	}
}

// gone forgets an instance, and every question about it (174-9.2).
func (n *Node) gone(in *instance, cause string) {
	b := &n.browse
	delete(b.byKey, in.key)
	delete(b.dirty, in)
	if in.look != nil {
		n.endLookup(in, false)
	}
	n.endFetch(in, nil)
	n.shut(in.txt)
	n.release(in)
	if in.shown {
		in.shown = false
		n.tell(mdns.Event{Kind: mdns.Left, Cause: cause, Peer: in.current()})
	}
	if b.missed && n.owner != "" && cause != mdns.CauseEvicted {
		b.missed = false
		n.after(graceTime, func(time.Time) {
			if n.owner != "" {
				_ = n.list() // there is room again for who was left out
			}
		})
	}
}

// enqueue asks about in as soon as L-24 allows.
func (n *Node) enqueue(in *instance) {
	b := &n.browse
	if !in.queued {
		in.queued = true
		b.queue = append(b.queue, in)
	}
	if !b.asking {
		b.asking = true
		n.after(0, n.askNext)
	}
}

// askNext asks about the next names of the queue.
func (n *Node) askNext(now time.Time) {
	b := &n.browse
	if n.owner == "" || len(b.queue) == 0 {
		b.asking = false
		return
	}
	for names := 0; names < askNames && len(b.queue) > 0 && b.lookups < maxLookups; names++ {
		in := b.queue[0]
		b.queue = b.queue[1:]
		in.queued = false
		if b.byKey[in.key] != in || n.spared(now, in) {
			continue
		}
		if in.txt == nil {
			in.txt = n.open(wire.TypeTXT, in, in.name.Labels()...)
			if in.txt == nil {
				n.overload(1)
			}
		}
		n.keep(now, in)
		n.lookUp(in)
	}
	n.after(askPause, n.askNext)
}
