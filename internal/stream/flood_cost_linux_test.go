package stream

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// floodedProcess says in the environment of a copy of this test binary that it is
// what BenchmarkT17 floods.
const floodedProcess = "LLCHAT_STREAM_FLOODED"

// TestFloodedProcess is that process: a node, and a listener of crypto/tls that
// nothing protects. For each line of its input it says what it has cost so far.
func TestFloodedProcess(t *testing.T) {
	if os.Getenv(floodedProcess) == "" {
		return
	}
	_, at := realSide(t, bobID(), "bob@reef", &recorder{}, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bare := Node{cfg: Config{Identity: bobID()}}
	cfg := bare.tlsConfig(nil)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = tls.Server(c, cfg).Handshake()
				_ = c.Close()
			}()
		}
	}()
	fmt.Println("flooded", at, l.Addr())
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		fmt.Println("cost", processorTime().Nanoseconds())
	}
}

// flooded is that process from the other side.
type flooded struct {
	process
	node, bare netip.AddrPort
}

func startFlooded(b *testing.B) *flooded {
	b.Helper()
	f := &flooded{process: startProcess(b, "TestFloodedProcess", floodedProcess)}
	f.node, f.bare = f.places(b, "flooded")
	return f
}

// cost is the processor time that the process has used.
func (f *flooded) cost(b *testing.B) time.Duration {
	b.Helper()
	if _, err := io.WriteString(f.in, "\n"); err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseInt(f.said(b, "cost")[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(n)
}

// BenchmarkT17 is what a flood of handshakes costs the listener, in hundredths of
// a core: for 4 s, eight at a time connect from so many addresses, send a
// ClientHello that cost them nothing, and drop the connection with the answer, as
// fast as they can or, with a rate, so many in a second. A listener that nothing
// protects stands beside it, in turn.
func BenchmarkT17(b *testing.B) {
	f := startFlooded(b)
	hello := recordedHello(b)
	next := 0 // addresses that no penalty is left on
	for _, t := range []struct{ sources, rate int }{{1, 0}, {16, 0}, {250, 0}, {250, 1000}} {
		b.Run(fmt.Sprintf("sources=%d,rate=%d", t.sources, t.rate), func(b *testing.B) {
			for b.Loop() {
				ours := flood(b, f, f.node, &flooder{hello: hello, prelude: true, rate: t.rate}, next, t.sources)
				bare := flood(b, f, f.bare, &flooder{hello: hello, rate: t.rate}, next, t.sources)
				next += t.sources
				b.ReportMetric(ours.share, "core-%")
				b.ReportMetric(ours.tries, "tries/s")
				b.ReportMetric(ours.begun, "handshakes/s")
				b.ReportMetric(bare.share, "bare-core-%")
				b.ReportMetric(bare.begun, "bare-handshakes/s")
			}
		})
	}
}

type floodCost struct{ share, tries, begun float64 }

// flood runs one flood, from the loopback addresses behind first.
func flood(b *testing.B, p *flooded, at netip.AddrPort, f *flooder, first, sources int) floodCost {
	b.Helper()
	var tries, begun atomic.Int64
	ctx, cancel := context.WithTimeout(b.Context(), 4*time.Second)
	defer cancel()
	from, cost := time.Now(), p.cost(b)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				n := int(tries.Add(1))
				if f.rate > 0 {
					time.Sleep(time.Until(from.Add(time.Duration(n) * time.Second / time.Duration(f.rate))))
				}
				i := first + n%sources
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))}}
				c, err := d.DialContext(ctx, "tcp", at.String())
				if err != nil {
					continue
				}
				_ = c.(*net.TCPConn).SetLinger(0) // or the ports run out
				_ = c.SetDeadline(time.Now().Add(2 * time.Second))
				if f.once(c) {
					begun.Add(1)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(from)
	return floodCost{
		share: 100 * float64(p.cost(b)-cost) / float64(took),
		tries: float64(tries.Load()) / took.Seconds(),
		begun: float64(begun.Load()) / took.Seconds(),
	}
}
