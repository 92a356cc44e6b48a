package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// forge makes certificate chains that differ from a good one in one thing.
type forge struct {
	person, device         crypto.Signer
	personIssuer           crypto.Signer // signs the identity certificate
	deviceIssuer           crypto.Signer // signs the device certificate
	personCert, deviceCert x509.Certificate
}

func newForge(t testing.TB) *forge {
	person, device := newKey(t), newKey(t)
	pt, err := template(personSubject, person.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	pt.IsCA, pt.MaxPathLenZero = true, true
	pt.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	dt, err := template(deviceSubject, device.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	dt.KeyUsage = x509.KeyUsageDigitalSignature
	dt.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return &forge{
		person: person, device: device, personIssuer: person, deviceIssuer: person,
		personCert: *pt, deviceCert: *dt,
	}
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (f *forge) chain(t testing.TB) []*x509.Certificate {
	t.Helper()
	person := makeCert(t, &f.personCert, &f.personCert, f.person, f.personIssuer)
	device := makeCert(t, &f.deviceCert, person, f.device, f.deviceIssuer)
	return []*x509.Certificate{device, person}
}

// makeCert signs with any issuer key, also one that is not parent's.
func makeCert(t testing.TB, tmpl, parent *x509.Certificate, key, issuer crypto.Signer) *x509.Certificate {
	t.Helper()
	p := *parent
	p.PublicKey = nil // or the library checks that the keys belong together
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, &p, key.Public(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func criticalExtension(oid asn1.ObjectIdentifier, value []byte) []pkix.Extension {
	return []pkix.Extension{{Id: oid, Critical: true, Value: value}}
}

func TestCheckChainAcceptsGood(t *testing.T) {
	f := newForge(t)
	chain := f.chain(t)
	got, err := CheckChain(chain)
	if err != nil {
		t.Fatal(err)
	}
	wantPin := sha256.Sum256(chain[1].RawSubjectPublicKeyInfo)
	wantDevice := sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)
	if got.Pin != wantPin || got.Device != wantDevice {
		t.Errorf("got %v %v", got.Pin, got.Device)
	}
	if len(got.IdentitySPKI) != 44 || !bytes.Equal(got.IdentitySPKI, chain[1].RawSubjectPublicKeyInfo) ||
		len(got.DeviceSPKI) != 44 || !bytes.Equal(got.DeviceSPKI, chain[0].RawSubjectPublicKeyInfo) {
		t.Error("wrong SubjectPublicKeyInfo")
	}
}

// What 4.2 says is ignored, and what RFC 5280 lets another implementation
// leave out.
func TestCheckChainIgnores(t *testing.T) {
	tests := []struct {
		name string
		set  func(*forge)
	}{
		{"T-33 clock at 1970", func(f *forge) {
			f.deviceCert.NotAfter = time.Unix(1, 0)
			f.personCert.NotAfter = time.Unix(1, 0)
		}},
		{"T-33 clock at 2099", func(f *forge) {
			f.deviceCert.NotBefore = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
			f.personCert.NotBefore = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
		}},
		{"no subjects", func(f *forge) { f.deviceCert.Subject, f.personCert.Subject = pkix.Name{}, pkix.Name{} }},
		{"one subject", func(f *forge) { f.deviceCert.Subject = f.personCert.Subject }},
		{"one serial", func(f *forge) { f.deviceCert.SerialNumber, f.personCert.SerialNumber = big.NewInt(1), big.NewInt(1) }},
		{"device without basic constraints", func(f *forge) { f.deviceCert.BasicConstraintsValid = false }},
		{"other names", func(f *forge) { f.deviceCert.DNSNames = []string{"example.org"} }},
		{"an extension that is not critical", func(f *forge) {
			f.deviceCert.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}},
		{"more usages", func(f *forge) {
			f.deviceCert.KeyUsage |= x509.KeyUsageContentCommitment
			f.deviceCert.ExtKeyUsage = append(f.deviceCert.ExtKeyUsage, x509.ExtKeyUsageCodeSigning)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newForge(t)
			tt.set(f)
			if _, err := CheckChain(f.chain(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every sentence of security.md 4.2, broken in one way each.
func TestCheckChainRefuses(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	oidNameConstraints := asn1.ObjectIdentifier{2, 5, 29, 30}
	dnsConstraint, _ := hex.DecodeString("300fa00d300b82096c6f63616c686f7374")
	tests := []struct {
		name, want string
		set        func(*forge)
	}{
		{"RSA device", "device certificate: key is not Ed25519", func(f *forge) { f.device = rsaKey }},
		{"RSA identity", "identity certificate: key is not Ed25519", func(f *forge) {
			f.person, f.personIssuer, f.deviceIssuer = rsaKey, rsaKey, rsaKey
		}},
		{"ECDSA device", "device certificate: key is not Ed25519", func(f *forge) { f.device = ecKey }},
		{"ECDSA identity", "identity certificate: key is not Ed25519", func(f *forge) {
			f.person, f.personIssuer, f.deviceIssuer = ecKey, ecKey, ecKey
		}},
		{"device signed with RSA", "device certificate: signature is not Ed25519", func(f *forge) { f.deviceIssuer = rsaKey }},
		{"identity signed with ECDSA", "identity certificate: signature is not Ed25519", func(f *forge) { f.personIssuer = ecKey }},
		{"one key twice", "one key", func(f *forge) { f.device = f.person }},
		{"identity not self-signed", "self-signature is wrong", func(f *forge) { f.personIssuer = newKey(t) }},
		{"identity not a CA", "not a CA", func(f *forge) { f.personCert.IsCA, f.personCert.MaxPathLenZero = false, false }},
		{"identity without basic constraints", "not a CA", func(f *forge) { f.personCert.BasicConstraintsValid = false }},
		{"path length 1", "path length", func(f *forge) { f.personCert.MaxPathLen, f.personCert.MaxPathLenZero = 1, false }},
		{"no path length", "path length", func(f *forge) { f.personCert.MaxPathLen, f.personCert.MaxPathLenZero = -1, false }},
		{"identity without keyCertSign", "may not sign certificates", func(f *forge) { f.personCert.KeyUsage = x509.KeyUsageDigitalSignature }},
		{"T-11 device signed by another identity", "not signed by the identity key", func(f *forge) { f.deviceIssuer = newKey(t) }},
		{"device signed by itself", "not signed by the identity key", func(f *forge) { f.deviceIssuer = f.device }},
		{"device is a CA", "device certificate: is a CA", func(f *forge) { f.deviceCert.IsCA = true }},
		{"device without key usage", "may not sign", func(f *forge) { f.deviceCert.KeyUsage = 0 }},
		{"device for certificates only", "may not sign", func(f *forge) { f.deviceCert.KeyUsage = x509.KeyUsageCertSign }},
		{"device not a server", "may not be a server", func(f *forge) { f.deviceCert.ExtKeyUsage = f.deviceCert.ExtKeyUsage[1:] }},
		{"device not a client", "may not be a client", func(f *forge) { f.deviceCert.ExtKeyUsage = f.deviceCert.ExtKeyUsage[:1] }},
		{"device without usages", "may not be a server", func(f *forge) { f.deviceCert.ExtKeyUsage = nil }},
		{"device for any usage", "may not be a server", func(f *forge) { f.deviceCert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }},
		{"unknown critical extension, device", "device certificate: critical extension 1.2.3", func(f *forge) {
			f.deviceCert.ExtraExtensions = criticalExtension(asn1.ObjectIdentifier{1, 2, 3}, []byte{5, 0})
		}},
		{"unknown critical extension, identity", "identity certificate: critical extension 1.2.3", func(f *forge) {
			f.personCert.ExtraExtensions = criticalExtension(asn1.ObjectIdentifier{1, 2, 3}, []byte{5, 0})
		}},
		{"critical name constraints", "identity certificate: critical extension 2.5.29.30", func(f *forge) {
			f.personCert.ExtraExtensions = criticalExtension(oidNameConstraints, dnsConstraint)
		}},
		{"oversize device", "more than 1024", func(f *forge) { f.deviceCert.Subject.Organization = []string{strings.Repeat("x", 1024)} }},
		{"oversize identity", "more than 1024", func(f *forge) { f.personCert.Subject.Organization = []string{strings.Repeat("x", 1024)} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newForge(t)
			tt.set(f)
			got, err := CheckChain(f.chain(t))
			wantRefused(t, got, err, tt.want)
		})
	}
}

func wantRefused(t *testing.T, got Chain, err error, want string) {
	t.Helper()
	if !errors.Is(err, ErrChain) || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %q", err, want)
	}
	if !got.Pin.IsZero() || !got.Device.IsZero() || got.IdentitySPKI != nil || got.DeviceSPKI != nil {
		t.Errorf("a refused chain gave %+v", got)
	}
}

// Chains of whole certificates, each of them good.
func TestCheckChainRefusesCompositions(t *testing.T) {
	ours, victim := newForge(t).chain(t), newForge(t).chain(t)
	tests := []struct {
		name, want string
		chain      []*x509.Certificate
	}{
		{"nothing", "0 certificates", nil},
		{"device alone", "1 certificates", ours[:1]},
		{"identity alone", "1 certificates", ours[1:]},
		{"three", "3 certificates", append(ours[:2:2], victim[1])},
		{"swapped", "not a CA", []*x509.Certificate{ours[1], ours[0]}},
		{"device twice", "one key", []*x509.Certificate{ours[0], ours[0]}},
		{"identity twice", "one key", []*x509.Certificate{ours[1], ours[1]}},
		{"T-11 own device, victim's identity", "not signed by the identity key", []*x509.Certificate{ours[0], victim[1]}},
		{"T-11 victim's device, own identity", "not signed by the identity key", []*x509.Certificate{victim[0], ours[1]}},
		{"own identity as device of victim", "device certificate: is a CA", []*x509.Certificate{ours[1], victim[1]}},
		{"hole", "device certificate: missing", []*x509.Certificate{nil, ours[1]}},
		{"other hole", "identity certificate: missing", []*x509.Certificate{ours[0], nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CheckChain(tt.chain)
			wantRefused(t, got, err, tt.want)
		})
	}
}

// One key must have one pin: crypto/x509 lets octets follow the key inside
// its SubjectPublicKeyInfo.
func TestCheckChainRefusesOtherFormOfKey(t *testing.T) {
	for i, role := range []string{"device", "identity"} {
		chain := newForge(t).chain(t)
		c := *chain[i]
		c.RawSubjectPublicKeyInfo = append(bytes.Clone(c.RawSubjectPublicKeyInfo), 5, 0)
		c.RawSubjectPublicKeyInfo[1] += 2
		chain[i] = &c
		got, err := CheckChain(chain)
		wantRefused(t, got, err, role+" certificate: key is not in its DER form")
	}
}

// Every octet of a certificate counts: with one bit turned it either does not
// parse or is refused.
func TestCheckChainEveryOctetCounts(t *testing.T) {
	chain := newForge(t).chain(t)
	for which := range chain {
		for i := range chain[which].Raw {
			raw := bytes.Clone(chain[which].Raw)
			raw[i] ^= 1
			c, err := x509.ParseCertificate(raw)
			if err != nil {
				continue
			}
			changed := []*x509.Certificate{chain[0], chain[1]}
			changed[which] = c
			if _, err := CheckChain(changed); err == nil {
				t.Errorf("certificate %d octet %d is not looked at", which, i)
			}
		}
	}
}

func FuzzCheckChain(f *testing.F) {
	chain := newForge(f).chain(f)
	f.Add(chain[0].Raw, chain[1].Raw)
	f.Add(chain[1].Raw, chain[0].Raw)
	f.Fuzz(func(t *testing.T, device, person []byte) {
		d, err := x509.ParseCertificate(device)
		if err != nil {
			return
		}
		p, err := x509.ParseCertificate(person)
		if err != nil {
			return
		}
		got, err := CheckChain([]*x509.Certificate{d, p})
		if (err == nil) == got.Pin.IsZero() {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func BenchmarkCheckChain(b *testing.B) {
	chain := newForge(b).chain(b)
	for b.Loop() {
		if _, err := CheckChain(chain); err != nil {
			b.Fatal(err)
		}
	}
}
