package safetext

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Text is text that is fit for a terminal. The zero Text is empty. Texts can
// be compared with == and used as map keys.
type Text struct {
	s string
}

// String returns the text.
func (t Text) String() string { return t.s }

// IsEmpty reports whether nothing is there to show.
func (t Text) IsEmpty() bool { return t.s == "" }

// MarshalText returns the text as it is.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.s), nil }

// UnmarshalText cleans again, as a Body: what comes from a file or a socket
// is no better than what comes from a peer.
func (t *Text) UnmarshalText(text []byte) error {
	*t = Body(string(text))
	return nil
}

// Bounds of the constructors.
const (
	maxNameOctets  = 63 // L-27
	maxNameCells   = 32 // L-27
	maxLineOctets  = 255
	maxErrorOctets = 200 // G-4
	// maxRaw bounds the work for a line before its length is known: no
	// honest one has four octets for every octet shown.
	maxRaw = 4 * maxLineOctets
)

// Name makes a Text of a nick, petname, instance or host name: one line, at
// most 63 octets and 32 cells (L-27), by the nickname rules of RFC 8266 but
// without refusing anything. A name of which nothing is visible is empty; show
// something else instead. Letters keep their case.
func Name(raw string) Text {
	if len(raw) <= maxNameCells && asciiLine(raw) {
		return Text{raw}
	}
	return Text{settle(cutOctets(raw, maxNameOctets), nameStep)}
}

func nameStep(s string) string {
	s = clean(s, rules{form: norm.NFKC, name: true}) // RFC 8266, 2.1: NFKC
	s = cutCells(cutOctets(capClusters(squeeze(s), ""), maxNameOctets), maxNameCells)
	return strings.TrimRight(s, " ")
}

// Line makes a Text of a status message or a reason: one line, at most 255
// octets.
func Line(raw string) Text { return line(raw, maxLineOctets) }

// Error makes a Text of an error text from a peer: one line, at most 200
// octets (G-4).
func Error(raw string) Text { return line(raw, maxErrorOctets) }

func line(raw string, octets int) Text {
	if len(raw) <= octets && asciiLine(raw) {
		return Text{raw}
	}
	return Text{settle(cutOctets(raw, maxRaw), func(s string) string {
		s = clean(s, rules{form: norm.NFC, controls: ' '})
		s = cutOctets(capClusters(squeeze(s), ""), octets)
		return strings.TrimRight(s, " ")
	})}
}

// Body makes a Text of a message: line feeds stay, a tab becomes four spaces,
// other things that may not reach a terminal become Mark. It is never cut:
// L-12 is kept where bodies are received.
func Body(raw string) Text {
	if asciiBody(raw) {
		return Text{raw}
	}
	return Text{settle(raw, func(s string) string {
		return capClusters(clean(s, rules{form: norm.NFC, lines: true, marked: true}), Mark)
	})}
}

// squeeze makes every run of spaces one SPACE and trims both ends (RFC 8266,
// 2.1, additional mapping rule).
func squeeze(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		if r == ' ' || unicode.Is(unicode.Zs, r) {
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// asciiLine reports whether s is printable ASCII without a space too many.
func asciiLine(s string) bool {
	space := true // as if a space came before
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c > 0x7e || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return !space || s == ""
}

// asciiBody reports whether s is printable ASCII in lines.
func asciiBody(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 0x20 || c > 0x7e) && c != '\n' {
			return false
		}
	}
	return true
}
