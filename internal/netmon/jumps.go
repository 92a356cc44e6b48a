package netmon

import (
	"context"
	"time"
)

const (
	// jumpEvery is how often the clocks are compared; with it a machine that
	// woke is heard of again within 5 s.
	jumpEvery = 2 * time.Second
	// jumpMin is what the wall clock must be ahead of the monotonic one, which
	// stands still while the machine sleeps (mdns.md 2.3).
	jumpMin = 2 * time.Second
	// stallMin is how late a comparison must be: some systems let the
	// monotonic clock run while they sleep, and a stopped process sees neither.
	stallMin = 10 * time.Second
)

// Jumps calls jumped with how long the machine slept, after it woke up, until
// ctx ends. A wall clock that was set forward looks the same; one that was set
// back does not concern anybody.
func Jumps(ctx context.Context, jumped func(slept time.Duration)) {
	start := time.Now()
	j := jumper{jumped: jumped, clock: func() (wall time.Time, mono time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	}}
	j.run(ctx)
}

// jumper compares the two clocks.
type jumper struct {
	clock  func() (wall time.Time, mono time.Duration)
	jumped func(time.Duration)

	wall time.Time
	mono time.Duration
}

func (j *jumper) run(ctx context.Context) {
	j.wall, j.mono = j.clock()
	tick := time.NewTicker(jumpEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			j.look()
		}
	}
}

// look tells when the clocks went apart since the last look, or when that was
// long ago.
func (j *jumper) look() {
	wall, mono := j.clock()
	ahead, passed := wall.Sub(j.wall)-(mono-j.mono), mono-j.mono
	j.wall, j.mono = wall, mono
	switch {
	case ahead > jumpMin:
		j.jumped(ahead)
	case passed > stallMin:
		j.jumped(passed)
	}
}
