package chat_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
	"llchat/internal/stanza"
)

// announce makes mallory appear under a name, and takes it away again.
func announce(t *testing.T, lan *lantest.LAN, instance string, text mdns.Text) *lantest.Mallory {
	t.Helper()
	m := lan.Host().Mallory(instance)
	stop, err := m.Announce(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		closeMallory(t, m)
	})
	return m
}

// cli.md: 8 hex digits name a fingerprint. Who calls itself after somebody's
// does not get what is meant for that key, nor is it accepted in its place.
func TestNameLikeAFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		m := announce(t, lan, "deadbeef@h", mdns.PresenceText("deadbeef", "", ""))
		sees(t, alice, "deadbeef")
		_, err := alice.Send(t.Context(), "deadbeef", "for that key alone")
		wantCode(t, "send to a fingerprint that is not there", err, chat.CodeNoSuch)
		if got := texts(m); len(got) != 0 {
			t.Errorf("mallory got %q", got)
		}
		send(t, alice, "deadbeef@h", "hello whoever you are") // by its instance it can be named
		time.Sleep(time.Second)
		if got := texts(m); len(got) != 1 {
			t.Errorf("mallory got %q, want what was written to it", got)
		}
		send(t, alice, "deadbeef", "hello contact") // and by its name once it is a contact
		closeNode(t, alice)
	})
}

// Several first messages at once make one stream and are all delivered.
func TestFirstMessagesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		lan.Delay(5 * time.Millisecond)
		alice, dials := countingNode(t, lan.Host(), chat.Options{Nick: "alice"})
		bob := lan.Host().Node(chat.Options{Nick: "bob", Strangers: chat.StrangersAccept})
		sees(t, alice, "bob")
		var work sync.WaitGroup
		for i := range 6 {
			work.Go(func() {
				if _, err := alice.Send(context.Background(), "bob", fmt.Sprintf("first %d", i)); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			})
		}
		work.Wait()
		for i := range 6 {
			becomes(t, alice, "bob", fmt.Sprintf("first %d", i), chat.Delivered)
		}
		if got := dials.Load(); got != 1 {
			t.Errorf("%d dials, want 1", got)
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// 174-4.2: an announcement that leads to ourselves. We tell that it is us, pin
// nothing and keep no stream.
func TestDialsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, folder := lan.Host(), t.TempDir()+"/alice"
		network := *host.Network()
		var own netip.AddrPort
		network.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) { return host.Dial(ctx, own) }
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: folder, Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		own = place(t, host, alice)
		announce(t, lan, "mirror@wall", mdns.PresenceText("mirror", "", ""))
		sees(t, alice, "mirror")
		_, err = alice.Send(t.Context(), "mirror", "who is there?")
		wantCode(t, "send to ourselves", err, chat.CodeRefused)
		time.Sleep(10 * time.Second)
		if n := chat.Streams(alice); n != 0 {
			t.Errorf("%d streams", n)
		}
		if _, err := os.Stat(folder + "/trust"); err == nil {
			t.Errorf("pins were written: %s", pins(t, folder))
		}
		closeNode(t, alice)
	})
}

// Security.md 6.2: mallory answers a claim under a contact's name and hangs up
// at once, so that nobody remembers the name: a conflict all the same.
func TestNamesakeThatHangsUp(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		network := *c.hostA.Network()
		network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			conn, err := c.hostA.Dial(ctx, to)
			if err == nil {
				time.AfterFunc(60*time.Millisecond, func() { _ = conn.Close() })
			}
			return conn, err
		}
		alice, err := chat.Open(t.Context(), chat.Options{Profile: c.folderA, Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		m := announce(t, c.lan, "bob@other", mdns.PresenceText("somebody", "avail", ""))
		sees(t, alice, "somebody")
		c.lan.Delay(5 * time.Millisecond)
		_, err = alice.Send(t.Context(), "somebody", "hello stranger")
		wantCode(t, "send to a claim that says it is bob", err, chat.CodeRefused)
		if strings.Contains(pins(t, c.folderA), m.Pin().String()) {
			t.Error("the namesake was pinned")
		}
		closeNode(t, alice)
	})
}

// P-14: what a stranger writes beyond its three messages costs no write.
func TestP14_StrangersDoNotKeepTheDiskBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, folder := lan.Host(), t.TempDir()+"/alice"
		alice := host.Node(chat.Options{Nick: "alice", Profile: folder})
		if _, err := alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := lan.Host().Mallory("mallory@h")
		conn, err := m.Dial(t.Context(), place(t, host, alice))
		if err != nil {
			t.Fatal(err)
		}
		flood := func(n int) int64 {
			for i := range n {
				_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: fmt.Sprint(i), Request: true})
			}
			time.Sleep(time.Second)
			info, err := os.Stat(folder + "/history.db-wal")
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		before := flood(3)
		if after := flood(90); after != before {
			t.Errorf("the log of the store grew from %d to %d octets", before, after)
		}
		if r, _ := alice.Requests(t.Context()); len(r) != 1 || len(r[0].Bodies) != 3 {
			t.Errorf("requests %+v", r)
		}
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

// clean fails for any text that a terminal could take for more than text.
func clean(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		t.Errorf("%s is %q", what, s)
	}
}

// shout announces an instance by raw packets, as no honest node would.
func shout(t *testing.T, h *lantest.Host, instance, txt []byte) {
	t.Helper()
	service := wire.MustName("_presence", "_tcp", "local")
	name, err := service.Child(string(instance))
	if err != nil {
		t.Fatalf("instance %q: %v", instance, err)
	}
	target := wire.MustName("evil", "local")
	m := wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
		{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: name},
		{Name: name, Type: wire.TypeSRV, TTL: 120, Flush: true, SRV: wire.SRV{Port: 5298, Target: target}},
		{Name: name, Type: wire.TypeTXT, TTL: 4500, Flush: true, TXT: txt},
		{Name: target, Type: wire.TypeA, TTL: 120, Flush: true, Addr: h.Addr()},
	}}
	packet, _ := m.Append(nil, 9000)
	h.Shout(packet)
}

// entry is one string of a TXT record.
func entry(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// Issue 2, bad input: whatever is announced, rows are clean, no two names share
// a row, the node is up and others are unaffected.
func TestBadAnnouncements(t *testing.T) {
	long := make([]byte, 0, 9000)
	for len(long)+250 < 8800 {
		long = append(long, entry("junk"+strings.Repeat("j", 240))...)
	}
	tests := []struct {
		name     string
		instance string
		txt      []byte
	}{
		{"TXT of 9,000 octets", "big@h", long},
		{"TXT that is cut", "cut@h", []byte{200, 'n', 'i', 'c', 'k'}},
		{"escape codes in the name", "\x1b]0;owned\x07\x1b[2J@h", []byte{0}},
		{"escape codes written out", `\027[2J\007@h`, []byte{0}},
		{"escape codes in nick and message", "esc@h", append(entry("nick=\x1b[31mred\x1b[0m"), entry("msg=\x9b2J\u202eevil\r\nline")...)},
		{"empty nick", "blank@h", entry("nick=")},
		{"nothing but the at", "@", []byte{0}},
		{"no at", "printer", []byte{0}},
		{"63 octets of emoji", strings.Repeat("🦊", 15) + "abc", entry("nick=" + strings.Repeat("👩‍👩‍👧‍👦", 6))},
		{"invisible", "\u200b\u200d\u2060@h", entry("nick=\u200b")},
		{"not UTF-8", "\xff\xfe\x80@h", entry("nick=\xff\xfe")},
		{"a fingerprint", strings.Repeat("ab", 31), []byte{0}},
		{"a key of a row", "~bob@nuc", []byte{0}},
	}
	inLAN(t, func(t *testing.T, c *couple) {
		w := watch(t, c.alice)
		host := c.lan.Host()
		for _, tt := range tests {
			shout(t, host, []byte(tt.instance), tt.txt)
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		rows, err := c.alice.Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) < len(tests)-2 { // empty labels and control octets may be refused by discovery (C-31)
			t.Errorf("%d rows of %d announcements", len(rows), len(tests))
		}
		for _, e := range w.stop() {
			if p, ok := e.Body.(chat.Peer); ok {
				rows = append(rows, p)
			}
		}
		for _, p := range rows {
			for what, s := range map[string]string{"key": p.Key, "name": p.Name.String(), "nick": p.Nick.String(), "instance": p.Instance.String(), "message": p.Message.String()} {
				clean(t, what, strings.ReplaceAll(s, "\u200d", "")) // a joiner inside emoji is fine
			}
			if p.Name.IsEmpty() {
				t.Errorf("row %s has no name", p.Key)
			}
			if p.Fingerprint.IsZero() && p.Trust != "" {
				t.Errorf("row %+v has trust without a key", p)
			}
		}
		for _, who := range []string{"big", `\027[2J\007@h`, "", "@", "(no name)"} {
			_, _ = c.alice.Send(t.Context(), who, "x") // any answer will do
		}
		send(t, c.alice, "bob", "are we fine?")
		becomes(t, c.alice, "bob", "are we fine?", chat.Delivered)
	})
}

// T-33, P-24: stamps of clocks that are wrong by decades change neither order
// nor delivery, and are no error.
func TestT33_WrongClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host := lan.Host()
		alice := host.Node(chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
		if _, err := alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := lan.Host().Mallory("ann@h")
		conn, err := m.Dial(t.Context(), place(t, host, alice))
		if err != nil {
			t.Fatal(err)
		}
		stamps := []time.Time{
			time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
			{},
			time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC),
		}
		start := time.Now()
		for i, stamp := range stamps {
			if err := conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: fmt.Sprint(i), Request: true, Delay: stamp}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		page, err := alice.History(t.Context(), "ann", 0, 10)
		if err != nil || len(page) != len(stamps) {
			t.Fatalf("%d messages, %v", len(page), err)
		}
		for i, got := range page {
			if got.Body.String() != fmt.Sprint(i) || got.Written.Before(start.Add(-time.Second)) || got.Written.After(time.Now()) {
				t.Errorf("message %d: %q written %v", i, got.Body, got.Written)
			}
			if got.Delayed != !stamps[i].IsZero() {
				t.Errorf("message %d: delayed %v", i, got.Delayed)
			}
			if b, err := got.MarshalJSON(); err != nil {
				t.Errorf("message %d: %s, %v", i, b, err)
			}
		}
		receipts := 0
		for _, s := range m.Got() {
			if msg, ok := s.(stanza.Message); ok && msg.Received != "" {
				receipts++
			}
		}
		if receipts != len(stamps) {
			t.Errorf("%d receipts, want %d", receipts, len(stamps))
		}
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

// Spec 3: the open profile keeps its port; when that is taken it gets a new
// one, says nothing, and keeps that. A port that the user named is an error.
func TestPortTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, folder := lan.Host(), t.TempDir()+"/alice"
		open := func(port uint16) (uint16, error) {
			n, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: folder, Port: port, Network: host.Network()})
			if err != nil {
				return 0, err
			}
			defer closeNode(t, n)
			s, err := n.Status(t.Context())
			return s.Port, err
		}
		first, err := open(0)
		if err != nil {
			t.Fatal(err)
		}
		l, err := host.Listen(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := open(0)
		if err != nil || second == first {
			t.Fatalf("port %d after %d, %v; want another", second, first, err)
		}
		_, err = open(first)
		wantCode(t, "the named port is taken", err, chat.CodeError)
		_ = l.Close()
		if third, err := open(0); err != nil || third != second {
			t.Errorf("port %d, %v; want %d as before", third, err, second)
		}
	})
}

// Spec 3: a name that was generated for an open profile without a nick stays.
func TestGeneratedNameStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, folder := lan.Host(), t.TempDir()+"/nobody"
		var names []string
		for range 3 {
			n := host.Node(chat.Options{Profile: folder})
			s, err := n.Ready(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, s.Name.String())
			closeNode(t, n)
		}
		if names[0] != names[1] || names[1] != names[2] {
			t.Errorf("names %q", names)
		}
	})
}

// An address at which nobody is does not hide what another one has taught.
func TestVerdictOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host := lan.Host()
		network := *host.Network()
		first := true
		network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			if !first {
				return nil, fmt.Errorf("dial %s: no route", to)
			}
			first = false
			return host.Dial(ctx, to)
		}
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: t.TempDir() + "/p", Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		shy := lan.Host().Node(chat.Options{Nick: "shy", Strangers: chat.StrangersRefuse})
		sees(t, alice, "shy")
		_, err = alice.Send(t.Context(), "shy", "hello?")
		wantCode(t, "to somebody who takes nobody", err, chat.CodeRefused)
		closeNode(t, alice)
		closeNode(t, shy)
	})
}
