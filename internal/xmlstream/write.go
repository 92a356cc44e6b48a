package xmlstream

import (
	"strconv"
	"unicode/utf8"
)

// CloseTag ends a stream.
const CloseTag = "</stream:stream>"

const xmlDeclaration = "<?xml version='1.0'?>"

// AppendHeader appends an XML declaration and the opening tag of a stream. Empty
// fields are left out; the version is 1.0 unless h says otherwise.
func AppendHeader(dst []byte, h Header) []byte {
	dst = append(dst, xmlDeclaration+"<stream:stream xmlns='"+NSClient+"' xmlns:stream='"+NSStreams+"'"...)
	dst = appendOptional(dst, "id", h.ID)
	dst = appendOptional(dst, "from", h.From)
	dst = appendOptional(dst, "to", h.To)
	version := h.Version
	if version == "" {
		version = "1.0"
	}
	dst = AppendAttr(dst, "version", version)
	dst = appendOptional(dst, "xml:lang", h.Lang)
	return append(dst, '>')
}

func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendAttr(dst, name, value)
}

// AppendAttr appends a space, name and the quoted value. The name is written as it
// is: it must come from the program or from a parsed element.
func AppendAttr(dst []byte, name, value string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, name...)
	dst = append(dst, '=', '\'')
	dst = appendEscaped(dst, value, true)
	return append(dst, '\'')
}

// AppendText appends s as character data. Octets that are not UTF-8 and
// characters that XML 1.0 excludes become U+FFFD: nothing that a user can paste
// makes a stanza that a peer must refuse.
func AppendText(dst []byte, s string) []byte { return appendEscaped(dst, s, false) }

func appendEscaped(dst []byte, s string, attr bool) []byte {
	plain := 0 // s[plain:i] needs no escape
	for i := 0; i < len(s); {
		if i+8 <= len(s) && plainText(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && !needsEscape[c] {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); ValidChar(r) && !(r == utf8.RuneError && n == 1) {
				i += n
				continue
			}
		}
		if esc := escapeFor(c, attr); esc != "" {
			dst = append(dst, s[plain:i]...)
			dst = append(dst, esc...)
			plain = i + n
		}
		i += n
	}
	return append(dst, s[plain:]...)
}

// plainText reports whether eight octets can be written as they are: ASCII that
// is neither a control character nor one of &<>'".
func plainText(s string) bool {
	_ = s[7]
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	// Of two characters that differ in one bit, that bit is set; then each octet
	// that is the one sought becomes 0, and only 0 borrows when 1 is subtracted.
	quote := w ^ '"'*ones
	amp := (w | 0x01*ones) ^ '\''*ones
	angle := (w | 0x02*ones) ^ '>'*ones
	return plainASCII(w) && ((quote-ones)|(amp-ones)|(angle-ones))&highs == 0
}

var needsEscape = [utf8.RuneSelf]bool{'&': true, '<': true, '>': true, '\'': true, '"': true}

// escapeFor returns what stands for a character that begins with c, or "" when it
// may stay. White space other than the space is written by number in attributes
// (XML 1.0 section 3.3.3), CR everywhere (section 2.11), or it would change.
func escapeFor(c byte, attr bool) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '\r':
		return "&#13;"
	case '\'', '"', '\t', '\n':
		if !attr {
			return ""
		}
		return escapeInAttr(c)
	}
	return "\uFFFD"
}

func escapeInAttr(c byte) string {
	switch c {
	case '\'':
		return "&apos;"
	case '"':
		return "&quot;"
	case '\t':
		return "&#9;"
	}
	return "&#10;"
}

// AppendElement appends e for a place where jabber:client is the default namespace
// and the prefix stream is bound, as it is right inside a stream. A namespace is
// declared where it differs from that of the parent; an element of the streams
// namespace gets the prefix. Text is written before the children.
func AppendElement(dst []byte, e *Element) []byte { return appendElement(dst, e, NSClient) }

func appendElement(dst []byte, e *Element, parent string) []byte {
	dst = append(dst, '<')
	dst = appendElementName(dst, e.Name)
	inner := parent
	if e.Name.Space != parent && e.Name.Space != NSStreams && e.Name.Space != NSXML {
		dst = AppendAttr(dst, "xmlns", e.Name.Space)
		inner = e.Name.Space
	}
	for i := range e.Attrs {
		dst = appendAttribute(dst, &e.Attrs[i], i)
	}
	if e.Text == "" && len(e.Children) == 0 {
		return append(dst, '/', '>')
	}
	dst = append(dst, '>')
	dst = AppendText(dst, e.Text)
	for _, c := range e.Children {
		dst = appendElement(dst, c, inner)
	}
	dst = append(dst, '<', '/')
	dst = appendElementName(dst, e.Name)
	return append(dst, '>')
}

func appendElementName(dst []byte, n Name) []byte {
	switch n.Space {
	case NSStreams:
		dst = append(dst, "stream:"...)
	case NSXML:
		dst = append(dst, "xml:"...)
	}
	return append(dst, n.Local...)
}

// appendAttribute writes one attribute of an element. A foreign namespace gets a
// prefix of its own, numbered so that no two attributes share one.
func appendAttribute(dst []byte, a *Attr, i int) []byte {
	var prefix []byte
	var room [16]byte
	switch a.Name.Space {
	case "":
	case NSXML:
		prefix = append(room[:0], "xml:"...)
	case NSStreams:
		prefix = append(room[:0], "stream:"...)
	default:
		prefix = strconv.AppendInt(append(room[:0], 'a'), int64(i), 10)
		dst = append(dst, " xmlns:"...)
		dst = append(dst, prefix...)
		dst = append(dst, "='"...)
		dst = appendEscaped(dst, a.Name.Space, true)
		dst = append(dst, '\'')
		prefix = append(prefix, ':')
	}
	dst = append(dst, ' ')
	dst = append(dst, prefix...)
	dst = append(dst, a.Name.Local...)
	dst = append(dst, '=', '\'')
	dst = appendEscaped(dst, a.Value, true)
	return append(dst, '\'')
}

// AppendStreamError appends a stream error; CloseTag has to follow (C-13). An
// unknown condition is sent as undefined-condition, an unknown application
// condition not at all.
func AppendStreamError(dst []byte, e Error) []byte {
	condition := e.Condition
	if !KnownCondition(condition) {
		condition = UndefinedCondition
	}
	dst = append(dst, "<stream:error><"...)
	dst = append(dst, condition...)
	dst = append(dst, " xmlns='"+NSStreamErrors+"'/>"...)
	if e.Text != "" {
		dst = append(dst, "<text xmlns='"+NSStreamErrors+"' xml:lang='en'>"...)
		dst = AppendText(dst, e.Text)
		dst = append(dst, "</text>"...)
	}
	if space := AppConditionSpace(e.AppCondition); space != "" {
		dst = append(dst, '<')
		dst = append(dst, e.AppCondition...)
		dst = AppendAttr(dst, "xmlns", space)
		if e.AppCondition == HandledCountTooHigh {
			dst = AppendAttr(dst, "h", strconv.FormatUint(uint64(e.Handled), 10))
			dst = AppendAttr(dst, "send-count", strconv.FormatUint(uint64(e.Sent), 10))
		}
		dst = append(dst, '/', '>')
	}
	return append(dst, "</stream:error>"...)
}
