package history

import (
	"errors"
	"strings"
	"testing"
)

// What does not wait is done in order, with one commit for many, and before
// what is asked for after it.
func TestLater(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	alice := pin(1)
	var pending []*Pending
	for i := range 300 { // more than one commit takes
		pending = append(pending, s.AppendLater(out(alice, i, "x")), s.MarkLater(alice, id(i), Delivered, ""))
	}
	pending = append(pending, s.MarkLater(alice, id(3), Delivered, ""))
	if box, err := s.Outbox(alice); err != nil || len(box) > 600 {
		t.Errorf("outbox: %d, %v", len(box), err)
	}
	after := add(t, s, out(alice, 1000, "waited for"))
	last := uint64(0)
	for i, p := range pending {
		m, fresh, err := p.Result(<-p.Done())
		if err != nil || fresh != (i < 600) {
			t.Fatalf("%d: fresh %v, %v", i, fresh, err)
		}
		if fresh && (m.Seq <= last || m.Seq > after.Seq) {
			t.Fatalf("%d: number %d after %d, before %d", i, m.Seq, last, after.Seq)
		}
		last = max(last, m.Seq)
	}
	for name, p := range map[string]*Pending{
		"too large": s.AppendLater(out(alice, 5000, strings.Repeat("x", maxBody+1))),
		"unknown":   s.MarkLater(alice, "none", Delivered, ""),
	} {
		if _, _, err := p.Result(<-p.Done()); !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := s.AppendLater(out(alice, 2000, "the last"))
	closeStore(t, s)
	if _, fresh, err := open.Result(<-open.Done()); err != nil || !fresh {
		t.Errorf("asked for before the end: %v %v", fresh, err)
	}
	late := s.AppendLater(out(alice, 2001, "too late"))
	if _, _, err := late.Result(<-late.Done()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
