package identity

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// secretText is all that a private key ever prints (security.md 13, G-3).
const secretText = "[secret]"

var errErased = errors.New("identity: private key was erased")

// signer is a private key, handed out as a crypto.Signer only. The key sits
// behind a function because package fmt, given a verb it does not like, looks
// through pointers and into unexported fields, but never calls or opens a
// function. For the same reason a signer cannot be compared with ==.
type signer struct {
	reveal func() ed25519.PrivateKey
}

func newSigner(key ed25519.PrivateKey) signer {
	return signer{reveal: func() ed25519.PrivateKey { return key }}
}

// Public is part of crypto.Signer.
func (s signer) Public() crypto.PublicKey { return s.public() }

func (s signer) public() ed25519.PublicKey {
	return append(ed25519.PublicKey(nil), s.reveal()[ed25519.SeedSize:]...)
}

// seed is the key itself, not a copy.
func (s signer) seed() []byte { return s.reveal()[:ed25519.SeedSize] }

// Sign is part of crypto.Signer.
func (s signer) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if allZero(s.seed()) {
		return nil, errErased
	}
	return s.reveal().Sign(random, message, opts)
}

// erase overwrites the seed. The public half stays: it is no secret.
func (s signer) erase() { clear(s.seed()) }

func (s signer) String() string               { return secretText }
func (s signer) GoString() string             { return secretText }
func (s signer) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, secretText) }
func (s signer) MarshalText() ([]byte, error) { return []byte(secretText), nil }
func (s signer) LogValue() slog.Value         { return slog.StringValue(secretText) }

// String prints no secret, and nothing else either.
func (id Identity) String() string { return secretText }

// GoString is String.
func (id Identity) GoString() string { return secretText }

// Format is String, whatever the verb.
func (id Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretText) }

// MarshalJSON is String as a JSON string. Use Marshal to keep an Identity.
func (id Identity) MarshalJSON() ([]byte, error) { return []byte(`"` + secretText + `"`), nil }

// LogValue is String.
func (id Identity) LogValue() slog.Value { return slog.StringValue(secretText) }

func allZero(octets []byte) bool {
	var or byte
	for _, o := range octets {
		or |= o
	}
	return or == 0
}
