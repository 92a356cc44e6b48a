package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"
)

// Subjects are the same for everybody: a certificate names a key, nothing
// else. Not empty, so that the alternative name need not be critical.
const (
	personSubject = "llchat identity"
	deviceSubject = "llchat device"
)

// serialLen is the length of a serial number (RFC 5280 4.1.2.2: at most 20).
const serialLen = 16

// keyIDLen is the length of a key identifier (RFC 7093 section 2).
const keyIDLen = 20

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidXmppAddr       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 5} // RFC 6120 13.7.1.4
)

// Dates that no wrong clock falls out of (security.md, T-33). The later one
// is RFC 5280's "no well-defined expiration date" but for the second.
var (
	notBefore = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// personCertificate makes the self-signed certificate of the identity key.
func personCertificate(person ed25519.PrivateKey) ([]byte, error) {
	public := person.Public().(ed25519.PublicKey)
	t, err := template(personSubject, public)
	if err != nil {
		return nil, err
	}
	t.SubjectKeyId = keyID(public)
	t.IsCA = true
	t.MaxPathLenZero = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	return x509.CreateCertificate(rand.Reader, t, t, public, person)
}

// deviceCertificate makes the certificate of a device key, signed by the
// identity key whose own certificate is issuer.
func deviceCertificate(device ed25519.PublicKey, person ed25519.PrivateKey, issuer *x509.Certificate) ([]byte, error) {
	t, err := template(deviceSubject, device)
	if err != nil {
		return nil, err
	}
	address, err := addressExtension(person.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.ExtraExtensions = []pkix.Extension{address}
	return x509.CreateCertificate(rand.Reader, t, issuer, device, person)
}

func template(subject string, key ed25519.PublicKey) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: subject},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
	}, nil
}

// keyID is method 4 of RFC 7093 section 2, which needs no hash but SHA-256. Only
// the issuer needs one (RFC 5280 4.2.1.2).
func keyID(key ed25519.PublicKey) []byte {
	hash := sha256.Sum256(spki(key))
	return hash[:keyIDLen]
}

// newSerial returns a random positive number whose DER form always has the
// same length, so that all our certificates have.
func newSerial() (*big.Int, error) {
	octets := make([]byte, serialLen)
	if _, err := rand.Read(octets); err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	octets[0] = octets[0]&0x7f | 0x40
	return new(big.Int).SetBytes(octets), nil
}

// address is the person as a JID: the form of XEP-0516 section 4, where the
// octet 00 stands for Ed25519.
func address(person ed25519.PublicKey) string {
	return "00" + hex.EncodeToString(person) + "@id.internal"
}

// otherName is RFC 5280 4.2.1.6; GeneralName's tag 0 is set where it is used.
type otherName struct {
	Type  asn1.ObjectIdentifier
	Value string `asn1:"utf8,tag:0,explicit"`
}

// addressExtension is a SubjectAltName with one XmppAddr.
func addressExtension(person ed25519.PublicKey) (pkix.Extension, error) {
	name, err := asn1.MarshalWithParams(otherName{oidXmppAddr, address(person)}, "tag:0")
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode XmppAddr: %w", err)
	}
	value, err := asn1.Marshal([]asn1.RawValue{{FullBytes: name}})
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode XmppAddr: %w", err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Value: value}, nil
}
