package xmlstream

import "strings"

// Header is a stream header. Addresses are raw: they are the peer's claim.
type Header struct {
	To, From, ID, Lang string
	// Version as sent; AppendHeader writes 1.0 for "".
	Version string
	// HasVersion is set when the version is 1.0 or higher. Without it the peer
	// speaks XMPP 0.9, which cannot encrypt, and gets no answer (README 5.1).
	HasVersion bool
	// Major and Minor are the version as two integers (C-12); 0 and 9 without one.
	Major, Minor int
}

// maxVersion is where a part of a version stops counting: it only has to be told
// apart from 1.0, and must not overflow.
const maxVersion = 9999

// headerFrom checks the root element against RFC 6120 sections 4.7 and 4.8. On an
// error, the header still holds what was read, so that the answer can be chosen: a
// peer that gave no version hears nothing.
func headerFrom(root *Element, prefix string, scope []binding) (Header, error) {
	h := Header{To: root.Attr("to"), From: root.Attr("from"), ID: root.Attr("id"), Lang: root.Lang(), Minor: 9}
	if root.Name.Local != "stream" {
		return Header{Minor: 9}, &Error{Condition: BadFormat, Text: "root element is not a stream"}
	}
	version, given := root.LookupAttr("", "version")
	if given {
		var ok bool
		h.Version = version
		if h.Major, h.Minor, ok = parseVersion(version); !ok {
			return h, &Error{Condition: UnsupportedVersion, Text: "version is not of the form 1.0"}
		}
		h.HasVersion = h.Major >= 1
	}
	return h, checkNamespaces(root, prefix, scope, h.HasVersion)
}

// checkNamespaces wants the streams namespace under the prefix stream and
// jabber:client as the default: other forms exist, but RFC 6120 section 4.8.5 has
// nobody send them. Extension namespaces in the header, or a prefix for
// jabber:client, are a fault of a peer that should know better (C-19); a peer of
// version 0.9 is let pass, since nothing will be read from it anyway.
func checkNamespaces(root *Element, prefix string, scope []binding, strict bool) error {
	content := ""
	for _, b := range scope {
		if b.prefix == "" {
			content = b.space
		}
	}
	switch {
	case root.Name.Space != NSStreams:
		return &Error{Condition: InvalidNamespace, Text: "stream element not in " + NSStreams}
	case prefix != "stream":
		return &Error{Condition: BadNamespacePrefix, Text: "the prefix must be stream"}
	case content != NSClient:
		return &Error{Condition: InvalidNamespace, Text: "content namespace is not " + NSClient}
	case !strict:
		return nil
	}
	for _, b := range scope {
		switch {
		case b.prefix == "" || b.prefix == "xml" || b.prefix == "stream":
		case b.space == NSClient || b.space == NSStreams:
			return &Error{Condition: BadNamespacePrefix, Text: "second prefix for a namespace of the stream"}
		default:
			return &Error{Condition: InvalidNamespace, Text: "extension namespace in the header"}
		}
	}
	return nil
}

// parseVersion reads "major.minor", two integers (RFC 6120 section 4.7.5).
func parseVersion(s string) (major, minor int, ok bool) {
	first, second, dot := strings.Cut(s, ".")
	if !dot {
		return 0, 0, false
	}
	major, ok1 := parseInt(first)
	minor, ok2 := parseInt(second)
	return major, minor, ok1 && ok2
}

func parseInt(s string) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(n*10+int(s[i]-'0'), maxVersion)
	}
	return n, s != ""
}

// header parses the opening tag of a stream, the only tag of s.
func (p *parser) header(s string, f *framer, lim *Limits) (Header, error) {
	p.begin(s, f, lim)
	defer p.forget()
	p.pos = 1 // the framer saw the '<'
	name, err := p.name()
	if err != nil {
		return Header{Minor: 9}, err
	}
	prefix := name.Space
	root := &Element{Name: name}
	empty, err := p.attributes(root, 0)
	switch {
	case err != nil:
		return Header{Minor: 9}, err
	case p.pos != len(s):
		return Header{Minor: 9}, illFormed("octets after the stream header")
	case empty:
		return Header{Minor: 9}, &Error{Condition: BadFormat, Text: "stream without content"}
	}
	return headerFrom(root, prefix, p.scope)
}

// declaration checks an XML declaration (XML 1.0 section 2.8, production XMLDecl).
func declaration(s string, lim *Limits) *Error {
	body, ok := strings.CutPrefix(s, "<?xml")
	body, ok2 := strings.CutSuffix(body, "?>")
	if !ok || !ok2 || body != "" && !isSpace(body[0]) {
		return restricted("processing instruction")
	}
	p := parser{s: body, lim: lim}
	want := []string{"version", "encoding", "standalone"}
	for n := 0; ; n++ {
		spaced := p.space()
		if p.pos == len(body) {
			if n == 0 {
				return illFormed("XML declaration without a version")
			}
			return nil
		}
		name, value, err := p.pseudoAttribute(spaced)
		if err != nil {
			return err
		}
		for len(want) > 0 && want[0] != name {
			if want[0] == "version" {
				return illFormed("XML declaration does not begin with a version")
			}
			want = want[1:]
		}
		if len(want) == 0 {
			return illFormed("unknown or misplaced item in the XML declaration")
		}
		want = want[1:]
		if err := checkDeclared(name, value); err != nil {
			return err
		}
	}
}

func (p *parser) pseudoAttribute(spaced bool) (name, value string, err *Error) {
	if !spaced {
		return "", "", illFormed("no white space in the XML declaration")
	}
	if name, err = p.ncName(); err != nil {
		return "", "", err
	}
	value, err = p.quoted()
	return name, value, err
}

func checkDeclared(name, value string) *Error {
	switch {
	case name == "version" && value != "1.0":
		return illFormed("XML version is not 1.0")
	case name == "encoding" && !strings.EqualFold(value, "utf-8"):
		return &Error{Condition: UnsupportedEncoding, Text: "only UTF-8 is spoken here"}
	case name == "standalone" && value != "yes" && value != "no":
		return illFormed("standalone is neither yes nor no")
	}
	return nil
}
