package stream

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/identity"
	"llchat/internal/lantest/pipe"
	"llchat/internal/xmlstream"
)

// tappedDial connects alice to bob and records both directions.
func tappedDial(t *testing.T, alice, bob *side) (c *Conn, up, down *tap) {
	t.Helper()
	near, far := pipe.New()
	up, down = &tap{Conn: near}, &tap{Conn: far}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { served <- bob.Serve(ctx, &oneListener{conn: down, done: make(chan struct{})}) }()
	pin := bob.id.Pin()
	c, err := alice.Dial(t.Context(), over(up), bobAt, &pin, "bob@reef")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	cancel()
	<-served
	return c, up, down
}

func TestT01_CaptureHoldsNoCanary(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice-canary@kite-canary", nil)
		bob := newSide(t, bobID(), "bob@reef", nil)
		c, up, down := tappedDial(t, alice, bob)
		if err := c.Send(t.Context(), message("text-canary")); err != nil {
			t.Fatal(err)
		}
		if err := bob.last(t).Send(t.Context(), message("answer-canary")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(bob.bodies()) != 1 || len(alice.bodies()) != 1 {
			t.Fatal("the messages did not arrive")
		}
		capture := bytes.ToLower(append(up.all(), down.all()...))
		pin := alice.id.Pin()
		for _, canary := range []string{
			// Long enough not to be met by chance among random octets.
			"canary", "bob@reef", "message", "presence", "jabber:iq",
			pin.String(), string(pin[:]), base64.StdEncoding.EncodeToString([]byte("text-canary")),
			hex.EncodeToString([]byte("text-canary")), "llchat",
		} {
			if bytes.Contains(capture, []byte(strings.ToLower(canary))) {
				t.Errorf("the capture holds %q", canary)
			}
		}
	})
}

func TestT02_PostQuantumGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, _, c := pair(t, nil)
		if got := c.TLS().CurveID; got != tls.X25519MLKEM768 {
			t.Errorf("got group %v", got)
		}
		if s := c.TLS(); s.ServerName != "" || s.NegotiatedProtocol != "" { // K13
			t.Errorf("got SNI %q, ALPN %q", s.ServerName, s.NegotiatedProtocol)
		}
	})
	bubble(t, func(t *testing.T) {
		_, _, c := pair(t, func(a, _ *Config) { a.Field = true })
		if got := c.TLS().CurveID; got != tls.X25519 {
			t.Errorf("field profile: got group %v", got)
		}
	})
}

// security.md 4.3.3: the finished handshake's state is checked, whatever passed
// before it.
func TestT10_OtherCertificatesAreCheckedAnew(t *testing.T) {
	chain := func(id *identity.Identity) (certs []*x509.Certificate) {
		for _, raw := range id.Certificate().Certificate {
			c, err := x509.ParseCertificate(raw)
			if err != nil {
				t.Fatal(err)
			}
			certs = append(certs, c)
		}
		return certs
	}
	alice, mallory := chain(aliceID()), chain(malloryID())
	pin := aliceID().Pin()
	state := func(certs ...*x509.Certificate) tls.ConnectionState {
		return tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: certs}
	}
	for name, second := range map[string]tls.ConnectionState{
		"another person":  state(mallory...),
		"a mixed chain":   state(alice[0], mallory[1]),
		"none":            state(),
		"one":             state(alice[0]),
		"a resumed state": {Version: tls.VersionTLS13, PeerCertificates: alice, DidResume: true},
		"an old version":  {Version: tls.VersionTLS12, PeerCertificates: alice},
		"nothing":         state(nil, nil),
	} {
		if c, err := checkState(state(alice...), &pin); err != nil || c.Pin != pin {
			t.Fatalf("got %v, %v", c, err)
		}
		if _, err := checkState(second, &pin); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

func TestC26_TLSConfig(t *testing.T) { // security.md 4.1
	n := NewNode(Config{Identity: aliceID(), Names: oneName("a@b"), Handler: &recorder{}})
	c := n.tlsConfig(nil)
	if c.MinVersion != tls.VersionTLS13 || c.MaxVersion != tls.VersionTLS13 ||
		len(c.CurvePreferences) != 2 || c.CurvePreferences[0] != tls.X25519MLKEM768 || c.CurvePreferences[1] != tls.X25519 ||
		!c.SessionTicketsDisabled || !c.DynamicRecordSizingDisabled || c.ClientSessionCache != nil ||
		!c.InsecureSkipVerify || c.VerifyConnection == nil || c.ClientAuth != tls.RequireAnyClientCert ||
		c.KeyLogWriter != nil || c.Renegotiation != tls.RenegotiateNever || c.ServerName != "" || len(c.NextProtos) > 0 {
		t.Errorf("got %+v", c)
	}
}

func TestC5_OldTLSFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		cfg := clientConfig(malloryID())
		cfg.MaxVersion = tls.VersionTLS12
		if _, err := knock(t, bob).secure(cfg); err == nil {
			t.Error("TLS 1.2 was accepted")
		}
		synctest.Wait()
		wantQuiet(t, bob.recorder)
	})
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			cfg := serverConfig(malloryID())
			cfg.MaxVersion = tls.VersionTLS12
			_, _ = m.serveTLS(cfg)
			_ = m.Close()
		}), bobAt, nil, "")
		wantReason(t, err, ReasonTLS)
	})
}

func Test5_8_NoClientCertificateFails(t *testing.T) { // README 5.8
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		cfg := clientConfig(malloryID())
		cfg.Certificates = nil
		m, err := knock(t, bob).secure(cfg)
		if err != nil {
			t.Fatal(err) // a TLS 1.3 client learns it only later (C-25)
		}
		_, err = m.rest()
		if err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("got %v, want the alert certificate_required", err)
		}
		wantQuiet(t, bob.recorder)
	})
}

// T-09, P-25: an end of TCP is never an end of the stream, wherever it comes.
func TestT09_P25_FINIsACut(t *testing.T) {
	for n := range 4 {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			bob := newSide(t, bobID(), "bob@reef", nil)
			c, up, _ := tappedDial(t, alice, bob)
			for range n {
				if err := c.Send(t.Context(), message("x")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			_ = up.CloseWrite() // by whoever sits on the wire
			synctest.Wait()
			if got := len(bob.bodies()); got != n {
				t.Errorf("%d messages arrived, want %d", got, n)
			}
			if e := bob.ends(); len(e) != 1 || !errors.Is(e[0], ErrTruncated) {
				t.Errorf("after %d messages: got %v, want ErrTruncated", n, e)
			}
		})
	}
}

func TestT09_CloseNotifyWithoutTagIsACut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		_ = m.Conn.(*tls.Conn).CloseWrite()
		synctest.Wait()
		if e := bob.ends(); len(e) != 1 || !errors.Is(e[0], ErrTruncated) {
			t.Errorf("got %v, want ErrTruncated", e)
		}
	})
}

func TestT09_TagWithoutCloseNotifyIsACut(t *testing.T) { // README 5.9
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say(xmlstream.CloseTag)
		m.until(xmlstream.CloseTag)
		_ = m.Conn.(*tls.Conn).NetConn().(*pipe.Conn).CloseWrite()
		synctest.Wait()
		if e := bob.ends(); len(e) != 1 || !errors.Is(e[0], ErrTruncated) {
			t.Errorf("got %v, want ErrTruncated", e)
		}
	})
}

// thief signs with its own key under a certificate that is not its own.
func thief(t testing.TB, victim *identity.Identity) tls.Certificate {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: victim.Certificate().Certificate, PrivateKey: wrongSigner{key, victim.Certificate()}}
}

// wrongSigner says that it has the key of a certificate.
type wrongSigner struct {
	ed25519.PrivateKey
	shown tls.Certificate
}

func (s wrongSigner) Public() crypto.PublicKey {
	c, err := x509.ParseCertificate(s.shown.Certificate[0])
	if err != nil {
		panic(err)
	}
	return c.PublicKey
}

// T-10: whoever shows a victim's public certificates without its key learns
// nothing, and nobody is told of the victim.
func TestT10_StolenCertificateOfADialler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		asked := 0
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) {
			c.Admit = func(Peer) Standing { asked++; return Accepted }
		})
		cfg := clientConfig(malloryID())
		cfg.Certificates = []tls.Certificate{thief(t, aliceID())}
		m, err := knock(t, bob).secure(cfg)
		if err == nil {
			_, _ = io.WriteString(m.Conn, "<stream:stream "+streamNS+" version='1.0'><message><body>x</body></message>")
			got, _ := m.rest()
			if got != "" {
				t.Errorf("it got %q", got)
			}
		}
		synctest.Wait()
		wantQuiet(t, bob.recorder)
		if asked > 0 || len(bob.refusals) > 0 {
			t.Errorf("Admit was asked %d times, %d refusals", asked, len(bob.refusals))
		}
	})
}

func TestT10_StolenCertificateOfAListener(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			pin := bobID().Pin()
			want := &pin
			if !wanted {
				want = nil
			}
			var seen int
			_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
				cfg := serverConfig(malloryID())
				cfg.Certificates = []tls.Certificate{thief(t, bobID())}
				cfg.VerifyConnection = func(s tls.ConnectionState) error { seen = len(s.PeerCertificates); return nil }
				_, _ = m.serveTLS(cfg)
				_ = m.Close()
			}), bobAt, want, "bob@reef")
			d := wantReason(t, err, ReasonTLS)
			synctest.Wait()
			if !d.Pin.IsZero() {
				t.Error("an unproven pin is named")
			}
			if seen > 0 {
				t.Error("the dialler showed its certificate")
			}
			wantQuiet(t, alice.recorder)
		})
	}
}

// T-11: own device certificate, then the victim's identity certificate.
func TestT11_MixedChain(t *testing.T) {
	mixed := malloryID().Certificate()
	mixed.Certificate = [][]byte{mixed.Certificate[0], bobID().Certificate().Certificate[1]}
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		cfg := clientConfig(malloryID())
		cfg.Certificates = []tls.Certificate{mixed}
		if m, err := knock(t, bob).secure(cfg); err == nil {
			if got, err := m.rest(); got != "" || err == nil {
				t.Errorf("got %q, %v", got, err)
			}
		}
		wantQuiet(t, bob.recorder)
	})
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		pin := bobID().Pin()
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			cfg := serverConfig(malloryID())
			cfg.Certificates = []tls.Certificate{mixed}
			_, _ = m.serveTLS(cfg)
			_ = m.Close()
		}), bobAt, &pin, "bob@reef")
		wantReason(t, err, ReasonBadCertificate)
		wantQuiet(t, alice.recorder)
	})
}

// ticketCounter is a client's cache that counts what it is given.
type ticketCounter struct{ got int }

func (c *ticketCounter) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (c *ticketCounter) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.got++
	}
}

func TestT12_NoTicketsAndFullHandshakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		tickets := &ticketCounter{}
		cfg := clientConfig(malloryID())
		cfg.ClientSessionCache, cfg.ServerName = tickets, "x"
		for range 2 {
			m, err := knock(t, bob).secure(cfg)
			if err != nil {
				t.Fatal(err)
			}
			m.say("<stream:stream " + streamNS + " version='1.0'>")
			m.until("</stream:features>")
			m.say(xmlstream.CloseTag)
			m.until(xmlstream.CloseTag)
			if s := m.Conn.(*tls.Conn).ConnectionState(); s.DidResume || len(s.PeerCertificates) != 2 {
				t.Errorf("resumed: %v, %d certificates", s.DidResume, len(s.PeerCertificates))
			}
			_ = m.Close()
			synctest.Wait()
		}
		if tickets.got > 0 {
			t.Errorf("%d NewSessionTicket messages", tickets.got)
		}
	})
	bubble(t, func(t *testing.T) { // and by the number of full handshakes on our side
		alice, bob, c := pair(t, nil)
		first := c.TLS()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		pin := bob.id.Pin()
		c, err := alice.Dial(t.Context(), to(bob), bobAt, &pin, "")
		if err != nil {
			t.Fatal(err)
		}
		if s := c.TLS(); s.DidResume || first.DidResume || len(s.PeerCertificates) != 2 {
			t.Errorf("resumed: %v", s.DidResume)
		}
	})
}

// P-07: a listener with another key never sees the dialler's certificate.
func TestP07_WrongKeySeesNoCertificate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		pin := bobID().Pin()
		var shown int
		var failed error
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			cfg := serverConfig(malloryID())
			cfg.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error { shown += len(raw); return nil }
			_, failed = m.serveTLS(cfg)
			_ = m.Close()
		}), bobAt, &pin, "bob@reef")
		d := wantReason(t, err, ReasonWrongKey)
		synctest.Wait()
		if shown > 0 {
			t.Errorf("the listener saw %d certificates", shown)
		}
		if failed == nil || !strings.Contains(failed.Error(), "bad certificate") {
			t.Errorf("got %v, want the alert bad_certificate", failed)
		}
		if !d.Pin.IsZero() {
			t.Error("possession was not proven, but the pin is named")
		}
		wantQuiet(t, alice.recorder)
	})
}

// P-08: connected is what has sent a header inside the finished handshake.
func TestP08_NoHeaderNoStream(t *testing.T) {
	tests := []struct {
		name   string
		then   func(m *mallory)
		reason Reason
		after  time.Duration
	}{
		{"silence", func(m *mallory) { _, _ = m.rest() }, ReasonTimeout, 10 * time.Second},
		{"hangs up", func(m *mallory) { _ = m.Close() }, ReasonClosed, 0},
		{"header alone", func(m *mallory) { m.say(fakeAnswer); _, _ = m.rest() }, ReasonTimeout, 10 * time.Second},
		{"stanza first", func(m *mallory) { m.say(fakeAnswer + "<message><body>x</body></message>"); _, _ = m.rest() }, ReasonBadStream, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				start := time.Now()
				_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
					s, err := m.serveTLS(serverConfig(bobID()))
					if err != nil {
						t.Errorf("serve: %v", err)
						return
					}
					tt.then(s)
					_ = s.Close()
				}), bobAt, nil, "")
				wantReason(t, err, tt.reason)
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %v", took)
				}
				wantQuiet(t, alice.recorder)
			})
		})
	}
}

func TestC25_ListenerRefusesOurCertificate(t *testing.T) { // C-25, security.md 4.3.5
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			cfg := serverConfig(bobID())
			cfg.VerifyConnection = func(tls.ConnectionState) error { return errors.New("no") }
			_, _ = m.serveTLS(cfg)
		}), bobAt, nil, "")
		wantReason(t, err, ReasonRefused)
		wantQuiet(t, alice.recorder)
	})
}

// T-16: silent sockets hold nothing but their slots, and a contact still gets in.
func TestT16_SilentSockets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		known := aliceAt.Addr()
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) {
			c.Known = func(a netip.Addr) bool { return a == known }
		})
		var sockets []net.Conn
		for i := range 2000 {
			c, err := bob.l.Dial(t.Context(), sourceNumber(i))
			if err != nil {
				t.Fatal(err)
			}
			sockets = append(sockets, c)
		}
		synctest.Wait()
		if p := bob.budget.pending + bob.budget.reserve; p > 64 {
			t.Errorf("%d connections are open", p)
		}
		alice := newSide(t, aliceID(), "alice@kite", nil)
		pin, start := bob.id.Pin(), time.Now()
		if _, err := alice.Dial(t.Context(), to(bob), bobAt, &pin, "bob@reef"); err != nil {
			t.Fatalf("the contact cannot connect: %v", err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the contact waited %v", took)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if p := bob.budget.pending; p != 0 {
			t.Errorf("%d slots are not given back", p)
		}
		for _, c := range sockets {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Fatal("a silent socket got an answer")
			}
		}
	})
}

// T-18: certificates that are too many, too big or of the wrong kind.
func TestL07_T18_CertificateBombs(t *testing.T) {
	many := malloryID().Certificate()
	for range 1200 {
		many.Certificate = append(many.Certificate, many.Certificate[1])
	}
	three := malloryID().Certificate()
	three.Certificate = append(three.Certificate[:2:2], three.Certificate[1])
	tests := []struct {
		name string
		cert tls.Certificate
	}{
		{"1200 certificates", many},
		{"three", three},
		{"RSA 8192", rsaLookalike(t)},
		{"ECDSA", ecdsaChain(t)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", nil)
				cfg := clientConfig(malloryID())
				cfg.Certificates = []tls.Certificate{tt.cert}
				m, err := knock(t, bob).secure(cfg)
				if err == nil {
					_, err = m.rest()
				}
				if err == nil {
					t.Error("it ended without an error")
				}
				synctest.Wait()
				wantQuiet(t, bob.recorder)
			})
		})
	}
}

// rsaLookalike is a chain with an RSA key of 8192 bits whose private half
// nobody has: the key must be refused before it is used.
func rsaLookalike(t *testing.T) tls.Certificate {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), 8191)
	n.Add(n, big.NewInt(12345))
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := makeCertificate(t, rsaPublic(n), signer)
	return tls.Certificate{
		Certificate: [][]byte{leaf, malloryID().Certificate().Certificate[1]},
		PrivateKey:  rsaPretender{rsaPublic(n)},
	}
}

func rsaPublic(n *big.Int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: 65537} }

// rsaPretender signs with random octets.
type rsaPretender struct{ public *rsa.PublicKey }

func (p rsaPretender) Public() crypto.PublicKey { return p.public }
func (p rsaPretender) Sign(r io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	b := make([]byte, p.public.Size())
	_, err := io.ReadFull(r, b)
	return b, err
}

func ecdsaChain(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := makeCertificate(t, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{leaf, malloryID().Certificate().Certificate[1]}, PrivateKey: key}
}

func makeCertificate(t *testing.T, key crypto.PublicKey, signer crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "y"}}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// slicer hands out one octet a read.
type slicer struct{ net.Conn }

func (s slicer) Read(p []byte) (int, error) { return s.Conn.Read(p[:min(1, len(p))]) }
func (s slicer) CloseWrite() error          { return s.Conn.(*pipe.Conn).CloseWrite() }

func TestOneOctetAtATime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		bob := newSide(t, bobID(), "bob@reef", nil)
		near, far := pipe.New()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- bob.Serve(ctx, &oneListener{conn: slicer{far}, done: make(chan struct{})}) }()
		pin := bob.id.Pin()
		c, err := alice.Dial(t.Context(), over(slicer{near}), bobAt, &pin, "bob@reef")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(t.Context(), message("slice")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := bob.bodies(); len(got) != 1 || got[0] != "slice" {
			t.Errorf("got %v", got)
		}
		for _, s := range []*side{alice, bob} {
			if e := s.ends(); len(e) != 1 || e[0] != nil {
				t.Errorf("got ends %v", e)
			}
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// Every octet of the prelude may be the last one of a segment.
func TestPreludeInTwoSegments(t *testing.T) {
	whole := clearHeader + startTLS
	for cut := range len(whole) {
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", nil)
			m := knock(t, bob)
			m.say(whole[:cut])
			synctest.Wait()
			m.say(whole[cut:])
			m.until(proceedTLS)
		})
	}
}

// A flood of rejected connections leaks nothing: synctest proves it when the
// bubble ends.
func TestManyBrokenConnections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		var all sync.WaitGroup
		for i := range 200 {
			c, err := bob.l.Dial(t.Context(), sourceNumber(i))
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				_, _ = io.WriteString(c, clearHeader[:i%len(clearHeader)])
				_ = c.Close()
			})
		}
		all.Wait()
		time.Sleep(time.Minute)
		wantQuiet(t, bob.recorder)
	})
}
