package chat_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
	"llchat/internal/stanza"
)

// 174-4.2: whoever is alone sees nobody, not even itself.
func Test174_4_2_OwnInstanceIsFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := lantest.New(t, 1).Host().Node(chat.Options{Nick: "alice"})
		if _, err := alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if rows, err := alice.Peers(t.Context()); err != nil || len(rows) != 0 {
			t.Errorf("rows %+v, %v", rows, err)
		}
		closeNode(t, alice)
	})
}

// announced is what everybody on the link can know of the only node there.
type announced struct {
	instance string
	text     mdns.Text
	port     uint16
}

// eavesdrop browses as a stranger does until it sees the only instance.
func eavesdrop(t *testing.T, lan *lantest.LAN) announced {
	t.Helper()
	node, err := mdns.Open(t.Context(), mdns.Config{
		Source: must(lan.Host().Network().Source()), User: "ear", Machine: "wall", Port: 9999, Random: zeros{},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	var peers []mdns.Peer
	within(t, 5*time.Second, "somebody is announced", func() bool {
		peers = node.Peers()
		return len(peers) == 1
	})
	return announced{peers[0].Instance, peers[0].Text, peers[0].Port}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// K5, 174-3.6, 174-13.7: open publishes nick and status under names and a port
// that stay; quiet publishes txtvers alone, under new words at every start.
func TestK5_OpenAndQuiet(t *testing.T) {
	start := func(t *testing.T, folder, visibility string) announced {
		t.Helper()
		var got announced
		synctest.Test(t, func(t *testing.T) {
			lan := lantest.New(t, 1)
			host := lan.Host()
			l, err := host.Listen(0) // so that kept and new ports differ
			if err != nil {
				t.Fatal(err)
			}
			if visibility == chat.VisibleQuiet {
				_ = l.Close()
			}
			n := host.Node(chat.Options{Nick: "Anna B", Profile: folder, Visibility: visibility})
			got = eavesdrop(t, lan)
			closeNode(t, n)
			_ = l.Close()
		})
		return got
	}
	folder := filepath.Join(t.TempDir(), "p")
	open1, open2 := start(t, folder, chat.VisibleOpen), start(t, folder, "")
	if open1.instance != open2.instance || open1.port != open2.port {
		t.Errorf("open: %+v became %+v", open1, open2)
	}
	if user, _ := mdns.SplitInstance(open1.instance); user != mdns.UserPart("Anna B") {
		t.Errorf("open: instance %q", open1.instance)
	}
	want := mdns.PresenceText("Anna B", "avail", "")
	if fmt.Sprint(open1.text[:len(want)]) != fmt.Sprint(want) || len(open1.text) != len(want)+3 { // node, hash, ver: 174-10.1
		t.Errorf("open: text %v, want %v and capabilities", open1.text, want)
	}
	quiet1, quiet2 := start(t, folder, chat.VisibleQuiet), start(t, folder, chat.VisibleQuiet)
	for _, q := range []announced{quiet1, quiet2} {
		if len(q.text) != 1 || q.text[0].Key != "txtvers" || string(q.text[0].Value) != "1" {
			t.Errorf("quiet: text %v, want txtvers=1 alone", q.text)
		}
	}
	user1, machine1 := mdns.SplitInstance(quiet1.instance)
	user2, machine2 := mdns.SplitInstance(quiet2.instance)
	_, open := mdns.SplitInstance(open1.instance)
	if machine1 == machine2 || slices.Contains([]string{machine1, machine2}, open) || strings.Contains(user1+user2, "anna") {
		t.Errorf("quiet: %q, then %q; open is %q", quiet1.instance, quiet2.instance, open1.instance)
	}
}

// T-24, K18, 174-9.2: forged goodbyes for a contact empty its claim at most;
// the live stream, the pins and what is written are untouched.
func TestT24_ForgedGoodbyes(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		before := pins(t, c.folderA)
		bob, _ := peerNamed(t, c.alice, "bob")
		service := wire.MustName("_presence", "_tcp", "local")
		name, err := service.Child(bob.Instance.String())
		if err != nil {
			t.Fatal(err)
		}
		bye := wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
			{Name: service, Type: wire.TypePTR, PTR: name},
			{Name: name, Type: wire.TypeSRV, Flush: true, SRV: wire.SRV{Target: wire.MustName("gone", "local")}},
			{Name: name, Type: wire.TypeTXT, Flush: true, TXT: []byte{0}},
		}}
		packet, _ := bye.Append(nil, 1400)
		mallory := c.lan.Host()
		for i := range 100 {
			mallory.Shout(packet)
			if i%20 == 0 {
				text := fmt.Sprintf("in the storm %d", i)
				send(t, c.alice, bob.Key, text)
				becomes(t, c.alice, bob.Key, text, chat.Delivered)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if p, ok := peerNamed(t, c.alice, "bob"); !ok || !p.Stream || p.Presence != chat.Online {
			t.Errorf("bob became %+v", p)
		}
		if chat.Streams(c.alice) != 1 || pins(t, c.folderA) != before {
			t.Errorf("%d streams, pins %s", chat.Streams(c.alice), pins(t, c.folderA))
		}
	})
}

// P-26, R-1: a profile that cannot be trusted is an error, nothing crosses the
// wire, and nothing takes the place of what is there.
func TestP26_NoNetworkWithoutAWholeProfile(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(folder string) error
	}{
		{"pins are garbage", func(f string) error { return os.WriteFile(filepath.Join(f, "trust"), []byte("{"), 0o600) }},
		{"pins are empty", func(f string) error { return os.WriteFile(filepath.Join(f, "trust"), nil, 0o600) }},
		{"pins are newer", func(f string) error {
			return os.WriteFile(filepath.Join(f, "trust"), []byte(`{"version":999,"contacts":[]}`), 0o600)
		}},
		{"identity is garbage", func(f string) error { return os.WriteFile(filepath.Join(f, "identity"), []byte("x"), 0o600) }},
		{"identity can be read by others", func(f string) error { return os.Chmod(filepath.Join(f, "identity"), 0o644) }},
		{"identity is a link", func(f string) error {
			if err := os.Rename(filepath.Join(f, "identity"), filepath.Join(f, "real")); err != nil {
				return err
			}
			return os.Symlink("real", filepath.Join(f, "identity"))
		}},
		{"store key is cut", func(f string) error { return os.Truncate(filepath.Join(f, "key"), 10) }},
		{"messages are garbage", func(f string) error {
			return os.WriteFile(filepath.Join(f, "history.db"), bytes.Repeat([]byte("x"), 8192), 0o600)
		}},
		{"settings are garbage", func(f string) error { return os.WriteFile(filepath.Join(f, "config"), []byte("["), 0o600) }},
		{"folder is open", func(f string) error { return os.Chmod(f, 0o755) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := lantest.New(t, 1)
				host := lan.Host()
				folder := filepath.Join(t.TempDir(), "p")
				closeNode(t, host.Node(chat.Options{Nick: "alice", Profile: folder}))
				if err := tt.spoil(folder); err != nil {
					t.Fatal(err)
				}
				before := contents(t, folder)
				lan.Record()
				n, err := chat.Open(t.Context(), chat.Options{Profile: folder, Network: host.Network()})
				if err == nil {
					closeNode(t, n)
					t.Fatal("it was opened")
				}
				if len(err.Error()) > 400 || strings.Contains(err.Error(), "panic") {
					t.Errorf("error %q", err)
				}
				time.Sleep(5 * time.Second)
				if w := lan.Wire(); len(w) != 0 {
					t.Errorf("%d octets crossed the wire", len(w))
				}
				if after := contents(t, folder); after != before {
					t.Errorf("files changed:\n%s\n->\n%s", before, after)
				}
			})
		})
	}
}

// contents names the files of a profile that make somebody somebody, with
// what is in them.
func contents(t *testing.T, folder string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"identity", "trust", "key", "config"} {
		data, _ := os.ReadFile(filepath.Join(folder, name))
		fmt.Fprintf(&b, "%s %q\n", name, data)
	}
	return b.String()
}

// P-22, G-1: at the most talkative level the log of a whole conversation holds
// no text, no name, no pin.
func TestP22_LogHoldsNoSecret(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 3)
		hostA := lan.Host()
		alice := hostA.Node(chat.Options{Nick: "canary-anna", Log: logger})
		bob := lan.Host().Node(chat.Options{Nick: "canary-bruno", Log: logger})
		sees(t, alice, "canary-bruno")
		sees(t, bob, "canary-anna")
		send(t, alice, "canary-bruno", "canary-question")
		within(t, 5*time.Second, "bob is asked", func() bool {
			r, _ := bob.Requests(t.Context())
			return len(r) == 1
		})
		if _, err := bob.Accept(t.Context(), "canary-anna"); err != nil {
			t.Fatal(err)
		}
		becomes(t, alice, "canary-bruno", "canary-question", chat.Delivered)
		if err := alice.Set(t.Context(), "message", "canary-status"); err != nil {
			t.Fatal(err)
		}
		friend, _ := peerNamed(t, alice, "canary-bruno")
		m := lan.Host().Mallory("canary-bruno@elsewhere")
		if conn, err := m.Dial(t.Context(), place(t, hostA, alice)); err == nil {
			_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: "canary-forged"})
			time.Sleep(time.Second)
			_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), From: "canary-x@y", HasBody: true, Body: "x"})
		}
		closeNode(t, bob)
		send(t, alice, friend.Key, "canary-later")
		time.Sleep(2 * time.Minute)
		own, _ := alice.Status(t.Context())
		closeMallory(t, m)
		closeNode(t, alice)
		mu.Lock()
		defer mu.Unlock()
		for _, secret := range []string{"canary", own.Fingerprint.String(), m.Pin().String()} {
			if i := strings.Index(log.String(), secret); i >= 0 {
				t.Errorf("%s is in the log: …%s…", secret, log.String()[max(0, i-200):min(log.Len(), i+100)])
			}
		}
		if log.Len() < 200 {
			t.Errorf("the log has %d octets: it is not the one looked at", log.Len())
		}
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// L-26: not more than 16 dials are under way at once, whatever is announced
// and however much waits.
func TestL26_DialsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 4)
		network := *lan.Host().Network()
		var mu sync.Mutex
		var now, most, calls int
		network.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			mu.Lock()
			calls++
			now++
			most = max(most, now)
			mu.Unlock()
			defer func() { mu.Lock(); now--; mu.Unlock() }()
			<-ctx.Done() // a host that swallows every packet
			return nil, ctx.Err()
		}
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: t.TempDir() + "/p", Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			m := lan.Host().Mallory(fmt.Sprintf("silent%d@h%d", i, i))
			stop, err := m.Announce(t.Context(), mdns.PresenceText(fmt.Sprintf("silent%d", i), "", ""))
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			sees(t, alice, fmt.Sprintf("silent%d", i))
		}
		var work sync.WaitGroup
		for i := range 40 {
			work.Go(func() {
				_, err := alice.Send(context.Background(), fmt.Sprintf("silent%d", i), "anybody there?")
				wantCode(t, "send to who is silent", err, chat.CodeError)
			})
		}
		work.Wait()
		if most != 16 || calls < 40 {
			t.Errorf("%d dials at once of %d, want 16", most, calls)
		}
		closeNode(t, alice)
	})
}

// L-26: a contact that is announced and does not answer is dialled ever more
// rarely, one dial at a time.
func TestL26_BackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 5)
		host := lan.Host()
		network := *host.Network()
		var mu sync.Mutex
		var at []time.Time
		dead, now, most := false, 0, 0
		network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			mu.Lock()
			now++
			most = max(most, now)
			isDead := dead
			if isDead {
				at = append(at, time.Now())
			}
			mu.Unlock()
			defer func() { mu.Lock(); now--; mu.Unlock() }()
			if isDead {
				return nil, fmt.Errorf("dial %s: refused", to)
			}
			return host.Dial(ctx, to)
		}
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: t.TempDir() + "/p", Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		bob := lan.Host().Node(chat.Options{Nick: "bob", Strangers: chat.StrangersAccept})
		sees(t, alice, "bob")
		send(t, alice, "bob", "hello")
		becomes(t, alice, "bob", "hello", chat.Delivered)
		contact, _ := peerNamed(t, alice, "bob")
		closeNode(t, bob)
		mu.Lock()
		dead = true
		mu.Unlock()
		m := lan.Host().Mallory(contact.Instance.String())
		stop, err := m.Announce(t.Context(), mdns.PresenceText("bob", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		send(t, alice, contact.Key, "are you there?")
		time.Sleep(time.Hour)
		stop()
		mu.Lock()
		rounds := len(at)
		last := at[len(at)-1].Sub(start)
		mu.Unlock()
		// Each round tries the addresses of the claim and the last known one. At a
		// round a minute that is 60 and a few short ones.
		if rounds > 4*80 || last < 50*time.Minute || most > 2 {
			t.Errorf("%d dials in an hour, the last after %v, %d at once", rounds, last, most)
		}
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

// L-29: a node has a fixed number of goroutines and at most four a stream.
func TestL29_NodeGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 6)
		before := runtime.NumGoroutine()
		c := acquaint(t, lan)
		time.Sleep(time.Minute)
		if n := runtime.NumGoroutine() - before; n > 2*64+2*4+4 {
			t.Errorf("two nodes with a stream have %d goroutines", n)
		}
		_ = c
	})
}

// L-15, 174-7.3: an id used again by another peer is another message.
func TestL15_SameIDOfTwoPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 7)
		host := lan.Host()
		alice := host.Node(chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
		if _, err := alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		id := stanza.NewID()
		for _, name := range []string{"ann@a", "ben@b"} {
			m := lan.Host().Mallory(name)
			conn, err := m.Dial(t.Context(), place(t, host, alice))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				_ = conn.Send(t.Context(), stanza.Message{ID: id, HasBody: true, Body: "from " + name, Request: true})
			}
			time.Sleep(2 * time.Second)
			user, _ := mdns.SplitInstance(name)
			if _, n := find(t, alice, user, "from "+name); n != 1 {
				t.Errorf("%s is shown %d times", name, n)
			}
			receipts := 0
			for _, s := range m.Got() {
				if msg, ok := s.(stanza.Message); ok && msg.Received == id {
					receipts++
				}
			}
			if receipts != 3 {
				t.Errorf("%s got %d receipts, want one for each repeat", name, receipts)
			}
			closeMallory(t, m)
		}
		closeNode(t, alice)
	})
}

// K1, spec 5.1: a client that can only write in clear gets a FIN and no octet;
// our user hears of it once an hour, and its row says why. Nothing is said for
// a name that is announced elsewhere: anybody could use it.
func TestK1_TriesToWriteInClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 8)
		host, romeo := lan.Host(), lan.Host()
		alice := host.Node(chat.Options{Nick: "alice"})
		m := romeo.Mallory("romeo@forza")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("romeo", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "romeo")
		write := func(from *lantest.Host, name string) {
			t.Helper()
			c, err := from.Dial(t.Context(), place(t, host, alice))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(c, `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" from="%s" to="alice">`, name)
			_, _ = fmt.Fprint(c, `<message type="chat"><body>thou art in clear</body></message>`)
			if got, err := io.ReadAll(c); err != nil || len(got) != 0 {
				t.Errorf("answered %q, %v; want a FIN", got, err)
			}
			_ = c.Close()
			time.Sleep(5 * time.Second)
		}
		notices := func() (texts []string) {
			s, err := alice.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range s.Health {
				if h.Code == "cannot-encrypt" {
					texts = append(texts, h.Text)
				}
			}
			return texts
		}
		write(lan.Host(), "romeo@forza")
		if got := notices(); len(got) != 0 {
			t.Errorf("somebody else's claim to the name is told: %q", got)
		}
		write(romeo, "romeo@forza")
		write(romeo, "romeo@forza")
		if got := notices(); len(got) != 1 || !strings.Contains(got[0], "romeo@forza") {
			t.Errorf("notices %q", got)
		}
		p, _ := peerNamed(t, alice, "romeo")
		if p.Encrypts == nil || *p.Encrypts || p.Note.IsEmpty() || p.Trust != "" {
			t.Errorf("row %+v", p)
		}
		if r, _ := alice.Requests(t.Context()); len(r) != 0 {
			t.Errorf("its text became a request: %+v", r)
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
	})
}
