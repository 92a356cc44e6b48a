package xmlstream

import (
	"strings"
	"unicode/utf8"
)

// charData returns what a run of character data stands for: references resolved,
// line ends made LF (XML 1.0 section 2.11). Most runs come back as they are.
func charData(raw string) (string, *Error) {
	if strings.IndexByte(raw, '>') >= 0 && strings.Contains(raw, "]]>") {
		return "", illFormed("']]>' in character data")
	}
	if strings.IndexByte(raw, '&') < 0 && strings.IndexByte(raw, '\r') < 0 {
		return raw, nil
	}
	return unescape(raw, false)
}

// attrValue returns what an attribute value stands for: references resolved, white
// space made spaces (XML 1.0 section 3.3.3).
func attrValue(raw string) (string, *Error) {
	plain := true
	for i := range len(raw) {
		if !changesInAttr[raw[i]] {
			continue
		}
		if raw[i] == '<' {
			return "", illFormed("'<' in an attribute value")
		}
		plain = false
	}
	if plain {
		return raw, nil
	}
	return unescape(raw, true)
}

var changesInAttr = [256]bool{'&': true, '\r': true, '\n': true, '\t': true, '<': true}

func newlines(raw string) string {
	if strings.IndexByte(raw, '\r') < 0 {
		return raw
	}
	raw = strings.ReplaceAll(raw, "\r\n", "\n")
	return strings.ReplaceAll(raw, "\r", "\n")
}

// unescape never makes a string longer, so one allocation is enough.
func unescape(raw string, attr bool) (string, *Error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c := raw[i]
		i++
		switch {
		case c == '&':
			var n int
			var err *Error
			if out, n, err = appendReference(out, raw[i:]); err != nil {
				return "", err
			}
			i += n
			continue
		case c == '\r':
			if i < len(raw) && raw[i] == '\n' {
				i++
			}
			c = '\n'
		}
		if attr && (c == '\n' || c == '\t') {
			c = ' '
		}
		out = append(out, c)
	}
	return string(out), nil
}

// appendReference resolves one reference; s begins behind its '&'. It returns how
// much of s the reference took. Only the five entities of XML itself exist (C-16).
func appendReference(dst []byte, s string) ([]byte, int, *Error) {
	end := strings.IndexByte(s, ';')
	if end < 1 {
		return dst, 0, illFormed("'&' that begins no reference")
	}
	name := s[:end]
	switch name {
	case "lt":
		dst = append(dst, '<')
	case "gt":
		dst = append(dst, '>')
	case "amp":
		dst = append(dst, '&')
	case "apos":
		dst = append(dst, '\'')
	case "quot":
		dst = append(dst, '"')
	default:
		if name[0] != '#' {
			return dst, 0, unknownEntity(name)
		}
		r, ok := charReference(name[1:])
		if !ok {
			return dst, 0, illFormed("bad character reference")
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, end + 1, nil
}

// unknownEntity tells an entity of some document type, which is restricted, from
// what is no reference at all.
func unknownEntity(name string) *Error {
	for i, r := range name {
		if i == 0 && !nameStart(r) || !nameChar(r) {
			return illFormed("'&' that begins no reference")
		}
	}
	return restricted("entity that XML does not define by itself")
}

// charReference reads the digits of a character reference and checks what they
// name (XML 1.0 section 4.1: it must match the production Char, so no surrogates).
func charReference(s string) (rune, bool) {
	base := rune(10)
	if strings.HasPrefix(s, "x") {
		s, base = s[1:], 16
	}
	var r rune
	for i := 0; i < len(s); i++ {
		d := digit(s[i])
		if d < 0 || d >= base {
			return 0, false
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, false
		}
	}
	return r, s != "" && ValidChar(r)
}

func digit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}
