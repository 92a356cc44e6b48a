package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// ackLog keeps what Config.Acked and AckLate are told.
type ackLog struct {
	mu          sync.Mutex
	acked, late []string
}

func (l *ackLog) on(c *Config) {
	c.Acked = func(_ *Conn, ids []string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.acked = append(l.acked, ids...)
	}
	c.AckLate = func(_ *Conn, ids []string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.late = append(l.late, ids...)
	}
}

func (l *ackLog) got() (acked, late []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.acked...), append([]string(nil), l.late...)
}

func numbered(id string) stanza.Message {
	return stanza.Message{ID: id, Type: "chat", Body: "body of " + id, HasBody: true}
}

// XEP-0198 both ways: each side is told which of its messages the other has
// handled, in order, each once, and of nothing else.
func TestXEP0198_BothWays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var atAlice, atBob ackLog
		alice, bob, c := pair(t, func(a, b *Config) { atAlice.on(a); atBob.on(b) })
		d := bob.last(t)
		if !c.Acknowledges() || !d.Acknowledges() {
			t.Fatalf("acknowledges: %v, %v", c.Acknowledges(), d.Acknowledges())
		}
		send := func(c *Conn, s ...stanza.Stanza) {
			if err := c.Send(t.Context(), s...); err != nil {
				t.Fatal(err)
			}
		}
		send(c, stanza.Presence{}, numbered("a1"), numbered("a2"))
		send(d, numbered("b1"), stanza.Message{ID: "r", Received: "a1"})
		send(c, stanza.IQ{ID: "q", Type: "get", Ping: true}, numbered("a3"))
		synctest.Wait()
		acked, late := atAlice.got()
		if diff := cmp.Diff([]string{"a1", "a2", "a3"}, acked); diff != "" || late != nil {
			t.Errorf("late %v, -want +got:\n%s", late, diff)
		}
		if acked, _ := atBob.got(); !cmp.Equal([]string{"b1"}, acked) {
			t.Errorf("got %v", acked)
		}
		if ids, since := c.Unacked(); ids != nil || !since.IsZero() {
			t.Errorf("%v wait since %v", ids, since)
		}
		time.Sleep(time.Minute)
		if n := len(alice.ends()) + len(bob.ends()); n > 0 {
			t.Error("an acknowledged stream is not dead")
		}
	})
}

// A message is acknowledged when the Handler has returned for it, not before.
func TestXEP0198_HandledNotJustRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log ackLog
		_, bob, c := pair(t, func(a, _ *Config) { log.on(a) })
		release := make(chan struct{})
		bob.onStanza = func(*Conn, stanza.Stanza) { <-release }
		if err := c.Send(t.Context(), numbered("1")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if acked, _ := log.got(); acked != nil {
			t.Errorf("%v acknowledged while it is handled", acked)
		}
		close(release)
		synctest.Wait()
		if acked, _ := log.got(); len(acked) != 1 {
			t.Errorf("got %v", acked)
		}
	})
}

// silentAcks opens a hand-made stream from a side to a listener that offers
// acknowledgements, enables them, and then says what rest says.
func silentAcks(t *testing.T, alice *side, enabled string) (*Conn, *mallory) {
	t.Helper()
	ready := make(chan *mallory, 1)
	dial := fakeListener(t, func(m *mallory) {
		in, err := m.serveTLS(serverConfig(malloryID()))
		if err != nil {
			return
		}
		in.until("lang='en'>")
		in.say(fakeAnswer + "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>")
		in.until("<enable xmlns='urn:xmpp:sm:3'/>")
		in.say(enabled)
		ready <- in
		<-t.Context().Done()
	})
	pin := malloryID().Pin()
	c, err := alice.Dial(t.Context(), dial, bobAt, &pin, "")
	if err != nil {
		t.Fatal(err)
	}
	m := <-ready
	synctest.Wait()
	return c, m
}

// README 5.7: after 5 s without <a/> the caller is told, after 15 s without an
// octet the connection is dead.
func TestC23_XEP0198_SilenceIsDeath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log ackLog
		alice := newSide(t, aliceID(), "alice@kite", log.on)
		c, m := silentAcks(t, alice, "<enabled xmlns='urn:xmpp:sm:3'/>")
		start := time.Now()
		if err := c.Send(t.Context(), numbered("1")); err != nil {
			t.Fatal(err)
		}
		go func() { m.until(requestAck); _, _ = m.rest() }()
		time.Sleep(ackLate - time.Millisecond)
		if _, late := log.got(); late != nil {
			t.Errorf("late too early: %v", late)
		}
		time.Sleep(2 * time.Millisecond)
		if acked, late := log.got(); acked != nil || !cmp.Equal([]string{"1"}, late) {
			t.Errorf("acked %v, late %v", acked, late)
		}
		<-c.Done()
		synctest.Wait()
		if took := time.Since(start); took != ackDead {
			t.Errorf("it took %v", took)
		}
		if ends := alice.ends(); len(ends) != 1 || !errors.Is(ends[0], ErrSilent) {
			t.Errorf("got %v", ends)
		}
	})
}

// Any octet is a sign of life, and what is late is told once.
func TestXEP0198_OctetsAreLife(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log ackLog
		alice := newSide(t, aliceID(), "alice@kite", log.on)
		c, m := silentAcks(t, alice, "<enabled xmlns='urn:xmpp:sm:3'/>")
		if err := c.Send(t.Context(), numbered("1")); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(ackDead - time.Second)
			m.say(" ")
		}
		if len(alice.ends()) > 0 {
			t.Fatal("ended though the peer lives")
		}
		m.say("<a xmlns='urn:xmpp:sm:3' h='1'/>")
		synctest.Wait()
		if acked, late := log.got(); !cmp.Equal([]string{"1"}, acked) || !cmp.Equal([]string{"1"}, late) {
			t.Errorf("acked %v, late %v", acked, late)
		}
		c.End()
	})
}

// A listener that offers acknowledgements and never answers, or refuses, is
// one without them: nothing waits, and silence is no fault.
func TestXEP0198_OfferedAndNotKept(t *testing.T) {
	for _, answer := range []string{"", "<failed xmlns='urn:xmpp:sm:3'/>"} {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			c, m := silentAcks(t, alice, answer)
			go func() { _, _ = m.rest() }()
			for i := range 2*maxUnacked + 1 {
				if err := c.Send(t.Context(), numbered(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
			ids, _ := c.Unacked()
			if len(ids) > 0 || c.Acknowledges() || len(alice.ends()) > 0 {
				t.Errorf("%d wait, ends %v", len(ids), alice.ends())
			}
			c.cut(ErrEnded)
		})
	}
}

// The queue of unacknowledged messages is bounded: Send waits.
func TestXEP0198_QueueIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		c, m := silentAcks(t, alice, "<enabled xmlns='urn:xmpp:sm:3'/>")
		go func() { _, _ = m.rest() }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		for c.Send(ctx, numbered(fmt.Sprint(n))) == nil {
			n++
		}
		if n != maxUnacked {
			t.Errorf("%d messages wait", n)
		}
		if err := c.Send(t.Context(), stanza.Presence{}); err != nil {
			t.Errorf("what nobody waits for: %v", err)
		}
		sent := make(chan error, 1)
		go func() { sent <- c.Send(t.Context(), numbered("more")) }()
		synctest.Wait()
		m.say("<a xmlns='urn:xmpp:sm:3' h='1'/>")
		if err := <-sent; err != nil {
			t.Error(err)
		}
		c.cut(ErrEnded)
	})
}

// What a listener does with elements of XEP-0198.
func TestXEP0198_Listener(t *testing.T) {
	const (
		ns     = " xmlns='urn:xmpp:sm:3'"
		enable = "<enable" + ns + "/>"
		m1     = "<message id='1'><body>x</body></message>"
	)
	unsupported := errorElement(xmlstream.UnsupportedStanzaType, "")
	tooHigh := func(h, sent uint32) string {
		b := xmlstream.AppendStreamError(nil, xmlstream.Error{
			Condition: xmlstream.UndefinedCondition, AppCondition: xmlstream.HandledCountTooHigh, Handled: h, Sent: sent,
		})
		return string(b) + xmlstream.CloseTag
	}
	noCount := xmlstream.AppendStreamError(nil, xmlstream.Error{Condition: xmlstream.InvalidXML, Text: "ack without a count"})
	badCount := string(noCount) + xmlstream.CloseTag
	a := func(h int) string { return fmt.Sprintf("<a%s h='%d'/>", ns, h) }
	for _, tt := range []struct {
		name     string
		standing Standing
		say      []string
		want     string // what it ends with
	}{
		{"enable", Accepted, []string{enable}, enabledAcks},
		{"only what follows counts", Accepted, []string{m1, enable, m1 + m1, requestAck}, a(2)},
		{"at once, in order", Accepted, []string{enable + m1 + requestAck + m1 + requestAck}, a(2)},
		{"nonzas and white space do not count", Accepted, []string{enable, " ", requestAck + requestAck}, a(0)},
		{"answers count", Accepted, []string{enable, "<iq id='q' type='get'><ping xmlns='urn:xmpp:ping'/></iq>", a(1), m1, requestAck}, a(2)},
		{"r in other words", Accepted, []string{enable, m1 + "<r xmlns=\"urn:xmpp:sm:3\"></r>"}, a(1)},
		{"r in a flood of others", Accepted, []string{enable, m1 + requestAck + requestAck + m1 + "  " + requestAck}, a(2)},
		{"h in other words", Accepted, []string{enable, "<a h='1' xmlns=\"urn:xmpp:sm:3\"/>"}, tooHigh(1, 0)},
		{"h above 32 bits", Accepted, []string{enable, "<a" + ns + " h='4294967296'/>"}, badCount},
		{"enable twice", Accepted, []string{enable, enable}, ackAgain},
		{"resume", Accepted, []string{"<resume" + ns + " h='0' previd='x'/>"}, ackNoResume},
		{"r without enable", Accepted, []string{requestAck}, unsupported},
		{"a without enable", Accepted, []string{a(0)}, unsupported},
		{"enabled without enable", Accepted, []string{"<enabled" + ns + "/>"}, unsupported},
		{"unknown", Accepted, []string{enable, "<x" + ns + "/>"}, unsupported},
		{"h too high", Accepted, []string{enable, a(1)}, tooHigh(1, 0)},
		{"h goes backwards", Accepted, []string{enable, "<iq id='q' type='get'/>", a(1), a(0)}, tooHigh(0, 1)},
		{"h is no number", Accepted, []string{enable, "<a" + ns + " h='-1'/>"}, badCount},
		{"h is missing", Accepted, []string{enable, "<a" + ns + "/>"}, badCount},
		{"a stranger gets none (P-19)", Stranger, []string{enable}, unsupported},
		{"a stranger asks in vain (P-19)", Stranger, []string{requestAck}, unsupported},
	} {
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = func(Peer) Standing { return tt.standing } })
			m := inside(t, bob, malloryID())
			got := make(chan string, 1)
			go func() {
				b := make([]byte, 1<<16)
				var all strings.Builder
				for {
					n, err := m.Read(b)
					if all.WriteString(string(b[:n])); err != nil {
						got <- all.String()
						return
					}
				}
			}()
			for _, s := range tt.say {
				m.say(s)
				synctest.Wait()
			}
			bob.last(t).cut(ErrEnded)
			all := strings.ReplaceAll(<-got, " <", "<")
			for strings.Contains(all, " <") {
				all = strings.ReplaceAll(all, " <", "<")
			}
			if !strings.HasSuffix(strings.TrimRight(all, " "), tt.want) {
				t.Errorf("%s: got %q, want %q", tt.name, all, tt.want)
			}
		})
	}
}

// A peer that dials us and is accepted later has no acknowledgements on that
// stream; one that we dialled and accept later gets them.
func TestXEP0198_AcceptedLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		bob := newSide(t, bobID(), "bob@reef", nil)
		c, err := alice.Dial(t.Context(), to(bob), bobAt, nil, "bob@reef")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c.Acknowledges() {
			t.Error("P-19: asked before the user has accepted")
		}
		c.SetStanding(Accepted)
		synctest.Wait()
		if !c.Acknowledges() || !bob.last(t).Acknowledges() {
			t.Error("not asked after it")
		}
	})
}

// XEP-0198: the last <a/> goes out before the closing tag.
func TestXEP0198_AckBeforeTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say("<enable xmlns='urn:xmpp:sm:3'/><message><body>x</body></message></stream:stream>")
		m.until(enabledAcks)
		if got := m.until("</stream:stream>"); !strings.Contains(got, "<a xmlns='urn:xmpp:sm:3' h='1'/>") {
			t.Errorf("got %q", got)
		}
		_ = m.Close()
	})
}

// Counts are modulo 2^32.
func TestXEP0198_CountsWrap(t *testing.T) {
	o := newOutbox()
	o.acks = acks{state: acksOn, sent: math.MaxUint32, taken: math.MaxUint32, acked: math.MaxUint32}
	for _, id := range []string{"a", "b", "c"} {
		o.appendCounted(numbered(id), "", "")
	}
	o.take()
	for _, step := range []struct {
		h    uint32
		want []string
	}{{0, []string{"a"}}, {0, nil}, {2, []string{"b", "c"}}} {
		ids, v := o.acknowledge(step.h)
		if v != nil || !cmp.Equal(step.want, ids) {
			t.Errorf("h=%d: got %v, %v, want %v", step.h, ids, v, step.want)
		}
	}
	for _, h := range []uint32{3, 1, math.MaxUint32} {
		if _, v := o.acknowledge(h); v == nil || v.AppCondition != xmlstream.HandledCountTooHigh {
			t.Errorf("h=%d: got %v", h, v)
		}
	}
}

// What waits in the outbox cannot have been handled.
func TestXEP0198_NotYetWritten(t *testing.T) {
	o := newOutbox()
	o.acks.state = acksOn
	o.appendCounted(numbered("a"), "", "")
	if _, v := o.acknowledge(1); v == nil {
		t.Error("acknowledged before it was written")
	}
}
