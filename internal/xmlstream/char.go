package xmlstream

import (
	"encoding/binary"
	"unicode/utf8"
)

// ValidChar reports whether XML 1.0 can carry r (section 2.2, production Char).
func ValidChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r <= 0xD7FF:
		return true
	case r < 0xE000:
		return false
	}
	return r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// checkChars reports whether b is UTF-8 and holds only characters that XML 1.0
// allows. Eight octets of plain ASCII at a time: most stanzas are nothing else.
func checkChars(b []byte) bool {
	for i := 0; i < len(b); {
		if i+8 <= len(b) && plainASCII(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
			continue
		}
		if c := b[i]; c < utf8.RuneSelf {
			if !ValidChar(rune(c)) {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if n == 1 || !ValidChar(r) { // n is 1 only for octets that are not UTF-8
			return false
		}
		i += n
	}
	return true
}

// One in each of eight octets, and the highest bit of each.
const (
	ones  uint64 = 0x0101010101010101
	highs uint64 = 0x8080808080808080
)

// plainASCII reports whether each of the eight octets of w is in 0x20-0x7F.
func plainASCII(w uint64) bool {
	// Without a high bit anywhere, subtracting 0x20 from each octet borrows, and
	// so sets a high bit, exactly when some octet is below 0x20.
	return (w|(w-0x20*ones))&highs == 0
}

// nameClass tells, for ASCII, what may begin a name (1) and what may go on one (2):
// XML 1.0 section 2.3 without the colon, which separates prefix and local part.
var nameClass = func() (t [utf8.RuneSelf]uint8) {
	for c := range t {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_':
			t[c] = 1 | 2
		case '0' <= c && c <= '9', c == '-', c == '.':
			t[c] = 2
		}
	}
	return t
}()

func nameStart(r rune) bool {
	if r < utf8.RuneSelf {
		return nameClass[r]&1 != 0
	}
	return inRanges(nameStartRanges[:], r)
}

func nameChar(r rune) bool {
	if r < utf8.RuneSelf {
		return nameClass[r]&2 != 0
	}
	return inRanges(nameStartRanges[:], r) || inRanges(nameMoreRanges[:], r)
}

func inRanges(ranges [][2]rune, r rune) bool {
	for _, x := range ranges {
		if r >= x[0] && r <= x[1] {
			return true
		}
	}
	return false
}

// NameStartChar and what NameChar adds, beyond ASCII (XML 1.0, fifth edition,
// section 2.3, productions 4 and 4a).
var (
	nameStartRanges = [...][2]rune{
		{0xC0, 0xD6},
		{0xD8, 0xF6},
		{0xF8, 0x2FF},
		{0x370, 0x37D},
		{0x37F, 0x1FFF},
		{0x200C, 0x200D},
		{0x2070, 0x218F},
		{0x2C00, 0x2FEF},
		{0x3001, 0xD7FF},
		{0xF900, 0xFDCF},
		{0xFDF0, 0xFFFD},
		{0x10000, 0xEFFFF},
	}
	nameMoreRanges = [...][2]rune{{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}
)
