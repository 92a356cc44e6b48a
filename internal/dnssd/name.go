package dnssd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"llchat/internal/safetext"
)

// service is the type of XEP-0174; enumeration is the name under which a
// domain lists its types (RFC 6763 9).
const (
	service     = "_presence._tcp."
	enumeration = "_services._dns-sd._udp."
)

// maxLabel is the longest label and maxDomain the longest domain we take, so
// that every name we make from it fits 255 octets (RFC 1035 2.3.4).
const (
	maxLabel  = 63
	maxDomain = 255 - 1 - (1 + maxLabel) - len(service)
)

// checkDomain returns the domain with its final dot, lower case.
func checkDomain(s string) (string, error) {
	fail := func(text, hint string) (string, error) {
		return "", &Error{Op: "browse", What: fmt.Sprintf("%q", s), Err: errors.New(text), Hint: hint}
	}
	d := strings.ToLower(strings.TrimSuffix(s, "."))
	switch {
	case d == "":
		return fail("there is no domain", "write it as example.org")
	case d == "local" || strings.HasSuffix(d, ".local"):
		return fail("local belongs to multicast DNS (RFC 6762 3)", "llchat finds people there by itself: leave the domain out")
	case len(d) > maxDomain:
		return fail("the domain is too long", "")
	}
	if err := checkLabels(d); err != nil {
		return fail(err.Error(), "write it as example.org; other scripts in their xn-- form")
	}
	return d + ".", nil
}

// checkLabels wants letters, digits, - and _ between the dots.
func checkLabels(name string) error {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return errors.New("empty or too long between the dots")
		}
		for _, r := range label {
			if notInDomain(r) {
				return fmt.Errorf("%q cannot stand in it", r)
			}
		}
	}
	return nil
}

func notInDomain(r rune) bool {
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// escapeLabel writes a raw label as miekg/dns does, so that equal names are
// equal strings: RFC 1035 5.1.
func escapeLabel(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		switch c := raw[i]; {
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		case strings.IndexByte(` '@;()"\.`, c) >= 0:
			b.WriteString("\\" + string(rune(c)))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape undoes escapeLabel. The result is raw octets.
func unescape(s string) string { return safetext.UnescapeDNS(s) }

// firstLabel splits a name in presentation form into its first label, raw, and
// the rest.
func firstLabel(name string) (raw, rest string) {
	at := dns.Split(name)
	switch len(at) {
	case 0:
		return "", name
	case 1:
		return unescape(strings.TrimSuffix(name, ".")), "."
	}
	return unescape(name[:at[1]-1]), name[at[1]:]
}

// same compares names in presentation form without ASCII case (RFC 4343); what
// is not ASCII is escaped in it.
func same(a, b string) bool { return strings.EqualFold(a, b) }

// fold makes the key of a raw label: A-Z lower case and nothing else.
func fold(raw string) string {
	b := []byte(raw)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// decimal are the octets of a character-string in presentation form.
var decimal = func() (table [256]string) {
	for c := range table {
		table[c] = string(rune(c))
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			table[c] = fmt.Sprintf("\\%03d", c)
		}
	}
	return table
}()
