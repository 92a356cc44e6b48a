package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// versionWord begins the version line, fileVersion ends it.
	versionWord = "llchat-identity "
	fileVersion = "1"

	blockKey  = "PRIVATE KEY" // RFC 7468 section 10
	blockCert = "CERTIFICATE" // RFC 7468 section 5

	// maxFile leaves room for the user's comments; without any the file has
	// 1,573 octets (measured).
	maxFile = 16 << 10
)

// Hints for the person who started llchat.
const (
	hintCorrupt = "move it away and take your backup in: llchat restore FILE; or put back a copy of it; only if you have none, move the whole profile away and start anew, as a person whom nobody knows yet"
	hintGone    = "take your backup in: llchat restore FILE; or put back a copy of this file: without it nobody knows you any more; only if you have none, move the whole profile away and start anew, as a person whom nobody knows yet"
	hintNewer   = "it was written by a newer llchat; use that one"
)

// Error is a file "identity" that cannot be used. Nothing that the file holds
// is in it.
type Error struct {
	Problem string // lower case, a fact
	Hint    string // what the user can do
	Err     error  // the cause, if there is one
}

// Error is part of error.
func (e *Error) Error() string {
	if e.Err != nil {
		return "identity file: " + e.Problem + ": " + e.Err.Error()
	}
	return "identity file: " + e.Problem
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func corrupt(problem string, cause error) error {
	return &Error{Problem: problem, Hint: hintCorrupt, Err: cause}
}

// Parse reads what Marshal wrote. The result of Marshal on an Identity that
// Parse returned is the same octets. The text is left as it is; who read it
// from disk should overwrite it.
func Parse(text []byte) (*Identity, error) {
	if len(text) > maxFile {
		return nil, corrupt("too long", nil)
	}
	head, body, err := splitHead(text)
	if err != nil {
		return nil, err
	}
	rest, err := takeVersion(body)
	if err != nil {
		return nil, err
	}
	id, err := parseBlocks(rest)
	if err != nil {
		return nil, err
	}
	id.head = bytes.Clone(head)
	again := id.Marshal()
	same := bytes.Equal(again, text)
	clear(again)
	if !same {
		id.Erase()
		return nil, corrupt("not in the form that llchat writes", nil)
	}
	return id, nil
}

// splitHead cuts the comment lines off.
func splitHead(text []byte) (head, body []byte, err error) {
	body = text
	for len(body) > 0 && (body[0] == '#' || body[0] == '\n') {
		line, rest, ok := bytes.Cut(body, []byte("\n"))
		unfit := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) && r != '\t' }
		if !ok || bytes.ContainsFunc(line, unfit) {
			return nil, nil, corrupt("comment line is not plain text", nil)
		}
		body = rest
	}
	return text[:len(text)-len(body)], body, nil
}

// takeVersion cuts the version line off.
func takeVersion(body []byte) ([]byte, error) {
	line, rest, ok := bytes.Cut(body, []byte("\n"))
	version, found := strings.CutPrefix(string(line), versionWord)
	switch {
	case !ok || !found:
		return nil, corrupt("no version line", nil)
	case version == fileVersion:
		return rest, nil
	case newerVersion(version):
		return nil, &Error{Problem: "version " + version + " is not known", Hint: hintNewer}
	default:
		return nil, corrupt("no version line", nil)
	}
}

// newerVersion takes a number of at most 4 digits for a later version of ours.
func newerVersion(s string) bool {
	digit := func(r rune) bool { return r < '0' || r > '9' }
	return s != "" && len(s) <= 4 && s[0] != '0' && !strings.ContainsFunc(s, digit)
}

// parseBlocks reads the four blocks; Parse holds the result against the text.
func parseBlocks(rest []byte) (*Identity, error) {
	person, rest, err := takeKey(rest)
	if err != nil {
		return nil, corrupt("identity key", err)
	}
	personCert, rest, err := takeCertificate(rest)
	if err != nil {
		return nil, corrupt("identity certificate", err)
	}
	device, rest, err := takeKey(rest)
	if err != nil {
		return nil, corrupt("device key", err)
	}
	deviceCert, _, err := takeCertificate(rest)
	if err != nil {
		return nil, corrupt("device certificate", err)
	}
	id, err := assemble(person, device, personCert, deviceCert)
	if err != nil {
		return nil, corrupt("keys and certificates do not match", err)
	}
	return id, nil
}

func takeKey(text []byte) (ed25519.PrivateKey, []byte, error) {
	block, rest, err := takeBlock(text, blockKey)
	if err != nil {
		return nil, nil, err
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The library's words may quote what it read.
		return nil, nil, errors.New("not PKCS #8")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, nil, errors.New("not an Ed25519 key")
	}
	return key, rest, nil
}

func takeCertificate(text []byte) (*x509.Certificate, []byte, error) {
	block, rest, err := takeBlock(text, blockCert)
	if err != nil {
		return nil, nil, err
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("not X.509: %w", err)
	}
	return c, rest, nil
}

func takeBlock(text []byte, kind string) (*pem.Block, []byte, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, nil, fmt.Errorf("no block %q", kind)
	}
	return block, rest, nil
}

// Marshal returns the content of the file "identity". It holds the private
// keys: overwrite it after use.
func (id *Identity) Marshal() []byte {
	// Enough for all of it: a buffer that grows leaves copies behind.
	w := bytes.NewBuffer(make([]byte, 0, maxFile))
	w.Write(id.head)
	w.WriteString(versionWord + fileVersion + "\n")
	putKey(w, id.person)
	putBlock(w, blockCert, id.personCert.Raw)
	putKey(w, id.device)
	putBlock(w, blockCert, id.deviceCert.Raw)
	return w.Bytes()
}

// pkcs8Prefix is the DER of an Ed25519 PrivateKeyInfo up to the seed (RFC
// 8410 section 7), version 0 and no attributes.
var pkcs8Prefix = []byte{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}

func putKey(w *bytes.Buffer, s signer) {
	der := make([]byte, 0, len(pkcs8Prefix)+ed25519.SeedSize)
	der = append(append(der, pkcs8Prefix...), s.seed()...)
	putBlock(w, blockKey, der)
	clear(der)
}

func putBlock(w *bytes.Buffer, kind string, der []byte) {
	// A Buffer does not fail, and there are no headers to get wrong.
	_ = pem.Encode(w, &pem.Block{Type: kind, Bytes: der})
}

// defaultHead is the comment of a new file.
func defaultHead(p Pin) []byte {
	return []byte("# llchat identity. Whoever has this file is you: show it to nobody, keep a copy.\n" +
		"# Fingerprint: " + strings.Join(p.Groups(), " ") + "\n")
}
