//go:build lab && linux

package lab

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// BenchmarkSustained: messages a second with durability on both sides and
// receipts only after the commit, many under way (S2: 1,000 a second for ten
// minutes, memory flat). LLCHAT_LAB_SUSTAIN is for how many seconds. The
// baseline is durable writes one after the other on the same disk.
func BenchmarkSustained(b *testing.B) {
	seconds := number(b, "LLCHAT_LAB_SUSTAIN", 5)
	for b.Loop() {
		l := newLAN(b, 2)
		alice := l.hosts[0].daemon(b, "--nick", "Alice")
		bob := l.hosts[1].daemon(b, "--nick", "Bob")
		friends(b, alice, bob)
		before := [2]int64{alice.rss(), bob.rss()}
		n := sustain(b, alice, bob, time.Duration(seconds)*time.Second)
		b.ReportMetric(float64(n)/float64(seconds), "messages/s")
		b.ReportMetric(syncs(b, alice.h), "baseline-syncs/s")
		for i, x := range []*node{alice, bob} {
			b.ReportMetric(float64(x.rss()-before[i])/(1<<20), nick(x)+"-grown-MiB")
		}
	}
	done(b)
}

// sustain keeps 512 messages under way for d and says how many arrived.
func sustain(b *testing.B, from, to *node, d time.Duration) (arrived int) {
	b.Helper()
	const writers, each = 16, 32 // control.maxCalls
	c := from.client()
	feed, err := c.Subscribe(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = feed.Close() }()
	slots := make(chan struct{}, writers*each)
	end := time.Now().Add(d)
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				slots <- struct{}{}
				if _, err := c.Send(b.Context(), nick(to), fmt.Sprintf("writer %d line %d", w, i)); err != nil {
					b.Errorf("send: %v", err)
					return
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		work.Wait()
		if _, err := c.Send(b.Context(), nick(to), "the end"); err != nil {
			b.Errorf("send: %v", err)
		}
		close(finished)
	}()
	for over := false; !over; {
		events, err := feed.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range events {
			m, ok := e.Body.(chat.Message)
			if !ok || m.State != chat.Delivered {
				continue
			}
			over = over || m.Body == safetext.Body("the end")
			arrived++
			select {
			case <-slots:
			default:
			}
		}
	}
	<-finished
	return arrived
}

// syncs measures durable writes one after the other.
func syncs(b *testing.B, h *host) float64 {
	b.Helper()
	const n = 200
	start := time.Now()
	h.mustRun(b, "dd", "if=/dev/zero", "of="+h.dir+"/sync", "bs=4096", fmt.Sprintf("count=%d", n), "oflag=dsync", "status=none")
	return n / time.Since(start).Seconds()
}
