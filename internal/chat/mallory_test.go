package chat_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
)

// texts are the bodies that reached mallory.
func texts(m *lantest.Mallory) []string {
	var bodies []string
	for _, s := range m.Got() {
		if msg, ok := s.(stanza.Message); ok && msg.HasBody {
			bodies = append(bodies, msg.Body)
		}
	}
	return bodies
}

func closeMallory(t *testing.T, m *lantest.Mallory) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := m.Close(ctx); err != nil {
		t.Errorf("mallory: %v", err)
	}
}

// T-13, P-02, security.md 6.2: an unknown key that dials under a contact's name
// is a conflict: no request, its text thrown away, nothing ever sent to it.
func TestT13_NamesakeDials(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		before := pins(t, c.folderA)
		feed, err := c.alice.Subscribe(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		m := c.lan.Host().Mallory("bob@elsewhere")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if err := conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), Type: "chat", HasBody: true, Body: fmt.Sprintf("it is me %d", i), Request: true}); err != nil {
				t.Fatal(err)
			}
		}
		var row chat.Peer
		within(t, 5*time.Second, "the stranger is listed as a conflict", func() bool {
			rows, _ := c.alice.Peers(t.Context())
			for _, p := range rows {
				if p.Fingerprint == m.Pin() {
					row = p
				}
			}
			return row.Trust == chat.Conflict
		})
		bob, _ := peerNamed(t, c.alice, "bob")
		if row.Of != bob.Fingerprint && bob.Trust != chat.Pinned {
			t.Errorf("conflict %+v, bob %+v", row, bob)
		}
		if r, _ := c.alice.Requests(t.Context()); len(r) != 0 {
			t.Errorf("a request was made: %+v", r)
		}
		_, err = c.alice.Send(t.Context(), m.Pin().String(), "secret")
		wantCode(t, "send to the namesake", err, chat.CodeRefused)
		_, err = c.alice.Accept(t.Context(), m.Pin().String())
		wantCode(t, "accept the namesake", err, chat.CodeRefused)
		_, err = c.alice.Send(t.Context(), "bob", "for the real one")
		if err != nil {
			// Both rows are shown as bob: the user names one by its key.
			wantCode(t, "an ambiguous bob", err, chat.CodeRefused)
			send(t, c.alice, bob.Key, "for the real one")
		}
		becomes(t, c.bob, "alice", "for the real one", chat.Received)
		if got := texts(m); len(got) != 0 {
			t.Errorf("mallory got %q", got)
		}
		if after := pins(t, c.folderA); after != before {
			t.Errorf("the pins changed:\n%s\n->\n%s", before, after)
		}
		if n := conflictNotices(t, feed); n != 1 {
			t.Errorf("%d notices, want 1 (P-15)", n)
		}
		closeMallory(t, m)
	})
}

func conflictNotices(t *testing.T, feed chat.Feed) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n := 0
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return n
		}
		for _, e := range events {
			if _, ok := e.Body.(chat.ConflictNotice); ok {
				n++
			}
		}
	}
}

// T-14, P-15: thousands of namesakes make one notice an hour.
func TestT14_ManyNamesakes(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		feed, err := c.alice.Subscribe(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		host := c.lan.Host()
		for range 20 {
			m := host.Mallory("bob@elsewhere")
			if _, err := m.Dial(t.Context(), place(t, c.hostA, c.alice)); err == nil {
				time.Sleep(2 * time.Second) // within the source's budget (L-05)
			}
			closeMallory(t, m)
		}
		if n := conflictNotices(t, feed); n != 1 {
			t.Errorf("%d notices, want 1", n)
		}
	})
}

// P-02: bob is gone and mallory bears his very instance name: what is written
// to bob waits for bob's key.
func TestP02_InstanceTakenOver(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		bob, _ := peerNamed(t, c.alice, "bob")
		closeNode(t, c.bob)
		within(t, 3*time.Second, "bob is offline", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return p.Presence == chat.Offline
		})
		m := c.lan.Host().Mallory(bob.Instance.String())
		stop, err := m.Announce(t.Context(), mdns.PresenceText("bob", "avail", ""))
		if err != nil {
			t.Fatal(err)
		}
		send(t, c.alice, bob.Key, "only for bob")
		reasons(t, c.alice, bob.Key, "only for bob", chat.ReasonNotHere)
		time.Sleep(3 * time.Minute)
		if opened, _ := m.Streams(); opened != 0 {
			t.Errorf("mallory got %d streams", opened)
		}
		if got := texts(m); len(got) != 0 {
			t.Errorf("mallory got %q", got)
		}
		stop()
		closeMallory(t, m)
		c.bob = c.startBob()
		becomes(t, c.alice, bob.Key, "only for bob", chat.Delivered)
		becomes(t, c.bob, "alice", "only for bob", chat.Received)
	})
}

// Security.md 6.2: the key that answers a claim is pinned before any text
// leaves; an answer under a contact's name gets nothing.
func TestClaimAnsweredByNamesake(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("bob@other")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("somebody", "avail", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, c.alice, "somebody")
		_, err = c.alice.Send(t.Context(), "somebody", "hello stranger")
		wantCode(t, "send to a claim that says it is bob", err, chat.CodeRefused)
		time.Sleep(time.Minute)
		if got := texts(m); len(got) != 0 {
			t.Errorf("mallory got %q", got)
		}
		if strings.Contains(pins(t, c.folderA), m.Pin().String()) {
			t.Error("the namesake was pinned")
		}
		stop()
		closeMallory(t, m)
	})
}

// L-11, T-15: strangers fill a bounded queue; contacts are unaffected.
func TestT15_RequestFlood(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		to := place(t, c.hostA, c.alice)
		for i := range 60 {
			m := c.lan.Host().Mallory(fmt.Sprintf("stranger%d@h", i))
			conn, err := m.Dial(t.Context(), to)
			if err != nil {
				t.Fatalf("stranger %d: %v", i, err)
			}
			for j := range 6 {
				_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: strings.Repeat("x", 1000) + fmt.Sprint(j), Request: true})
			}
			time.Sleep(time.Second)
			if got := m.Got(); len(got) != 0 {
				t.Errorf("stranger %d was answered: %+v (P-19)", i, got)
			}
			closeMallory(t, m)
		}
		requests, err := c.alice.Requests(t.Context())
		if err != nil || len(requests) != 50 {
			t.Errorf("%d requests, %v; want 50", len(requests), err)
		}
		for _, r := range requests {
			if len(r.Bodies) > 3 {
				t.Errorf("%d messages of one stranger are kept, want at most 3", len(r.Bodies))
			}
		}
		send(t, c.bob, "alice", "still here?")
		becomes(t, c.bob, "alice", "still here?", chat.Delivered)
	})
}

// Blocked: streams end, nothing more is taken in, and it looks to the blocked
// one as it does to any stranger (spec 5.5).
func TestBlock(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		if _, err := c.alice.Block(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, "the stream is closed (P-09)", func() bool {
			p, _ := peerNamed(t, c.bob, "alice")
			return !p.Stream
		})
		send(t, c.bob, "alice", "hello?")
		reasons(t, c.bob, "alice", "hello?", chat.ReasonWaiting)
		time.Sleep(time.Minute)
		if _, n := find(t, c.alice, "bob", "hello?"); n != 0 {
			t.Error("a blocked key's message was kept")
		}
		if r, _ := c.alice.Requests(t.Context()); len(r) != 0 {
			t.Errorf("a blocked key made a request: %+v", r)
		}
		_, err := c.alice.Send(t.Context(), "bob", "you are blocked")
		wantCode(t, "send to a blocked key", err, chat.CodeRefused)
	})
}

// T-29: the sender is the key of the stream. A forged from ends it.
func TestT29_ForgedFrom(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("mallory@h")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), From: "bob@nuc", HasBody: true, Body: "I am bob"})
		select {
		case <-conn.Done():
		case <-time.After(10 * time.Second):
			t.Error("the stream lives on")
		}
		if _, n := find(t, c.alice, "bob", "I am bob"); n != 0 {
			t.Error("bob said what he never said")
		}
		closeMallory(t, m)
	})
}

// A receipt from somebody else, or for what was never sent, confirms nothing.
func TestForgedReceipt(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		bob, _ := peerNamed(t, c.alice, "bob")
		closeNode(t, c.bob)
		send(t, c.alice, bob.Key, "unconfirmed")
		queued, _ := find(t, c.alice, bob.Key, "unconfirmed")
		m := c.lan.Host().Mallory("mallory@h")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), Received: queued.ID})
		time.Sleep(10 * time.Second)
		if got, _ := find(t, c.alice, bob.Key, "unconfirmed"); got.State != chat.Queued {
			t.Errorf("state %q, want queued", got.State)
		}
		closeMallory(t, m)
		c.bob = c.startBob()
		becomes(t, c.alice, bob.Key, "unconfirmed", chat.Delivered)
	})
}

// L-13: presence changes beyond ten a minute are ignored.
func TestL13_PresenceFlood(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("mallory@h")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			_ = conn.Send(t.Context(), stanza.Presence{Status: fmt.Sprintf("change %d", i)})
		}
		time.Sleep(5 * time.Second)
		rows, _ := c.alice.Peers(t.Context())
		for _, p := range rows {
			if p.Fingerprint == m.Pin() && p.Message.String() != "change 9" {
				t.Errorf("status %q, want that of the tenth change", p.Message)
			}
		}
		closeMallory(t, m)
	})
}

// T-01, P-01, P-16: over a whole conversation nothing a user wrote crosses the
// wire, and a quiet profile does not publish its nick and status either.
func TestT01_NothingOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 8)
		lan.Record()
		canary := func(s string) string { return "canary-" + s }
		hostA, hostB := lan.Host(), lan.Host()
		alice := hostA.Node(chat.Options{Nick: canary("anna"), Visibility: chat.VisibleQuiet})
		bob := hostB.Node(chat.Options{Nick: canary("bruno"), Visibility: chat.VisibleQuiet})
		if err := alice.Set(t.Context(), "message", canary("status")); err != nil {
			t.Fatal(err)
		}
		var claim chat.Peer
		within(t, 5*time.Second, "alice sees somebody", func() bool {
			rows, _ := alice.Peers(t.Context())
			if len(rows) == 1 {
				claim = rows[0]
			}
			return len(rows) == 1
		})
		send(t, alice, claim.Key, canary("question"))
		within(t, 5*time.Second, "bob is asked", func() bool {
			r, _ := bob.Requests(t.Context())
			return len(r) == 1 && !r[0].Body.IsEmpty()
		})
		r, _ := bob.Requests(t.Context())
		if r[0].Name.String() != canary("anna") {
			t.Errorf("the request is from %q, want the nick that came inside TLS", r[0].Name)
		}
		if _, err := bob.Accept(t.Context(), r[0].Fingerprint.String()); err != nil {
			t.Fatal(err)
		}
		send(t, bob, r[0].Fingerprint.String(), canary("answer"))
		becomes(t, bob, r[0].Fingerprint.String(), canary("answer"), chat.Delivered)
		closeNode(t, alice)
		closeNode(t, bob)
		wire := lan.Wire()
		if len(wire) < 5000 || !strings.Contains(string(wire), "starttls") {
			t.Fatalf("only %d octets on the wire: the recording does not work", len(wire))
		}
		for _, s := range []string{"anna", "bruno", "status", "question", "answer"} {
			for how, form := range forms(canary(s)) {
				if strings.Contains(string(wire), form) {
					t.Errorf("%s is on the wire as %s", canary(s), how)
				}
			}
		}
	})
}

// forms are the ways in which a text could hide on the wire.
func forms(s string) map[string]string {
	return map[string]string{
		"text":   s,
		"base64": base64.StdEncoding.EncodeToString([]byte(s))[:len(s)/3*4],
		"hex":    hex.EncodeToString([]byte(s)),
	}
}

// L-26: an announcement does not make us dial what is no neighbour's port.
func TestL26_WhereNotToDial(t *testing.T) {
	n, err := chat.OpenOffline(t.Context(), t.TempDir()+"/p")
	if err != nil {
		t.Fatal(err)
	}
	defer closeNode(t, n)
	for _, bad := range []string{
		"224.0.0.251:5353", "255.255.255.255:5000", "0.0.0.0:5000", "10.0.0.1:22",
		"[ff02::fb]:5353", "[::]:5000", "[::ffff:224.0.0.1]:5000", "10.0.0.1:0",
		"127.0.0.1:5298", "[::1]:5298",
	} {
		if err := chat.MayDial(n, netip.MustParseAddrPort(bad)); err == nil {
			t.Errorf("%s would be dialled", bad)
		}
	}
	if err := chat.MayDial(n, netip.MustParseAddrPort("10.0.0.1:5298")); err != nil {
		t.Error(err)
	}
}
