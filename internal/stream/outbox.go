package stream

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// outbox is what waits to be written. It is bounded in octets: whoever finds no
// room waits (Send) or goes without.
//
// There is at most one writer at a time: whoever puts something in while there
// is none becomes it (claim), takes what waits until nothing does, and then
// there is none again. An idle stream has neither a writer nor a buffer.
type outbox struct {
	gone chan struct{} // closed when nothing will be written any more

	mu      sync.Mutex // guards the following
	buf     []byte     // whole elements
	room    chan struct{}
	ending  bool   // nothing more is taken
	errTag  []byte // goes out last, before tail
	tail    string
	sealed  bool // the writer has taken the tail
	writing bool // there is a writer
	dead    bool // the connection is cut
	over    bool // gone is closed
	acks    acks
}

func newOutbox() outbox { return outbox{gone: make(chan struct{})} }

// buffers of streams that have something to write.
var flushes = sync.Pool{New: func() any { return new(make([]byte, 0, keepIdle)) }}

// Buffers: what one begins with, and the largest that is used again.
const (
	keepIdle = 4 << 10
	keepBusy = 64 << 10
)

// waitLocked returns a channel that is closed when there may be room.
func (o *outbox) waitLocked() <-chan struct{} {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}

// openLocked gets the buffer ready and returns how much is in it.
func (o *outbox) openLocked() (n int, err error) {
	if o.ending || o.dead {
		return 0, ErrEnded
	}
	if o.buf == nil {
		o.buf = (*flushes.Get().(*[]byte))[:0]
	}
	return len(o.buf), nil
}

// claimLocked makes the caller the writer if there is something to write and
// nobody does it yet.
func (o *outbox) claimLocked() bool {
	if o.writing || o.dead || o.sealed || len(o.buf) == 0 && !o.ending {
		return false
	}
	o.writing = true
	return true
}

// claim is claimLocked for what was put in and held.
func (o *outbox) claim() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.claimLocked()
}

// errNoRoom is what f tells fill when something else than octets is full.
var errNoRoom = errors.New("stream: no room")

// fill lets f append to what waits if that then holds at most bound octets, or
// if nothing waits. Otherwise, and when f fails, nothing is changed; without
// room it returns a channel that is closed when there may be some. With lead,
// the caller has become the writer; with hold nobody has.
func (o *outbox) fill(bound int, hold bool, f func(*outbox) error) (lead bool, room <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.openLocked()
	if err != nil {
		return false, nil, err
	}
	before := o.acks
	if err = f(o); err == nil && n > 0 && len(o.buf) > bound {
		err = errNoRoom
	}
	switch {
	case err != nil:
		o.buf, o.acks = o.buf[:n], before
		if errors.Is(err, errNoRoom) {
			return false, o.waitLocked(), nil
		}
		return false, nil, err
	case hold:
		return false, nil, nil
	}
	return o.claimLocked(), nil, nil
}

// end lets nothing more in. What is there still goes out unless drop is set,
// then last and tail. It reports whether it was the first call to end, or an
// error that overtakes a polite end; lead says who writes that.
func (o *outbox) end(last []byte, tail string, drop bool) (first, lead bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed || o.ending && (last == nil || o.errTag != nil) {
		return false, false
	}
	if drop {
		o.buf = o.buf[:0]
	}
	o.ending, o.errTag, o.tail = true, last, tail
	o.wakeLocked()
	return true, o.claimLocked()
}

// wakeLocked tells everybody who waits for room.
func (o *outbox) wakeLocked() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

func (o *outbox) isEnding() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending
}

// takeEager is take for a writer that must not wait: no more than one record.
// What is more stays, and so does the writer.
func (o *outbox) takeEager() (b []byte, tail string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf)+len(o.errTag)+len(o.tail) > maxEager {
		return nil, "", false
	}
	b, tail = o.takeLocked()
	return b, tail, true
}

// waits returns how many octets the writer would take.
func (o *outbox) waits() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf) + len(o.errTag) + len(o.tail)
}

// take gives the writer all that waits and, once ending, the tail to append.
func (o *outbox) take() (b []byte, tail string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.takeLocked()
}

func (o *outbox) takeLocked() (b []byte, tail string) {
	b, o.buf = o.buf, nil
	o.acks.taken = o.acks.sent
	o.wakeLocked()
	if o.ending && !o.sealed {
		o.sealed = true
		return append(b, o.errTag...), o.tail
	}
	return b, ""
}

// yield ends the writer's work, unless there is more: then it goes on.
func (o *outbox) yield() (more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.dead && !o.sealed && (len(o.buf) > 0 || o.ending) {
		return true
	}
	o.writing = false
	o.leaveLocked()
	return false
}

// stop says that the connection is cut: nothing is written from now on.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = true
	o.wakeLocked()
	o.leaveLocked()
}

// leaveLocked closes gone when the last writer has left.
func (o *outbox) leaveLocked() {
	if !o.writing && (o.dead || o.sealed) && !o.over {
		o.over = true
		close(o.gone)
	}
}

// recycle keeps a flush's buffer for another stream.
func recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= keepBusy {
		b = b[:0]
		flushes.Put(&b)
	}
}

// What one flush may hold to be written by whoever asked for it: one record,
// so that no part of it has to wait for another.
const maxEager = 4 << 10

// burstPause tells a single message from a burst: flushes that follow each
// other faster than this, with nothing heard in between, are left to a
// goroutine, which writes many at once.
const burstPause = 50 * time.Microsecond

// lead is called by whoever has become the writer. On a connection that can be
// tried it writes here and now, and never waits for the peer; what the kernel
// does not take, and a burst, are left to a goroutine.
func (c *Conn) lead() {
	// What follows something heard is no burst, and the time of that is as good
	// as now: it saves a look at the clock.
	heard, last := c.lastOctet.Load(), c.lastFlush.Load()
	now, burst := heard+1, false
	if heard < last {
		now = time.Now().UnixNano()
		burst = now-last < int64(burstPause)
	}
	if burst || c.gate.sock == nil {
		go c.writeLoop()
		return
	}
	b, tail, ok := c.out.takeEager()
	if !ok {
		go c.writeLoop()
		return
	}
	c.lastFlush.Store(now)
	c.gate.eager.Store(true)
	err := c.flush(b, tail)
	if left := c.gate.endEager(); err == nil && left {
		go c.writeLoop()
		return
	}
	if c.failed(err); c.out.yield() {
		go c.writeLoop()
	}
}

// writeLoop is the writer while there is something to write: one flush, one
// TLS write (security.md 6.4).
func (c *Conn) writeLoop() {
	for more := true; more; more = c.out.yield() {
		err := c.patiently(func() error {
			if err := c.gate.drain(); err != nil {
				return err
			}
			b, tail := c.out.take()
			if len(b) == 0 && tail == "" {
				return nil
			}
			return c.flush(b, tail)
		})
		c.lastFlush.Store(time.Now().UnixNano())
		c.failed(err)
	}
}

// failed ends the connection after a write that did not work.
func (c *Conn) failed(err error) {
	if err != nil {
		c.cut(fmt.Errorf("stream: write: %w", err))
		c.out.stop()
	}
}

// patiently gives a write that may have to wait its deadline.
func (c *Conn) patiently(write func() error) error {
	if err := c.gate.SetWriteDeadline(time.Now().Add(c.node.lim.WriteStall)); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	// TLS itself may have to write later, for a key update: a deadline that has
	// passed by then would break the stream.
	return c.gate.SetWriteDeadline(time.Time{})
}

// flush writes b and tail, padded, in one go.
func (c *Conn) flush(b []byte, tail string) error {
	c.node.wire.octets(c.label, "->", b)
	b = c.node.appendPadded(b, tail)
	_, err := c.tls.Write(b)
	recycle(b)
	return err
}

// writeNow writes during negotiation, when there is no writer yet.
func (c *Conn) writeNow(b []byte, tail string) error {
	c.node.wire.octets(c.label, "->", b)
	if _, err := c.tls.Write(c.node.appendPadded(b, tail)); err != nil {
		return fmt.Errorf("negotiate: %w", err)
	}
	return nil
}
