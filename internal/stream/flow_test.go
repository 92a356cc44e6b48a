package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/lantest/pipe"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// T-03, 6.4, P-18: two texts of different length, one record length.
func TestT03_P18_EqualRecords(t *testing.T) {
	record := func(t *testing.T, body string) (lengths []int) {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			bob := newSide(t, bobID(), "bob@reef", nil)
			c, up, _ := tappedDial(t, alice, bob)
			before := len(up.writes)
			if err := c.Send(t.Context(), message(body)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for _, w := range up.writes[before:] {
				lengths = append(lengths, len(w))
			}
			if len(bob.bodies()) != 1 {
				t.Error("the message did not arrive")
			}
		})
		return lengths
	}
	const overhead = 22 // 5 header, 1 content type, 16 tag (measured: security.md T-03)
	for _, tt := range []struct {
		bodies []int
		want   int
	}{
		{[]int{1, 20, 80}, 256}, {[]int{200, 300}, 512}, {[]int{3900, 300 + 3600, 2200}, 4096}, {[]int{4097, 7000, 8000}, 8192},
	} {
		for _, n := range tt.bodies {
			got := record(t, strings.Repeat("x", n))
			if len(got) != 1 || got[0] != tt.want+overhead {
				t.Errorf("a body of %d: got records %v, want one of %d", n, got, tt.want+overhead)
			}
		}
	}
}

func TestPadded(t *testing.T) {
	for n, want := range map[int]int{0: 256, 1: 256, 256: 256, 257: 512, 513: 1024, 1025: 2048, 2049: 4096, 4096: 4096, 4097: 8192, 8193: 12288} {
		if got := padded(n); got != want {
			t.Errorf("padded(%d) = %d, want %d", n, got, want)
		}
	}
	n := &Node{}
	b := n.appendPadded([]byte("<a/>"), "</b>")
	if len(b) != 256 || !strings.HasPrefix(string(b), "<a/>  ") || !strings.HasSuffix(string(b), "  </b>") {
		t.Errorf("got %q", b)
	}
	n.cfg.Field = true
	if b := n.appendPadded([]byte("<a/>"), "</b>"); string(b) != "<a/></b>" {
		t.Errorf("field profile: got %q", b)
	}
}

// A slow handler slows the peer, and nothing else grows.
func TestSlowHandlerSlowsThePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		_, bob, c := pair(t, func(a, _ *Config) { a.Limits.WriteStall = time.Hour })
		bob.onStanza = func(*Conn, stanza.Stanza) { <-release }
		body := strings.Repeat("x", 30000)
		ctx, cancel := context.WithTimeout(t.Context(), ackDead-time.Second)
		defer cancel()
		sent := 0
		for c.Send(ctx, message(body)) == nil {
			sent++
		}
		// Outbox, flush under way, pipe buffer and parser hold less than 1 MiB.
		if octets := sent * len(body); octets > 1<<20 {
			t.Errorf("%d octets were taken before the peer was slowed", octets)
		}
		close(release)
		synctest.Wait()
		if got := len(bob.bodies()); got != sent {
			t.Errorf("%d of %d messages arrived", got, sent)
		}
	})
}

// Two nodes that answer each other's floods from the handler do not lock up.
func TestAnswersDoNotDeadlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		answer := func(c *Conn, s stanza.Stanza) {
			if m := s.(stanza.Message); m.Received == "" {
				_ = c.Send(context.Background(), stanza.Message{ID: stanza.NewID(), Received: m.ID})
			}
		}
		alice.onStanza, bob.onStanza = answer, answer
		const n = 3000
		flood := func(c *Conn, done chan<- error) {
			for range n {
				if err := c.Send(t.Context(), message(strings.Repeat("x", 1000))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}
		done := make(chan error, 2)
		go flood(c, done)
		go flood(bob.last(t), done)
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		for _, s := range []*side{alice, bob} {
			if _, got, _, _ := s.counts(); got != 2*n {
				t.Errorf("got %d stanzas, want %d", got, 2*n)
			}
		}
	})
}

// A peer that does not read is given up.
func TestWriteStall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		c := bob.last(t)
		go func() {
			for c.Send(context.Background(), message(strings.Repeat("x", 30000))) == nil {
			}
		}()
		start := time.Now()
		<-c.Done()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		_ = m.Close()
	})
}

// L-10: a stranger's flood is slowed, then ended.
func TestL10_StrangerFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = func(Peer) Standing { return Stranger } })
		m := inside(t, bob, malloryID())
		go func() {
			for {
				if _, err := io.WriteString(m.Conn, "<message><body>x</body></message>"); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		_, _ = m.rest() // who floods without end may miss the error
		synctest.Wait()
		if v, ok := asViolation(onlyEnd(t, bob)); !ok || v.Condition != xmlstream.PolicyViolation {
			t.Errorf("got %v", bob.ends())
		}
		_, n, _, _ := bob.counts()
		took := time.Since(start)
		if most := 100 + int(20*took.Seconds()) + 1; n > most || took < 9*time.Second || took > 20*time.Second {
			t.Errorf("%d stanzas in %v, at most %d wanted", n, took, most)
		}
	})
}

// L-10: an accepted peer is only slowed.
func TestL10_AcceptedFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, nil)
		start := time.Now()
		const n = 14_000
		for range n {
			if err := c.Send(t.Context(), stanza.Presence{}); err != nil {
				t.Fatal(err)
			}
		}
		for {
			synctest.Wait()
			if _, got, _, _ := bob.counts(); got == n {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(start); took < 1900*time.Millisecond || took > 3*time.Second {
			t.Errorf("it took %v, want about 2 s", took)
		}
		if c.ctx.Err() != nil {
			t.Error("the stream ended")
		}
	})
}

// L-06: two streams of one device.
func TestL06_StreamsPerDevice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		first := inside(t, bob, malloryID())
		_ = inside(t, bob, malloryID())
		m, err := knock(t, bob).secure(clientConfig(malloryID()))
		if err != nil {
			t.Fatal(err)
		}
		m.say("<stream:stream " + streamNS + " version='1.0'>")
		if got, _ := m.rest(); !strings.HasSuffix(stripText(got), errorElement("resource-constraint", "")) {
			t.Errorf("got %q", got)
		}
		_ = m.Close()
		_ = first.Close()
		synctest.Wait()
		_ = inside(t, bob, malloryID()) // a place is free again
	})
}

// L-06: when all places are taken, idle strangers make room; nobody else does.
func TestL06_StreamsInAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		standing := map[string]Standing{"a@a": Accepted, "b@b": Stranger, "c@c": Stranger, "d@d": Accepted}
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) {
			c.Limits.Streams = 2
			c.Admit = func(p Peer) Standing { return standing[p.Name] }
		})
		open := func(i int, name string) string {
			m, err := knock(t, bob).secure(clientConfig(identities()[i]))
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, m.Conn); _ = m.Close() }()
			m.say("<stream:stream " + streamNS + " from='" + name + "' version='1.0'>")
			time.Sleep(10 * time.Second)
			bob.Node.mu.Lock()
			defer bob.Node.mu.Unlock()
			var names []string
			for _, n := range []string{"a@a", "b@b", "c@c", "d@d"} {
				for c := range bob.conns {
					if c.peer.Name == n {
						names = append(names, n)
					}
				}
			}
			return strings.Join(names, " ")
		}
		for _, tt := range []struct {
			id   int
			name string
			want string
		}{{0, "a@a", "a@a"}, {2, "b@b", "a@a b@b"}, {3, "d@d", "a@a d@d"}, {2, "c@c", "a@a d@d"}} {
			if got := open(tt.id, tt.name); got != tt.want {
				t.Errorf("after %s: got %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

// README 5.7: the arbiter pings after five minutes of silence, so an idle pair
// stays; a dead peer is found out after fifteen.
func TestIdlePairStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		time.Sleep(maxAge - time.Minute)
		if c.ctx.Err() != nil || bob.last(t).ctx.Err() != nil {
			t.Fatal("the stream ended")
		}
		if idle := c.Idle(); idle > 5*time.Minute {
			t.Errorf("idle for %v", idle)
		}
		if _, a, _, _ := alice.counts(); a != 0 {
			t.Error("a keepalive reached the handler")
		}
	})
}

func TestC23_DeadPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		start := time.Now()
		go func() { _, _ = io.Copy(io.Discard, m.Conn) }()
		<-bob.last(t).Done()
		if took := time.Since(start); took != 15*time.Minute+5*time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if v, ok := asViolation(onlyEnd(t, bob)); !ok || v.Condition != xmlstream.ConnectionTimeout {
			t.Errorf("got %v", bob.ends())
		}
	})
}

// README 5.7: the idle stream of a stranger ends politely after 15 minutes;
// white space does not keep it.
func TestIdleStrangerEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, func(_, b *Config) { b.Admit = func(Peer) Standing { return Stranger } })
		start := time.Now()
		<-c.Done()
		synctest.Wait()
		if took := time.Since(start); took != 15*time.Minute {
			t.Errorf("it took %v", took)
		}
		if e := onlyEnd(t, bob); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

// L-29: at most four goroutines a stream. There are two.
func TestL29_Goroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", func(c *Config) { c.Limits.PerDevice = 100 })
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Limits.PerDevice, c.Limits.Burst = 100, 100 })
		synctest.Wait()
		idle := runtime.NumGoroutine()
		const n = 20
		for range n {
			if _, err := alice.Dial(t.Context(), to(bob), bobAt, nil, ""); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if per := float64(runtime.NumGoroutine()-idle) / (2 * n); per > 2 {
			t.Errorf("%.1f goroutines a stream", per)
		}
	})
	// Timers and tests that ended may still be on their way out.
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// T-39: a panic ends one stream, not the program.
func TestT39_PanicEndsOneStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, nil)
		bob.onStanza = func(_ *Conn, s stanza.Stanza) {
			if s.(stanza.Message).Body == "boom" {
				panic("boom")
			}
		}
		m := inside(t, bob, malloryID())
		if err := c.Send(t.Context(), message("boom")); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		m.say("<message><body>fine</body></message>")
		synctest.Wait()
		if got := bob.bodies(); len(got) != 2 || got[1] != "fine" {
			t.Errorf("got %v", got)
		}
	})
}

// The file of --debug-wire holds no text and no name (G-1).
func TestWireLog(t *testing.T) {
	var log strings.Builder
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, func(a, _ *Config) { a.Wire = &log })
		if err := c.Send(t.Context(), message("a <secret> & more")); err != nil {
			t.Fatal(err)
		}
		if err := bob.last(t).Send(t.Context(), message("a secret answer")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	for _, bad := range []string{"secret", "alice", "kite", "bob", "reef", "more"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("it holds %q:\n%s", bad, log.String())
		}
	}
	for _, good := range []string{"peer-1 -> ", "peer-1 <- ", "<body>[", "type='chat'", "from='[name]'", "<max-bytes>[5]</max-bytes>"} {
		if !strings.Contains(log.String(), good) {
			t.Errorf("it lacks %q:\n%s", good, log.String())
		}
	}
}

func TestSendWaitsForRoomAndContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Limits.Outbox = 1000; c.Limits.WriteStall = time.Hour })
		m := inside(t, bob, malloryID())
		c := bob.last(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		for err == nil {
			err = c.Send(ctx, message(strings.Repeat("x", 30000)))
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		waits := make(chan error)
		go func() { waits <- c.Send(context.Background(), message("x")) }()
		synctest.Wait()
		_ = m.Conn.(*tls.Conn).NetConn().(*pipe.Conn).Close()
		if err := <-waits; !errors.Is(err, ErrEnded) {
			t.Errorf("a Send that waited when the stream broke: got %v", err)
		}
	})
}

// README 5.7: the arbiter restarts an idle stream after a day, and only it.
func TestC23_ADayOldIdleStreamIsRestarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		time.Sleep(maxAge + 10*time.Minute)
		select {
		case <-c.Done():
		default:
			t.Fatal("it goes on")
		}
		aborted := 0
		for _, err := range append(alice.ends(), bob.ends()...) {
			said, peer := errors.AsType[*PeerError](err)
			v, own := asViolation(err)
			switch {
			case peer && said.Err.Condition == xmlstream.Reset:
			case own && v.Condition == xmlstream.Reset:
				aborted++
			default:
				t.Errorf("ended by %v", err)
			}
		}
		if aborted != 1 {
			t.Errorf("%d sides ended it", aborted)
		}
	})
}

// XEP-0478: nothing above the peer's limit is sent, and what is refused leaves
// no trace in the stream.
func TestC21_XEP0478_SenderObeysTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, func(_, b *Config) { b.Admit = func(Peer) Standing { return Stranger } })
		if c.MaxBytes() != strangerStanza {
			t.Fatalf("it takes %d octets", c.MaxBytes())
		}
		err := c.Send(t.Context(), message("before"), message(strings.Repeat("x", strangerStanza)))
		if !errors.Is(err, ErrTooBig) {
			t.Errorf("got %v", err)
		}
		if err := c.Send(t.Context(), message("after")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := bob.bodies(); len(got) != 1 || got[0] != "after" {
			t.Errorf("got %q", got)
		}
	})
}
