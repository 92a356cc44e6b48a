package chat_test

import (
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// can is an answer to disco#info.
func can(features ...string) stanza.Info {
	return stanza.Info{
		Identities: []stanza.Identity{{Category: "client", Type: "pc"}},
		Features:   append([]string{stanza.NSDiscoInfo}, features...),
	}
}

// acking is mallory as a contact of alice on a stream with acknowledgements,
// where it reads and stores nothing. With info it answers what it can do.
func acking(t *testing.T, c *couple, info *stanza.Info) (*lantest.Mallory, *stream.Conn) {
	t.Helper()
	m := c.lan.Host().Mallory("mallory@den")
	t.Cleanup(func() { closeMallory(t, m) })
	m.OnIQ(func(conn *stream.Conn, q stanza.IQ) {
		if q.Type == "get" && q.Payload.Is(stanza.NSDiscoInfo, "query") && info != nil {
			_ = conn.Send(t.Context(), q.Result(info.Element()))
		}
	})
	conn := mustDial(t, c, m)
	sayTo(t, conn, stanza.Message{ID: "let", Type: "chat", HasBody: true, Body: "let me in", Request: true})
	within(t, 5*time.Second, "alice is asked", func() bool {
		r, err := c.alice.Requests(t.Context())
		return err == nil && len(r) == 1
	})
	if _, err := c.alice.Accept(t.Context(), m.Pin().String()); err != nil {
		t.Fatal(err)
	}
	hangUp(conn)
	return m, mustDial(t, c, m) // as a contact now
}

// mustDial opens a stream from mallory to alice and accepts her on it.
func mustDial(t *testing.T, c *couple, m *lantest.Mallory) *stream.Conn {
	t.Helper()
	conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetStanding(stream.Accepted)
	sayTo(t, conn, stanza.Presence{})
	time.Sleep(100 * time.Millisecond)
	return conn
}

// hangUp ends a stream and waits until both sides know.
func hangUp(conn *stream.Conn) {
	conn.End()
	<-conn.Done()
	time.Sleep(time.Second)
}

func sayTo(t *testing.T, conn *stream.Conn, s ...stanza.Stanza) {
	t.Helper()
	if err := conn.Send(t.Context(), s...); err != nil {
		t.Fatal(err)
	}
}

// copies are the stanzas with which a text came to mallory.
func copies(m *lantest.Mallory, text string) (list []stanza.Message) {
	for _, s := range m.Got() {
		if msg, ok := s.(stanza.Message); ok && msg.Body == text {
			list = append(list, msg)
		}
	}
	return list
}

// Spec 5.7, K14: an <a/> moves a message to sent and no further. It goes again
// on the next stream, with the same id and the time at which it was written,
// and only its receipt ends it.
func Test5_7_AckIsSentReceiptIsDelivered(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m, conn := acking(t, c, nil)
		start := time.Now()
		send(t, c.alice, "mallory", "one")
		becomes(t, c.alice, "mallory", "one", chat.Sent)
		if d := time.Since(start); d > time.Second {
			t.Errorf("sent after %v: that was no acknowledgement", d)
		}
		time.Sleep(10 * time.Minute)
		if got := copies(m, "one"); len(got) != 1 || !got[0].Delay.IsZero() {
			t.Fatalf("it got %+v", got)
		}
		hangUp(conn)
		conn = mustDial(t, c, m)
		within(t, 5*time.Second, "it comes again", func() bool { return len(copies(m, "one")) == 2 })
		got := copies(m, "one")
		if got[0].ID != got[1].ID || got[1].Delay.Sub(start).Abs() > time.Second {
			t.Errorf("first %+v, then %+v", got[0], got[1])
		}
		becomes(t, c.alice, "mallory", "one", chat.Sent)
		sayTo(t, conn, stanza.Message{ID: "r", Received: got[0].ID})
		becomes(t, c.alice, "mallory", "one", chat.Delivered)
	})
}

// Spec 5.7: for a peer that says what it can do, and that receipts are not among
// it, <a/> is the end: sent, never delivered, and never sent again.
func Test5_7_PeerThatKnowsNoReceipts(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		info := can(stanza.NSPing)
		m, conn := acking(t, c, &info)
		send(t, c.alice, "mallory", "one")
		if got := becomes(t, c.alice, "mallory", "one", chat.Sent); got.Reason != chat.ReasonNoReceipt {
			t.Errorf("reason %q", got.Reason)
		}
		hangUp(conn)
		mustDial(t, c, m)
		time.Sleep(time.Minute)
		if n := len(copies(m, "one")); n != 1 {
			t.Errorf("it got %d copies, want one", n)
		}
		becomes(t, c.alice, "mallory", "one", chat.Sent)
	})
}

// A contact that confirms has read a message and does not confirm it: its disk
// was full. It gets the message again on the same stream, ever more rarely,
// with the same id.
func Test5_7_ReadAndNotConfirmed(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		info := can(stanza.NSReceipts)
		m, conn := acking(t, c, &info)
		send(t, c.alice, "mallory", "one")
		becomes(t, c.alice, "mallory", "one", chat.Sent)
		within(t, time.Minute, "it comes again", func() bool { return len(copies(m, "one")) == 2 })
		time.Sleep(time.Hour)
		got := copies(m, "one")
		if len(got) < 6 || len(got) > 12 {
			t.Errorf("%d copies in an hour", len(got))
		}
		for _, again := range got {
			if again.ID != got[0].ID {
				t.Errorf("again as %s, was %s", again.ID, got[0].ID)
			}
		}
		sayTo(t, conn, stanza.Message{ID: "r", Received: got[0].ID})
		becomes(t, c.alice, "mallory", "one", chat.Delivered)
		before := len(copies(m, "one"))
		time.Sleep(time.Hour)
		if n := len(copies(m, "one")); n != before {
			t.Errorf("%d more copies after the receipt", n-before)
		}
	})
}

// Spec 5.7, K15: what nobody has acknowledged for 5 s is shown as waiting, and
// why; after 15 s the stream is dead.
func TestK15_AckMissing(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(time.Minute)
		c.lan.Partition(c.hostB)
		send(t, c.alice, "bob", "hello?")
		time.Sleep(4 * time.Second)
		if got, _ := find(t, c.alice, "bob", "hello?"); got.State != chat.Queued || got.Reason != "" {
			t.Errorf("after 4 s: %s %q", got.State, got.Reason)
		}
		time.Sleep(2 * time.Second)
		if got, _ := find(t, c.alice, "bob", "hello?"); got.State != chat.Queued || got.Reason != chat.ReasonNoAnswer {
			t.Errorf("after 6 s: %s %q", got.State, got.Reason)
		}
		within(t, 10*time.Second, "the stream is dead", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return !p.Stream && p.Presence == chat.Offline
		})
		c.lan.Heal(c.hostB)
		becomes(t, c.alice, "bob", "hello?", chat.Delivered)
	})
}

// infoAsked counts the questions about what it can do that reached mallory.
func infoAsked(m *lantest.Mallory) (n int) {
	for _, s := range m.Got() {
		if q, ok := s.(stanza.IQ); ok && q.Type == "get" && q.Payload.Is(stanza.NSDiscoInfo, "query") {
			n++
		}
	}
	return n
}

// 174-10.3, XEP-0115: a hash that we do not know is asked for over the stream,
// once; one that we know is not.
func Test174_10_3_UnknownHashIsAskedFor(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m, conn := acking(t, c, nil)
		for range 5 { // presence changes: no reason to ask again
			sayTo(t, conn, stanza.Presence{Show: "away"})
			time.Sleep(time.Second)
		}
		asked := infoAsked(m)
		if asked < 1 || asked > 2 { // once on each of its streams
			t.Errorf("asked %d times", asked)
		}
		var caps stanza.Presence
		for _, s := range m.Got() {
			if p, ok := s.(stanza.Presence); ok {
				caps = p
			}
		}
		if len(caps.Unknown) != 1 || !caps.Unknown[0].Is(stanza.NSCaps, "c") || caps.Unknown[0].Attr("hash") != "sha-1" {
			t.Fatalf("our presence says %+v", caps)
		}
		hangUp(conn)
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetStanding(stream.Accepted)
		sayTo(t, conn, stanza.Presence{Unknown: caps.Unknown})
		time.Sleep(time.Second)
		if n := infoAsked(m); n != asked {
			t.Errorf("asked about our own hash")
		}
	})
}

// 174-10.4, K4, P-19: what we can do stands in the features for a contact, with
// the hash that is announced; a stranger gets none.
func Test174_10_4_DiscoInTheFeatures(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		stranger := c.lan.Host().Mallory("stranger@den")
		t.Cleanup(func() { closeMallory(t, stranger) })
		conn, err := stranger.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		if got := stranger.Offered(); len(got) != 0 {
			t.Errorf("a stranger is offered %+v", got)
		}
		hangUp(conn)
		m, _ := acking(t, c, nil)
		got := m.Offered()
		if len(got) != 1 {
			t.Fatalf("a contact is offered %+v", got)
		}
		info, ok := stanza.ParseInfo(got[0])
		if !ok || info.Node != "urn:x-llchat#"+info.Ver() || !info.Has(stanza.NSReceipts) {
			t.Errorf("we say %+v", info)
		}
	})
}

// 174-10.1, 174-10.2: the open profile announces what we can do, with the hash
// that stands in our presence and over what we say in the stream.
func Test174_10_1_CapabilitiesInTXT(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m, _ := acking(t, c, nil)
		info, ok := stanza.ParseInfo(m.Offered()[0])
		if !ok {
			t.Fatalf("we offer %+v", m.Offered())
		}
		alice, _ := peerNamed(t, c.bob, "alice")
		instance := alice.Instance.String()
		for key, want := range map[string]string{"node": "urn:x-llchat", "hash": "sha-1", "ver": info.Ver()} {
			if got := chat.Announced(c.bob, instance, key); got != want {
				t.Errorf("TXT %s is %q, want %q", key, got, want)
			}
		}
		for _, s := range m.Got() {
			if p, ok := s.(stanza.Presence); ok && (len(p.Unknown) != 1 || p.Unknown[0].Attr("ver") != info.Ver()) {
				t.Errorf("presence says %+v", p.Unknown)
			}
		}
	})
}
