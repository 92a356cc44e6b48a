package wire

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of names.
var (
	ErrLabel = errors.New("wire: label is empty or longer than 63 octets")
	ErrName  = errors.New("wire: name is longer than 255 octets")
)

// Name is a domain name: the wire octets of its labels (length, octets, ...)
// without the root's zero. It is comparable, but == tells capital letters
// from small ones; use Equal or Key. The zero Name is the root.
type Name struct{ wire string }

// NewName makes a name of labels, the leftmost first. Labels may hold any
// octets.
func NewName(labels ...[]byte) (Name, error) {
	var b []byte
	for _, l := range labels {
		if len(l) == 0 || len(l) > MaxLabel {
			return Name{}, fmt.Errorf("%w: %q", ErrLabel, l)
		}
		b = append(b, byte(len(l)))
		b = append(b, l...)
	}
	if len(b) > MaxName {
		return Name{}, ErrName
	}
	return Name{string(b)}, nil
}

// MustName is NewName for names known when the program is written; it panics
// on a bad label.
func MustName(labels ...string) Name {
	b := make([][]byte, len(labels))
	for i, l := range labels {
		b[i] = []byte(l)
	}
	n, err := NewName(b...)
	if err != nil {
		panic(err)
	}
	return n
}

// Child puts one more label to the left of n.
func (n Name) Child(label string) (Name, error) {
	if label == "" || len(label) > MaxLabel {
		return Name{}, fmt.Errorf("%w: %q", ErrLabel, label)
	}
	if len(label)+1+len(n.wire) > MaxName {
		return Name{}, ErrName
	}
	return Name{string(rune(len(label))) + label + n.wire}, nil
}

// Labels returns the labels as raw octets, the leftmost first.
func (n Name) Labels() []string {
	var out []string
	for w := n.wire; w != ""; w = w[1+int(w[0]):] {
		out = append(out, w[1:1+int(w[0])])
	}
	return out
}

// First returns the leftmost label, "" for the root.
func (n Name) First() string {
	if n.wire == "" {
		return ""
	}
	return n.wire[1 : 1+int(n.wire[0])]
}

// Parent returns n without its leftmost label; the root is its own parent.
func (n Name) Parent() Name {
	if n.wire == "" {
		return n
	}
	return Name{n.wire[1+int(n.wire[0]):]}
}

// IsRoot reports whether n has no labels.
func (n Name) IsRoot() bool { return n.wire == "" }

// Key returns the octets of n with ASCII letters made small, for maps and
// comparisons (RFC 6762 section 16: ASCII case only).
func (n Name) Key() string { return lowerASCII(n.wire) }

// Equal compares without regard to ASCII case.
func (n Name) Equal(o Name) bool { return equalFold(n.wire, o.wire) }

// HasSuffix reports whether n is suffix or lies below it, at a label border.
func (n Name) HasSuffix(suffix Name) bool {
	for {
		if len(n.wire) <= len(suffix.wire) {
			return n.Equal(suffix)
		}
		n = n.Parent()
	}
}

// Len returns the uncompressed size on the wire, with the root's zero.
func (n Name) Len() int { return len(n.wire) + 1 }

// AppendWire appends the uncompressed form with the root's zero.
func (n Name) AppendWire(dst []byte) []byte {
	return append(append(dst, n.wire...), 0)
}

// String is for logs only: dots and odd octets are escaped as in RFC 4343.
func (n Name) String() string {
	if n.wire == "" {
		return "."
	}
	var b strings.Builder
	for _, l := range n.Labels() {
		for i := range len(l) {
			switch c := l[i]; {
			case c == '.' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < 0x20 || c >= 0x7f:
				fmt.Fprintf(&b, "\\%03d", c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

// lowerASCII leaves length octets (at most 63, below 'A') as they are.
func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				b[j] = lowerByte(b[j])
			}
			return string(b)
		}
	}
	return s
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
