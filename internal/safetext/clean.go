package safetext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of security.md 10.3.
const (
	maxMarks = 4 // combining marks on one base
	maxParts = 8 // parts of one emoji sequence
)

// rules say how the kinds of text differ.
type rules struct {
	form     norm.Form
	lines    bool // keep line feeds, tabs become four spaces
	marked   bool // put Mark where something was removed
	controls byte // put this in place of a control character; 0: remove it
	name     bool // remove blanks and state signs too
}

// settle repeats step until it changes nothing, so that every constructor
// leaves its own results alone: removing one thing may bring two others
// together. Two rounds are the rule; hostile text that needs more than eight
// loses everything but ASCII.
func settle(s string, step func(string) string) string {
	for range 8 {
		t := step(s)
		if t == s {
			return s
		}
		s = t
	}
	return step(step(strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return replacement
	}, s)))
}

// clean does one round of normalising and filtering.
func clean(s string, ru rules) string {
	s = ru.form.String(strings.ToValidUTF8(s, string(replacement)))
	f := filter{rules: ru, out: make([]byte, 0, len(s))}
	for i, r := range s {
		if 0x20 <= r && r < 0x7f {
			f.ascii(byte(r))
			continue
		}
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		f.rune(r, next)
	}
	if string(f.out) == s { // compared without a copy
		return s
	}
	return ru.form.String(string(f.out))
}

// filter walks over normalised text and writes what may stay. It remembers
// just enough of what it wrote to judge marks, joiners and selectors.
type filter struct {
	rules
	out []byte

	prev  rune // last rune written; 0 at the start of a line
	base  rune // last one written that is no mark; 0 at the start of a line
	marks int  // marks written on base
	parts int  // parts of the emoji sequence that prev is in; 0: in none
	jamo  int  // kind of the last rune read, if a conjoining Hangul letter
	gap   bool // something was just removed and Mark written
}

// ascii does for a printable octet what rune would do.
func (f *filter) ascii(c byte) {
	f.out = append(f.out, c)
	f.prev, f.base = rune(c), rune(c)
	f.marks, f.parts, f.jamo, f.gap = 0, 0, 0, false
}

// rune takes r, which next follows in the input.
func (f *filter) rune(r, next rune) {
	kind := jamo(r)
	again := kind != 0 && kind == f.jamo
	f.jamo = kind
	switch classOf(r) {
	case plain:
		if again || f.name && stateSign(r) {
			f.drop()
		} else {
			f.write(r)
		}
	case combining:
		f.combining(r)
	case control:
		f.control(r, next)
	case breaks:
		f.newline()
	case joiner:
		f.joiner(r, next)
	case selector:
		f.selector(r, next)
	case foreign:
		f.write(replacement)
	case blank:
		if f.name {
			f.drop()
		} else {
			f.write(r)
		}
	default:
		f.drop()
	}
}

// write writes r as a new base, or as the next piece of an emoji.
func (f *filter) write(r rune) {
	switch {
	case pictograph(r):
		if f.prev != zwj || f.parts == 0 {
			f.parts = 1
		}
	case !skinTone(r) || !pictograph(f.prev) && f.prev != emojiStyle:
		f.parts = 0
	}
	f.out = utf8.AppendRune(f.out, r)
	f.prev, f.base, f.marks, f.gap = r, r, 0, false
}

// combining writes a mark if there is a base with room for it: one without a
// base would change what we have drawn before it.
func (f *filter) combining(r rune) {
	if f.base == 0 || f.gap || f.marks >= maxMarks {
		f.drop()
		return
	}
	f.out = utf8.AppendRune(f.out, r)
	f.prev, f.parts = r, 0
	f.marks++
}

func (f *filter) control(r, next rune) {
	switch {
	case r == '\r' && next == '\n' && f.lines:
		// The line feed that follows says it.
	case r == '\n' && f.lines:
		f.newline()
	case r == '\t' && f.lines:
		for range 4 {
			f.write(' ')
		}
	case f.controls != 0:
		f.write(rune(f.controls))
	default:
		f.drop()
	}
}

func (f *filter) newline() {
	switch {
	case f.lines:
		f.out = append(f.out, '\n')
		f.prev, f.base, f.marks, f.parts, f.gap = 0, 0, 0, 0, false
	case f.controls != 0:
		f.write(rune(f.controls))
	default:
		f.drop()
	}
}

// joiner keeps r inside an emoji sequence and where it shapes letters.
func (f *filter) joiner(r, next rune) {
	emoji := r == zwj && 0 < f.parts && f.parts < maxParts && f.prev != zwj && pictograph(next)
	letters := f.prev != zwj && f.prev != zwnj && !f.gap && shapes(f.base, next)
	switch {
	case emoji:
		f.parts++
	case letters:
		f.parts = 0
	default:
		f.drop()
		return
	}
	f.out = utf8.AppendRune(f.out, r)
	f.prev = r
}

// selector keeps one emoji style where it makes an emoji.
func (f *filter) selector(r, next rune) {
	if f.gap || !pictograph(f.prev) && (!keycapBase(f.prev) || next != keycap) {
		f.drop()
		return
	}
	f.out = utf8.AppendRune(f.out, r)
	f.prev = r
}

// drop removes a rune; what was removed in one run leaves one Mark.
func (f *filter) drop() {
	if !f.marked || f.gap {
		return
	}
	r, _ := utf8.DecodeRuneInString(Mark)
	f.write(r)
	f.gap = true
}

// joining are the scripts in which a joiner changes the shape of letters. In
// Latin, Greek, Cyrillic, Han, Hangul and kana it is only a way to make two
// equal names differ, so "between letters of one script" (security.md 10.3) is
// read as "of one of these".
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
	unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer,
	unicode.Myanmar, unicode.Tibetan, unicode.Mongolian, unicode.Syriac,
	unicode.Nko, unicode.Mandaic, unicode.Adlam, unicode.Hanifi_Rohingya,
	unicode.Phags_Pa, unicode.Balinese, unicode.Javanese, unicode.Sundanese,
	unicode.Grantha, unicode.Newa, unicode.Tirhuta, unicode.Chakma,
}

// shapes reports whether a joiner between a and b, two letters of one script,
// shapes them.
func shapes(a, b rune) bool {
	if !unicode.IsLetter(a) || !unicode.IsLetter(b) {
		return false
	}
	for _, script := range joining {
		if unicode.Is(script, a) {
			return unicode.Is(script, b)
		}
	}
	return false
}
