package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// 174-8.1 to 8.4, C-15, README 5.9.
func Test174_8_CleanClose(t *testing.T) {
	for _, closer := range []string{"alice", "bob"} {
		bubble(t, func(t *testing.T) {
			alice, bob, c := pair(t, nil)
			back := bob.last(t)
			first, second := c, back
			if closer == "bob" {
				first, second = back, c
			}
			if err := second.Send(t.Context(), message("last words")); err != nil {
				t.Fatal(err)
			}
			if err := first.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-second.Done()
			synctest.Wait()
			for _, s := range []*side{alice, bob} {
				if e := onlyEnd(t, s); e != nil {
					t.Errorf("%s closes: got %v", closer, e)
				}
			}
			if n := len(alice.bodies()) + len(bob.bodies()); n != 1 { // 174-8.4
				t.Errorf("%d messages were shown", n)
			}
			if err := first.Close(t.Context()); err != nil {
				t.Errorf("second close: %v", err)
			}
			if err := first.Send(t.Context(), message("x")); !errors.Is(err, ErrEnded) {
				t.Errorf("send after the end: %v", err)
			}
			if err := first.Ping(t.Context()); !errors.Is(err, ErrEnded) {
				t.Errorf("ping after the end: %v", err)
			}
		})
	}
}

// Stanzas that come after our closing tag are still shown; the order on the
// wire is tag, tag, close_notify, and the closer ends TCP.
func Test174_8_4_StanzasAfterOurTag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		bob.last(t).End()
		m.until(xmlstream.CloseTag)
		m.say("<message><body>late</body></message>")
		synctest.Wait()
		if got := bob.bodies(); len(got) != 1 || got[0] != "late" {
			t.Errorf("got %v", got)
		}
		m.say(xmlstream.CloseTag)
		_ = m.Conn.(*tls.Conn).CloseWrite()
		if got, err := m.rest(); got != "" || err != nil {
			t.Errorf("got %q, %v, want close_notify", got, err)
		}
		synctest.Wait()
		if e := onlyEnd(t, bob); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

// 174-8.3: the side that answers waits for the other to end TCP.
func Test174_8_3_TheCloserEndsTCP(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say(xmlstream.CloseTag)
		_ = m.Conn.(*tls.Conn).CloseWrite()
		if got, err := m.rest(); !strings.HasSuffix(got, xmlstream.CloseTag) || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		time.Sleep(time.Second)
		if _, _, closed, _ := bob.counts(); closed != 0 {
			t.Error("bob ended TCP first")
		}
		_ = m.Conn.(*tls.Conn).NetConn().Close()
		synctest.Wait()
		if e := onlyEnd(t, bob); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

// C-15: the wait for the other closing tag is bounded, and then TLS still
// says close_notify.
func TestC15_BoundedWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		start := time.Now()
		if err := bob.last(t).Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if got, err := m.rest(); !strings.HasSuffix(got, xmlstream.CloseTag) || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		synctest.Wait()
		if e := onlyEnd(t, bob); !errors.Is(e, errCloseTimeout) {
			t.Errorf("got %v", e)
		}
	})
}

func TestCloseIsBoundByItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		_ = inside(t, bob, malloryID())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := bob.last(t).Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		<-bob.last(t).Done()
	})
}

// The reader must not cancel the writer's closing tag: what is queued when the
// peer closes still goes out, then our tag.
func TestQueuedStanzasGoOutBeforeTheAnsweringTag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		bob.onStanza = func(c *Conn, _ stanza.Stanza) {
			for i := range 50 {
				_ = c.Send(context.Background(), message(fmt.Sprint("answer ", i)))
			}
		}
		m := inside(t, bob, malloryID())
		m.say("<message><body>x</body></message>" + xmlstream.CloseTag)
		got := m.until(xmlstream.CloseTag)
		if n := strings.Count(got, "<message"); n != 50 {
			t.Errorf("%d answers arrived", n)
		}
	})
}

func TestAbort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		bob.last(t).Abort(xmlstream.Error{Condition: xmlstream.Conflict})
		<-c.Done()
		<-bob.last(t).Done()
		synctest.Wait()
		pe, ok := errors.AsType[*PeerError](onlyEnd(t, alice))
		if !ok || pe.Err.Condition != xmlstream.Conflict {
			t.Errorf("alice got %v", alice.ends())
		}
		if v, ok := asViolation(onlyEnd(t, bob)); !ok || v.Condition != xmlstream.Conflict {
			t.Errorf("bob got %v", bob.ends())
		}
	})
}
