package chat

import (
	"fmt"
	"testing"
	"time"
)

// Test5_6_KeepsOlder is the rule of the arbiter, case by case.
func Test5_6_KeepsOlder(t *testing.T) {
	for _, tt := range []struct {
		older, newer bool
		gap          time.Duration
		want         bool
	}{
		{true, false, time.Second, true},
		{true, false, reconnectAge, true},
		{true, false, reconnectAge + 1, false},
		{false, true, 0, false},
		{true, true, 0, false},
		{false, false, 0, false},
		{false, true, time.Hour, false},
	} {
		if got := keepsOlder(tt.older, tt.newer, tt.gap); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// Two sides, 0 is the arbiter, each with one dial. What happens to the dial of
// side i, in this order: the last flight of its TLS handshake leaves (shook), the
// listener has the stream (heard), the dialler has it (open). Up to shook the
// dialler may drop it, if a stream from the other side is ready (spec 5.6); that
// stream.DialUnless keeps to that is stream.Test5_6_DroppedDialIsNobodysStream.
type dial struct {
	shook, heard, open bool
	dropped, closed    bool
}

// crossing is one state of the two dials, and in which order the arbiter got
// its streams: by the number of who dialled.
type crossing struct {
	dials   [2]dial
	arbiter []int
}

// arbitrate lets the arbiter act once it has two streams. The other side never
// does.
func (c crossing) arbitrate(gap time.Duration) crossing {
	if len(c.arbiter) < 2 {
		return c
	}
	older, newer := c.arbiter[0], c.arbiter[1]
	loser := older
	if keepsOlder(older == 0, newer == 0, gap) {
		loser = newer
	}
	c.dials[loser].closed = true
	return c
}

// next returns every state that may follow.
func (c crossing) next(gap time.Duration) (all []crossing) {
	for i := range c.dials {
		d, other := c.dials[i], c.dials[1-i]
		step := func(change func(*dial), arrives bool) {
			n := crossing{c.dials, append([]int(nil), c.arbiter...)}
			change(&n.dials[i])
			if arrives {
				n.arbiter = append(n.arbiter, i)
			}
			all = append(all, n.arbitrate(gap))
		}
		switch {
		case d.dropped || d.closed || d.open:
		case !d.shook:
			step(func(d *dial) { d.shook = true }, false)
			if other.heard && !other.closed {
				step(func(d *dial) { d.dropped = true }, false)
			}
		case !d.heard:
			step(func(d *dial) { d.heard = true }, i == 1) // the arbiter listens
		default:
			step(func(d *dial) { d.open = true }, i == 0)
		}
	}
	return all
}

// Test5_6_AllInterleavings goes through everything that two dials at once can
// do. In the end there is exactly one stream, and both sides have it.
func Test5_6_AllInterleavings(t *testing.T) {
	for _, gap := range []time.Duration{0, reconnectAge} {
		ends := 0
		var walk func(c crossing, path string)
		walk = func(c crossing, path string) {
			following := c.next(gap)
			for _, n := range following {
				walk(n, path+fmt.Sprintf("%+v ", n))
			}
			if len(following) > 0 {
				return
			}
			ends++
			left := 0
			for _, d := range c.dials {
				if d.open && !d.closed {
					left++
				}
			}
			if left != 1 {
				t.Errorf("%d streams are left after %s", left, path)
			}
		}
		walk(crossing{}, "")
		if ends < 20 { // 6 choose 3 without a drop
			t.Errorf("only %d ends", ends)
		}
		t.Logf("%d interleavings", ends)
	}
}
