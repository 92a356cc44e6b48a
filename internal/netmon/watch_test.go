package netmon

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is a machine whose interfaces the test changes.
type world struct {
	mu    sync.Mutex
	now   []Interface
	err   error
	looks int
	told  [][]Interface
	at    []time.Time
}

func (w *world) list() ([]Interface, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	return slices.Clone(w.now), w.err
}

func (w *world) set(err error, now ...Interface) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.err = now, err
}

func (w *world) watcher() *watcher {
	return &watcher{list: w.list, changed: func(i []Interface) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told, w.at = append(w.told, i), append(w.at, time.Now())
	}}
}

func (w *world) count() (told, looks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.told), w.looks
}

// One event makes many reports: one look, 300 ms after the first.
func TestWatch_Debounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		reports := make(chan struct{}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.watcher().follow(ctx, reports) })
		synctest.Wait()
		if told, _ := w.count(); told != 1 || len(w.told[0]) != 0 {
			t.Fatalf("told at start: %v", w.told)
		}
		begin := time.Now()
		w.set(nil, lan("eth0"))
		for range 5 {
			reports <- struct{}{}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if told, looks := w.count(); told != 2 || looks != 2 {
			t.Fatalf("told %d times after %d looks", told, looks)
		}
		if got := w.at[1].Sub(begin); got != debounce {
			t.Errorf("told after %v, want %v", got, debounce)
		}
		cancel()
		wg.Wait()
	})
}

// Only what concerns usable interfaces is told.
func TestWatch_TellsChangesOnly(t *testing.T) {
	eth := lan("eth0")
	moved := eth
	moved.Addrs = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24")}
	jumbo := eth
	jumbo.MTU = 9000
	down := eth
	down.Up = false
	tests := []struct {
		name string
		next []Interface
		err  error
		want bool
	}{
		{"nothing", []Interface{eth}, nil, false},
		{"container started", []Interface{eth, lan("veth1")}, nil, false},
		{"error of the system", nil, errors.New("busy"), false},
		{"address", []Interface{moved}, nil, true},
		{"MTU", []Interface{jumbo}, nil, true},
		{"cable pulled", []Interface{down}, nil, true},
		{"second link", []Interface{eth, lan("wlan0")}, nil, true},
		{"all gone", nil, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{now: []Interface{eth}}
			wr := w.watcher()
			wr.look()
			w.set(tt.err, tt.next...)
			wr.look()
			if got := len(w.told) == 2; got != tt.want {
				t.Errorf("told %v, want another call: %v", w.told, tt.want)
			}
		})
	}
}

func TestWatch_Polls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		ctx, cancel := context.WithCancel(t.Context())
		reports := make(chan struct{})
		close(reports) // the system stopped reporting
		var wg sync.WaitGroup
		wg.Go(func() { w.watcher().follow(ctx, reports) })
		time.Sleep(time.Second)
		w.set(nil, lan("eth0"))
		time.Sleep(2 * time.Second)
		if told, _ := w.count(); told != 2 {
			t.Errorf("told %d times", told)
		}
		cancel()
		wg.Wait()
	})
}

// No network at all is no error: an empty list, and waiting.
func TestWatch_ErrorAtStart(t *testing.T) {
	w := &world{err: errors.New("denied")}
	w.watcher().look()
	if len(w.told) != 1 || len(w.told[0]) != 0 {
		t.Errorf("told %v", w.told)
	}
}

// The real thing starts, tells once and ends with its context.
func TestWatch_Ends(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := Watch(ctx, []string{"no such interface"}, func(i []Interface) {
		calls++
		if len(i) != 0 {
			t.Errorf("usable: %v", i)
		}
		cancel()
	})
	if err != nil || calls != 1 {
		t.Errorf("Watch = %v after %d calls", err, calls)
	}
}
