package stream

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// gate is the net.Conn below TLS. It counts octets until TLS is finished
// (L-03): crypto/tls reads and parses certificates before it asks us, so the
// bound has to be below it. It also remembers whether the TCP stream has
// ended, which is how a missing close_notify shows (T-09).
type gate struct {
	net.Conn
	left    int       // octets that may still be read before open
	unbound bool      // TLS is finished
	next    time.Time // deadline from the first octet on; zero when that came
	ended   atomic.Bool
}

func newGate(raw net.Conn) *gate { return &gate{Conn: raw, left: maxBeforeTLS} }

// expect sets the deadlines of a listener: for the first octet, and from then
// on for everything up to the end of TLS (L-04).
func (g *gate) expect(first, all time.Time) {
	g.next = all
	_ = g.SetDeadline(first)
}

// open takes the bound away once TLS is finished.
func (g *gate) open() { g.unbound = true }

// Read reads at most what may still come.
func (g *gate) Read(p []byte) (int, error) {
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
	if errors.Is(err, io.EOF) {
		g.ended.Store(true)
	}
	return n, err
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
