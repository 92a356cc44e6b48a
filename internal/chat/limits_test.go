package chat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
)

// Spec 5.6: once a contact has dialled us, no other address of it is tried.
func Test5_6_IncomingEndsTheSearch(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		closeNode(t, c.bob)
		var dials atomic.Int64
		network := *c.hostA.Network()
		network.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			dials.Add(1)
			select { // nobody answers
			case <-ctx.Done():
			case <-time.After(6 * time.Second):
			}
			return nil, errors.New("no route")
		}
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: c.folderA, Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		c.alice = alice
		c.bob = c.startBob()
		within(t, 6*time.Second, "bob has dialled", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return p.Stream
		})
		time.Sleep(time.Minute)
		if n := dials.Load(); n > 1 {
			t.Errorf("%d addresses were dialled, want the one under way at most", n)
		}
		closeNode(t, c.alice)
	})
}

// Spec 5.6-01: a dial that has reached a host and not got through TLS is cut when
// the contact has dialled us.
func Test5_6_IncomingCutsTheDialUnderWay(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		reached, cut := make(chan struct{}, 100), make(chan time.Duration, 100)
		network := *c.hostA.Network()
		network.Dial = func(context.Context, netip.AddrPort) (net.Conn, error) {
			near, far := net.Pipe()
			start := time.Now()
			go func() { // it takes everything and says nothing
				_, _ = io.Copy(io.Discard, far)
				cut <- time.Since(start)
			}()
			reached <- struct{}{}
			return near, nil
		}
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: c.folderA, Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		send(t, alice, "bob", "are you there?")
		<-reached
		send(t, c.bob, "alice", "I am")
		becomes(t, c.bob, "alice", "I am", chat.Delivered)
		if took := <-cut; took > time.Second {
			t.Errorf("cut after %v, which is not because of the stream", took)
		}
		becomes(t, alice, "bob", "are you there?", chat.Delivered)
		closeNode(t, alice)
	})
}

// L-12: the largest texts that fit go through whole, also when their signs grow
// as XML; one octet more is refused at the sender, with a hint.
func TestL12_LargestBody(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for _, text := range []string{strings.Repeat("x", 32<<10), strings.Repeat("é", 16<<10), strings.Repeat("&", 12_000)} {
			send(t, c.alice, "bob", text)
			becomes(t, c.alice, "bob", text, chat.Delivered)
			if _, n := find(t, c.bob, "alice", text); n != 1 {
				t.Errorf("%d octets: bob shows them %d times", len(text), n)
			}
		}
		_, err := c.alice.Send(t.Context(), "bob", strings.Repeat("x", 32<<10+1))
		wantCode(t, "one octet more", err, chat.CodeUsage)
	})
}

// L-14: a thousand messages wait; of the next one the user is told at once that
// it is not kept, and why. When the contact is back all arrive, in order, once.
func TestL14_FullOutboxIsTold(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.bob)
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprintf("a message %d", i))
		}
		chat.WroteAt(t, c.alice, "bob", time.Now(), want[:990]...)
		for _, text := range want[990:] {
			send(t, c.alice, "bob", text)
		}
		_, err := c.alice.Send(t.Context(), "bob", "one too many")
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.CodeError || e.Hint == "" {
			t.Errorf("one too many: %v", err)
		}
		if _, n := find(t, c.alice, "bob", "one too many"); n != 0 {
			t.Error("what was refused is in the conversation")
		}
		c.bob = c.startBob()
		time.Sleep(time.Minute)
		becomes(t, c.alice, "bob", want[999], chat.Delivered)
		if got := bodies(t, c.bob, "alice"); !slices.Equal(got[len(got)-1000:], want) {
			t.Errorf("bob has %d messages, not all in order", len(got))
		}
		send(t, c.alice, "bob", "there is room again")
		becomes(t, c.alice, "bob", "there is room again", chat.Delivered)
	})
}

// L-10, P-14: a contact that storms with corrections, retractions, reactions and
// typing slows itself only: what others write is there within a second.
func TestL10_StormFromAContact(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		_, conn := acking(t, c, nil)
		sayTo(t, conn, stanza.Message{ID: "first", Type: "chat", HasBody: true, Body: "first", Request: true})
		becomes(t, c.alice, "mallory", "first", chat.Received)
		ended := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			defer close(ended)
			for i := range 3000 {
				id := fmt.Sprintf("storm%d", i)
				p := []stanza.Message{
					{ID: id, Type: "chat", HasBody: true, Body: id, Payloads: stanza.Payloads{Replaces: "first"}},
					{ID: id, Type: "chat", Payloads: stanza.Payloads{Reactions: &stanza.Reactions{ID: "first", Set: []string{"👍"}}}},
					{ID: id, Type: "chat", Payloads: stanza.Payloads{State: stanza.Composing}},
				}[i%3]
				if conn.Send(ctx, p) != nil {
					return
				}
			}
		}()
		for i := range 5 {
			text := fmt.Sprintf("through the storm %d", i)
			start := time.Now()
			send(t, c.bob, "alice", text)
			becomes(t, c.bob, "alice", text, chat.Delivered)
			if d := time.Since(start); d > time.Second {
				t.Errorf("%s: after %v", text, d)
			}
		}
		<-ended
		time.Sleep(10 * time.Second)
		versions, err := c.alice.Versions(t.Context(), "mallory", "first")
		if err != nil || len(versions) == 0 || len(versions) > 100 {
			t.Errorf("%d texts of one message are kept, %v", len(versions), err)
		}
		if got := bodies(t, c.alice, "mallory"); len(got) != 2 {
			t.Errorf("the conversation has %d messages, want 2", len(got))
		}
	})
}

// What a new contact is sent by default: the text, its id, a receipt request, and
// the nick once (chapter 7); nothing that tells of the reader or the program.
func TestP19_FirstMessageSaysLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice", Profile: filepath.Join(t.TempDir(), "alice")})
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		sees(t, alice, "bob")
		m := lan.Host().Mallory("carol@den")
		at, stop, err := m.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Add(t.Context(), at.String()); err != nil {
			t.Fatal(err)
		}
		send(t, alice, m.Pin().String(), "hello")
		becomes(t, alice, m.Pin().String(), "hello", chat.Sent)
		for _, s := range m.Got() {
			msg, ok := s.(stanza.Message)
			if !ok || msg.Body == "" {
				continue
			}
			if msg.State != "" || msg.Markable || !msg.Delay.IsZero() || msg.Location != nil || !msg.Request || msg.ID == "" {
				t.Errorf("it says %+v", msg)
			}
		}
		for _, space := range []string{"jabber:iq:version", "jabber:iq:last", "urn:xmpp:time", "vcard-temp"} {
			if chat.Serves(space) {
				t.Errorf("%s is answered", space)
			}
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
		closeNode(t, bob)
	})
}
