package stream

import (
	"fmt"
	"sync"
	"time"
)

// outbox is what waits to be written. It is bounded in octets: put says when
// there is no room, and the caller waits (Send) or goes without.
type outbox struct {
	wake chan struct{} // one token: there is something for the writer

	mu     sync.Mutex // guards the following
	buf    []byte     // whole stanzas
	room   chan struct{}
	ending bool   // nothing more is taken
	errTag []byte // goes out last, before tail
	tail   string
	sealed bool // the writer has taken the tail
}

func newOutbox() outbox {
	return outbox{wake: make(chan struct{}, 1), room: make(chan struct{})}
}

// put takes b if the outbox then holds at most bound octets, or if it is
// empty. Otherwise it returns a channel that is closed when there is room.
func (o *outbox) put(b []byte, bound int) (room <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ending:
		return nil, ErrEnded
	case len(o.buf) > 0 && len(o.buf)+len(b) > bound:
		return o.room, nil
	}
	o.buf = append(o.buf, b...)
	o.signal()
	return nil, nil
}

// end lets nothing more in. What is there still goes out unless drop is set,
// then last and tail. It reports whether it was the first call to end, or an
// error that overtakes a polite end.
func (o *outbox) end(last []byte, tail string, drop bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed || o.ending && (last == nil || o.errTag != nil) {
		return false
	}
	if drop {
		o.buf = o.buf[:0]
	}
	o.ending, o.errTag, o.tail = true, last, tail
	o.signal()
	close(o.room)
	o.room = make(chan struct{})
	return true
}

func (o *outbox) isEnding() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending
}

// signal wakes the writer; one token is enough, it takes all there is.
func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Buffers: what an idle stream keeps, and what a busy one uses again.
const (
	keepIdle = 4 << 10
	keepBusy = 64 << 10
)

// take returns all that waits and, once ending, the tail to append. used is
// what the last call returned: it becomes the next buffer.
func (o *outbox) take(used []byte) (b []byte, tail string, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if cap(used) > keepBusy {
		used = nil
	}
	if len(o.buf) > 0 {
		close(o.room)
		o.room = make(chan struct{})
	}
	b, o.buf = o.buf, used[:0]
	if o.ending {
		o.sealed = true
		return append(b, o.errTag...), o.tail, true
	}
	return b, "", false
}

// settle gives big buffers back when nothing waits. It returns used or nil.
func (o *outbox) settle(used []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) > 0 {
		return used
	}
	if cap(o.buf) > keepIdle {
		o.buf = nil
	}
	if cap(used) > keepIdle {
		return nil
	}
	return used
}

// writeLoop is the writer: one flush, one TLS write (security.md 6.4).
func (c *Conn) writeLoop() {
	defer close(c.written)
	var b []byte
	for {
		select {
		case <-c.out.wake:
		case <-c.ctx.Done():
			return
		}
		var tail string
		var last bool
		b, tail, last = c.out.take(b)
		if len(b) == 0 && tail == "" {
			continue
		}
		var err error
		if b, err = c.flush(b, tail); err != nil {
			c.cut(fmt.Errorf("stream: write: %w", err))
			return
		}
		if last {
			return
		}
		b = c.out.settle(b)
	}
}

// flush writes b and tail, padded, in one go and returns the buffer.
func (c *Conn) flush(b []byte, tail string) ([]byte, error) {
	c.node.wire.octets(c.label, "->", b)
	b = c.node.appendPadded(b, tail)
	if err := c.gate.SetWriteDeadline(time.Now().Add(c.node.lim.WriteStall)); err != nil {
		return b, err
	}
	if _, err := c.tls.Write(b); err != nil {
		return b, err
	}
	// TLS itself may have to write later, for a key update: a deadline that has
	// passed by then would break the stream.
	return b, c.gate.SetWriteDeadline(time.Time{})
}

// writeNow writes during negotiation, when there is no writer yet.
func (c *Conn) writeNow(b []byte, tail string) error {
	c.node.wire.octets(c.label, "->", b)
	if _, err := c.tls.Write(c.node.appendPadded(b, tail)); err != nil {
		return fmt.Errorf("negotiate: %w", err)
	}
	return nil
}
