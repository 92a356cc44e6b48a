//go:build unix

package stream

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// BenchmarkS2_OneWay is a flood of messages in one stream, L-10 lifted: how
// many a second, and what one costs from Send to the Handler, both ends in this
// process.
func BenchmarkS2_OneWay(b *testing.B) {
	h := &receipts{got: make(chan string, 1<<16), ends: make(chan error, 1)}
	_, at := realSide(b, bobID(), "bob@reef", h, generous)
	alice, _ := realSide(b, aliceID(), "alice@kite", &recorder{}, generous)
	c, err := alice.Dial(b.Context(), nil, at, nil, "bob@reef")
	if err != nil {
		b.Fatal(err)
	}
	m := message("a message of about forty characters, or so")
	done := make(chan struct{})
	b.ReportAllocs()
	b.ResetTimer()
	cpu := processorTime()
	go func() {
		for range b.N {
			<-h.got
		}
		close(done)
	}()
	for range b.N {
		if err := c.Send(context.Background(), m); err != nil {
			b.Fatal(err)
		}
	}
	<-done
	b.ReportMetric(float64((processorTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
