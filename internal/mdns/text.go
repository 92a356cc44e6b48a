package mdns

import (
	"strings"
	"unicode/utf8"
)

// maxMsg is how much of the status message goes into the TXT record: README 3.
const maxMsg = 80

// Limits of one TXT record, L-21 of security.md.
const (
	maxTextTotal   = 1300
	maxTextStrings = 32
	maxTextKey     = 32
	maxTextString  = 255
)

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
	add("nick", nick, maxTextString-len("nick="))
	add("status", status, maxTextString-len("status="))
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

// parseText reads the strings of a TXT record. Strings without a key (RFC 6763
// 6.4), repeated keys, keys above L-21 and whatever is beyond 32 strings or
// 1,300 octets are left out.
func parseText(raw [][]byte) Text {
	var t Text
	total := 0
	for i, s := range raw {
		total += 1 + len(s)
		if i >= maxTextStrings || total > maxTextTotal {
			break
		}
		key, value, has := strings.Cut(string(s), "=")
		if key == "" || len(key) > maxTextKey {
			continue
		}
		if _, dup := t.Get(key); dup {
			continue
		}
		e := TextEntry{Key: key, HasValue: has}
		if has {
			e.Value = []byte(value)
		}
		t = append(t, e)
	}
	return t
}

// strings returns the wire strings of t, or an error when the record would
// break L-21 or RFC 6763 6.4; nothing is cut silently.
func (t Text) strings() ([][]byte, error) {
	if len(t) > maxTextStrings {
		return nil, &TextError{Problem: "more than 32 strings"}
	}
	var out [][]byte
	total := 0
	for i, e := range t {
		s, err := e.wire()
		if err != nil {
			return nil, err
		}
		if _, dup := t[:i].Get(e.Key); dup {
			return nil, &TextError{Key: e.Key, Problem: "key occurs twice"} // 174-3.13
		}
		out = append(out, s)
		total += 1 + len(s)
	}
	if total > maxTextTotal {
		return nil, &TextError{Problem: "longer than 1300 octets"} // 174-3.12
	}
	return out, nil
}

func (e TextEntry) wire() ([]byte, error) {
	if e.Key == "" || len(e.Key) > maxTextKey {
		return nil, &TextError{Key: e.Key, Problem: "key must have 1 to 32 characters"}
	}
	for _, c := range []byte(e.Key) {
		if c < 0x20 || c > 0x7E || c == '=' { // RFC 6763 6.4
			return nil, &TextError{Key: e.Key, Problem: "key must be printable ASCII without ="}
		}
	}
	s := []byte(e.Key)
	if e.HasValue {
		s = append(append(s, '='), e.Value...)
	}
	if len(s) > maxTextString {
		return nil, &TextError{Key: e.Key, Problem: "longer than 255 octets"}
	}
	return s, nil
}

// TextError says which entry of a TXT record cannot be published and why.
type TextError struct {
	Key     string
	Problem string
}

func (e *TextError) Error() string {
	if e.Key == "" {
		return "mdns: text record: " + e.Problem
	}
	return "mdns: text record: key " + strings.ToValidUTF8(e.Key, "?") + ": " + e.Problem
}

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
