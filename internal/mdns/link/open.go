package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"llchat/internal/netmon"
)

const (
	// maxLinks bounds sockets and goroutines, three a link (L-29).
	maxLinks = 8
	// retryAfter is when an interface whose socket could not be opened is
	// tried again without a change of the network.
	retryAfter = 2 * time.Second
)

// Open returns the Source of this machine's network interfaces. Names in only
// restrict it to these interfaces; empty means all that netmon finds usable.
func Open(only []string) (Source, error) { return OpenWith(Options{Only: only}) }

// Options are what else can be said about the sockets.
type Options struct {
	Only          []string // as for Open
	ReceiveBuffer int      // octets asked for; 0: 4 MiB. The system may cap it
}

// OpenWith is Open with more options.
func OpenWith(o Options) (Source, error) {
	return &source{only: o.Only, buffer: o.ReceiveBuffer, watch: netmon.Watch, open: openGroup, probe: openUnicast}, nil
}

// source is the Source of real sockets. The goroutine of Run owns the set of
// links; readers and writers of each link are its children.
type source struct {
	only   []string
	buffer int

	// What tests replace.
	watch func(context.Context, []string, func([]netmon.Interface)) error
	open  func(family, netmon.Interface) (socket, error)
	probe func(family) (s socket, exclusive bool)

	unicast atomic.Bool
	handler Handler
	told    bool       // Links was called; used by Run's goroutine only
	calls   sync.Mutex // one call of handler at a time

	mu    sync.Mutex // guards links
	links map[ID]*plug
}

// Unicast implements Source.
func (s *source) Unicast() bool { return s.unicast.Load() }

// Send implements Source.
func (s *source) Send(id ID, dst netip.AddrPort, data []byte) error {
	if len(data) > MaxPacket {
		return ErrTooLarge
	}
	s.mu.Lock()
	p := s.links[id]
	s.mu.Unlock()
	if p == nil {
		return fmt.Errorf("send on link %d: %w", id, ErrNoLink)
	}
	return p.send(dst, data)
}

// Run implements Source. It fails only when another program holds port 5353
// exclusively (ErrTaken). Handler calls must return soon once ctx has ended.
func (s *source) Run(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	s.handler, s.told = h, false
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer s.closeAll()

	// First, because our own group sockets would fail the test.
	stop := s.listenUnicast(&wg)
	defer stop()

	changes := make(chan []netmon.Interface, 1)
	wg.Go(func() {
		err := s.watch(ctx, s.only, func(now []netmon.Interface) { offer(changes, now) })
		if err != nil {
			slog.Debug("Network watch ended", "err", err)
		}
	})
	return s.follow(ctx, changes)
}

// offer puts the newest value into ch, whose room is one; only one goroutine
// offers.
func offer[T any](ch chan T, v T) {
	select {
	case <-ch:
	default:
	}
	ch <- v
}

// follow keeps the links equal to the interfaces.
func (s *source) follow(ctx context.Context, changes <-chan []netmon.Interface) error {
	var now []netmon.Interface
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case now = <-changes:
		case <-retry:
		}
		again, err := s.reconcile(now)
		if err != nil {
			return err
		}
		retry = nil
		if again {
			retry = time.After(retryAfter)
		}
	}
}

// reconcile closes and opens plugs, tells the handler, and then lets the new
// sockets be read. again means that something is to be tried later.
func (s *source) reconcile(now []netmon.Interface) (again bool, err error) {
	now = now[:min(len(now), maxLinks)]
	before := s.infos()
	s.closeGone(now)
	var taken error
	for _, i := range now {
		p := s.plugFor(i)
		for _, f := range p.update(i) {
			sock, err := s.open(f, i)
			switch {
			case errors.Is(err, syscall.EADDRINUSE):
				taken = fmt.Errorf("%w: %w", ErrTaken, err)
			case err != nil:
				slog.Debug("Socket not opened", "iface", i.Name, "family", f.String(), "err", err)
			default:
				if u, ok := sock.(*udp); ok && s.buffer > 0 {
					u.setBuffer(s.buffer)
				}
				p.add(f, sock)
				continue
			}
			again = true
		}
	}
	after := s.infos()
	if len(after) == 0 && taken != nil {
		return false, taken
	}
	s.mu.Lock()
	plugs := slices.Collect(maps.Values(s.links))
	s.mu.Unlock()
	if !s.told || !slices.EqualFunc(before, after, sameInfo) {
		s.told = true
		s.calls.Lock()
		s.handler.Links(after)
		s.calls.Unlock()
	}
	for _, p := range plugs {
		p.start(s.deliver)
	}
	return again, nil
}

func sameInfo(a, b Info) bool {
	return a.ID == b.ID && a.Name == b.Name && a.MTU == b.MTU && slices.Equal(a.Addrs, b.Addrs)
}

// closeGone closes the plugs of interfaces that are no more, or whose number
// now belongs to another.
func (s *source) closeGone(now []netmon.Interface) {
	s.mu.Lock()
	var gone []*plug
	for id, p := range s.links {
		if !slices.ContainsFunc(now, func(i netmon.Interface) bool { return ID(i.Index) == id && i.Name == p.name }) {
			gone = append(gone, p)
			delete(s.links, id)
		}
	}
	s.mu.Unlock()
	for _, p := range gone {
		p.close()
	}
}

// plugFor returns the plug of i, a new one without sockets if there is none.
func (s *source) plugFor(i netmon.Interface) *plug {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := ID(i.Index)
	if s.links[id] == nil {
		if s.links == nil {
			s.links = map[ID]*plug{}
		}
		s.links[id] = newPlug(id, i.Name)
	}
	return s.links[id]
}

// infos describes the plugs that have a socket, in the order of their ids.
func (s *source) infos() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Info
	for _, id := range slices.Sorted(maps.Keys(s.links)) {
		if info, ok := s.links[id].info(); ok {
			out = append(out, info)
		}
	}
	return out
}

// deliver hands a packet on when the handler knows its link. Sockets for
// unicast packets hear more than that.
func (s *source) deliver(p Packet) {
	s.mu.Lock()
	l := s.links[p.Link]
	s.mu.Unlock()
	if l == nil || !l.started() {
		return
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	s.handler.Packet(p)
}

func (s *source) closeAll() {
	s.mu.Lock()
	plugs := slices.Collect(maps.Values(s.links))
	s.links = nil
	s.mu.Unlock()
	for _, p := range plugs {
		p.close()
	}
}

// listenUnicast opens sockets for unicast packets when nobody else uses the
// port (mdns.md 2.2): else they would steal from the other program, or it from
// us. stop closes them; their readers belong to wg.
func (s *source) listenUnicast(wg *sync.WaitGroup) (stop func()) {
	var open []socket
	all := true
	for _, f := range families {
		sock, exclusive := s.probe(f)
		all = all && exclusive
		if sock != nil {
			open = append(open, sock)
		}
	}
	s.unicast.Store(all)
	if !all {
		for _, sock := range open {
			sock.close()
		}
		return func() {}
	}
	for _, sock := range open {
		wg.Go(func() { sock.read(s.deliver) })
	}
	return func() {
		for _, sock := range open {
			sock.close()
		}
	}
}
