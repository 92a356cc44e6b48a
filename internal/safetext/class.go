package safetext

import "unicode"

// class says what happens to a code point (the table of security.md 10.3).
type class uint8

const (
	plain     class = iota // shown as it is
	combining              // shown while the base has room for it
	control                // C0, DEL, C1
	breaks                 // line and paragraph separators
	hidden                 // bidirectional controls and invisibles
	blank                  // looks like nothing, dropped from names
	joiner                 // 200C, 200D
	selector               // FE0F
	foreign                // private use, noncharacters, unassigned
	reserved               // signs that belong to us
)

// SystemSign begins the lines that llchat itself writes between messages. No
// Text contains it, so no peer can write such a line (security.md 10.5). It is
// one cell wide on every terminal, also where ambiguous characters are wide.
const SystemSign = "¦"

// Mark stands in a body for what was removed there.
const Mark = "▯"

const (
	systemSign  = '¦'
	zwnj        = '\u200c'
	zwj         = '\u200d'
	emojiStyle  = '\ufe0f' // variation selector 16
	keycap      = '\u20e3' // combining enclosing keycap
	replacement = '\ufffd'
)

// hiddenTable holds bidirectional controls and invisibles of security.md 10.3,
// and the Khitan filler and the Egyptian modifier that are invisible too.
// Every other format character (Cf) goes the same way: it has no glyph, or is
// one of the Arabic, Syriac and Kaithi signs that the renderer joins to the
// next letter and gives no cell (U+0600 hides what follows it).
var hiddenTable = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00ad, 0x00ad, 1},
		{0x034f, 0x034f, 1},
		{0x061c, 0x061c, 1},
		{0x115f, 0x1160, 1},
		{0x17b4, 0x17b5, 1},
		{0x180b, 0x180f, 1},
		{0x200b, 0x200b, 1},
		{0x200e, 0x200f, 1},
		{0x202a, 0x202e, 1},
		{0x2060, 0x206f, 1},
		{0x3164, 0x3164, 1},
		{0xfe00, 0xfe0e, 1},
		{0xfeff, 0xfeff, 1},
		{0xffa0, 0xffa0, 1},
		{0xfff0, 0xfffb, 1},
	},
	R32: []unicode.Range32{
		{0x13440, 0x13440, 1},
		{0x16fe4, 0x16fe4, 1},
		{0x1bca0, 0x1bca3, 1},
		{0x1d173, 0x1d17a, 1},
		{0xe0000, 0xe0fff, 1},
	},
	LatinOffset: 1,
}

// classOf sorts r. Line feeds and tabs are the caller's business.
func classOf(r rune) class {
	switch {
	case r < 0x20 || 0x7f <= r && r < 0xa0:
		return control
	case r < 0x7f:
		return plain
	case r == systemSign:
		return reserved
	case r < 0x300 && r != 0xad, 0x4e00 <= r && r < 0xa000, 0xac00 <= r && r < 0xd7a4:
		return plain // Latin, Han, Hangul: whole blocks of letters
	case r == zwnj || r == zwj:
		return joiner
	case r == emojiStyle:
		return selector
	case r == 0x2028 || r == 0x2029:
		return breaks
	case unicode.In(r, hiddenTable, unicode.Cf):
		return hidden
	case r == 0x2800 || r == 0x1d159: // empty Braille cell, null note head
		return blank
	case unicode.IsLetter(r):
		return plain
	case unicode.Is(unicode.M, r):
		return combining
	case unicode.In(r, unicode.Co, unicode.Cn):
		return foreign
	}
	return plain
}

// stateSign reports whether r looks like the signs and borders that a window
// draws beside names: ticks, crosses, circles and box drawing. Names lose
// them, so that nobody is called "✓ bob".
func stateSign(r rune) bool {
	switch r {
	case '✓', '✔', '✗', '✘', '◉', '◌', '●', '○':
		return true
	}
	return 0x2500 <= r && r <= 0x257f
}

// jamo tells leading, middle and trailing conjoining Hangul letters apart; 0
// is anything else. Two of one kind in a row belong to no syllable, but draw
// over one another or past the width that was counted for them.
func jamo(r rune) int {
	switch {
	case r < 0x1100:
		return 0
	case r < 0x1160 || 0xa960 <= r && r < 0xa980:
		return 1
	case 0x1160 <= r && r < 0x11a8 || 0xd7b0 <= r && r < 0xd7cb:
		return 2
	case 0x11a8 <= r && r < 0x1200 || 0xd7cb <= r && r < 0xd800:
		return 3
	}
	return 0
}
