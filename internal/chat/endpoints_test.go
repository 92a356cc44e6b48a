package chat_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// spied is a node whose dials are written down.
type spied struct {
	*chat.Node
	host  *lantest.Host
	mu    sync.Mutex // guards the following
	dials []netip.Addr
}

func spy(t *testing.T, h *lantest.Host, opt chat.Options) *spied {
	t.Helper()
	s := &spied{host: h}
	network := *h.Network()
	network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		s.mu.Lock()
		s.dials = append(s.dials, to.Addr())
		s.mu.Unlock()
		return h.Dial(ctx, to)
	}
	opt.Network = &network
	if opt.Profile == "" {
		opt.Profile = filepath.Join(t.TempDir(), "spied")
	}
	var err error
	if s.Node, err = chat.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, s.Node) })
	return s
}

// dialled counts the dials of an address.
func (s *spied) dialled(a netip.Addr) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, d := range s.dials {
		if d == a {
			count++
		}
	}
	return count
}

// trio is alice and bob, who do not hear each other any more, and carol, who
// talks to both.
type trio struct {
	lan        *lantest.LAN
	alice      *spied
	bob, carol *chat.Node
	newB       *lantest.Host // where bob is now
}

// apart makes a trio; before runs while all three are on one link.
func apart(t *testing.T, before func(*trio)) *trio {
	t.Helper()
	lan := lantest.New(t, 3)
	opt := func(nick string) chat.Options {
		return chat.Options{Nick: nick, Strangers: chat.StrangersAccept, Profile: filepath.Join(t.TempDir(), nick)}
	}
	alices := opt("alice")
	c := &trio{lan: lan, alice: spy(t, lan.Host(), alices)}
	c.carol = lan.Host().Node(opt("carol"))
	bobs := opt("bob")
	c.bob = lan.Host().Node(bobs)
	for _, n := range []*chat.Node{c.alice.Node, c.carol} {
		sees(t, n, "bob")
	}
	sees(t, c.alice.Node, "carol")
	send(t, c.alice.Node, "bob", "hello bob")
	send(t, c.alice.Node, "carol", "hello carol")
	becomes(t, c.alice.Node, "bob", "hello bob", chat.Delivered)
	becomes(t, c.alice.Node, "carol", "hello carol", chat.Delivered)
	send(t, c.carol, "bob", "hello from carol")
	becomes(t, c.carol, "bob", "hello from carol", chat.Delivered)
	if before != nil {
		before(c)
	}
	closeNode(t, c.bob)
	closeNode(t, c.alice.Node) // she moves as well, or bob would find her where she was
	c.alice = spy(t, lan.Host(), alices)
	within(t, 10*time.Second, "carol has alice again", func() bool {
		p, _ := peerNamed(t, c.carol, "alice")
		return p.Stream
	})
	c.newB = lan.Host()
	lan.Deaf(c.alice.host, c.newB)
	c.bob = c.newB.Node(bobs)
	sees(t, c.carol, "bob")
	send(t, c.carol, "bob", "there you are")
	becomes(t, c.carol, "bob", "there you are", chat.Delivered)
	if p, _ := peerNamed(t, c.alice.Node, "bob"); p.Presence != chat.Offline {
		t.Fatalf("alice hears bob: %+v", p)
	}
	return c
}

// Where multicast is filtered, a message arrives by the word of a common
// contact, and nothing of it crosses in clear.
func TestEndpoints_MessageArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apart(t, nil)
		c.lan.Record()
		send(t, c.alice.Node, "bob", "canary-by carol's word")
		becomes(t, c.alice.Node, "bob", "canary-by carol's word", chat.Delivered)
		becomes(t, c.bob, "alice", "canary-by carol's word", chat.Received)
		if c.alice.dialled(c.newB.Addr()) == 0 {
			t.Error("it did not go to where bob is")
		}
		wire := c.lan.Wire()
		for _, secret := range []string{"canary-", stanza.NSEndpoints, c.newB.Addr().String()} {
			if bytes.Contains(wire, []byte(secret)) {
				t.Errorf("%s is on the wire", secret)
			}
		}
	})
}

// bob has blocked alice: she does not hear where he is, and it looks to her as
// if carol did not know.
func TestEndpoints_BlockedIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := apart(t, func(c *trio) {
			if _, err := c.bob.Block(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
		})
		send(t, c.alice.Node, "bob", "where are you?")
		time.Sleep(5 * time.Minute)
		if n := c.alice.dialled(c.newB.Addr()); n != 0 {
			t.Errorf("alice dialled bob %d times", n)
		}
		if m, _ := find(t, c.alice.Node, "bob", "where are you?"); m.State != chat.Queued {
			t.Errorf("state %q", m.State)
		}
	})
}

// witness is alice with a message for bob, and a carol whose answers the test
// makes.
type witness struct {
	lan   *lantest.LAN
	alice *spied
	bob   *identity.Identity
	carol *lantest.Mallory
	conn  *stream.Conn
}

func testify(t *testing.T, answer func(w *witness, nth int) *xmlstream.Element) *witness {
	t.Helper()
	lan := lantest.New(t, 4)
	w := &witness{lan: lan, bob: must(identity.Generate())}
	w.alice = spy(t, lan.Host(), chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
	w.carol, w.conn = friend(t, lan, w.alice, "carol@c")
	if err := chat.AddContact(w.alice.Node, w.bob.Pin(), "bob"); err != nil {
		t.Fatal(err)
	}
	nth := 0
	w.carol.OnIQ(func(c *stream.Conn, q stanza.IQ) {
		if q.Type != "get" {
			return
		}
		nth++
		reply := stanza.IQ{ID: q.ID, Type: "result", Payload: answer(w, nth)}
		if reply.Payload == nil {
			reply = stanza.IQ{ID: q.ID, Type: "error", Error: &stanza.StanzaError{Type: "cancel", Condition: "item-not-found"}}
		}
		_ = c.Send(context.Background(), reply)
	})
	return w
}

// friend is a mallory that a node has accepted, with a stream.
func friend(t *testing.T, lan *lantest.LAN, n *spied, name string) (*lantest.Mallory, *stream.Conn) {
	t.Helper()
	m := lan.Host().Mallory(name)
	m.OnIQ(func(*stream.Conn, stanza.IQ) {})
	if _, err := n.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := m.Dial(t.Context(), place(t, n.host, n.Node))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetStanding(stream.Accepted)
	if err := conn.Send(t.Context(), stanza.Presence{}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	return m, conn
}

// card is what somebody signs about where it is.
func card(t *testing.T, id *identity.Identity, at time.Time, to netip.AddrPort) stanza.Card {
	t.Helper()
	sig, err := id.SignEndpoint(identity.Endpoint{Time: at, Port: to.Port(), Addrs: []netip.Addr{to.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	return stanza.Card{
		Time: at.UnixMilli(), Port: to.Port(), Addrs: []string{to.Addr().String()},
		Certs: id.Certificate().Certificate, Sig: sig,
	}
}

// A carol gone bad: what bob's device has not signed is no place to go.
func TestEndpoints_ForgedCards(t *testing.T) {
	trap := netip.MustParseAddrPort("10.77.9.9:40000")
	tests := []struct {
		name string
		bad  func(w *witness) *xmlstream.Element
	}{
		{"signature", func(w *witness) *xmlstream.Element {
			c := card(t, w.bob, time.Now(), trap)
			c.Sig[0] ^= 1
			return c.Element()
		}},
		{"her own", func(w *witness) *xmlstream.Element {
			return card(t, must(identity.Generate()), time.Now(), trap).Element()
		}},
		{"her device, bob's chain", func(w *witness) *xmlstream.Element {
			c := card(t, must(identity.Generate()), time.Now(), trap)
			c.Certs = w.bob.Certificate().Certificate
			return c.Element()
		}},
		{"another address", func(w *witness) *xmlstream.Element {
			c := card(t, w.bob, time.Now(), netip.MustParseAddrPort("10.77.8.8:40000"))
			c.Addrs[0] = trap.Addr().String()
			return c.Element()
		}},
		{"another port", func(w *witness) *xmlstream.Element {
			c := card(t, w.bob, time.Now(), trap)
			c.Port++
			return c.Element()
		}},
		{"another time", func(w *witness) *xmlstream.Element {
			c := card(t, w.bob, time.Now(), trap)
			c.Time++
			return c.Element()
		}},
		{"no chain", func(w *witness) *xmlstream.Element {
			c := card(t, w.bob, time.Now(), trap)
			c.Certs = nil
			return c.Element()
		}},
		{"no address", func(w *witness) *xmlstream.Element {
			c := card(t, w.bob, time.Now(), trap)
			c.Addrs[0] = "trap"
			return c.Element()
		}},
		{"no card", func(*witness) *xmlstream.Element { return stanza.Ask("find", [16]byte{}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := testify(t, func(w *witness, _ int) *xmlstream.Element { return tt.bad(w) })
				send(t, w.alice.Node, "bob", "secret")
				time.Sleep(3 * time.Minute)
				if n := w.alice.dialled(trap.Addr()); n != 0 {
					t.Errorf("%d dials", n)
				}
				if m, _ := find(t, w.alice.Node, "bob", "secret"); m.State != chat.Queued {
					t.Errorf("state %q", m.State)
				}
				if asked := len(w.carol.Got()); asked < 2 {
					t.Errorf("carol got %d stanzas: she was not asked", asked)
				}
			})
		})
	}
}

// Bob's key decides: a card that was true once leads to somebody else now, who
// gets no text; the right one leads to bob.
func TestEndpoints_KeyDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var old, now netip.AddrPort
		w := testify(t, func(w *witness, nth int) *xmlstream.Element {
			if nth == 1 {
				return card(t, w.bob, time.Now().Add(-time.Hour), old).Element()
			}
			return card(t, w.bob, time.Now(), now).Element()
		})
		trap := w.lan.Host().Mallory("bob@b")
		bob := w.lan.Host().MalloryWith("bob@b", w.bob)
		var err error
		var stops [2]func()
		if old, stops[0], err = trap.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now, stops[1], err = bob.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		send(t, w.alice.Node, "bob", "secret")
		time.Sleep(3 * time.Minute)
		if w.alice.dialled(old.Addr()) == 0 {
			t.Error("the old place was not tried: the test shows nothing")
		}
		if got := texts(trap); len(got) != 0 {
			t.Errorf("the trap got %q", got)
		}
		if got := texts(bob); !slices.Contains(got, "secret") {
			t.Errorf("bob got %q", got)
		}
		for _, stop := range stops {
			stop()
		}
	})
}

// An older card does not replace a newer one, and a card is forgotten ten
// minutes after it came, whatever its own clock says (P-24).
func TestEndpoints_OldAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, older := netip.MustParseAddrPort("10.77.9.1:40000"), netip.MustParseAddrPort("10.77.9.2:40000")
		signed := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
		w := testify(t, func(w *witness, nth int) *xmlstream.Element {
			switch nth {
			case 1:
				return card(t, w.bob, signed, first).Element()
			case 2:
				return card(t, w.bob, signed.Add(-time.Millisecond), older).Element()
			}
			return nil
		})
		send(t, w.alice.Node, "bob", "secret")
		time.Sleep(9 * time.Minute)
		if w.alice.dialled(first.Addr()) < 3 || w.alice.dialled(older.Addr()) != 0 {
			t.Errorf("dials: %d, of the older card %d", w.alice.dialled(first.Addr()), w.alice.dialled(older.Addr()))
		}
		time.Sleep(2 * time.Minute)
		before := w.alice.dialled(first.Addr())
		time.Sleep(10 * time.Minute)
		if after := w.alice.dialled(first.Addr()); after != before {
			t.Errorf("%d dials after the card was to be forgotten", after-before)
		}
	})
}

// tag is written from the page alone.
func tag(t *testing.T, m *lantest.Mallory, c *stream.Conn, pin identity.Pin) (who [16]byte) {
	t.Helper()
	state := c.TLS()
	exported, err := state.ExportKeyingMaterial("EXPORTER-llchat-endpoints-v0", nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Peer()
	if !p.Dialled {
		t.Fatal("mallory is not the dialler")
	}
	dialler, device := m.Pin(), m.Device()
	key := mac(exported, dialler[:], device[:], p.Pin[:], p.Device[:])
	copy(who[:], mac(key, pin[:]))
	return who
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// put asks and waits for the answer.
func put(t *testing.T, m *lantest.Mallory, c *stream.Conn, typ string, payload *xmlstream.Element) (answer stanza.IQ, after time.Duration) {
	t.Helper()
	id, start := stanza.NewID(), time.Now()
	if err := c.Send(t.Context(), stanza.IQ{ID: id, Type: typ, Payload: payload}); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "an answer", func() bool {
		for _, s := range m.Got() {
			if q, ok := s.(stanza.IQ); ok && q.ID == id {
				answer = q
				return true
			}
		}
		return false
	})
	return answer, time.Since(start).Truncate(time.Second)
}

func condition(q stanza.IQ) string {
	if q.Error == nil {
		return q.Type
	}
	return q.Error.Condition
}

// Who does not know, may not or will not say cannot be told apart, nor by when
// the answer comes; a stranger learns nothing at all, and is never asked.
func TestEndpoints_Refusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 5)
		alice := spy(t, lan.Host(), chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
		m, conn := friend(t, lan, alice, "carol@c")
		shy, shyConn := friend(t, lan, alice, "shy@s")
		shy.OnIQ(func(c *stream.Conn, q stanza.IQ) {
			if q.Type == "get" {
				_ = c.Send(context.Background(), stanza.IQ{ID: q.ID, Type: "error", Error: &stanza.StanzaError{Type: "cancel", Condition: "item-not-found"}})
			}
		})
		away := must(identity.Generate()).Pin()
		if err := chat.AddContact(alice.Node, away, "away"); err != nil {
			t.Fatal(err)
		}
		if err := alice.Set(t.Context(), "strangers", chat.StrangersAsk); err != nil {
			t.Fatal(err)
		}
		stranger, strange := friend(t, lan, alice, "stranger@x")
		nobody := must(identity.Generate()).Pin()
		tests := []struct {
			name    string
			m       *lantest.Mallory
			c       *stream.Conn
			typ     string
			payload *xmlstream.Element
			want    string
			after   time.Duration
		}{
			{"nobody", m, conn, "get", stanza.Ask("find", tag(t, m, conn, nobody)), "item-not-found", 5 * time.Second},
			{"not live", m, conn, "get", stanza.Ask("find", tag(t, m, conn, away)), "item-not-found", 5 * time.Second},
			{"says no", m, conn, "get", stanza.Ask("find", tag(t, m, conn, shy.Pin())), "item-not-found", 5 * time.Second},
			{"a stranger", m, conn, "get", stanza.Ask("find", tag(t, m, conn, stranger.Pin())), "item-not-found", 5 * time.Second},
			{"himself", m, conn, "get", stanza.Ask("find", tag(t, m, conn, m.Pin())), "item-not-found", 5 * time.Second},
			{"tag of another stream", m, conn, "get", stanza.Ask("find", tag(t, shy, shyConn, shy.Pin())), "item-not-found", 5 * time.Second},
			{"may nobody", shy, shyConn, "get", stanza.Ask("may", tag(t, shy, shyConn, nobody)), "item-not-found", 0},
			{"may a stranger", shy, shyConn, "get", stanza.Ask("may", tag(t, shy, shyConn, stranger.Pin())), "item-not-found", 0},
			{"may the asker", shy, shyConn, "get", stanza.Ask("may", tag(t, shy, shyConn, shy.Pin())), "item-not-found", 0},
			{"set", shy, shyConn, "set", stanza.Ask("may", tag(t, shy, shyConn, away)), "bad-request", 0},
			{"nonsense", shy, shyConn, "get", stanza.Ask("where", [16]byte{}), "bad-request", 0},
			{"stranger finds", stranger, strange, "get", stanza.Ask("find", tag(t, stranger, strange, shy.Pin())), "service-unavailable", 0},
			{"stranger may", stranger, strange, "get", stanza.Ask("may", tag(t, stranger, strange, away)), "service-unavailable", 0},
		}
		for _, tt := range tests {
			got, after := put(t, tt.m, tt.c, tt.typ, tt.payload)
			if condition(got) != tt.want || after != tt.after {
				t.Errorf("%s: %s after %v, want %s after %v", tt.name, condition(got), after, tt.want, tt.after)
			}
		}
		send(t, alice.Node, "away", "secret")
		time.Sleep(3 * time.Minute)
		if n := questions(stranger); n != 0 {
			t.Errorf("a stranger was asked %d times", n)
		}
		if n := questions(m); n == 0 {
			t.Error("no contact was asked: the test shows nothing")
		}
	})
}

// questions counts what a mallory was asked.
func questions(m *lantest.Mallory) int {
	count := 0
	for _, s := range m.Got() {
		if q, ok := s.(stanza.IQ); ok && q.Type == "get" && q.Payload != nil {
			count++
		}
	}
	return count
}

// The card that is given away holds, has only addresses that mean the same
// elsewhere, and is given ten times a minute.
func TestEndpoints_OwnCardAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 6)
		alice := spy(t, lan.Host(), chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
		m, conn := friend(t, lan, alice, "carol@c")
		pin := must(identity.Generate()).Pin()
		if err := chat.AddContact(alice.Node, pin, "away"); err != nil {
			t.Fatal(err)
		}
		here := place(t, alice.host, alice.Node)
		for i := range 11 {
			got, _ := put(t, m, conn, "get", stanza.Ask("may", tag(t, m, conn, pin)))
			if i == 10 {
				if condition(got) != "item-not-found" {
					t.Errorf("the eleventh: %s", condition(got))
				}
				break
			}
			c, ok := stanza.ParseCard(got.Payload)
			if !ok || !slices.Equal(c.Addrs, []string{here.Addr().String()}) || c.Port != here.Port() {
				t.Fatalf("card %+v, want %v", c, here)
			}
			chain, err := identity.VerifyEndpoint(c.Certs, identity.Endpoint{
				Time: time.UnixMilli(c.Time), Port: c.Port, Addrs: []netip.Addr{here.Addr()},
			}, c.Sig)
			if err != nil || chain.Pin.Equal(m.Pin()) {
				t.Fatalf("card of %v, %v", chain.Pin, err)
			}
		}
		time.Sleep(time.Minute)
		if got, _ := put(t, m, conn, "get", stanza.Ask("may", tag(t, m, conn, pin))); got.Type != "result" {
			t.Errorf("a minute later: %s", condition(got))
		}
	})
}

// Eight contacts at once, each at most once a minute.
func TestEndpoints_AskingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 7)
		alice := spy(t, lan.Host(), chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
		var mu sync.Mutex
		at := make([][]time.Time, 10)
		for i := range at {
			m, _ := friend(t, lan, alice, fmt.Sprintf("friend%d@f", i))
			m.OnIQ(func(_ *stream.Conn, q stanza.IQ) {
				mu.Lock()
				defer mu.Unlock()
				at[i] = append(at[i], time.Now())
			})
		}
		if err := chat.AddContact(alice.Node, must(identity.Generate()).Pin(), "bob"); err != nil {
			t.Fatal(err)
		}
		send(t, alice.Node, "bob", "one")
		time.Sleep(5 * time.Second)
		mu.Lock()
		asked := 0
		for _, times := range at {
			asked += len(times)
		}
		mu.Unlock()
		if asked != 8 {
			t.Errorf("%d were asked at once, want 8", asked)
		}
		for i := range 60 {
			send(t, alice.Node, "bob", fmt.Sprint(i))
			time.Sleep(10 * time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		for i, times := range at {
			if len(times) == 0 {
				t.Errorf("friend %d was never asked", i)
			}
			for j := 1; j < len(times); j++ {
				if d := times[j].Sub(times[j-1]); d < time.Minute-time.Second {
					t.Errorf("friend %d was asked again after %v", i, d)
				}
			}
		}
	})
}
