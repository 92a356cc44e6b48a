package pipe

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// backlog is how many dialled connections wait for Accept.
const backlog = 4096

// Listener is a net.Listener whose connections come from its Dial.
type Listener struct {
	addr  *net.TCPAddr
	queue chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Listen makes a listener that says it is at addr.
func Listen(addr netip.AddrPort) *Listener {
	return &Listener{
		addr:  net.TCPAddrFromAddrPort(addr),
		queue: make(chan net.Conn, backlog),
		done:  make(chan struct{}),
	}
}

// Dial connects to l from the address from.
func (l *Listener) Dial(ctx context.Context, from netip.AddrPort) (net.Conn, error) {
	near, far := Pair(Capacity)
	source := net.TCPAddrFromAddrPort(from)
	near.SetAddrs(source, l.addr)
	far.SetAddrs(l.addr, source)
	if isDone(l.done) {
		return nil, l.refused()
	}
	select {
	case l.queue <- far:
		return near, nil
	case <-l.done:
		return nil, l.refused()
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: l.addr, Err: context.Cause(ctx)}
	}
}

func (l *Listener) refused() error {
	return &net.OpError{Op: "dial", Net: "pipe", Addr: l.addr, Err: syscall.ECONNREFUSED}
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "pipe", Addr: l.addr, Err: net.ErrClosed}
	}
}

// Close ends Accept and Dial.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is where the listener says it is.
func (l *Listener) Addr() net.Addr { return l.addr }
