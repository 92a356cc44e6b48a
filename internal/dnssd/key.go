package dnssd

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// Algorithms of a Key; no other is taken (RFC 8945 6 makes the first the one
// to implement, and advises against those before it).
const (
	HMACSHA256 = "hmac-sha256"
	HMACSHA512 = "hmac-sha512"
)

const (
	maxKeyFile = 16 << 10
	minSecret  = 16 // octets: 128 bits
	maxSecret  = 1 << 10
)

// secretText is all that a secret ever prints (security.md 13, G-3).
const secretText = "[secret]"

// Key signs updates: TSIG, RFC 8945. Make one with ReadKey or ParseKey; the
// zero Key signs nothing.
type Key struct {
	Name      string // as the server has it
	Algorithm string // HMACSHA256 or HMACSHA512
	Secret    Secret
}

// Secret is the shared secret of a Key. It sits behind a function, because
// package fmt looks through pointers and into unexported fields, but never
// calls one; for the same reason it cannot be compared with ==.
type Secret struct{ reveal func() []byte }

// NewSecret keeps a copy of octets.
func NewSecret(octets []byte) Secret {
	octets = bytes.Clone(octets)
	return Secret{reveal: func() []byte { return octets }}
}

// String prints no secret; neither does anything below.
func (s Secret) String() string { return secretText }

// GoString is String.
func (s Secret) GoString() string { return secretText }

// Format is String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretText) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(secretText), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(secretText) }

// ReadKey reads a key file: BIND's syntax, as tsig-keygen writes it, or one
// line name:algorithm:base64. The file must be ours and nobody else's to read,
// so that the secret is never an argument of a program.
func ReadKey(path string) (Key, error) {
	fail := func(err error, hint string) (Key, error) {
		return Key{}, &Error{Op: "read key", What: path, Err: err, Hint: hint}
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err, "make one with: tsig-keygen -a hmac-sha256 NAME")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail(err, "")
	}
	if err := checkKeyFile(info); err != nil {
		return fail(err, "it must be a file of yours with mode 0600: chmod 600 it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return fail(err, "")
	}
	defer clear(data)
	k, err := ParseKey(data)
	if err != nil {
		return fail(err, "")
	}
	return k, nil
}

var errKeySyntax = errors.New("no key in BIND's syntax, and not name:algorithm:base64")

// ParseKey reads what a key file holds. Errors never quote it.
func ParseKey(data []byte) (Key, error) {
	if len(data) > maxKeyFile {
		return Key{}, errors.New("too long for a key file")
	}
	words, err := keyWords(string(data))
	if err != nil {
		return Key{}, err
	}
	if len(words) == 1 {
		parts := strings.Split(words[0], ":")
		if len(parts) != 3 {
			return Key{}, errKeySyntax
		}
		return newKey(parts[0], parts[1], parts[2])
	}
	if len(words) < 4 || words[0] != "key" || words[2] != "{" {
		return Key{}, errKeySyntax
	}
	var algorithm, secret string
	for rest := words[3:]; ; rest = rest[3:] {
		switch {
		case len(rest) > 0 && rest[0] == "}":
			if len(rest) > 2 || len(rest) == 2 && rest[1] != ";" {
				return Key{}, errors.New("there is more than one key in the file")
			}
			return newKey(words[1], algorithm, secret)
		case len(rest) < 3 || rest[2] != ";":
			return Key{}, errKeySyntax
		case rest[0] == "algorithm" && algorithm == "":
			algorithm = rest[1]
		case rest[0] == "secret" && secret == "":
			secret = rest[1]
		default:
			return Key{}, errKeySyntax
		}
	}
}

// keyWords splits a file in the syntax of named.conf into words, without
// comments and quotes; braces and semicolons are words of their own.
func keyWords(s string) ([]string, error) {
	var words []string
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		switch {
		case s == "":
			return words, nil
		case s[0] == '#' || strings.HasPrefix(s, "//"):
			_, s, _ = strings.Cut(s, "\n")
			continue
		case strings.HasPrefix(s, "/*"):
			var ended bool
			if _, s, ended = strings.Cut(s[2:], "*/"); !ended {
				return nil, errors.New("a comment does not end")
			}
			continue
		}
		n := strings.IndexAny(s, " \t\r\n{};\"")
		switch {
		case n < 0:
			n = len(s)
		case n == 0 && s[0] == '"':
			word, rest, ended := strings.Cut(s[1:], `"`)
			if !ended {
				return nil, errors.New("a quote does not end")
			}
			words, s = append(words, word), rest
			continue
		case n == 0:
			n = 1
		}
		words, s = append(words, s[:n]), s[n:]
	}
}

func newKey(name, algorithm, secret string) (Key, error) {
	octets, err := base64.StdEncoding.Strict().DecodeString(secret)
	if err != nil {
		return Key{}, errors.New("the secret is not base64")
	}
	defer clear(octets)
	k := Key{
		Name:      strings.ToLower(strings.TrimSuffix(name, ".")),
		Algorithm: strings.ToLower(strings.TrimSuffix(algorithm, ".")),
		Secret:    NewSecret(octets),
	}
	return k, k.check()
}

// check wants a key that can sign.
func (k Key) check() error {
	if len(k.Name) > maxDomain || checkLabels(k.Name) != nil {
		return errors.New("the key has no usable name")
	}
	if _, err := k.hash(); err != nil {
		return err
	}
	if k.Secret.reveal == nil {
		return errors.New("the key has no secret")
	}
	if n := len(k.Secret.reveal()); n < minSecret || n > maxSecret {
		return fmt.Errorf("the secret has %d octets; it must have %d to %d", n, minSecret, maxSecret)
	}
	return nil
}

func (k Key) hash() (func() hash.Hash, error) {
	switch k.Algorithm {
	case HMACSHA256:
		return sha256.New, nil
	case HMACSHA512:
		return sha512.New, nil
	}
	return nil, errors.New("the key's algorithm must be " + HMACSHA256 + " or " + HMACSHA512)
}

// signer is a Key for miekg/dns: a dns.TsigProvider.
type signer struct{ key Key }

// Generate is part of dns.TsigProvider.
func (s signer) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	if !same(t.Hdr.Name, dns.Fqdn(s.key.Name)) || !same(t.Algorithm, dns.Fqdn(s.key.Algorithm)) {
		return nil, dns.ErrSecret
	}
	h, err := s.key.hash()
	if err != nil {
		return nil, err
	}
	mac := hmac.New(h, s.key.Secret.reveal())
	mac.Write(msg)
	return mac.Sum(nil), nil
}

// Verify is part of dns.TsigProvider.
func (s signer) Verify(msg []byte, t *dns.TSIG) error {
	want, err := s.Generate(msg, t)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(t.MAC)
	if err != nil || !hmac.Equal(got, want) {
		return dns.ErrSig
	}
	return nil
}
