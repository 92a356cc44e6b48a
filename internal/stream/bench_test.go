package stream

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/stanza"
)

// generous lifts what would limit a benchmark, not a peer.
func generous(c *Config) {
	c.Limits = Limits{Burst: 1 << 30, PerDevice: 1 << 30, Streams: 1 << 30}
}

// BenchmarkS1 is a message and its receipt on a live stream, from Send to the
// Handler, and in the same run, turn by turn, its yardstick: an echo over TLS of
// as many octets as the two flushes have on the wire. In "chained" each message
// follows the receipt of the one before, sent by the Handler as the echo's
// client writes behind its read; in "paced" somebody else sends one a
// millisecond, as people do, who are slower still.
func BenchmarkS1(b *testing.B) {
	for _, kind := range []struct {
		name string
		turn int
		wait time.Duration
	}{{"chained", 200, 0}, {"paced", 1, time.Millisecond}} {
		b.Run(kind.name, func(b *testing.B) {
			ours, octets := roundTrips(b)
			raw := rawRoundTrips(b, octets[0], octets[1])
			var tours, traw []time.Duration
			b.ReportAllocs()
			for n := 0; n < b.N; n += kind.turn {
				time.Sleep(kind.wait)
				tours = append(tours, ours(kind.turn)...)
				b.StopTimer()
				time.Sleep(kind.wait)
				traw = append(traw, raw(kind.turn)...)
				b.StartTimer()
			}
			report(b, "p50", 500, tours, traw)
			report(b, "p99", 990, tours, traw)
		})
	}
}

func report(b *testing.B, name string, share int, tours, traw []time.Duration) {
	slices.Sort(tours)
	slices.Sort(traw)
	o, r := tours[len(tours)*share/1000], traw[len(traw)*share/1000]
	b.ReportMetric(float64(o.Nanoseconds()), name+"-ns")
	b.ReportMetric(float64(r.Nanoseconds()), "raw-"+name+"-ns")
	b.ReportMetric(float64(o)/float64(r), name+"-ratio")
}

// roundTrips returns what sends messages, each after the receipt of the one
// before, and how many octets inside TLS the two take.
func roundTrips(b *testing.B) (some func(n int) []time.Duration, octets [2]int) {
	b.Helper()
	_, at := realSide(b, bobID(), "bob@reef", &echo{}, generous)
	m := message("a message of about forty characters, or so")
	m.Request = true
	h := &pinger{m: m, done: make(chan []time.Duration)}
	alice, _ := realSide(b, aliceID(), "alice@kite", h, generous)
	c, err := alice.Dial(b.Context(), nil, at, nil, "bob@reef")
	if err != nil {
		b.Fatal(err)
	}
	c.SetStanding(Accepted)
	there := padded(len(stanza.AppendAddressed(nil, m, "alice@kite", "bob@reef")) + len(requestAck))
	return func(n int) []time.Duration {
		h.left = n
		h.send(c)
		return <-h.done
	}, [2]int{there, 256}
}

// pinger sends the next message when the receipt of the last one has come.
type pinger struct {
	recorder
	m    stanza.Message
	left int
	from time.Time
	took []time.Duration
	done chan []time.Duration
}

func (*pinger) Opened(c *Conn) { unmetered(c) }

func (h *pinger) send(c *Conn) {
	h.from = time.Now()
	_ = c.Send(context.Background(), h.m)
}

func (h *pinger) Stanza(c *Conn, s stanza.Stanza) {
	if m, ok := s.(stanza.Message); !ok || m.Received == "" {
		return
	}
	h.took = append(h.took, time.Since(h.from))
	if h.left--; h.left > 0 {
		h.send(c)
		return
	}
	took := h.took
	h.took = nil
	h.done <- took
}

func rawRoundTrips(b *testing.B, there, back int) func(n int) []time.Duration {
	b.Helper()
	near, far := rawTLS(b)
	go echoTLS(far, there, back)
	return func(n int) []time.Duration { return echoes(b, near, n, there, back) }
}

// rawTLS is a bare mutual TLS connection over loopback.
func rawTLS(b *testing.B) (near, far *tls.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	far, near = bareHandshake(b, l, dialTCP)
	b.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func bareHandshake(b *testing.B, l net.Listener, dial DialFunc) (far, near *tls.Conn) {
	b.Helper()
	accepted := make(chan *tls.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			accepted <- nil
			return
		}
		n := Node{cfg: Config{Identity: bobID()}}
		s := tls.Server(c, n.tlsConfig(nil))
		_ = s.Handshake()
		accepted <- s
	}()
	c, err := dial(b.Context(), l.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		b.Fatal(err)
	}
	n := Node{cfg: Config{Identity: aliceID()}}
	near = tls.Client(c, n.tlsConfig(nil))
	if err := near.Handshake(); err != nil {
		b.Fatal(err)
	}
	if far = <-accepted; far == nil {
		b.Fatal("not accepted")
	}
	return far, near
}

// BenchmarkS5_Negotiation is everything from TCP to an open stream, and in the
// same run, turn by turn, its yardstick: a bare hybrid handshake with the same
// certificates.
func BenchmarkS5_Negotiation(b *testing.B) {
	_, at := realSide(b, bobID(), "bob@reef", &recorder{}, generous)
	alice, _ := realSide(b, aliceID(), "alice@kite", &recorder{}, generous)
	pin := bobID().Pin()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var ours, bare countingDial
	var tours, tbare []time.Duration
	for b.Loop() {
		from := time.Now()
		c, err := alice.Dial(context.Background(), ours.dial, at, &pin, "bob@reef")
		if err != nil {
			b.Fatal(err)
		}
		tours = append(tours, time.Since(from))
		c.cut(ErrEnded)
		<-c.Done()
		b.StopTimer()
		from = time.Now()
		far, near := bareHandshake(b, l, bare.dial)
		tbare = append(tbare, time.Since(from))
		_, _ = near.NetConn().Close(), far.NetConn().Close()
		b.StartTimer()
	}
	report(b, "p50", 500, tours, tbare)
	b.ReportMetric(float64(ours.n)/float64(b.N), "octets")
	b.ReportMetric(float64(bare.n)/float64(b.N), "raw-octets")
	b.ReportMetric(float64(ours.n)/float64(bare.n), "octets-ratio")
}

// countingDial counts what goes over its connections, both ways.
type countingDial struct{ n int }

func (d *countingDial) dial(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	c, err := dialTCP(ctx, at)
	return &counted{Conn: c, d: d}, err
}

type counted struct {
	net.Conn
	d *countingDial
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.d.n += n
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.d.n += n
	return n, err
}
