package stream

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"llchat/internal/identity"
)

// memory is what the process holds for the heap and for stacks, after
// everything that can go has gone.
func memory() int64 {
	for range 3 { // stacks shrink by half at a time
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// resident is the resident set of this process, 0 where it cannot be read.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// BenchmarkS6_IdleStreams is what an idle stream costs: 1,000 streams between
// one listener and 1,000 different people, each after a message each way. Both
// ends are in this process, so what is measured is halved.
func BenchmarkS6_IdleStreams(b *testing.B) {
	const n = 1000
	for b.Loop() {
		h := &receipts{got: make(chan string, n), ends: make(chan error, 2*n)}
		bob, at := realSide(b, bobID(), "bob@reef", &echo{}, generous)
		var nodes []*Node
		for range n {
			id, err := identity.Generate()
			if err != nil {
				b.Fatal(err)
			}
			cfg := Config{Identity: id, Names: oneName("ada@kite"), Handler: h}
			generous(&cfg)
			node := NewNode(cfg)
			node.certificates() // made once, whatever the number of its streams
			nodes = append(nodes, node)
		}
		before, rss := memory(), resident()
		pin := bobID().Pin()
		for _, node := range nodes {
			c, err := node.Dial(context.Background(), nil, at, &pin, "bob@reef")
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Send(context.Background(), message("hello")); err != nil {
				b.Fatal(err)
			}
			<-h.got
		}
		time.Sleep(100 * time.Millisecond)
		b.ReportMetric(float64(memory()-before)/(2*n), "octets/stream")
		b.ReportMetric(float64(resident()-rss)/(2*n), "resident/stream")
		b.ReportMetric(float64(runtime.NumGoroutine())/(2*n), "goroutines/stream")
		for _, node := range nodes {
			_ = node.Close(context.Background())
		}
		_ = bob.Close(context.Background())
	}
}

// strangersAt connects n times to a listener and brings each connection as far
// as stop wants.
func strangersAt(t testing.TB, at string, n int, stop func(net.Conn)) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		stop(c)
	}
	return all
}

// S4: whatever an unauthenticated peer has sent when it stops, it costs at most
// 64 KiB, heap and stacks, its own end in this process included. That it is gone
// after 10 s show the tests of L-04.
func TestS4_T16_UnauthenticatedPeersAreCheap(t *testing.T) {
	const n = 40
	prelude := func(c net.Conn) {
		m := &mallory{Conn: c, t: t}
		m.prelude()
	}
	hello := func(c net.Conn) {
		prelude(c)
		done := make(chan struct{})
		stopper := tls.Client(&halting{Conn: c, done: done, writes: 1}, clientConfig(malloryID()))
		go func() { _ = stopper.Handshake() }()
		<-done
	}
	for _, tt := range []struct {
		name string
		stop func(net.Conn)
	}{
		{"silence", func(net.Conn) {}},
		{"half a header", func(c net.Conn) { _, _ = io.WriteString(c, "<stream:stream "+strings.Repeat("a", 900)) }},
		{"prelude", prelude},
		{"half a ClientHello", func(c net.Conn) {
			prelude(c)
			_, _ = c.Write([]byte("\x16\x03\x01\x1c\x00" + strings.Repeat("a", 7000)))
		}},
		{"ClientHello", hello},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limits := Limits{PerSource: n, Pending: 2 * n, Burst: n, FirstOctet: time.Minute, Handshake: time.Minute}
			_, at := realSide(t, bobID(), "bob@reef", &recorder{}, func(c *Config) { c.Limits = limits })
			before := memory()
			all := strangersAt(t, at.String(), n, tt.stop)
			each := (memory() - before) / n
			t.Logf("%d octets each", each)
			if each > 64<<10 {
				t.Errorf("%d octets each", each)
			}
			for _, c := range all {
				_ = c.Close()
			}
		})
	}
}

// halting is a connection that goes silent after so many writes.
type halting struct {
	net.Conn
	writes int
	done   chan struct{}
}

func (h *halting) Write(p []byte) (int, error) {
	n, err := h.Conn.Write(p)
	if h.writes--; h.writes == 0 {
		close(h.done)
		return n, io.ErrClosedPipe
	}
	return n, err
}
