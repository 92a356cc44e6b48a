//go:build lab && linux

package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llchat/internal/identity"
)

// TestOpenSSL: what OpenSSL's client says about our port. Each case has a
// host of its own, because a failed handshake slows its source (L-05).
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	chain := writeChain(t)
	tests := []struct {
		name       string
		args       []string
		want, none []string
	}{
		{
			name: "without a certificate", args: []string{"-starttls", "xmpp", "-tls1_3"},
			want: []string{"alert certificate required"}, none: []string{"NewSessionTicket"},
		},
		{
			name: "TLS 1.2", args: append([]string{"-starttls", "xmpp", "-tls1_2"}, chain...),
			want: []string{"alert protocol version"}, none: []string{"Cipher is ECDHE", "NewSessionTicket"},
		},
		{
			name: "with a chain", args: append([]string{"-starttls", "xmpp"}, chain...),
			want: []string{"TLSv1.3, Cipher is TLS_", "CertificateRequest", "urn:x-llchat:request:0"},
			none: []string{"NewSessionTicket", "New Session Ticket", "alert certificate", "Early data was accepted"},
		},
		{
			name: "without STARTTLS", args: append([]string{"-tls1_3"}, chain...),
			none: []string{"Cipher is TLS_", "Certificate\n", "BEGIN CERTIFICATE"},
		},
		{
			name: "a certificate of a web server", args: append([]string{"-starttls", "xmpp"}, writeStranger(t)...),
			want: []string{"alert "}, none: []string{"NewSessionTicket"},
		},
	}
	l := newLAN(t, 2+len(tests))
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, alice, bob)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"openssl", "s_client", "-connect", alice.address(), "-msg", "-ign_eof"}, tt.args...)
			// A whole session, so that it is our side that ends each of them.
			r := l.hosts[2+i].run(t, []as{withInput(session(alice.name))}, args...)
			out := r.stdout + r.stderr
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("not said: %s", want)
				}
			}
			for _, none := range tt.none {
				if strings.Contains(out, none) {
					t.Errorf("said: %s", none)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
	bob.must(0, "send", alice.name, "still here")
}

// session is a stream that says nothing and ends.
func session(to string) string {
	return "<?xml version='1.0'?><stream:stream xmlns='jabber:client' " +
		"xmlns:stream='http://etherx.jabber.org/streams' from='s_client@openssl' to='" + to +
		"' version='1.0'></stream:stream>"
}

// deviceKey is the second key of the identity's file.
func deviceKey(t *testing.T, id *identity.Identity) ed25519.PrivateKey {
	t.Helper()
	var key ed25519.PrivateKey
	for block, rest := pem.Decode(id.Marshal()); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "PRIVATE KEY" {
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			key = parsed.(ed25519.PrivateKey)
		}
	}
	return key
}

// writeChain makes an identity as llchat does and writes it for OpenSSL.
func writeChain(t *testing.T) []string {
	t.Helper()
	id, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	c := id.Certificate()
	return writePEM(t, c.Certificate, deviceKey(t, id))
}

// writeStranger makes a certificate of the kind that web servers have.
func writeStranger(t *testing.T) []string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &cert, &cert, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, [][]byte{der, der}, private)
}

// writePEM writes two certificates and a key and returns the options of
// s_client that use them.
func writePEM(t *testing.T, certs [][]byte, key ed25519.PrivateKey) []string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var args []string
	for _, f := range []struct {
		option, kind string
		data         []byte
	}{
		{"-cert", "CERTIFICATE", certs[0]},
		{"-cert_chain", "CERTIFICATE", certs[1]},
		{"-key", "PRIVATE KEY", der},
	} {
		path := filepath.Join(dir, f.option[1:])
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.data}), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, f.option, path)
	}
	return args
}
