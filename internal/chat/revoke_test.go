package chat_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// revocation is a contact whose key is retired while a stream to it, or from
// it, is being made.
type revocation struct {
	lan     *lantest.LAN
	host    *lantest.Host
	alice   *chat.Node
	old, is *lantest.Mallory
}

// revoking makes alice, a contact of hers, and another key with its name.
func revoking(t *testing.T) *revocation {
	t.Helper()
	r := &revocation{lan: lantest.New(t, 1)}
	r.host = r.lan.Host()
	r.alice = r.host.Node(chat.Options{Nick: "alice"})
	if _, err := r.alice.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.old = r.lan.Host().Mallory("zed@old")
	conn, err := r.old.Dial(t.Context(), place(t, r.host, r.alice))
	if err != nil {
		t.Fatal(err)
	}
	becomesTrust(t, r.alice, r.old.Pin(), chat.Unknown)
	if _, err := r.alice.Accept(t.Context(), r.old.Pin().String()); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	r.is = r.lan.Host().Mallory("zed@new")
	if _, err := r.is.Dial(t.Context(), place(t, r.host, r.alice)); err != nil {
		t.Fatal(err)
	}
	becomesTrust(t, r.alice, r.is.Pin(), chat.Conflict)
	r.lan.Delay(40 * time.Millisecond)
	return r
}

// Steps through the making of a stream.
const (
	steps    = 32
	stepTime = 20 * time.Millisecond
)

func ended(c *stream.Conn) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

func (r *revocation) replace(t *testing.T) {
	t.Helper()
	if _, err := r.alice.Replace(t.Context(), r.is.Pin().String(), "zed"); err != nil {
		t.Error(err)
	}
}

func (r *revocation) end(t *testing.T) {
	t.Helper()
	closeMallory(t, r.old)
	closeMallory(t, r.is)
	closeNode(t, r.alice)
}

// C-24, P-09: whenever in the making of a stream its key is retired, the stream
// is no contact's: what comes on it is thrown away, and not acknowledged.
func TestC24_RevokedWhileItDials(t *testing.T) {
	for step := range time.Duration(steps) {
		synctest.Test(t, func(t *testing.T) {
			r := revoking(t)
			made := make(chan *stream.Conn, 1)
			go func() {
				c, _ := r.old.Dial(context.Background(), place(t, r.host, r.alice))
				made <- c
			}()
			time.Sleep(step * stepTime)
			r.replace(t)
			c := <-made
			if c != nil {
				_ = c.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: "still me", Request: true})
			}
			time.Sleep(10 * time.Second)
			if c != nil && !c.Waiting() && !ended(c) {
				t.Errorf("after %v: a retired key has a stream as contacts have", step*stepTime)
			}
			if _, n := find(t, r.alice, r.old.Pin().String(), "still me"); n != 0 {
				t.Errorf("after %v: a retired key was heard", step*stepTime)
			}
			if got := chat.AcceptedStreams(r.alice); got != 1 {
				t.Errorf("after %v: %d accepted streams, want that of the new key", step*stepTime, got)
			}
			for _, s := range r.old.Got() {
				if m, ok := s.(stanza.Message); ok && m.Received != "" {
					t.Errorf("after %v: a retired key got a receipt", step*stepTime)
				}
			}
			r.end(t)
		})
	}
}

// P-02: whenever in the making of a stream its key is retired, what waits does
// not go to the key that took its place, and says why.
func TestP02_RevokedWhileItIsDialled(t *testing.T) {
	for step := range time.Duration(steps) {
		synctest.Test(t, func(t *testing.T) {
			r := revoking(t)
			stop, err := r.old.Announce(t.Context(), mdns.PresenceText("zed", "avail", ""))
			if err != nil {
				t.Fatal(err)
			}
			send(t, r.alice, r.old.Pin().String(), "only for the old key")
			time.Sleep(step * stepTime)
			r.replace(t)
			time.Sleep(time.Minute)
			m, _ := find(t, r.alice, r.old.Pin().String(), "only for the old key")
			if m.State != chat.Failed || m.Reason != chat.ReasonReplaced {
				t.Errorf("after %v: it is %s, %q", step*stepTime, m.State, m.Reason)
			}
			if got := texts(r.is); len(got) != 0 {
				t.Errorf("after %v: the new key got %q", step*stepTime, got)
			}
			if got := chat.AcceptedStreams(r.alice); got != 1 {
				t.Errorf("after %v: %d accepted streams, want that of the new key", step*stepTime, got)
			}
			stop()
			r.end(t)
		})
	}
}
