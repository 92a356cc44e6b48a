package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"llchat/internal/identity"
	"llchat/internal/xmlstream"
)

// Node makes and keeps the streams of one identity.
type Node struct {
	cfg    Config
	lim    Limits
	log    *slog.Logger
	wire   *wireLog
	budget *budget
	own    identity.DeviceID

	ctx    context.Context // ends with Close: no further Serve, Dial, negotiation
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // Serve, Dial and every open stream
	nextID atomic.Uint64  // peer-N in logs (security.md G-2)

	chainOnce sync.Once
	chain     []tls.Certificate // see certificates

	serverOnce sync.Once
	server     *tls.Config // see serverConfig

	mu     sync.Mutex // guards the following
	closed bool
	conns  map[*Conn]struct{}
}

// NewNode makes a Node. Close it when it is of no more use.
func NewNode(cfg Config) *Node {
	n := &Node{
		cfg:   cfg,
		lim:   cfg.Limits.withDefaults(),
		log:   cfg.Log,
		own:   cfg.Identity.Device(),
		conns: make(map[*Conn]struct{}),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Wire != nil {
		n.wire = &wireLog{w: cfg.Wire}
	}
	n.budget = newBudget(n.lim, cfg.Known)
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	return n
}

// begin counts work that Close waits for; false once the Node is closed.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.wg.Add(1)
	return true
}

// Serve accepts streams from l until ctx or the Node ends, and closes l. Give it
// a listener without TCP keep-alive: what is refused in a flood is cheaper by
// the four calls to set that up, and whom it lets in gets it here (T-17). It
// returns when every connection that it accepted is a stream or gone; streams
// live on until Close. The error is nil when it was told to end.
func (n *Node) Serve(ctx context.Context, l net.Listener) error {
	if !n.begin() {
		_ = l.Close()
		return ErrNodeClosed
	}
	defer n.wg.Done()
	ctx, stop := n.joined(ctx)
	defer stop()
	unhook := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() {
		if unhook() {
			_ = l.Close()
		}
	}()
	var pending sync.WaitGroup
	defer pending.Wait()
	for {
		raw, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = raw.Close()
			}
			return nil
		case err == nil:
			n.receive(ctx, raw, &pending)
		case !pauseAfter(ctx, err):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
	}
}

// pauseAfter waits a moment when accepting may work again, for instance when
// the process has no file left.
func pauseAfter(ctx context.Context, err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	select {
	case <-time.After(100 * time.Millisecond):
		return true
	case <-ctx.Done():
		return true
	}
}

// receive gives a connection a slot and a goroutine, or closes it at once.
func (n *Node) receive(ctx context.Context, raw net.Conn, pending *sync.WaitGroup) {
	addr := remoteAddr(raw)
	slot := n.budget.take(addr.Addr(), time.Now())
	if slot == nil {
		_ = raw.Close()
		return
	}
	slot.attach(func() { _ = raw.Close() })
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	}
	pending.Go(func() {
		c, err := n.accept(ctx, raw, addr)
		slot.release(time.Now(), isFailure(err))
		if err != nil {
			n.log.Debug("Connection refused", "err", err)
			return
		}
		c.start()
	})
}

// joined returns a context that ends with ctx or with the Node.
func (n *Node) joined(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(n.ctx, func() { cancel(ErrNodeClosed) })
	return ctx, func() {
		unhook()
		cancel(context.Canceled)
	}
}

// add enters a negotiated stream into the books (L-06). When all places are
// taken, the stranger that has been idle for longest makes room.
func (n *Node) add(c *Conn) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrNodeClosed
	}
	same := 0
	for other := range n.conns {
		if other.peer.Device.Equal(c.peer.Device) && !other.ending() {
			same++
		}
	}
	if same >= n.lim.PerDevice {
		return violation("resource-constraint", "too many streams of this device")
	}
	if len(n.conns) >= n.lim.Streams {
		idle := n.idlestLocked()
		// Those on their way out still count; only so many may be at once.
		if idle == nil || len(n.conns) >= n.lim.Streams+n.lim.Pending {
			return violation("resource-constraint", "too many streams")
		}
		idle.abortSoon("resource-constraint")
	}
	n.conns[c] = struct{}{}
	n.wg.Add(1)
	return nil
}

// idlestLocked returns the stranger that sent no stanza for longest. One that
// is on its way out does not count.
func (n *Node) idlestLocked() (idlest *Conn) {
	for c := range n.conns {
		if c.Standing() == Accepted || c.ending() {
			continue
		}
		if idlest == nil || c.lastStanza.Load() < idlest.lastStanza.Load() {
			idlest = c
		}
	}
	return idlest
}

// remove takes a stream out of the books. Wait for wg separately.
func (n *Node) remove(c *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}

// Close ends all streams politely and everything else at once. It waits until
// all is gone; when ctx ends first, what is left is cut. With a ctx that has
// ended already nothing is waited for: peers are told system-shutdown (README
// 5.8), if the kernel takes that at once.
func (n *Node) Close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	open := make([]*Conn, 0, len(n.conns))
	for c := range n.conns {
		open = append(open, c)
	}
	n.mu.Unlock()
	n.cancel(ErrNodeClosed)
	for _, c := range open {
		if ctx.Err() != nil {
			c.abortSoon(xmlstream.SystemShutdown)
		} else {
			c.End()
		}
	}
	unhook := context.AfterFunc(ctx, func() {
		for _, c := range open {
			c.cut(ErrNodeClosed)
		}
	})
	defer unhook()
	n.wg.Wait()
	return nil
}

// remoteAddr returns where a connection comes from; the zero value when that
// is no IP address.
func remoteAddr(c net.Conn) netip.AddrPort {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
