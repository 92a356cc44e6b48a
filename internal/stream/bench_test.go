package stream

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"
)

// generous lifts what would limit a benchmark, not a peer.
func generous(c *Config) {
	c.Limits = Limits{Burst: 1 << 30, PerDevice: 1 << 30, Streams: 1 << 30}
}

// BenchmarkRoundTrip is a message and its receipt (S1). Compare with
// BenchmarkRawRoundTrip of the same run: a TLS echo of as many octets.
func BenchmarkRoundTrip(b *testing.B) {
	_, at := realSide(b, bobID(), "bob@reef", &echo{}, generous)
	h := &receipts{got: make(chan string, 1), ends: make(chan error, 1)}
	alice, _ := realSide(b, aliceID(), "alice@kite", h, generous)
	c, err := alice.Dial(b.Context(), nil, at, nil, "bob@reef")
	if err != nil {
		b.Fatal(err)
	}
	c.SetStanding(Accepted)
	m := message("a message of about forty characters, or so")
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Send(context.Background(), m); err != nil {
			b.Fatal(err)
		}
		<-h.got
	}
}

// BenchmarkRawRoundTrip is S1's yardstick: 512 octets there, 256 back, as the
// padded stanzas are.
func BenchmarkRawRoundTrip(b *testing.B) {
	near, far := rawTLS(b)
	go func() {
		buf := make([]byte, 512)
		for {
			if _, err := io.ReadFull(far, buf); err != nil {
				return
			}
			if _, err := far.Write(buf[:256]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 512)
	for b.Loop() {
		if _, err := near.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(near, buf[:256]); err != nil {
			b.Fatal(err)
		}
	}
}

// rawTLS is a bare mutual TLS connection over loopback.
func rawTLS(b *testing.B) (near, far *tls.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	far, near = bareHandshake(b, l)
	b.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func bareHandshake(b *testing.B, l net.Listener) (far, near *tls.Conn) {
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
	c, err := net.Dial("tcp", l.Addr().String())
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

// BenchmarkNegotiation is everything from TCP to an open stream (S5).
func BenchmarkNegotiation(b *testing.B) {
	_, at := realSide(b, bobID(), "bob@reef", &recorder{}, generous)
	alice, _ := realSide(b, aliceID(), "alice@kite", &recorder{}, generous)
	pin := bobID().Pin()
	var octets countingDial
	for b.Loop() {
		c, err := alice.Dial(context.Background(), octets.dial, at, &pin, "bob@reef")
		if err != nil {
			b.Fatal(err)
		}
		c.cut(ErrEnded)
		<-c.Done()
	}
	b.ReportMetric(float64(octets.n)/float64(b.N), "octets/op")
}

// BenchmarkBareHandshake is S5's yardstick.
func BenchmarkBareHandshake(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for b.Loop() {
		far, near := bareHandshake(b, l)
		_, _ = near.NetConn().Close(), far.NetConn().Close()
	}
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

// BenchmarkOneWay is a flood of messages in one stream (S2), L-10 lifted.
func BenchmarkOneWay(b *testing.B) {
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
}
