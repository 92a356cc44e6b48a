package identity

import (
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// side is one end of a test handshake.
type side struct {
	cert tls.Certificate
	now  time.Time
	want Pin // the dialler's

	checked int   // how often VerifyConnection saw a good chain
	err     error // of the handshake, or of the first read after it
	state   tls.ConnectionState
}

// config is security.md 4.1 and 4.3.
func (s *side) config() *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{s.cert},
		MinVersion:             tls.VersionTLS13,
		MaxVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768, tls.X25519},
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true, // VerifyConnection does it
		ClientAuth:             tls.RequireAnyClientCert,
		Time:                   func() time.Time { return s.now },
		VerifyConnection: func(cs tls.ConnectionState) error {
			chain, err := CheckChain(cs.PeerCertificates)
			if err != nil {
				return err
			}
			s.checked++
			if !s.want.IsZero() && !chain.Pin.Equal(s.want) {
				return errors.New("not the wanted pin")
			}
			return nil
		},
	}
}

// run shakes hands, exchanges one octet each way and closes.
func (s *side) run(c *tls.Conn) {
	defer c.NetConn().Close()
	if s.err = c.Handshake(); s.err != nil {
		return
	}
	s.state = c.ConnectionState()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = c.Write([]byte{7}) })
	_, s.err = io.ReadFull(c, make([]byte, 1))
	wg.Wait()
}

func handshake(t *testing.T, dialler, listener *side) {
	t.Helper()
	a, b := net.Pipe()
	deadline := time.Now().Add(20 * time.Second)
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { dialler.run(tls.Client(a, dialler.config())) })
	wg.Go(func() { listener.run(tls.Server(b, listener.config())) })
	wg.Wait()
}

func wantPeer(t *testing.T, s *side, peer *Identity) {
	t.Helper()
	if s.err != nil {
		t.Fatal(s.err)
	}
	chain, err := CheckChain(s.state.PeerCertificates)
	if err != nil || chain.Pin != peer.Pin() || chain.Device != peer.Device() {
		t.Errorf("got %v, %v", chain.Pin, err)
	}
	if s.checked != 1 {
		t.Errorf("VerifyConnection ran %d times", s.checked)
	}
}

// T-33: no clock keeps two nodes apart.
func TestTLSRoundTripAtAnyTime(t *testing.T) {
	y1970, y2099 := time.Unix(0, 0), time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name              string
		dialler, listener time.Time
	}{
		{"now", time.Now(), time.Now()},
		{"both at 1970", y1970, y1970},
		{"both at 2099", y2099, y2099},
		{"far apart", y1970, y2099},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alice, bob := generate(t), generate(t)
			d := &side{cert: alice.Certificate(), now: tt.dialler, want: bob.Pin()}
			l := &side{cert: bob.Certificate(), now: tt.listener}
			handshake(t, d, l)
			wantPeer(t, d, bob)
			wantPeer(t, l, alice)
			if d.state.CurveID != tls.X25519MLKEM768 || d.state.Version != tls.VersionTLS13 || d.state.DidResume {
				t.Errorf("T-02, T-12: version %x, group %v, resumed %v", d.state.Version, d.state.CurveID, d.state.DidResume)
			}
		})
	}
}

// The identity that comes back from its file works as well.
func TestTLSRoundTripAfterParse(t *testing.T) {
	alice, err := Parse(generate(t).Marshal())
	if err != nil {
		t.Fatal(err)
	}
	bob := generate(t)
	d := &side{cert: bob.Certificate(), now: time.Now(), want: alice.Pin()}
	l := &side{cert: alice.Certificate(), now: time.Now()}
	handshake(t, d, l)
	wantPeer(t, d, alice)
	wantPeer(t, l, bob)
}

// thief shows cert's public half but signs with a key of its own. Its public
// key is the victim's, or crypto/tls would not even try.
type thief struct {
	signer
	public crypto.PublicKey
}

func (th thief) Public() crypto.PublicKey { return th.public }

// T-10: the victim's public certificates pass the chain check, which is why
// nothing may follow from it; the handshake does not return success.
func TestT10_VictimsPublicCertificates(t *testing.T) {
	victim, bob, mallory := generate(t), generate(t), generate(t)
	stolen := victim.Certificate()
	stolen.PrivateKey = thief{mallory.device, victim.device.Public()}

	t.Run("by the dialler", func(t *testing.T) {
		d := &side{cert: stolen, now: time.Now(), want: bob.Pin()}
		l := &side{cert: bob.Certificate(), now: time.Now()}
		handshake(t, d, l)
		if l.err == nil || l.checked != 1 {
			t.Errorf("listener: %v, chain seen %d times", l.err, l.checked)
		}
	})
	t.Run("by the listener", func(t *testing.T) {
		d := &side{cert: bob.Certificate(), now: time.Now(), want: victim.Pin()}
		l := &side{cert: stolen, now: time.Now()}
		handshake(t, d, l)
		if d.err == nil {
			t.Error("the dialler took it")
		}
	})
}

// T-11: TLS itself accepts these chains, the chain check does not.
func TestT11_ForeignIdentityCertificate(t *testing.T) {
	victim, bob, mallory := generate(t), generate(t), generate(t)
	mixed := mallory.Certificate()
	mixed.Certificate[1] = victim.personCert.Raw

	t.Run("by the dialler", func(t *testing.T) {
		d := &side{cert: mixed, now: time.Now(), want: bob.Pin()}
		l := &side{cert: bob.Certificate(), now: time.Now()}
		handshake(t, d, l)
		if !errors.Is(l.err, ErrChain) || l.checked != 0 {
			t.Errorf("listener: %v", l.err)
		}
	})
	t.Run("by the listener", func(t *testing.T) {
		d := &side{cert: bob.Certificate(), now: time.Now(), want: victim.Pin()}
		l := &side{cert: mixed, now: time.Now()}
		handshake(t, d, l)
		if !errors.Is(d.err, ErrChain) || d.checked != 0 {
			t.Errorf("dialler: %v", d.err)
		}
	})
}

// P-07: with the wrong listener the dialler gives up before its certificate.
func TestP07_WrongPinSeesNoCertificate(t *testing.T) {
	alice, bob, mallory := generate(t), generate(t), generate(t)
	d := &side{cert: alice.Certificate(), now: time.Now(), want: bob.Pin()}
	l := &side{cert: mallory.Certificate(), now: time.Now()}
	handshake(t, d, l)
	if d.err == nil || l.err == nil || l.checked != 0 {
		t.Errorf("dialler %v, listener %v, saw %d chains", d.err, l.err, l.checked)
	}
}

// A side without any certificate is not let in.
func TestNoCertificate(t *testing.T) {
	bob := generate(t)
	d := &side{now: time.Now()}
	l := &side{cert: bob.Certificate(), now: time.Now()}
	handshake(t, d, l)
	if l.err == nil || l.checked != 0 {
		t.Errorf("listener: %v", l.err)
	}
}

var _ crypto.Signer = signer{}
