package engine

import (
	"container/heap"
	"time"
)

// timer is one thing to do later. The zero value is stopped; fire is set once.
type timer struct {
	at   time.Time
	seq  uint64 // keeps equal times in the order in which they were set
	pos  int    // place in the heap plus one; 0 is stopped
	fire func(now time.Time)
}

func (t *timer) running() bool { return t.pos != 0 }

// timers is a heap of the running timers, earliest first.
type timers struct {
	list []*timer
	seq  uint64
}

// set starts t, or moves it to at when it runs already.
func (h *timers) set(t *timer, at time.Time) {
	if t.running() {
		if t.at.Equal(at) {
			return
		}
		t.at = at
		heap.Fix(h, t.pos-1)
		return
	}
	h.seq++
	t.at, t.seq = at, h.seq
	heap.Push(h, t)
}

// sooner starts t, or moves it forward to at; it never delays it.
func (h *timers) sooner(t *timer, at time.Time) {
	if !t.running() || at.Before(t.at) {
		h.set(t, at)
	}
}

func (h *timers) stop(t *timer) {
	if t.running() {
		heap.Remove(h, t.pos-1)
	}
}

// due takes the first timer that is due at now off the heap.
func (h *timers) due(now time.Time) *timer {
	if len(h.list) == 0 || h.list[0].at.After(now) {
		return nil
	}
	return heap.Pop(h).(*timer)
}

// next is when the first timer is due; zero when none runs.
func (h *timers) next() time.Time {
	if len(h.list) == 0 {
		return time.Time{}
	}
	return h.list[0].at
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h *timers) Len() int { return len(h.list) }

func (h *timers) Less(i, j int) bool {
	a, b := h.list[i], h.list[j]
	if a.at.Equal(b.at) {
		return a.seq < b.seq
	}
	return a.at.Before(b.at)
}

func (h *timers) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].pos, h.list[j].pos = i+1, j+1
}

func (h *timers) Push(x any) {
	t := x.(*timer)
	h.list = append(h.list, t)
	t.pos = len(h.list)
}

func (h *timers) Pop() any {
	last := len(h.list) - 1
	t := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	t.pos = 0
	return t
}
