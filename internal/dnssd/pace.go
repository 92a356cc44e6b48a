package dnssd

import (
	"context"
	"sync"
	"time"
)

// burstSeconds is how many seconds' worth of questions may go at once.
const burstSeconds = 10

// pace lets at most n questions a second pass, after a burst.
type pace struct {
	gap   time.Duration
	burst time.Duration

	mu   sync.Mutex // guards the following
	next time.Time  // when the bucket would be full again, less the burst
}

func newPace(perSecond int) *pace {
	return &pace{gap: time.Second / time.Duration(perSecond), burst: burstSeconds * time.Second}
}

// wait returns when the next question may go.
func (p *pace) wait(ctx context.Context) error {
	d := p.reserve(time.Now())
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserve takes the next place and says how far off it is.
func (p *pace) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if oldest := now.Add(-p.burst); p.next.Before(oldest) {
		p.next = oldest
	}
	p.next = p.next.Add(p.gap)
	return p.next.Sub(now)
}
