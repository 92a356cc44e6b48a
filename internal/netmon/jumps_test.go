package netmon

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestJumps_Clocks(t *testing.T) {
	for _, tt := range []struct {
		name             string
		wall, mono, want time.Duration
	}{
		{"as usual", jumpEvery, jumpEvery, 0},
		{"a little off", jumpEvery + time.Second, jumpEvery, 0},
		{"slept, monotonic stood still", jumpEvery + time.Hour, jumpEvery, time.Hour},
		{"slept, monotonic went on", time.Hour, time.Hour, time.Hour},
		{"stopped for a moment", 5 * time.Second, 5 * time.Second, 0},
		{"set back", jumpEvery - time.Hour, jumpEvery, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got, mono time.Duration
			wall := time.Unix(1e9, 0)
			j := jumper{
				jumped: func(d time.Duration) { got += d }, wall: wall,
				clock: func() (time.Time, time.Duration) { return wall, mono },
			}
			wall, mono = wall.Add(tt.wall), tt.mono
			j.look()
			if got != tt.want {
				t.Errorf("slept %v, want %v", got, tt.want)
			}
			j.look() // told once
			if got != tt.want {
				t.Errorf("told again: %v", got)
			}
		})
	}
}

// The clocks of a quiet machine never jump, and Jumps ends with its context.
func TestJumps_Quiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { Jumps(ctx, func(d time.Duration) { t.Errorf("slept %v", d) }) })
		time.Sleep(time.Hour)
		cancel()
		wg.Wait()
	})
}
