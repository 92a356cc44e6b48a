package wire

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ErrText means that pairs cannot be written as TXT data.
var ErrText = errors.New("wire: bad TXT pair")

// Pair is one key of a TXT record (RFC 6763 section 6.4).
type Pair struct {
	Key      string // as received; compare without regard to ASCII case
	Value    []byte
	HasValue bool // "key=" has an empty value, "key" has none
}

// Strings walks over the strings of TXT data; it stops at the first that
// does not fit.
func Strings(txt []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(txt) > 0 {
			n := int(txt[0])
			if n+1 > len(txt) || !yield(txt[1:1+n]) {
				return
			}
			txt = txt[1+n:]
		}
	}
}

// ParseText reads the pairs of TXT data in order: the first of a key wins
// (ASCII case aside), strings without a printable key are ignored (RFC 6763
// section 6.4), so are keys longer than MaxKey and what lies beyond MaxTXT
// octets or MaxStrings strings (L-21).
func ParseText(txt []byte) []Pair {
	var out []Pair
	strings, size := 0, 0
	for s := range Strings(txt) {
		strings++
		if size += 1 + len(s); strings > MaxStrings || size > MaxTXT {
			break
		}
		key, value, has := bytes.Cut(s, []byte("="))
		if !validKey(string(key)) || hasKey(out, string(key)) {
			continue
		}
		p := Pair{Key: string(key), HasValue: has}
		if has && len(value) > 0 {
			p.Value = bytes.Clone(value)
		}
		out = append(out, p)
	}
	return out
}

// AppendText encodes pairs as TXT data; no pairs give the single zero octet
// of RFC 6763 section 6.1. It errs on a bad or second key and beyond L-21.
func AppendText(dst []byte, pairs []Pair) ([]byte, error) {
	if len(pairs) == 0 {
		return append(dst, 0), nil
	}
	start := len(dst)
	for i, p := range pairs {
		n := len(p.Key)
		if p.HasValue {
			n += 1 + len(p.Value)
		}
		switch {
		case !validKey(p.Key), hasKey(pairs[:i], p.Key):
			return dst[:start], fmt.Errorf("%w: key %q", ErrText, p.Key)
		case n > 255, i >= MaxStrings, len(dst)-start+1+n > MaxTXT:
			return dst[:start], fmt.Errorf("%w: %q is too long", ErrText, p.Key)
		}
		dst = append(append(dst, byte(n)), p.Key...)
		if p.HasValue {
			dst = append(append(dst, '='), p.Value...)
		}
	}
	return dst, nil
}

// validKey wants printable ASCII without '=' (RFC 6763 section 6.4).
func validKey(key string) bool {
	if key == "" || len(key) > MaxKey {
		return false
	}
	for i := range len(key) {
		if c := key[i]; c < 0x20 || c > 0x7e || c == '=' {
			return false
		}
	}
	return true
}

func hasKey(pairs []Pair, key string) bool {
	for _, p := range pairs {
		if strings.EqualFold(p.Key, key) { // both are ASCII
			return true
		}
	}
	return false
}
