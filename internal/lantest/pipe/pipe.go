// Package pipe is a TCP connection in memory, for tests: two ends with a
// buffer in each direction, half-close, deadlines and settable addresses.
// Unlike net.Pipe a write returns as soon as its octets fit the buffer, so
// that TLS, which answers while it is being written to, does not stand still.
//
// New makes a pair. All blocking is on channels and timers made by the
// goroutines that use the pipe, so it works inside testing/synctest bubbles.
// Nothing here starts a goroutine.
package pipe

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Capacity is the buffer of one direction, about what a kernel keeps.
const Capacity = 256 << 10

// New returns the two ends of a connection. Both are *Conn.
func New() (a, b net.Conn) {
	x, y := Pair(Capacity)
	return x, y
}

// Pair returns the two ends of a connection whose buffers hold capacity
// octets in each direction.
func Pair(capacity int) (a, b *Conn) {
	there, back := newHalf(capacity), newHalf(capacity)
	first := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:40000"))
	second := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.2:5298"))
	a = &Conn{in: back, out: there, local: first, remote: second}
	b = &Conn{in: there, out: back, local: second, remote: first}
	return a, b
}

// Conn is one end of a connection.
type Conn struct {
	in, out  *half
	readBy   deadline
	writeBy  deadline
	mu       sync.Mutex // guards the following
	local    net.Addr
	remote   net.Addr
	isClosed bool
}

// SetAddrs changes the addresses that this end reports.
func (c *Conn) SetAddrs(local, remote net.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.local, c.remote = local, remote
}

// LocalAddr is the address of this end.
func (c *Conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.local
}

// RemoteAddr is the address of the other end.
func (c *Conn) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote
}

// Read waits for octets, the end of the stream, or the deadline.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		expired := c.readBy.wait()
		if isDone(expired) {
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		}
		n, changed, err := c.in.read(p)
		if err != nil {
			return n, c.fail("read", err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		select {
		case <-changed:
		case <-expired:
		}
	}
}

// Write waits until all of p is in the buffer, or for the deadline.
func (c *Conn) Write(p []byte) (int, error) {
	done := 0
	for {
		expired := c.writeBy.wait()
		if isDone(expired) {
			return done, c.fail("write", os.ErrDeadlineExceeded)
		}
		n, changed, err := c.out.write(p[done:])
		done += n
		if err != nil {
			return done, c.fail("write", err)
		}
		if done == len(p) {
			return done, nil
		}
		select {
		case <-changed:
		case <-expired:
		}
	}
}

// CloseWrite sends a FIN: the other end reads what is under way, then io.EOF.
func (c *Conn) CloseWrite() error {
	c.out.end(nil)
	return nil
}

// Close ends both directions. What was written before still arrives, unless
// octets lie here unread: then the other end sees a reset, as with TCP.
func (c *Conn) Close() error {
	c.mu.Lock()
	closed := c.isClosed
	c.isClosed = true
	c.mu.Unlock()
	if closed {
		return c.fail("close", net.ErrClosed)
	}
	if c.in.shut(syscall.EPIPE) {
		c.out.end(syscall.ECONNRESET)
	} else {
		c.out.end(nil)
	}
	c.out.drop()
	return nil
}

// Reset ends both directions as a RST does: nothing under way arrives.
func (c *Conn) Reset() {
	c.in.shut(syscall.ECONNRESET)
	c.out.end(syscall.ECONNRESET)
	_ = c.Close()
}

// SetDeadline sets both deadlines; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}

// SetReadDeadline bounds Read.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readBy.set(t)
	return nil
}

// SetWriteDeadline bounds Write.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.set(t)
	return nil
}

// fail dresses err as package net does; io.EOF stays bare.
func (c *Conn) fail(op string, err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// isDone reports whether a deadline has passed.
func isDone(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
