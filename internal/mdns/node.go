package mdns

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"llchat/internal/mdns/engine"
	"llchat/internal/mdns/link"
	"llchat/internal/netmon"
)

// Errors of Open, Publish, Rename and Resolve.
var (
	ErrUnknown    = errors.New("mdns: no such instance")
	ErrUnanswered = errors.New("mdns: nobody answered")
	ErrWithdrawn  = errors.New("mdns: instance was withdrawn")
	ErrName       = engine.ErrName // names that make no instance
)

// defaultEvents is how many events wait for a slow reader.
const defaultEvents = 1024

// waitingPackets is how many packets wait for the engine; more wait in the
// socket's buffer, where the system drops what is too much.
const waitingPackets = 64

// Node is our place on the links. All state belongs to the goroutine of loop;
// methods send it functions to run.
type Node struct {
	ctx    context.Context // of the node: its end ends all
	source link.Source
	calls  chan func(now time.Time)
	events chan Event
	cancel context.CancelCauseFunc
	done   chan struct{} // loop has ended
	cause  func() error  // why it did
	wg     sync.WaitGroup

	running sync.Mutex // guards stop and ended; held while the source starts or stops
	stop    func()     // stops the source and waits for it; nil: it does not run
	ended   bool

	// The following belong to loop.
	engine    *engine.Engine
	published []chan published
	withdrawn []chan struct{}
	resolved  map[string][]chan resolved
	pictured  map[string][]chan []byte
	behind    bool // a Resync was queued
}

type published struct {
	name string
	err  error
}

type resolved struct {
	peer Peer
	ok   bool
}

func open(ctx context.Context, c Config) (*Node, error) {
	if c.Source == nil {
		return nil, errors.New("mdns: no source of links")
	}
	seed, err := seed(c.Random)
	if err != nil {
		return nil, fmt.Errorf("mdns: seed: %w", err)
	}
	e, err := engine.New(engine.Config{
		User: c.User, Machine: c.Machine, Port: c.Port,
		Peers: c.Limits.Peers, PerSource: c.Limits.PerSource,
		Pinned: c.Pinned, Live: c.Live, Rand: mrand.New(mrand.NewPCG(seed[0], seed[1])),
	})
	if err != nil {
		return nil, err
	}
	waiting := c.Limits.Events
	if waiting <= 0 {
		waiting = defaultEvents
	}
	ctx, cancel := context.WithCancelCause(ctx)
	n := &Node{
		ctx: ctx, source: c.Source, engine: e, cancel: cancel,
		calls:    make(chan func(time.Time), waitingPackets),
		events:   make(chan Event, waiting),
		done:     make(chan struct{}),
		cause:    func() error { return closed(ctx) },
		resolved: map[string][]chan resolved{},
		pictured: map[string][]chan []byte{},
	}
	if c.Silent {
		e.Silence(time.Now())
	} else {
		n.listen()
	}
	jumps := c.Jumps
	if jumps == nil {
		jumps = netmon.Jumps
	}
	n.wg.Go(func() { n.loop(ctx) })
	n.wg.Go(func() {
		jumps(ctx, func(time.Duration) {
			handler{ctx, n}.pass(func(now time.Time) { n.engine.Wake(now) })
		})
	})
	return n, nil
}

// listen runs the source unless it runs.
func (n *Node) listen() {
	n.running.Lock()
	defer n.running.Unlock()
	if n.stop != nil || n.ended {
		return
	}
	ctx, cancel := context.WithCancel(n.ctx)
	done := make(chan struct{})
	n.stop = func() { cancel(); <-done }
	n.wg.Go(func() {
		defer close(done)
		if err := n.source.Run(ctx, handler{ctx, n}); err != nil {
			n.cancel(fmt.Errorf("mdns: links: %w", err))
		}
	})
}

// deafen stops the source: its sockets are closed and its groups left, or the
// system would go on reporting them to the network (IGMP, MLD).
func (n *Node) deafen() {
	n.running.Lock()
	defer n.running.Unlock()
	if n.stop != nil {
		n.stop()
		n.stop = nil
	}
}

func seed(r io.Reader) ([2]uint64, error) {
	if r == nil {
		r = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return [2]uint64{}, err
	}
	return [2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}, nil
}

// handler passes what the source says on to the loop.
type handler struct {
	ctx context.Context
	n   *Node
}

func (h handler) Links(infos []link.Info) {
	h.pass(func(now time.Time) { h.n.engine.Links(now, infos, h.n.source.Unicast()) })
}

func (h handler) Packet(p link.Packet) {
	p.Data = bytes.Clone(p.Data) // the source wants its buffer back
	h.pass(func(now time.Time) { h.n.engine.Packet(now, p) })
}

func (h handler) pass(f func(time.Time)) {
	select {
	case h.n.calls <- f:
	case <-h.ctx.Done():
	}
}

// loop owns the engine until ctx ends.
func (n *Node) loop(ctx context.Context) {
	defer close(n.done)
	defer n.giveUp()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-n.calls:
			f(time.Now())
		case <-timer.C:
		}
		n.engine.Tick(time.Now())
		n.flush()
		if next := n.engine.Next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// flush sends what the engine wants sent and tells what it wants told.
func (n *Node) flush() {
	packets, events := n.engine.Take()
	for _, p := range packets {
		// An error means that the link is gone or its queue full: the network
		// may lose any packet, the engine repeats what matters.
		_ = n.source.Send(p.Link, p.Dst, p.Data)
	}
	for _, ev := range events {
		n.dispatch(ev)
	}
}

// dispatch gives an event to whoever waits for it.
func (n *Node) dispatch(ev engine.Event) {
	switch ev.Kind {
	case engine.Published:
		for _, c := range n.published {
			c <- published{name: ev.Name}
		}
		n.published = nil
	case engine.Withdrawn:
		for _, c := range n.withdrawn {
			close(c)
		}
		n.withdrawn = nil
	case engine.Resolved:
		for _, c := range n.resolved[ev.Peer.Key] {
			c <- resolved{peer: peer(ev.Peer), ok: ev.OK}
		}
		delete(n.resolved, ev.Peer.Key)
	case engine.Pictured:
		n.gotAvatar(ev)
	case engine.Joined:
		n.tell(Event{Kind: Joined, Peer: peer(ev.Peer)})
	case engine.Changed:
		n.tell(Event{Kind: Changed, Peer: peer(ev.Peer)})
	case engine.Left:
		n.tell(Event{Kind: Left, Cause: string(ev.Cause), Peer: peer(ev.Peer)})
	case engine.Doubted:
		n.tell(Event{Kind: Doubted, Peer: peer(ev.Peer)})
	case engine.Renamed:
		n.tell(Event{Kind: Renamed, Cause: CauseConflict, Name: ev.Name})
	case engine.Overload:
		n.tell(Event{Kind: Overload, Shed: ev.Shed})
	case engine.Health:
		n.tell(Event{Kind: Health, Cause: string(ev.Fact), Name: ev.Name})
	}
}

// tell queues an event for the reader. The loop is the only writer: when the
// queue is full it empties it and says so. As long as that was not read, the
// reader will see all that happens in Peers anyway.
func (n *Node) tell(ev Event) {
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
		n.events <- Event{Kind: Resync}
		n.behind = true
		return
	}
}

// giveUp ends everybody's waiting.
func (n *Node) giveUp() {
	for _, c := range n.published {
		c <- published{err: n.cause()}
	}
	for _, c := range n.withdrawn {
		close(c)
	}
	if errors.Is(n.cause(), link.ErrTaken) {
		n.tell(Event{Kind: Health, Cause: CauseTaken})
	}
	close(n.events)
}

// closed is the error after the end: why the links ended, or ErrClosed.
func closed(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ErrClosed
}

func peer(p engine.Peer) Peer {
	return Peer{
		Key: p.Key, Instance: p.Instance, Text: parseText(p.TXT), Host: p.Host, Port: p.Port,
		Addrs: append([]netip.AddrPort(nil), p.Addrs...), Seen: p.Seen, Expires: p.Expires,
	}
}
