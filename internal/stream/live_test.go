package stream

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"llchat/internal/stanza"
)

// knockTCP opens a hand-made stream over loopback and returns it behind
// features.
func knockTCP(t *testing.T, at string) *mallory {
	t.Helper()
	return openOver(t, dialLoopback(t, at))
}

// dialLoopback is a TCP connection for the time of a test.
func dialLoopback(t *testing.T, at string) net.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return raw
}

// openOver opens a hand-made stream over a connection and returns it behind
// features.
func openOver(t *testing.T, c net.Conn) *mallory {
	t.Helper()
	m, err := (&mallory{Conn: c, t: t}).secure(clientConfig(malloryID()))
	if err != nil {
		t.Fatal(err)
	}
	m.say("<?xml version='1.0'?><stream:stream " + streamNS + " from='mallory@moor' version='1.0'>")
	m.until("</stream:features>")
	return m
}

// firstOpened waits for a side's stream.
func firstOpened(t *testing.T, opened <-chan *Conn) *Conn {
	t.Helper()
	select {
	case c := <-opened:
		return c
	case <-time.After(time.Minute):
		t.Fatal("no stream")
		return nil
	}
}

// A sender writes itself and still never waits for a peer that does not read:
// what the kernel does not take is kept within the outbox, and arrives whole
// and in order once the peer reads.
func TestLoopbackPeerThatDoesNotRead(t *testing.T) {
	opened := make(chan *Conn, 1)
	h := &recorder{onOpened: func(c *Conn) { opened <- c }}
	_, at := realSide(t, bobID(), "bob@reef", h, nil)
	m := knockTCP(t, at.String())
	c := firstOpened(t, opened)
	sent := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for ctx.Err() == nil {
		body := strconv.Itoa(sent) + strings.Repeat(" x", 2000)
		full := time.AfterFunc(100*time.Millisecond, cancel)
		if c.Send(ctx, message(body)) == nil {
			sent++
		}
		full.Stop()
		if sent > 100_000 {
			t.Fatal("there is no end to what waits")
		}
	}
	c.End()
	var all []byte
	for b := make([]byte, 32<<10); !strings.HasSuffix(string(all[max(0, len(all)-20):]), "</stream:stream>"); {
		n, err := m.Read(b)
		if all = append(all, b[:n]...); err != nil {
			t.Fatal(err)
		}
	}
	m.say("</stream:stream>")
	parts := strings.Split(string(all), "<body>")
	for i, part := range parts[1:] {
		if !strings.HasPrefix(part, strconv.Itoa(i)+" x") {
			t.Fatalf("message %d is %.20q", i, part)
		}
	}
	if len(parts)-1 != sent {
		t.Errorf("got %d messages of %d", len(parts)-1, sent)
	}
}

// Two nodes that flood each other and answer everything neither wait for each
// other for ever nor lose or swap anything.
func TestLoopbackFloodBothWays(t *testing.T) {
	const n = 2000
	done := make(chan bool, 2)
	side := func() *recorder {
		next, left := 0, 2*n
		return &recorder{onStanza: func(c *Conn, s stanza.Stanza) {
			m := s.(stanza.Message)
			if m.Received == "" {
				if m.Body != strconv.Itoa(next)+strings.Repeat("x", 500) {
					t.Errorf("got %.10q, want %d", m.Body, next)
				}
				next++
				_ = c.Send(context.Background(), stanza.Message{Received: m.ID})
			}
			if left--; left == 0 {
				done <- true
			}
		}}
	}
	opened := make(chan *Conn, 1)
	alice, bob := side(), side()
	bob.onOpened = func(c *Conn) { unmetered(c); opened <- c }
	alice.onOpened = unmetered
	_, at := realSide(t, bobID(), "bob@reef", bob, generous)
	node, _ := realSide(t, aliceID(), "alice@kite", alice, generous)
	pin := bobID().Pin()
	c, err := node.Dial(t.Context(), nil, at, &pin, "bob@reef")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Conn{c, firstOpened(t, opened)} {
		go func() {
			for i := range n {
				if err := c.Send(context.Background(), message(strconv.Itoa(i)+strings.Repeat("x", 500))); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range 2 {
		select {
		case <-done:
		case <-c.Done():
			t.Fatalf("it ended: %v %v", alice.ends(), bob.ends())
		}
	}
}

// An idle stream is one goroutine: nobody waits to write.
func TestL29_IdleStreamIsOneGoroutine(t *testing.T) {
	opened := make(chan *Conn, 1)
	_, at := realSide(t, bobID(), "bob@reef", &recorder{onOpened: func(c *Conn) { opened <- c }}, nil)
	before := runtime.NumGoroutine()
	m := knockTCP(t, at.String())
	c := firstOpened(t, opened)
	if err := c.Send(t.Context(), message("x")); err != nil {
		t.Fatal(err)
	}
	m.until("</message>")
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before+1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines for one idle stream", runtime.NumGoroutine()-before)
		}
	}
}

// One octet a segment, and stanzas cut between two records, change nothing.
func TestLoopbackOneOctetAtATime(t *testing.T) {
	got := make(chan string, 2)
	h := &recorder{onStanza: func(_ *Conn, s stanza.Stanza) { got <- s.(stanza.Message).Body }}
	_, at := realSide(t, bobID(), "bob@reef", h, nil)
	m := openOver(t, &sliced{Conn: dialLoopback(t, at.String())})
	m.say("<message><body>one</body></message><mess")
	m.say("age><body>two</body></message>")
	for _, want := range []string{"one", "two"} {
		if s := <-got; s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
	_ = m.Conn.(*tls.Conn).CloseWrite()
}

// sliced sends one octet a packet.
type sliced struct{ net.Conn }

func (s *sliced) Write(p []byte) (n int, err error) {
	for i := range p {
		if _, err := s.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
