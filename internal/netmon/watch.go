package netmon

import (
	"context"
	"slices"
	"time"
)

const (
	// debounce joins the burst of reports that one event makes (mdns.md 2.3).
	debounce = 300 * time.Millisecond
	// pollEvery is the pace where the system does not report (mdns.md 2.3).
	pollEvery = 2 * time.Second
)

// Watch calls changed with the usable interfaces at once and after every
// change that concerns them, until ctx ends; it then returns nil. An empty
// list means that there is no network.
func Watch(ctx context.Context, only []string, changed func([]Interface)) error {
	w := watcher{list: Interfaces, only: only, changed: changed}
	reports, stop, err := subscribe(ctx)
	if err != nil {
		return w.poll(ctx)
	}
	defer stop()
	return w.follow(ctx, reports)
}

// watcher compares what is with what was told last.
type watcher struct {
	list    func() ([]Interface, error)
	only    []string
	changed func([]Interface)
	told    bool
	last    []Interface
}

// look lists once and tells when something usable is different. An error of
// the system counts as "no news".
func (w *watcher) look() {
	all, err := w.list()
	if err != nil && w.told {
		return
	}
	now := slices.DeleteFunc(all, func(i Interface) bool { return !Usable(i, w.only) })
	if w.told && slices.EqualFunc(now, w.last, same) {
		return
	}
	w.told, w.last = true, now
	w.changed(slices.Clone(now))
}

// same compares all but the slice header.
func same(a, b Interface) bool {
	return a.Index == b.Index && a.Name == b.Name && a.MTU == b.MTU && slices.Equal(a.Addrs, b.Addrs)
}

// poll looks at a fixed pace.
func (w *watcher) poll(ctx context.Context) error {
	w.look()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.look()
		}
	}
}

// follow looks when a report came and debounce has passed. When reports ends,
// the system stopped reporting: it goes on by polling.
func (w *watcher) follow(ctx context.Context, reports <-chan struct{}) error {
	w.look()
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-reports:
			if !ok {
				return w.poll(ctx)
			}
			if due == nil {
				due = time.After(debounce)
			}
		case <-due:
			due = nil
			w.look()
		}
	}
}
