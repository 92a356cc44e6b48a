package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// groupLen is the number of hex digits in one group of a fingerprint as people
// read it (security.md 4.1: 8 groups of 8).
const groupLen = 8

// ErrFingerprint says that a text is not a fingerprint.
var ErrFingerprint = errors.New("identity: not a fingerprint (64 hex digits)")

// Pin is what a person is to us: the SHA-256 of the SubjectPublicKeyInfo of
// their identity key. The zero Pin stands for "no key".
type Pin [sha256.Size]byte

// ParsePin reads a fingerprint as people type it: 64 hex digits of either
// case, with spaces or colons between groups.
func ParsePin(s string) (Pin, error) {
	digits := make([]byte, 0, 2*len(Pin{}))
	for _, r := range strings.TrimSpace(s) {
		separator := r == ' ' || r == ':'
		switch {
		case separator && len(digits)%2 == 0 && len(digits) > 0:
		case separator, r >= 0x80, len(digits) == cap(digits):
			return Pin{}, ErrFingerprint
		default:
			digits = append(digits, byte(r))
		}
	}
	var p Pin
	if err := decodeHash(p[:], bytes.ToLower(digits)); err != nil {
		return Pin{}, err
	}
	if p.IsZero() {
		return Pin{}, ErrFingerprint
	}
	return p, nil
}

// String returns the whole fingerprint: 64 lower-case hex digits.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// Groups returns the fingerprint as people compare it, in 8 groups of 8.
func (p Pin) Groups() []string {
	s := p.String()
	groups := make([]string, 0, len(s)/groupLen)
	for i := 0; i < len(s); i += groupLen {
		groups = append(groups, s[i:i+groupLen])
	}
	return groups
}

// Label returns the first group. It tells rows of a list apart; it is never
// enough to decide about a key.
func (p Pin) Label() string { return p.String()[:groupLen] }

// IsZero reports whether p stands for no key.
func (p Pin) IsZero() bool { return p == Pin{} }

// Equal compares in constant time.
func (p Pin) Equal(q Pin) bool { return subtle.ConstantTimeCompare(p[:], q[:]) == 1 }

// LogValue keeps whole pins out of logs (security.md 13, G-1).
func (p Pin) LogValue() slog.Value { return slog.StringValue(p.Label()) }

// MarshalText returns the 64 digits, nothing for the zero Pin.
func (p Pin) MarshalText() ([]byte, error) { return marshalHash(p[:], p.IsZero()), nil }

// UnmarshalText is the strict inverse of MarshalText.
func (p *Pin) UnmarshalText(text []byte) error { return unmarshalHash(p[:], text) }

// DeviceID names one device of a person: the SHA-256 of the
// SubjectPublicKeyInfo of the device key.
type DeviceID [sha256.Size]byte

// String returns 64 lower-case hex digits.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d stands for no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// Equal compares in constant time.
func (d DeviceID) Equal(e DeviceID) bool { return subtle.ConstantTimeCompare(d[:], e[:]) == 1 }

// Compare orders devices by their octets: the smaller of two is the arbiter
// of the pair (README 5.6).
func (d DeviceID) Compare(e DeviceID) int { return bytes.Compare(d[:], e[:]) }

// LogValue keeps the whole value out of logs.
func (d DeviceID) LogValue() slog.Value { return slog.StringValue(d.String()[:groupLen]) }

// MarshalText returns the 64 digits, nothing for the zero DeviceID.
func (d DeviceID) MarshalText() ([]byte, error) { return marshalHash(d[:], d.IsZero()), nil }

// UnmarshalText is the strict inverse of MarshalText.
func (d *DeviceID) UnmarshalText(text []byte) error { return unmarshalHash(d[:], text) }

func marshalHash(hash []byte, zero bool) []byte {
	if zero {
		return []byte{}
	}
	return hex.AppendEncode(nil, hash)
}

func unmarshalHash(dst, text []byte) error {
	if len(text) == 0 {
		clear(dst)
		return nil
	}
	hash := make([]byte, len(dst))
	if err := decodeHash(hash, text); err != nil {
		return err
	}
	if bytes.Count(hash, []byte{0}) == len(hash) {
		return fmt.Errorf("%w: all zero", ErrFingerprint)
	}
	copy(dst, hash)
	return nil
}

// decodeHash takes lower-case digits only, so that every value has one text.
func decodeHash(dst, digits []byte) error {
	if len(digits) != 2*len(dst) || !bytes.Equal(bytes.ToLower(digits), digits) {
		return ErrFingerprint
	}
	if _, err := hex.Decode(dst, digits); err != nil {
		return ErrFingerprint
	}
	return nil
}
