package wire

import "iter"

// Pair is one key of a TXT record (RFC 6763 section 6.4).
type Pair struct {
	Key      string // as received; compare without regard to ASCII case
	Value    []byte
	HasValue bool // "key=" has an empty value, "key" has none
}

// Strings walks over the strings of TXT data; it stops at the first that
// does not fit.
func Strings(txt []byte) iter.Seq[[]byte] { return func(func([]byte) bool) {} }

// ParseText reads the pairs of TXT data in order: the first of a key wins
// (ASCII case aside), strings without a printable key are ignored (RFC 6763
// section 6.4), so are keys longer than MaxKey and what lies beyond MaxTXT
// octets or MaxStrings strings (L-21).
func ParseText(txt []byte) []Pair { return nil }

// AppendText encodes pairs as TXT data; no pairs give the single zero octet
// of RFC 6763 section 6.1. It errs on a bad key and beyond L-21.
func AppendText(dst []byte, pairs []Pair) ([]byte, error) { return dst, nil }
