package stream

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gate is the net.Conn below TLS. It counts octets until TLS is finished
// (L-03): crypto/tls reads and parses certificates before it asks us, so the
// bound has to be below it. It also remembers whether the TCP stream has
// ended, which is how a missing close_notify shows (T-09).
//
// Once a stream is open, and where the system can do it (socket), nobody waits
// inside TLS: Read returns errEmpty when the kernel has nothing more, so that
// the reader can wait in a place where it holds neither a deep stack nor
// buffers; and an eager Write leaves what the kernel does not take at once to
// be written by drain.
type gate struct {
	net.Conn
	left    int       // octets that may still be read before open
	unbound bool      // TLS is finished
	next    time.Time // deadline from the first octet on; zero when that came
	ended   atomic.Bool

	sock  *socket // nil: this connection can only wait
	polls bool    // Read does not wait; of the reader alone, as chunk and in are
	chunk *chunk  // what in is a part of
	in    []byte  // read and not handed out
	inErr error   // what the connection said last
	cut   records // where in is to be cut

	eager   atomic.Bool // Write does not wait; only where there is a sock
	mu      sync.Mutex  // guards the following
	rest    []byte      // what an eager Write left
	drained chan struct{}
}

// errEmpty: nothing to read now. For crypto/tls it is temporary: the same call
// works later.
var errEmpty error = emptyError{}

type emptyError struct{}

func (emptyError) Error() string   { return "stream: nothing to read" }
func (emptyError) Timeout() bool   { return false }
func (emptyError) Temporary() bool { return true }

func newGate(raw net.Conn) *gate {
	return &gate{Conn: raw, left: maxBeforeTLS, sock: newSocket(raw)}
}

// expect sets the deadlines of a listener: for the first octet, and from then
// on for everything up to the end of TLS (L-04).
func (g *gate) expect(first, all time.Time) {
	g.next = all
	_ = g.SetDeadline(first)
}

// open takes the bound away once TLS is finished.
func (g *gate) open() { g.unbound = true }

// poll makes Read return errEmpty instead of waiting, if it can.
func (g *gate) poll(on bool) { g.polls = on && g.sock != nil }

// Read reads at most what may still come.
func (g *gate) Read(p []byte) (int, error) {
	if len(g.in) > 0 {
		return g.handOut(p), nil
	}
	if g.polls {
		return 0, g.nothing()
	}
	if !g.unbound {
		if g.left <= 0 {
			return 0, errTooMany
		}
		p = p[:min(len(p), g.left)]
	}
	n, err := g.Conn.Read(p)
	if n > 0 && !g.next.IsZero() {
		_ = g.SetDeadline(g.next)
		g.next = time.Time{}
	}
	if !g.unbound {
		g.left -= n
	}
	g.cut.pass(p[:n])
	if errors.Is(err, io.EOF) {
		g.ended.Store(true)
	}
	return n, err
}

func (g *gate) nothing() error {
	if g.inErr != nil {
		return g.inErr
	}
	return errEmpty
}

// handOut gives TLS no more than one record, so that it never holds a whole one
// that it was not asked for (see meter).
func (g *gate) handOut(p []byte) int {
	n := copy(p, g.in[:g.cut.most(g.in)])
	g.cut.pass(p[:n])
	if g.in = g.in[n:]; len(g.in) == 0 {
		chunks.Put(g.chunk)
		g.chunk, g.in = nil, nil
	}
	return n
}

// empty reports whether there is nothing for TLS, not even an end.
func (g *gate) empty() bool { return len(g.in) == 0 && g.inErr == nil }

// records follows where TLS records begin and end (RFC 8446 5.1). It has to see
// all octets from the first record on.
type records struct {
	on   bool
	left int // octets of the present record that have not passed
	head [recordHeader]byte
	n    int // octets of the next header that have passed
}

const recordHeader = 5

// pass follows b.
func (r *records) pass(b []byte) {
	for r.on && len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left -= n
			b = b[n:]
			continue
		}
		r.head[r.n] = b[0]
		b = b[1:]
		if r.n++; r.n == recordHeader {
			r.left, r.n = int(r.head[3])<<8|int(r.head[4]), 0
		}
	}
}

// most returns how many octets of b, which comes next, belong to one record.
func (r *records) most(b []byte) int {
	switch {
	case r.left > 0:
		return min(r.left, len(b))
	case r.n == 0 && len(b) >= recordHeader:
		return min(recordHeader+(int(b[3])<<8|int(b[4])), len(b))
	}
	return min(recordHeader-r.n, len(b))
}

// chunk is what one read from the kernel may bring: two records of full size.
type chunk [32 << 10]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// wait returns when there is something to read, or the end. Only for a gate
// that polls.
func (g *gate) wait() error {
	if len(g.in) > 0 || g.inErr != nil {
		return nil
	}
	return g.sock.read(g)
}

// arrived takes what a read from the kernel brought.
func (g *gate) arrived(c *chunk, n int, err error) {
	switch {
	case n > 0:
		g.chunk, g.in = c, c[:n]
		return
	case err == nil:
		g.ended.Store(true)
		err = io.EOF
	}
	chunks.Put(c)
	g.inErr = err
}

// Write writes p. In eager mode it never waits: see endEager.
func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	for g.rest != nil {
		drained := g.drained
		g.mu.Unlock()
		<-drained
		g.mu.Lock()
	}
	if !g.eager.Load() {
		g.mu.Unlock()
		return g.Conn.Write(p)
	}
	defer g.mu.Unlock()
	n, err := g.sock.write(p)
	if err == nil && n < len(p) {
		g.rest = slices.Clone(p[n:])
		g.drained = make(chan struct{})
	}
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// endEager ends eager mode and reports whether something is left for drain.
// Under the lock: no Write may leave anything after that.
func (g *gate) endEager() (left bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.eager.Store(false)
	return g.rest != nil
}

// drain writes what an eager Write left, and waits for that.
func (g *gate) drain() error {
	g.mu.Lock()
	rest := g.rest
	g.mu.Unlock()
	if rest == nil {
		return nil
	}
	_, err := g.Conn.Write(rest)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rest = nil
	close(g.drained)
	return err
}

// closeWrite sends a FIN where the connection can.
func (g *gate) closeWrite() {
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// hangUp ends the connection so that what was written before arrives: a FIN,
// a moment for the other side to hang up too, then the end. Closing with
// octets unread would send a RST instead, which can overtake them.
func (g *gate) hangUp() {
	g.closeWrite()
	_ = g.SetReadDeadline(time.Now().Add(refusalLinger))
	_, _ = io.CopyN(io.Discard, g.Conn, maxBeforeTLS)
	_ = g.Close()
}
