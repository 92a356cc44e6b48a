package mdns

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"llchat/internal/mdns/wire"
)

// maxMsg is how much of the status message goes into the TXT record: README 3.
const maxMsg = 80

// maxString is the longest string of a TXT record (RFC 6763 6.1).
const maxString = 255

// TextEntry is one string of a TXT record: "key", "key=" or "key=value".
type TextEntry struct {
	Key      string
	Value    []byte
	HasValue bool // there was a "="
}

// Text is a TXT record in order. The zero value is the empty record.
type Text []TextEntry

// Get returns the value of key, compared without ASCII case; the first entry
// wins (RFC 6763 6.4). ok is true also for a key without a value.
func (t Text) Get(key string) (value string, ok bool) {
	for _, e := range t {
		if foldASCII(e.Key) == foldASCII(key) {
			return string(e.Value), true
		}
	}
	return "", false
}

// PresenceText is the TXT record of the open profile: txtvers=1 first, then
// nick, status and msg; empty values are left out, msg is cut to 80 octets at a
// rune, nick to what one string of a TXT record holds.
func PresenceText(nick, status, msg string) Text {
	t := Text{{Key: "txtvers", Value: []byte("1"), HasValue: true}}
	add := func(key, value string, limit int) {
		if value = cutRunes(value, limit); value != "" {
			t = append(t, TextEntry{Key: key, Value: []byte(value), HasValue: true})
		}
	}
	add("nick", nick, maxString-len("nick="))
	add("status", status, maxString-len("status="))
	add("msg", msg, maxMsg)
	return t
}

// cutRunes cuts s to at most n octets without splitting a rune.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// parseText reads TXT data as it was on the wire, within L-21.
func parseText(txt []byte) Text {
	var t Text
	for _, p := range wire.ParseText(txt) {
		t = append(t, TextEntry(p))
	}
	return t
}

// wire encodes t, or errs when the record would break L-21 or RFC 6763 6.4;
// nothing is cut silently.
func (t Text) wire() ([]byte, error) {
	pairs := make([]wire.Pair, 0, len(t))
	for i, e := range t {
		if _, dup := t[:i].Get(e.Key); dup { // 174-3.13
			return nil, &TextError{Key: e.Key, Err: errTwice}
		}
		pairs = append(pairs, wire.Pair(e))
	}
	txt, err := wire.AppendText(nil, pairs)
	if err != nil {
		return nil, &TextError{Err: err}
	}
	return txt, nil
}

var errTwice = errors.New("key occurs twice")

// TextError says why a TXT record cannot be published.
type TextError struct {
	Key string // the entry, when it is one
	Err error
}

func (e *TextError) Error() string {
	if e.Key == "" {
		return "mdns: text record: " + e.Err.Error()
	}
	return fmt.Sprintf("mdns: text record: key %q: %v", e.Key, e.Err)
}

// Unwrap returns the cause.
func (e *TextError) Unwrap() error { return e.Err }

// foldASCII lower-cases A-Z and nothing else: RFC 6762 16.
func foldASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
