package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/identity"
	"llchat/internal/lantest/pipe"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

var (
	bobAt    = netip.MustParseAddrPort("192.0.2.2:5298")
	aliceAt  = netip.MustParseAddrPort("192.0.2.1:40000")
	everyone = func(Peer) Standing { return Accepted }
)

// identities are made once: none of the tests changes one.
var identities = sync.OnceValue(func() (ids []*identity.Identity) {
	for range 4 {
		id, err := identity.Generate()
		if err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	return ids
})

func aliceID() *identity.Identity   { return identities()[0] }
func bobID() *identity.Identity     { return identities()[1] }
func malloryID() *identity.Identity { return identities()[2] }

// recorder is a Handler that keeps what it is told.
type recorder struct {
	onStanza func(*Conn, stanza.Stanza)
	onOpened func(*Conn)

	mu       sync.Mutex
	opened   []*Conn
	stanzas  []stanza.Stanza
	closed   []error
	refusals []Refusal
}

func (r *recorder) Opened(c *Conn) {
	r.mu.Lock()
	r.opened = append(r.opened, c)
	r.mu.Unlock()
	if r.onOpened != nil {
		r.onOpened(c)
	}
}

func (r *recorder) Stanza(c *Conn, s stanza.Stanza) {
	r.mu.Lock()
	r.stanzas = append(r.stanzas, s)
	r.mu.Unlock()
	if r.onStanza != nil {
		r.onStanza(c, s)
	}
}

func (r *recorder) Closed(_ *Conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, err)
}

func (r *recorder) Refused(x Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals = append(r.refusals, x)
}

// bodies returns the bodies of the messages so far.
func (r *recorder) bodies() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stanzas {
		if m, ok := s.(stanza.Message); ok {
			all = append(all, m.Body)
		}
	}
	return all
}

func (r *recorder) counts() (opened, stanzas, closed, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.opened), len(r.stanzas), len(r.closed), len(r.refusals)
}

// ends returns how streams ended.
func (r *recorder) ends() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.closed...)
}

func (r *recorder) last(t testing.TB) *Conn {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.opened) == 0 {
		t.Fatal("no stream was opened")
	}
	return r.opened[len(r.opened)-1]
}

// side is one node with its recorder and listener.
type side struct {
	*Node
	*recorder
	id *identity.Identity
	l  *pipe.Listener
}

func oneName(name string) func() (string, func(string) bool) {
	return func() (string, func(string) bool) {
		return name, func(s string) bool { return sameName(s, name) }
	}
}

// newSide makes a node that serves at bobAt. Call it inside a bubble.
func newSide(t testing.TB, id *identity.Identity, name string, change func(*Config)) *side {
	t.Helper()
	s := &side{recorder: &recorder{}, id: id, l: pipe.Listen(bobAt)}
	cfg := Config{Identity: id, Names: oneName(name), Admit: everyone, Handler: s.recorder}
	if change != nil {
		change(&cfg)
	}
	s.Node = NewNode(cfg)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(context.Background(), s.l); err != nil && !errors.Is(err, ErrNodeClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Node.Close(ctx); err != nil {
			t.Errorf("close node: %v", err)
		}
		serving.Wait()
	})
	return s
}

// to dials another side's listener.
func to(s *side) DialFunc {
	return func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		return s.l.Dial(ctx, aliceAt)
	}
}

// over hands out one ready connection.
func over(c net.Conn) DialFunc {
	return func(context.Context, netip.AddrPort) (net.Conn, error) { return c, nil }
}

// pair opens a stream from alice to bob, both accepted.
func pair(t testing.TB, change func(alice, bob *Config)) (alice, bob *side, c *Conn) {
	t.Helper()
	var a, b Config
	if change != nil {
		change(&a, &b)
	}
	alice = newSide(t, aliceID(), "alice@kite", func(c *Config) { merge(c, a) })
	bob = newSide(t, bobID(), "bob@reef", func(c *Config) { merge(c, b) })
	pin := bob.id.Pin()
	c, err := alice.Dial(t.Context(), to(bob), bobAt, &pin, "bob@reef")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return alice, bob, c
}

// merge takes over what a test set.
func merge(dst *Config, src Config) {
	if src.Names != nil {
		dst.Names = src.Names
	}
	if src.Admit != nil {
		dst.Admit = src.Admit
	}
	dst.Limits, dst.Field, dst.Wire = src.Limits, src.Field, src.Wire
	dst.Serves, dst.Known, dst.Features = src.Serves, src.Known, src.Features
	dst.Acked, dst.AckLate = src.Acked, src.AckLate
}

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	identities() // outside: it is slow
	synctest.Test(t, f)
}

func message(body string) stanza.Message {
	return stanza.Message{ID: stanza.NewID(), Type: "chat", Body: body, HasBody: true}
}

// mallory is a hand-made peer.
type mallory struct {
	net.Conn
	t testing.TB
}

// knock connects to a side's listener without saying anything.
func knock(t testing.TB, s *side) *mallory {
	t.Helper()
	c, err := s.l.Dial(t.Context(), aliceAt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &mallory{Conn: c, t: t}
}

func (m *mallory) say(s string) {
	m.t.Helper()
	if _, err := io.WriteString(m.Conn, s); err != nil {
		m.t.Fatalf("mallory: %v", err)
	}
}

// until reads up to and including what.
func (m *mallory) until(what string) string {
	m.t.Helper()
	var got []byte
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(what)); {
		if _, err := m.Conn.Read(b); err != nil {
			m.t.Fatalf("mallory: %v after %q, waiting for %q", err, got, what)
		}
		got = append(got, b[0])
	}
	return string(got)
}

// rest reads to the end and returns what came, and the error if it was no FIN.
func (m *mallory) rest() (string, error) {
	got, err := io.ReadAll(m.Conn)
	return string(got), err
}

const (
	clearHeader = "<?xml version='1.0'?><stream:stream xmlns='jabber:client'" +
		" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	streamNS = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
)

// prelude brings a connection to a listener to the point where TLS begins.
func (m *mallory) prelude() {
	m.t.Helper()
	m.say(clearHeader)
	m.until(offerStartTLS)
	m.say(startTLS)
	m.until(proceedTLS)
}

// clientConfig is what a well-behaved dialler of that identity uses.
func clientConfig(id *identity.Identity) *tls.Config {
	return &tls.Config{
		Certificates:                []tls.Certificate{id.Certificate()},
		InsecureSkipVerify:          true,
		MinVersion:                  tls.VersionTLS12,
		DynamicRecordSizingDisabled: true,
	}
}

// serverConfig is what a well-behaved listener of that identity uses.
func serverConfig(id *identity.Identity) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{id.Certificate()}, ClientAuth: tls.RequireAnyClientCert}
}

// secure goes on to TLS as a dialler.
func (m *mallory) secure(cfg *tls.Config) (*mallory, error) {
	m.t.Helper()
	m.prelude()
	return m.handshake(cfg)
}

// handshake is TLS as a dialler on what comes next.
func (m *mallory) handshake(cfg *tls.Config) (*mallory, error) {
	c := tls.Client(m.Conn, cfg)
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	return &mallory{Conn: c, t: m.t}, nil
}

// inside opens a hand-made stream to a side and returns it behind features.
func inside(t testing.TB, s *side, id *identity.Identity) *mallory {
	t.Helper()
	m, err := knock(t, s).secure(clientConfig(id))
	if err != nil {
		t.Fatal(err)
	}
	m.say("<?xml version='1.0'?><stream:stream " + streamNS + " from='mallory@moor' version='1.0'>")
	m.until("</stream:features>")
	synctest.Wait() // for Opened
	return m
}

// fakeListener answers a dialler by hand. It gets the connection in clear.
func fakeListener(t testing.TB, serve func(m *mallory)) DialFunc {
	t.Helper()
	near, far := pipe.New()
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(&mallory{Conn: far, t: t})
	}()
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
		<-done
	})
	return over(near)
}

const fakeAnswer = "<?xml version='1.0'?><stream:stream " + streamNS + " id='1' version='1.0' xml:lang='en'>"

// answerPrelude is the listener's half of the prelude.
func (m *mallory) answerPrelude() {
	m.t.Helper()
	m.until("'1.0'>")
	m.say(fakeAnswer + offerStartTLS)
	m.until(startTLS)
	m.say(proceedTLS)
}

// serveTLS is answerPrelude and the handshake.
func (m *mallory) serveTLS(cfg *tls.Config) (*mallory, error) {
	m.answerPrelude()
	c := tls.Server(m.Conn, cfg)
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	return &mallory{Conn: c, t: m.t}, nil
}

// wantReason checks why a dial failed.
func wantReason(t *testing.T, err error, want Reason) *DialError {
	t.Helper()
	d, ok := errors.AsType[*DialError](err)
	if !ok {
		t.Fatalf("got %v, want a DialError", err)
	}
	if d.Reason != want {
		t.Fatalf("got reason %q (%v), want %q", d.Reason, d, want)
	}
	return d
}

// wantQuiet checks that a handler heard nothing of a stream.
func wantQuiet(t *testing.T, r *recorder) {
	t.Helper()
	if o, s, c, _ := r.counts(); o+s+c > 0 {
		t.Errorf("the handler heard of %d streams, %d stanzas, %d ends", o, s, c)
	}
}

// errorElement is a stream error as it goes over the wire, with the closing tag.
func errorElement(condition, app string) string {
	b := xmlstream.AppendStreamError(nil, xmlstream.Error{Condition: condition, AppCondition: app})
	return string(b) + xmlstream.CloseTag
}

// pipePair is pipe.New.
func pipePair() (near, far net.Conn) { return pipe.New() }

// serveOne lets a side accept one connection.
func serveOne(s *side, c net.Conn) error {
	return s.Serve(context.Background(), &oneListener{conn: c, done: make(chan struct{})})
}

// oneListener accepts one connection and then waits for Close.
type oneListener struct {
	conn net.Conn
	once sync.Once
	done chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *oneListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(bobAt) }

// sourceNumber is a different address for every i.
func sourceNumber(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 40000)
}
