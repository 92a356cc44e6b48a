package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// Spec 5.6-01: whoever is dialled drops its own attempt at once, however far
// it is, as long as its side of TLS is not over.
func Test5_6_DialIsDroppedBeforeTLSEnds(t *testing.T) {
	for name, listener := range map[string]func(t *testing.T) DialFunc{
		"before TCP": func(*testing.T) DialFunc {
			return func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		},
		"in the prelude": func(t *testing.T) DialFunc {
			return fakeListener(t, func(m *mallory) { m.until("'1.0'>") })
		},
		"in TLS": func(t *testing.T) DialFunc {
			return fakeListener(t, func(m *mallory) { m.answerPrelude() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice, pin := newSide(t, aliceID(), "alice@kite", nil), bobID().Pin()
				found, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				_, err := alice.DialUnless(t.Context(), found, listener(t), bobAt, &pin, "")
				if took := time.Since(start); took != time.Second || !errors.Is(err, ErrFound) {
					t.Errorf("after %v: %v; want ErrFound after a second", took, err)
				}
				wantReason(t, err, ReasonTimeout)
				wantQuiet(t, alice.recorder)
			})
		})
	}
}

// tripwire is a connection that calls trip at its n-th read or write.
type tripwire struct {
	net.Conn
	n    int
	trip func()
}

func (c *tripwire) step() {
	if c.n--; c.n == 0 {
		c.trip()
		time.Sleep(time.Millisecond) // whoever follows that does it now
	}
}

func (c *tripwire) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.step()
	return n, err
}

func (c *tripwire) Write(p []byte) (int, error) {
	c.step()
	return c.Conn.Write(p)
}

// Spec 5.6: the other side never has a stream that was dropped here, at
// whichever step that was; else it could end its own dial for one that is dead.
func Test5_6_DroppedDialIsNobodysStream(t *testing.T) {
	dropped, kept := 0, 0
	for step, tripped := 1, true; tripped && step < 1000; step++ {
		bubble(t, func(t *testing.T) {
			tripped = false
			alice, bob := newSide(t, aliceID(), "alice@kite", nil), newSide(t, bobID(), "bob@reef", nil)
			found, cancel := context.WithCancel(t.Context())
			defer cancel()
			dial := func(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
				raw, err := to(bob)(ctx, at)
				return &tripwire{Conn: raw, n: step, trip: func() { tripped = true; cancel() }}, err
			}
			pin := bobID().Pin()
			c, err := alice.DialUnless(t.Context(), found, dial, bobAt, &pin, "bob@reef")
			synctest.Wait()
			opened, _, _, _ := bob.counts()
			switch {
			case err == nil && opened == 1 && c.Peer().Pin.Equal(pin):
				kept++
			case errors.Is(err, ErrFound) && opened == 0:
				dropped++
			default:
				t.Errorf("step %d: error %v here, %d streams there", step, err, opened)
			}
		})
	}
	if dropped < 5 || kept < 3 {
		t.Errorf("dropped at %d steps, kept at %d", dropped, kept)
	}
}
