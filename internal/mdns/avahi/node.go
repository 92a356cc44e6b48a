package avahi

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/netmon"
)

// defaultEvents is how many events wait for a slow reader.
const defaultEvents = 1024

// Node is our place on the network, by way of avahi-daemon. All state below
// belongs to the goroutine of loop; methods send it functions to run.
type Node struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	calls  chan func(now time.Time)
	events chan mdns.Event
	done   chan struct{} // loop has ended
	wg     sync.WaitGroup

	// The following belong to loop.
	rand   *mrand.Rand
	conn   *dbus.Conn
	inbox  *inbox
	owner  string // unique bus name of the daemon, "" when it does not run
	pause  time.Duration
	links  map[link.ID]link.Info
	pub    publication
	browse browse
	silent bool // a ghost: no connection to the bus
	stats  mdns.Stats
	behind bool // a Resync was queued
	shed   int  // not yet reported
	crowd  bool // the report is on its way
}

type published struct {
	name string
	err  error
}

type resolved struct {
	peer mdns.Peer
	ok   bool
}

func newNode(ctx context.Context, c Config) (*Node, error) {
	if c.Pinned == nil {
		c.Pinned = func(string) bool { return false }
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	var seed [16]byte
	if _, err := io.ReadFull(c.Random, seed[:]); err != nil {
		return nil, op("seed", err)
	}
	waiting := c.Limits.Events
	if waiting <= 0 {
		waiting = defaultEvents
	}
	n := &Node{
		cfg:    c,
		calls:  make(chan func(time.Time), 64),
		events: make(chan mdns.Event, waiting),
		done:   make(chan struct{}),
		rand:   mrand.New(mrand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:]))),
		links:  map[link.ID]link.Info{},
	}
	if !n.pub.name(c.User, c.Machine) {
		return nil, errors.New("avahi: user and machine make no instance name")
	}
	n.pub.groups = map[dbus.ObjectPath]*group{}
	n.browse.init(c.Limits.Peers)
	n.ctx, n.cancel = context.WithCancelCause(ctx)
	return n, nil
}

func (n *Node) start() {
	n.wg.Go(func() {
		err := n.cfg.Links(n.ctx, func(infos []link.Info) {
			n.post(func(now time.Time) { n.setLinks(now, infos) })
		})
		if err != nil {
			n.cancel(op("links", err))
		}
	})
	n.wg.Go(n.loop)
}

// post has f run by the loop some time.
func (n *Node) post(f func(now time.Time)) {
	select {
	case n.calls <- f:
	case <-n.ctx.Done():
	}
}

// after has f run by the loop in d.
func (n *Node) after(d time.Duration, f func(now time.Time)) *time.Timer {
	return time.AfterFunc(d, func() { n.post(f) })
}

// loop owns the state until the node ends.
func (n *Node) loop() {
	defer close(n.done)
	defer n.giveUp()
	for {
		var broken <-chan struct{}
		if n.conn != nil {
			broken = n.conn.Context().Done()
		}
		select {
		case <-n.ctx.Done():
			return
		case f := <-n.calls:
			f(time.Now())
		case s := <-n.inbox.signals:
			n.signal(time.Now(), s)
		case <-broken:
			n.lost()
		}
		if n.inbox.overflowed() {
			n.relist()
		}
		n.settle()
	}
}

// giveUp ends everybody's waiting.
func (n *Node) giveUp() {
	n.hangUp()
	for _, c := range n.pub.waiting {
		c <- published{err: n.closed()}
	}
	close(n.events)
}

// tell queues an event for the reader. The loop is the only writer: when the
// queue is full it empties it and says so. As long as that was not read, the
// reader will see all that happens in Peers anyway.
func (n *Node) tell(ev mdns.Event) {
	if n.behind && len(n.events) > 0 {
		return
	}
	n.behind = false
	select {
	case n.events <- ev:
		return
	default:
	}
	for {
		select {
		case <-n.events:
			continue
		default:
		}
		n.events <- mdns.Event{Kind: mdns.Resync}
		n.behind = true
		return
	}
}

// overload counts what found no room; one event a second tells of it.
func (n *Node) overload(shed int) {
	n.shed += shed
	n.stats.ShedInstances += shed
	if n.crowd {
		return
	}
	n.crowd = true
	n.after(time.Second, func(time.Time) {
		n.tell(mdns.Event{Kind: mdns.Overload, Shed: n.shed})
		n.shed, n.crowd = 0, false
	})
}

// setLinks takes note of our network interfaces. Avahi follows them itself: it
// is told where to publish and is asked anew about a link that is new to us.
func (n *Node) setLinks(now time.Time, infos []link.Info) {
	before := n.links
	n.links = map[link.ID]link.Info{}
	fresh := false
	for _, i := range infos {
		n.links[i.ID] = i
		_, known := before[i.ID]
		fresh = fresh || !known
	}
	if n.owner == "" {
		return
	}
	for _, in := range n.browse.byKey {
		for v := range in.views {
			if _, ok := n.links[v.link]; !ok {
				n.unview(in, v, mdns.CauseLinkLost)
			}
		}
	}
	if fresh {
		_ = n.list() // a daemon that does not answer is given up by ask
	}
	n.sync(now)
}

// interfaces follows what netmon finds usable.
func interfaces(only []string) func(context.Context, func([]link.Info)) error {
	return func(ctx context.Context, changed func([]link.Info)) error {
		return netmon.Watch(ctx, only, func(all []netmon.Interface) {
			var infos []link.Info
			for _, i := range all {
				if netmon.Usable(i, only) && len(i.Addrs) > 0 {
					infos = append(infos, link.Info{
						ID: link.ID(i.Index), Name: i.Name, MTU: i.MTU, Addrs: slices.Clone(i.Addrs),
					})
				}
			}
			changed(infos)
		})
	}
}

// facts are the Stats that can be had through the daemon.
func (n *Node) facts() mdns.Stats {
	s := n.stats
	s.Silent = n.silent
	if n.pub.established {
		s.Name = n.pub.label
	}
	for _, in := range n.browse.byKey {
		if in.shown {
			s.Peers++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(n.links)) {
		g := n.pub.find(id, false)
		s.Links = append(s.Links, mdns.LinkStats{ID: id, Name: n.links[id].Name, Live: g != nil && g.ready})
	}
	return s
}
