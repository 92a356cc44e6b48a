package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"llchat/internal/identity"
	"llchat/internal/stanza"
)

// realSide serves on loopback, in real time.
func realSide(t testing.TB, id *identity.Identity, name string, h Handler, change func(*Config)) (*Node, netip.AddrPort) {
	t.Helper()
	lc := net.ListenConfig{KeepAlive: -1} // as Serve wants it
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Identity: id, Names: oneName(name), Admit: everyone, Handler: h}
	if change != nil {
		change(&cfg)
	}
	n := NewNode(cfg)
	served := make(chan error, 1)
	go func() { served <- n.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return n, l.Addr().(*net.TCPAddr).AddrPort()
}

// echo answers each message with a receipt.
type echo struct{ recorder }

func (*echo) Stanza(c *Conn, s stanza.Stanza) {
	if m, ok := s.(stanza.Message); ok && m.Received == "" {
		_ = c.Send(context.Background(), stanza.Message{ID: stanza.NewID(), Received: m.ID})
	}
}

func (*echo) Opened(c *Conn) { unmetered(c) }

// unmetered lifts L-10: benchmarks measure the stream, not the limiter. It is
// called before the reader begins.
func unmetered(c *Conn) {
	c.flow.accepted.rate, c.flow.octets.rate, c.flow.stranger.rate = 1e12, 1e12, 1e12
}

// receipts signals each one.
type receipts struct {
	recorder
	got  chan string
	ends chan error
}

func (r *receipts) Stanza(_ *Conn, s stanza.Stanza) {
	if m, ok := s.(stanza.Message); ok {
		r.got <- m.Received
	}
}

func (*receipts) Opened(c *Conn) { unmetered(c) }

func (r *receipts) Closed(_ *Conn, err error) { r.ends <- err }

func TestLoopback(t *testing.T) {
	_, at := realSide(t, bobID(), "bob@reef", &echo{}, nil)
	h := &receipts{got: make(chan string, 10), ends: make(chan error, 1)}
	alice, _ := realSide(t, aliceID(), "alice@kite", h, nil)
	pin := bobID().Pin()
	c, err := alice.Dial(t.Context(), nil, at, &pin, "bob@reef")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		m := message(strings.Repeat("hello ", 1000))
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := <-h.got; got != m.ID {
			t.Errorf("got a receipt for %q, want %q", got, m.ID)
		}
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-h.ends; err != nil {
		t.Errorf("the end is not clean: %v", err)
	}
}

// On real TCP a refusal must be a FIN even when the peer has said more.
func TestLoopbackRefusalIsAFIN(t *testing.T) {
	_, at := realSide(t, bobID(), "bob@reef", &recorder{}, nil)
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "<stream:stream "+streamNS+" from='a@b'><message><body>x</body></message>")
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("got %q, %v, want a FIN", got, err)
	}
}

func TestLoopbackWrongKeyAndRefusal(t *testing.T) {
	_, at := realSide(t, bobID(), "bob@reef", &recorder{}, func(c *Config) { c.Admit = func(Peer) Standing { return Refused } })
	alice, _ := realSide(t, aliceID(), "alice@kite", &recorder{}, nil)
	pin := malloryID().Pin()
	_, err := alice.Dial(t.Context(), nil, at, &pin, "bob@reef")
	wantReason(t, err, ReasonWrongKey)
	_, err = alice.Dial(t.Context(), nil, netip.AddrPortFrom(at.Addr(), 1), nil, "")
	wantReason(t, err, ReasonUnreachable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = alice.Dial(ctx, nil, at, nil, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// T-16 on real sockets: 2,000 silent ones from one source cost next to nothing.
func TestT16_LoopbackSilentSockets(t *testing.T) {
	n, at := realSide(t, bobID(), "bob@reef", &recorder{}, nil)
	before := heap()
	goroutines := runtime.NumGoroutine()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range 2000 {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		if len(open) > 200 { // the descriptors of this process are not under test
			_ = open[0].Close()
			open = open[1:]
		}
	}
	n.budget.mu.Lock()
	pending := n.budget.pending
	n.budget.mu.Unlock()
	if pending > 4 {
		t.Errorf("%d connections of one source are open", pending)
	}
	if g := runtime.NumGoroutine() - goroutines; g > 4 {
		t.Errorf("%d goroutines more", g)
	}
	if used := heap() - before; used > 4<<20 {
		t.Errorf("%d octets of heap more", used)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// T-18, T-19: what is refused costs little, whatever its size.
func TestT19_BombsAreCheap(t *testing.T) {
	bombs := map[string]string{
		"DOCTYPE":    clearHeader + "<!DOCTYPE x [" + strings.Repeat("<!ENTITY a 'b'>", 1<<20),
		"attributes": clearHeader + "<a " + strings.Repeat("a='1' ", 1<<20),
		"depth":      clearHeader + strings.Repeat("<a>", 1<<20),
		"name":       "<" + strings.Repeat("a", 16<<20),
		"text":       clearHeader + strings.Repeat("a", 16<<20),
		"comment":    clearHeader + "<!--" + strings.Repeat("a", 16<<20),
	}
	for name, bomb := range bombs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := new(Node).receivePrelude(newGate(&script{in: strings.NewReader(bomb)}))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 256<<10 {
			t.Errorf("%s: %d octets allocated", name, used)
		}
	}
}

// script is a connection that says its lines and listens to nobody.
type script struct {
	net.Conn
	in  io.Reader
	out strings.Builder
}

func (s *script) Read(p []byte) (int, error)      { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)     { return s.out.Write(p) }
func (s *script) SetDeadline(time.Time) error     { return nil }
func (s *script) SetReadDeadline(time.Time) error { return nil }
func (s *script) Close() error                    { return nil }

// FuzzPrelude: whatever comes, TLS begins only behind exactly one header of
// version 1.0 and one <starttls/>, and without such a header nothing is said.
func FuzzPrelude(f *testing.F) {
	for _, s := range []string{
		"", clearHeader, clearHeader + startTLS, clearHeader + startTLS + " ", clearHeader + "<message/>",
		"<stream:stream " + streamNS + ">", "<stream:stream " + streamNS + " version='9.9'>" + startTLS,
		"\x16\x03\x01", "<?xml version='1.0'?>", clearHeader + "</stream:stream>", clearHeader + "<!-- -->",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := &script{in: strings.NewReader(string(in))}
		err := new(Node).receivePrelude(newGate(s))
		said := s.out.String()
		if err == nil && (!strings.HasSuffix(said, proceedTLS) || !strings.Contains(string(in), "starttls")) {
			t.Errorf("TLS would begin after %q, said %q", in, said)
		}
		if err != nil && strings.Contains(said, "<proceed") {
			t.Errorf("proceed, then %v", err)
		}
		if said != "" && !strings.Contains(string(in), "version") {
			t.Errorf("said %q to %q", said, in)
		}
		if said != "" && !strings.HasPrefix(said, "<?xml version='1.0'?><stream:stream ") {
			t.Errorf("said %q", said)
		}
	})
}

// FuzzRedact: no character data gets into the file of --debug-wire.
func FuzzRedact(f *testing.F) {
	f.Add([]byte("<a from='b'>text</a>"))
	f.Add([]byte(`<a b="c>d">t<e/></a>`))
	f.Add([]byte("'>\"<"))
	f.Fuzz(func(t *testing.T, in []byte) {
		_ = appendRedacted(nil, in)
		safe := strings.NewReplacer("<", "", ">", "", "'", "", `"`, "", "[", "", "]", "").Replace(string(in))
		if len(strings.TrimSpace(safe)) < 3 {
			return
		}
		out := string(appendRedacted(nil, []byte("<body xmlns='x' from='"+safe+"'>"+safe+"</body>")))
		if strings.Count(out, safe) > strings.Count("<body xmlns='x' from='[name]'>["+"</body>", safe) &&
			!strings.Contains("0123456789", safe) {
			t.Errorf("%q is in %q", safe, out)
		}
	})
}
