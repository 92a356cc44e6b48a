package stream

import (
	"net/netip"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func testBudget(change func(*Limits), known func(netip.Addr) bool) *budget {
	lim := Limits{}.withDefaults()
	if change != nil {
		change(&lim)
	}
	return newBudget(lim, known)
}

func TestL01_PerSource(t *testing.T) {
	b := testBudget(nil, nil)
	a := netip.MustParseAddr("10.0.0.1")
	var slots []*slot
	for range 6 {
		if s := b.take(a, epoch); s != nil {
			slots = append(slots, s)
		}
	}
	if len(slots) != 4 {
		t.Fatalf("%d connections of one source, want 4", len(slots))
	}
	if b.take(netip.MustParseAddr("10.0.0.2"), epoch) == nil {
		t.Error("another source is refused")
	}
	slots[0].release(epoch, false)
	if b.take(a, epoch) == nil {
		t.Error("a free place is refused")
	}
}

func TestSourceOf(t *testing.T) {
	tests := []struct{ in, want string }{
		{"10.0.0.1", "10.0.0.1"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::", "2001:db8:1:2::"},
		{"fd00:1:2:3::9", "fd00:1:2:3::"},
		{"fe80::1%eth0", "fe80::1"},
	}
	for _, tt := range tests {
		if got := sourceOf(netip.MustParseAddr(tt.in)); got.String() != tt.want {
			t.Errorf("sourceOf(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
	if got := sourceOf(netip.Addr{}); got.IsValid() {
		t.Errorf("got %s for no address", got)
	}
}

func TestL02_InAllWithReserve(t *testing.T) {
	known := netip.MustParseAddr("10.9.9.9")
	b := testBudget(nil, func(a netip.Addr) bool { return a == known })
	got := 0
	for i := range 5000 {
		if b.take(sourceNumber(i).Addr(), epoch) != nil {
			got++
		}
	}
	// Early random drop makes the last places hard to get, not impossible.
	if got < 33 || got > 64 {
		t.Errorf("%d connections in all", got)
	}
	for i := range 4 { // L-01 holds for them as well
		if b.take(known, epoch) == nil {
			t.Errorf("the known address is refused at %d", i)
		}
	}
	if b.pending > 64 || b.reserve > 16 {
		t.Errorf("pending %d, reserve %d", b.pending, b.reserve)
	}
}

func TestL02_ReserveIsBounded(t *testing.T) {
	b := testBudget(func(l *Limits) { l.Pending = 2 }, func(netip.Addr) bool { return true })
	got := 0
	for i := range 100 {
		if b.take(sourceNumber(i).Addr(), epoch) != nil {
			got++
		}
	}
	if got > 18 || got < 16 {
		t.Errorf("%d connections, want 2 and 16", got)
	}
}

func TestL02_EarlyDrop(t *testing.T) {
	b := testBudget(nil, nil)
	for _, tt := range []struct {
		pending  int
		min, max int
	}{{0, 0, 0}, {32, 0, 0}, {48, 400, 600}, {64, 1000, 1000}} {
		b.pending = tt.pending
		drops := 0
		for range 1000 {
			if b.dropLocked() {
				drops++
			}
		}
		if drops < tt.min || drops > tt.max {
			t.Errorf("with %d pending %d of 1000 are dropped, want %d to %d", tt.pending, drops, tt.min, tt.max)
		}
	}
}

func TestL05_RateOfOneSource(t *testing.T) {
	b := testBudget(nil, nil)
	a := netip.MustParseAddr("10.0.0.1")
	try := func(now time.Time) bool {
		s := b.take(a, now)
		if s == nil {
			return false
		}
		s.release(now, false)
		return true
	}
	got := 0
	for range 50 {
		if try(epoch) {
			got++
		}
	}
	if got != 10 {
		t.Errorf("a burst of %d, want 10", got)
	}
	for i, want := range []bool{false, true, false, true} {
		if got := try(epoch.Add(time.Duration(i+1) * 500 * time.Millisecond)); got != want {
			t.Errorf("after %d half seconds: got %v", i+1, got)
		}
	}
}

func TestL05_Penalty(t *testing.T) {
	b := testBudget(nil, nil)
	a := netip.MustParseAddr("10.0.0.1")
	b.take(a, epoch).release(epoch, true)
	if b.take(a, epoch.Add(4999*time.Millisecond)) != nil {
		t.Error("no penalty")
	}
	first, second := b.take(a, epoch.Add(5*time.Second)), b.take(a, epoch.Add(5*time.Second))
	if first == nil || second == nil {
		t.Fatal("the penalty does not end")
	}
	first.release(epoch.Add(5*time.Second), true)
	second.release(epoch.Add(5*time.Second), true) // adds up
	if b.take(a, epoch.Add(14*time.Second)) != nil {
		t.Error("penalties do not add up")
	}
	at := epoch.Add(time.Hour)
	for range 4 {
		b.sources[a].barred = time.Time{}
		s := b.take(a, at)
		b.sources[a].barred = at.Add(9*time.Minute + 59*time.Second)
		s.release(at, true)
	}
	if got := b.sources[a].barred; got.After(at.Add(10 * time.Minute)) {
		t.Errorf("barred for %v", got.Sub(at))
	}
}

func TestL05_SourcesAreBounded(t *testing.T) {
	b := testBudget(nil, nil)
	held := b.take(netip.MustParseAddr("192.0.2.200"), epoch)
	for i := range 20000 {
		if s := b.take(sourceNumber(i).Addr(), epoch); s != nil {
			s.release(epoch, true)
		}
	}
	if n := len(b.sources); n > 4096 {
		t.Errorf("%d sources are remembered", n)
	}
	if b.sources[netip.MustParseAddr("192.0.2.200")] == nil {
		t.Error("a source with an open connection was forgotten")
	}
	held.release(epoch, false)
	later := epoch.Add(time.Hour)
	if b.take(netip.MustParseAddr("192.0.2.201"), later) == nil {
		t.Error("refused although everything has lapsed")
	}
	if n := len(b.sources); n > 2 {
		t.Errorf("%d sources are kept for nothing", n)
	}
}

func TestBucket(t *testing.T) {
	b := newBucket(2, 10, epoch)
	for i, want := range []time.Duration{0, 0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if got := b.owe(1, epoch); got != want {
			t.Errorf("%d: got %v, want %v", i, got, want)
		}
	}
	if got := b.owe(1, epoch.Add(time.Hour)); got != 0 {
		t.Errorf("after an hour: got %v", got)
	}
	if b.refill(epoch); b.tokens > 2 || b.full(epoch) {
		t.Errorf("a clock that goes back gives tokens: %v", b.tokens)
	}
}
