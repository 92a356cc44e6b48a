package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"llchat/internal/identity"
)

// tlsConfig is security.md 4.1, for both sides. want is the pin that a dialler
// looks for, nil otherwise.
//
// VerifyConnection runs before the other side has proved its keys: it returns
// an error or nil and must do nothing else (security.md 4.3.2).
func (n *Node) tlsConfig(want *identity.Pin) *tls.Config {
	curves := []tls.CurveID{tls.X25519MLKEM768, tls.X25519}
	if n.cfg.Field {
		curves = []tls.CurveID{tls.X25519}
	}
	return &tls.Config{
		Certificates:                n.certificates(),
		MinVersion:                  tls.VersionTLS13,
		MaxVersion:                  tls.VersionTLS13,
		CurvePreferences:            curves,
		ClientAuth:                  tls.RequireAnyClientCert,
		InsecureSkipVerify:          true, // no CA, no names: VerifyConnection is the check
		VerifyConnection:            func(s tls.ConnectionState) error { return verify(s, want) },
		SessionTicketsDisabled:      true, // a resumed session shows no certificate (T-12)
		DynamicRecordSizingDisabled: true, // or padding shows (6.4)
	}
}

// serverConfig is the one of all streams that we accept: each keeps what it was
// made with (S6).
func (n *Node) serverConfig() *tls.Config {
	n.serverOnce.Do(func() { n.server = n.tlsConfig(nil) })
	return n.server
}

// certificates is our chain, one copy for all handshakes.
func (n *Node) certificates() []tls.Certificate {
	n.chainOnce.Do(func() { n.chain = []tls.Certificate{n.cfg.Identity.Certificate()} })
	return n.chain
}

// verify checks the chain and, for a dialler, the pin.
func verify(s tls.ConnectionState, want *identity.Pin) error {
	_, err := checkState(s, want)
	return err
}

// checkState says whom a connection state claims to show. The answer counts
// only for the state of a finished handshake.
func checkState(s tls.ConnectionState, want *identity.Pin) (identity.Chain, error) {
	if s.Version != tls.VersionTLS13 || s.DidResume {
		return identity.Chain{}, errors.New("not a full TLS 1.3 handshake")
	}
	chain, err := identity.CheckChain(s.PeerCertificates)
	if err != nil {
		return identity.Chain{}, err
	}
	if want != nil && !chain.Pin.Equal(*want) {
		return identity.Chain{}, errWrongKey
	}
	return chain, nil
}

// handshake finishes TLS on g and returns who is there, checked anew on the
// state of the finished handshake (security.md 4.3.3). It is a dialler's with the
// attempt, which has to allow the last flight: our certificate is asked for when
// all of the listener's is checked, and leaves together with our Finished.
func (n *Node) handshake(ctx context.Context, g *gate, a *attempt, want *identity.Pin) (*tls.Conn, identity.Chain, error) {
	side, cfg := tls.Server, n.serverConfig()
	if a != nil {
		side, cfg = tls.Client, n.tlsConfig(want)
		cfg.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return n.clientCertificate(r, a)
		}
	}
	g.cut.on = true
	t := side(g, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, identity.Chain{}, fmt.Errorf("tls: %w", err)
	}
	chain, err := checkState(t.ConnectionState(), want)
	if err == nil && a != nil {
		err = a.bind() // of a listener that wanted no certificate
	}
	if err != nil {
		return nil, identity.Chain{}, fmt.Errorf("tls: %w", err)
	}
	g.open()
	return t, chain, nil
}

// clientCertificate is our chain for a listener that takes it, and an error when
// the dial was dropped.
func (n *Node) clientCertificate(r *tls.CertificateRequestInfo, a *attempt) (*tls.Certificate, error) {
	if err := a.bind(); err != nil {
		return nil, err
	}
	own := &n.certificates()[0]
	if r.SupportsCertificate(own) != nil {
		return &tls.Certificate{}, nil // none: the listener says what it makes of that
	}
	return own, nil
}
