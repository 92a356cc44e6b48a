package dnssd

import (
	"container/heap"
	"time"
)

// queue holds the instances that wait for a lookup, the one due first in
// front.
type queue []*instance

// put places an instance, or moves it.
func (q *queue) put(in *instance, due time.Time) {
	in.due = due
	if in.place >= 0 {
		heap.Fix((*byDue)(q), in.place)
		return
	}
	heap.Push((*byDue)(q), in)
}

func (q *queue) remove(in *instance) {
	if in.place >= 0 {
		heap.Remove((*byDue)(q), in.place)
	}
}

// take takes out the first instance that is due; nil when none is.
func (q *queue) take(now time.Time) *instance {
	if len(*q) == 0 || (*q)[0].due.After(now) {
		return nil
	}
	return heap.Pop((*byDue)(q)).(*instance)
}

// byDue is the queue as a heap.
type byDue queue

func (q byDue) Len() int           { return len(q) }
func (q byDue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q byDue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *byDue) Push(x any) {
	in := x.(*instance)
	in.place = len(*q)
	*q = append(*q, in)
}

func (q *byDue) Pop() any {
	old := *q
	in := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	in.place = -1
	return in
}
