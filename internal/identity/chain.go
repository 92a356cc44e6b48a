package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// maxCertificate bounds one certificate (security.md 4.2).
const maxCertificate = 1024

// spkiPrefix is the DER of an Ed25519 SubjectPublicKeyInfo up to the key
// itself (RFC 8410 section 4): 12 octets, 44 with the key.
var spkiPrefix = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}

// Critical extensions whose meaning CheckChain enforces (RFC 5280 4.2.1.9,
// 4.2.1.3, 4.2.1.12). crypto/x509 knows more of them, name constraints for
// instance, but only Verify obeys those, and we do not call it.
var enforced = []asn1.ObjectIdentifier{{2, 5, 29, 19}, {2, 5, 29, 15}, {2, 5, 29, 37}}

// ErrChain is wrapped by every error of CheckChain.
var ErrChain = errors.New("identity: certificate chain refused")

// Chain is what a valid certificate chain says about the other side. It
// proves nothing before the handshake has returned (security.md, T-10).
type Chain struct {
	Pin    Pin
	Device DeviceID
	// The SubjectPublicKeyInfo of both keys, 44 octets of DER each.
	IdentitySPKI, DeviceSPKI []byte
}

// CheckChain decides whether certs, as TLS delivered them, are one device of
// one person, and of whom (security.md 4.2). Subjects, serial numbers and
// dates are ignored.
func CheckChain(certs []*x509.Certificate) (Chain, error) {
	if len(certs) != 2 {
		return Chain{}, fmt.Errorf("%w: %d certificates instead of 2", ErrChain, len(certs))
	}
	device, person := certs[0], certs[1]
	if err := errors.Join(checkForm("device", device), checkForm("identity", person)); err != nil {
		return Chain{}, err
	}
	if bytes.Equal(publicKey(device), publicKey(person)) {
		return Chain{}, fmt.Errorf("%w: one key in both certificates", ErrChain)
	}
	if err := checkPerson(person); err != nil {
		return Chain{}, err
	}
	if err := checkDevice(device, publicKey(person)); err != nil {
		return Chain{}, err
	}
	return newChain(publicKey(device), publicKey(person)), nil
}

func newChain(device, person ed25519.PublicKey) Chain {
	c := Chain{IdentitySPKI: spki(person), DeviceSPKI: spki(device)}
	c.Pin = sha256.Sum256(c.IdentitySPKI)
	c.Device = sha256.Sum256(c.DeviceSPKI)
	return c
}

// spki returns the one DER form of a key.
func spki(key ed25519.PublicKey) []byte { return slices.Concat(spkiPrefix, key) }

// publicKey may be used on what passed checkForm.
func publicKey(c *x509.Certificate) ed25519.PublicKey { return c.PublicKey.(ed25519.PublicKey) }

// checkForm looks at what both certificates have in common.
func checkForm(role string, c *x509.Certificate) error {
	if c == nil {
		return refuse(role, "missing")
	}
	if len(c.Raw) > maxCertificate {
		return refuse(role, fmt.Sprintf("%d octets, more than %d", len(c.Raw), maxCertificate))
	}
	key, ok := c.PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PublicKeySize {
		return refuse(role, "key is not Ed25519")
	}
	// The pin hashes this field: one key must not have two pins.
	if !bytes.Equal(c.RawSubjectPublicKeyInfo, spki(key)) {
		return refuse(role, "key is not in its DER form")
	}
	if c.SignatureAlgorithm != x509.PureEd25519 {
		return refuse(role, "signature is not Ed25519")
	}
	for _, e := range c.Extensions {
		known := slices.ContainsFunc(enforced, e.Id.Equal)
		if e.Critical && !known {
			return refuse(role, "critical extension "+e.Id.String())
		}
	}
	if len(c.UnhandledCriticalExtensions) > 0 {
		return refuse(role, "critical extension not understood")
	}
	return nil
}

// checkPerson looks at the certificate of the identity key, its own issuer.
func checkPerson(c *x509.Certificate) error {
	const role = "identity"
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return refuse(role, "not a CA")
	case c.MaxPathLen != 0 || !c.MaxPathLenZero:
		return refuse(role, "path length is not 0")
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return refuse(role, "may not sign certificates") // README 6
	case !ed25519.Verify(publicKey(c), c.RawTBSCertificate, c.Signature):
		return refuse(role, "self-signature is wrong")
	}
	return nil
}

// checkDevice looks at the certificate of the device key, signed by issuer.
func checkDevice(c *x509.Certificate, issuer ed25519.PublicKey) error {
	const role = "device"
	switch {
	case c.IsCA:
		return refuse(role, "is a CA")
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuse(role, "may not sign")
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth):
		return refuse(role, "may not be a server")
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return refuse(role, "may not be a client")
	case !ed25519.Verify(issuer, c.RawTBSCertificate, c.Signature):
		return refuse(role, "not signed by the identity key")
	}
	return nil
}

func refuse(role, problem string) error {
	return fmt.Errorf("%w: %s certificate: %s", ErrChain, role, problem)
}
