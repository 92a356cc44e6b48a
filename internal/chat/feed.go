package chat

import (
	"context"
	"errors"
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

func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds {
		f.add(e)
	}
}

// subscribe returns a feed that gets everything published from now on but the
// facts up to number last, which its reader has already.
func (h *hub) subscribe(last uint64) *feed {
	f := &feed{hub: h, wake: make(chan struct{}, 1), at: map[string]int{}, last: last}
	h.mu.Lock()
	defer h.mu.Unlock()
	f.closed = h.done
	h.feeds[f] = struct{}{}
	return f
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

	mu      sync.Mutex // guards the following
	pending []Event
	at      map[string]int // state key -> index in pending
	last    uint64         // highest number handed over or replayed
	closed  bool

	// replay fetches the next stored facts after a number, until there are
	// none; only Next touches it.
	replay func(ctx context.Context, after uint64) ([]Event, error)
}

// stateKey tells what a state event is about; facts have none.
func stateKey(e Event) string {
	switch b := e.Body.(type) {
	case Peer:
		return "peer " + b.Key
	case HealthNotice:
		return "health " + b.Code
	}
	return ""
}

func (f *feed) add(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := stateKey(e)
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

// overflow drops everything that waits: from now on it is known by one Resync,
// whose number is the last one the reader has seen.
func (f *feed) overflow(e Event) {
	clear(f.at)
	f.pending = append(f.pending[:0], Event{Seq: e.Seq, Time: e.Time, Body: Resync{Seq: f.last}})
}

func (f *feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
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
			f.seen(events)
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

// take empties the queue, leaving out facts that the replay delivered already.
func (f *feed) take() ([]Event, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := make([]Event, 0, len(f.pending))
	for _, e := range f.pending {
		if stateKey(e) == "" && e.Seq <= f.last {
			continue
		}
		events = append(events, e)
	}
	f.pending = f.pending[:0]
	clear(f.at)
	f.seenLocked(events)
	return events, f.closed
}

func (f *feed) seen(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seenLocked(events)
}

func (f *feed) seenLocked(events []Event) {
	for _, e := range events {
		if stateKey(e) == "" {
			f.last = max(f.last, e.Seq)
		}
	}
}

// Close implements Feed.
func (f *feed) Close() error {
	f.hub.mu.Lock()
	delete(f.hub.feeds, f)
	f.hub.mu.Unlock()
	f.end()
	return nil
}
