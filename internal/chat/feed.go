package chat

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// maxPending bounds what one slow subscriber may have waiting, in events. A
// burst of 5,000 presence changes coalesces to a row each; facts beyond this
// are on disk and are asked for again from the number in the Resync.
const maxPending = 4096

// errFeedClosed ends a Next that waits on a feed that was closed.
var errFeedClosed = errors.New("chat: feed closed")

// hub hands events to every subscriber. It never blocks the engine.
type hub struct {
	mu    sync.Mutex // guards the following
	feeds map[*feed]struct{}
	done  bool
}

func newHub() *hub { return &hub{feeds: map[*feed]struct{}{}} }

// publish gives an event to every feed.
func (h *hub) publish(e Event) { h.give(queued{Event: e}) }

// publishFact does so for one that is stored, which a replay can bring, too.
func (h *hub) publishFact(e Event) { h.give(queued{e, true}) }

func (h *hub) give(e queued) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds {
		f.add(e)
	}
}

// subscribe returns a feed that gets everything published from now on but the
// facts up to number last, which its reader has already.
func (h *hub) subscribe(last uint64) *feed {
	f := &feed{hub: h, wake: make(chan struct{}, 1), at: map[string]int{}, last: last, replayed: last}
	h.mu.Lock()
	defer h.mu.Unlock()
	f.closed = h.done
	h.feeds[f] = struct{}{}
	return f
}

// empty ends every feed and forgets what waits for its reader.
func (h *hub) empty() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds {
		f.empty()
		f.end()
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = true
	for f := range h.feeds {
		f.end()
	}
}

// feed is one subscriber's queue: facts in order, state events coalesced by
// what they are about, a Resync in place of what did not fit.
type feed struct {
	hub  *hub
	wake chan struct{}

	mu       sync.Mutex // guards the following
	pending  []queued
	at       map[string]int // state key -> index in pending
	last     uint64         // number of the newest fact that the reader has
	replayed uint64         // facts up to here do not come from pending
	closed   bool

	// replay fetches the next stored facts after a number, until there are
	// none; only Next touches it.
	replay func(ctx context.Context, after uint64) ([]Event, error)
}

// queued is an event that waits for a reader.
type queued struct {
	Event
	stored bool
}

// stateKey tells what a state event is about; facts have none.
func stateKey(e Event) string {
	switch b := e.Body.(type) {
	case Peer:
		return "peer " + b.Key
	case HealthNotice:
		return "health " + b.Code
	case Typing:
		return "typing " + b.Peer.String()
	}
	return ""
}

func (f *feed) add(e queued) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := stateKey(e.Event)
	if i, ok := f.at[key]; ok && key != "" {
		f.pending[i] = e
		f.signal()
		return
	}
	if len(f.pending) >= maxPending {
		f.overflow(e)
	} else {
		if key != "" {
			f.at[key] = len(f.pending)
		}
		f.pending = append(f.pending, e)
	}
	f.signal()
}

// overflow drops everything that waits: from now on it is known by one Resync.
func (f *feed) overflow(e queued) {
	clear(f.at)
	clear(f.pending)
	f.pending = append(f.pending[:0], queued{Event: Event{Seq: e.Seq, Time: e.Time, Body: Resync{}}})
}

func (f *feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) empty() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.pending)
	f.pending = f.pending[:0]
	clear(f.at)
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.signal()
}

// Next implements Feed.
func (f *feed) Next(ctx context.Context) ([]Event, error) {
	for f.replay != nil {
		events, err := f.replay(ctx, f.last)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			f.handOver(events[len(events)-1].Seq)
			return events, nil
		}
		f.replay = nil
	}
	for {
		events, closed := f.take()
		if len(events) > 0 {
			return events, nil
		}
		if closed {
			return nil, errFeedClosed
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take empties the queue in the order of the numbers, leaving out facts that
// the replay delivered already.
func (f *feed) take() ([]Event, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := make([]Event, 0, len(f.pending))
	newest := f.last
	for _, e := range f.pending {
		switch {
		case e.stored && e.Seq <= f.replayed:
			continue
		case e.stored:
			newest = max(newest, e.Seq)
		default:
			e.Seq = max(e.Seq, f.replayed) // it waited until the replay was over
		}
		if _, ok := e.Body.(Resync); ok {
			e.Body = Resync{Seq: f.last}
		}
		events = append(events, e.Event)
	}
	// A state event keeps its place in pending and has a new number: a reader
	// that goes on from the highest number it saw must not miss what is between.
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	clear(f.pending)
	f.pending = f.pending[:0]
	clear(f.at)
	f.last = newest
	return events, f.closed
}

// handOver notes that the replay has given the reader every fact up to seq.
func (f *feed) handOver(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.replayed = max(f.last, seq), max(f.replayed, seq)
}

// Close implements Feed.
func (f *feed) Close() error {
	f.hub.mu.Lock()
	delete(f.hub.feeds, f)
	f.hub.mu.Unlock()
	f.end()
	return nil
}
