package pipe

import (
	"io"
	"net"
	"sync"
	"time"
)

// half is one direction: a bounded queue of octets.
type half struct {
	capacity int

	mu       sync.Mutex // guards the following
	buf      []byte
	ended    bool  // the writing end sent its FIN
	endErr   error // what the reader sees then; nil = io.EOF
	readGone bool  // the reading end is closed
	wroteErr error // what the writer sees then
	selfDone bool  // the writing end closed itself
	changed  chan struct{}
}

func newHalf(capacity int) *half {
	return &half{capacity: capacity, changed: make(chan struct{})}
}

// wakeLocked tells everybody who waits that something is different now.
func (h *half) wakeLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// read takes what is there. With nothing there it returns a channel that is
// closed at the next change.
func (h *half) read(p []byte) (int, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.readGone:
		return 0, nil, net.ErrClosed
	case h.ended && h.endErr != nil:
		return 0, nil, h.endErr
	case len(h.buf) > 0:
		n := copy(p, h.buf)
		h.buf = h.buf[n:]
		if len(h.buf) == 0 {
			h.buf = nil
		}
		h.wakeLocked()
		return n, nil, nil
	case h.ended:
		return 0, nil, io.EOF
	}
	return 0, h.changed, nil
}

// write puts in what fits. With no room it returns a channel that is closed
// at the next change.
func (h *half) write(p []byte) (int, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.selfDone, h.ended && !h.readGone:
		return 0, nil, net.ErrClosed
	case h.readGone:
		return 0, nil, h.wroteErr
	}
	n := min(len(p), h.capacity-len(h.buf))
	if n > 0 {
		h.buf = append(h.buf, p[:n]...)
		h.wakeLocked()
	}
	return n, h.changed, nil
}

// end is the FIN (err nil) or RST of the writing end.
func (h *half) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended && h.endErr == nil && err == nil {
		return
	}
	h.ended = true
	if h.endErr == nil {
		h.endErr = err
	}
	h.wakeLocked()
}

// drop marks that the writing end is closed for itself too.
func (h *half) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.selfDone = true
	h.wakeLocked()
}

// shut closes the reading end: later writes fail with err. It reports whether
// octets were thrown away.
func (h *half) shut(err error) (lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	lost = len(h.buf) > 0
	if !h.readGone {
		h.readGone, h.wroteErr = true, err
	}
	h.buf = nil
	h.wakeLocked()
	return lost
}

// deadline is a moment that can be moved, with a channel that closes then.
type deadline struct {
	mu      sync.Mutex // guards the following
	timer   *time.Timer
	moved   int // how often it was set: a timer of an older setting is void
	expired chan struct{}
}

// wait returns the channel that closes when the present deadline passes or
// is moved into the past.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channelLocked()
}

func (d *deadline) channelLocked() chan struct{} {
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

// set moves the deadline; the zero time means none. Whoever waits on a
// channel that did not close keeps it: moving later is seen, too.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.moved++
	ch := d.channelLocked()
	if isDone(ch) {
		ch = make(chan struct{})
		d.expired = ch
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		close(ch)
		return
	}
	setting := d.moved
	d.timer = time.AfterFunc(left, func() { d.expire(setting) })
}

// expire closes the channel unless the deadline was moved meanwhile.
func (d *deadline) expire(setting int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == setting {
		close(d.expired)
		d.timer = nil
	}
}
