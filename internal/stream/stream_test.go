package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/lantest/pipe"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

func TestC29_MessagesGoBothWays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		if err := c.Send(t.Context(), message("hello"), message("again")); err != nil {
			t.Fatal(err)
		}
		back := bob.last(t)
		if err := back.Send(t.Context(), message("hi")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"hello", "again"}, bob.bodies()); diff != "" {
			t.Errorf("bob: %s", diff)
		}
		if diff := cmp.Diff([]string{"hi"}, alice.bodies()); diff != "" {
			t.Errorf("alice: %s", diff)
		}
		m := bob.stanzas[0].(stanza.Message)
		if m.From != "alice@kite" || m.To != "bob@reef" {
			t.Errorf("got from %q to %q", m.From, m.To)
		}
		want := Peer{Pin: alice.id.Pin(), Device: alice.id.Device(), Name: "alice@kite", Addr: aliceAt}
		if got := back.Peer(); got != want {
			t.Errorf("bob's peer: got %+v, want %+v", got, want)
		}
		want = Peer{Pin: bob.id.Pin(), Device: bob.id.Device(), Name: "bob@reef", Addr: bobAt, Dialled: true}
		if got := c.Peer(); got != want {
			t.Errorf("alice's peer: got %+v, want %+v", got, want)
		}
		if c.Waiting() || c.MaxBytes() != 65536 || c.Standing() != Accepted {
			t.Errorf("waiting %v, %d octets, %v", c.Waiting(), c.MaxBytes(), c.Standing())
		}
	})
}

func TestStrangerWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, func(_, b *Config) { b.Admit = func(Peer) Standing { return Stranger } })
		if !c.Waiting() || c.MaxBytes() != 10000 {
			t.Fatalf("waiting %v, %d octets", c.Waiting(), c.MaxBytes())
		}
		big := message(strings.Repeat("x", 20000))
		if err := c.Send(t.Context(), big); !errors.Is(err, ErrTooBig) {
			t.Errorf("got %v, want ErrTooBig", err)
		}
		if err := c.Send(t.Context(), message("may I")); err != nil {
			t.Fatal(err)
		}
		if err := c.Ping(t.Context()); err != nil { // service-unavailable is an answer
			t.Errorf("ping: %v", err)
		}
		back := bob.last(t)
		back.SetStanding(Accepted)
		if err := back.Send(t.Context(), stanza.Presence{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c.Waiting() || c.MaxBytes() != 65536 {
			t.Fatalf("after acceptance: waiting %v, %d octets", c.Waiting(), c.MaxBytes())
		}
		if err := c.Send(t.Context(), big); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := bob.bodies(); len(got) != 2 || got[1] != big.Body {
			t.Errorf("bob got %d messages", len(got))
		}
		if _, n, _, _ := alice.counts(); n != 1 {
			t.Errorf("alice got %d stanzas, want the presence alone", n)
		}
	})
}

func TestStrangersRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = func(Peer) Standing { return Refused } })
		_, err := alice.Dial(t.Context(), to(bob), bobAt, nil, "")
		d := wantReason(t, err, ReasonStrangersRefused)
		if d.Pin != bob.id.Pin() {
			t.Error("the proven pin is missing")
		}
		pe, ok := errors.AsType[*PeerError](err)
		if !ok || pe.Err.Condition != xmlstream.PolicyViolation {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		wantQuiet(t, alice.recorder)
		wantQuiet(t, bob.recorder)
	})
}

func TestPing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := bob.last(t).Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*side{alice, bob} {
			if _, n, _, _ := s.counts(); n != 0 {
				t.Errorf("a ping reached the handler")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		bob.onStanza = func(*Conn, stanza.Stanza) { time.Sleep(time.Minute) }
		if err := c.Send(ctx, message("busy")); err != nil {
			t.Fatal(err)
		}
		if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a busy peer: got %v", err)
		}
	})
}

func Test174_7_3_EveryRequestHasOneAnswer(t *testing.T) {
	const answered = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
	tests := []struct {
		name     string
		standing Standing
		request  string
		want     []string
	}{
		{"ping", Accepted, "<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>", []string{"type='result'", "id='p1'"}},
		{"ping of a stranger", Stranger, "<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>", []string{"type='error'", "id='p1'", answered}},
		{"unknown get", Accepted, "<iq type='get' id='p2'><q xmlns='urn:x'/></iq>", []string{"type='error'", "id='p2'", answered}},
		{"unknown set", Accepted, "<iq type='set' id='p3'><q xmlns='urn:x'/></iq>", []string{"type='error'", "id='p3'", answered}},
		{"ours, of a stranger", Stranger, "<iq type='set' id='p3'><q xmlns='urn:ours'/></iq>", []string{"type='error'", "id='p3'", answered}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", func(c *Config) {
					c.Admit = func(Peer) Standing { return tt.standing }
					c.Serves = func(ns string) bool { return ns == "urn:ours" }
				})
				m := inside(t, bob, malloryID())
				m.say(tt.request + "<iq type='result' id='nobody asked'/><iq type='error' id='x'/></stream:stream>")
				got := m.until(xmlstream.CloseTag)
				for _, w := range tt.want {
					if !strings.Contains(got, w) {
						t.Errorf("got %q, want %q in it", got, w)
					}
				}
				if n := strings.Count(got, "<iq"); n != 1 {
					t.Errorf("got %d answers: %q", n, got)
				}
			})
		})
	}
}

func TestServedRequestsReachTheHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, func(_, b *Config) { b.Serves = func(ns string) bool { return ns == "urn:ours" } })
		bob.onStanza = func(c *Conn, s stanza.Stanza) {
			_ = c.Send(context.Background(), stanza.IQ{ID: s.(stanza.IQ).ID, Type: "result"})
		}
		q := &xmlstream.Element{Name: xmlstream.Name{Space: "urn:ours", Local: "q"}}
		if err := c.Send(t.Context(), stanza.IQ{ID: "a1", Type: "set", Payload: q}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, n, _, _ := alice.counts(); n != 1 {
			t.Fatalf("alice got %d stanzas, want the result", n)
		}
		if r := alice.stanzas[0].(stanza.IQ); r.ID != "a1" || r.Type != "result" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestSelfIsNotAPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		_, err := alice.Dial(t.Context(), to(alice), bobAt, nil, "")
		wantReason(t, err, ReasonSelf)
		synctest.Wait()
		wantQuiet(t, alice.recorder)
	})
}

func TestGhost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ghost := func() (string, func(string) bool) { return "", func(string) bool { return false } }
		_, bob, c := pair(t, func(a, _ *Config) { a.Names = ghost })
		if own, peer := c.Names(); own != "x@x.invalid" || peer != "bob@reef" {
			t.Errorf("got %q, %q", own, peer)
		}
		if got := bob.last(t).Peer().Name; got != "x@x.invalid" {
			t.Errorf("bob sees %q", got)
		}
		if err := bob.last(t).Send(t.Context(), message("boo")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !c.tls.ConnectionState().HandshakeComplete || c.ctx.Err() != nil {
			t.Error("a stanza to the ghost ended the stream")
		}
	})
}

func TestOpenedMaySend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		bob := newSide(t, bobID(), "bob@reef", nil)
		bob.onOpened = func(c *Conn) { _ = c.Send(context.Background(), message("welcome")) }
		alice.onOpened = func(c *Conn) { _ = c.Send(context.Background(), message("thanks")) }
		if _, err := alice.Dial(t.Context(), to(bob), bobAt, nil, ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"welcome"}, alice.bodies()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"thanks"}, bob.bodies()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := alice.Dial(ctx, fakeListener(t, func(m *mallory) { _, _ = m.rest() }), bobAt, nil, "")
		wantReason(t, err, ReasonTimeout)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestUnreachable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		bob := newSide(t, bobID(), "bob@reef", nil)
		_ = bob.l.Close()
		_, err := alice.Dial(t.Context(), to(bob), bobAt, nil, "")
		d := wantReason(t, err, ReasonUnreachable)
		if d.Addr != bobAt || !strings.HasPrefix(d.Error(), "dial 192.0.2.2:5298: unreachable: ") {
			t.Errorf("got %q", d)
		}
	})
}

func TestClosedNodeDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		if err := bob.Node.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		synctest.Wait()
		for _, s := range []*side{alice, bob} {
			if e := s.ends(); len(e) != 1 || e[0] != nil {
				t.Errorf("got ends %v, want one clean one", e)
			}
		}
		if _, err := bob.Dial(t.Context(), to(alice), bobAt, nil, ""); !errors.Is(err, ErrNodeClosed) {
			t.Errorf("dial: got %v", err)
		}
		if err := bob.Serve(t.Context(), bob.l); !errors.Is(err, ErrNodeClosed) {
			t.Errorf("serve: got %v", err)
		}
	})
}

func TestServeEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		l := pipe.Listen(aliceAt)
		go func() { served <- alice.Serve(ctx, l) }()
		half, err := l.Dial(t.Context(), bobAt)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("got %v", err)
		}
		if _, err := half.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a half-open connection: got %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is open: %v", err)
		}
		if err := c.Send(t.Context(), message("still here")); err != nil {
			t.Errorf("an open stream ended with Serve: %v", err)
		}
		synctest.Wait()
		if len(bob.bodies()) != 1 {
			t.Error("the message did not arrive")
		}
	})
}
