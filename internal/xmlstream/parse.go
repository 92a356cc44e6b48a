package xmlstream

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// parser turns one framed element into a tree. Its slices are scratch that is used
// again for the next element; what it returns is made anew, in four allocations
// unless references have to be resolved: the string, the nodes, the attributes and
// the lists of children.
type parser struct {
	s   string
	pos int
	lim *Limits

	nodes []Element // fixed capacity, in document order: pointers into it stay valid
	attrs []Attr    // likewise; nil until there is one that declares no namespace
	most  int       // how many there may be
	up    []int32   // of each node, its parent's place in nodes
	count []int32   // of each node, how many children
	open  []openTag
	scope []binding
	extra []piece
}

// openTag is an element whose end tag has not come.
type openTag struct {
	node  int32
	scope int    // bindings in force before it
	raw   string // its name as written; the end tag must be the same
}

type binding struct{ prefix, space string }

// piece is character data of a node that had some before.
type piece struct {
	node int32
	text string
}

// maxBindings bounds the namespace declarations in force at one place. Each lookup
// may walk over all of them: without a bound, 64 declarations on 32 levels would
// cost tens of milliseconds a stanza. XMPP needs about one a level.
const maxBindings = 128

// element parses s, which the framer f found, as a child of the stream.
func (p *parser) element(s string, f *framer, lim *Limits) (*Element, error) {
	p.begin(s, f, lim)
	defer p.forget()
	p.scope = append(p.scope, binding{"", NSClient}, binding{"stream", NSStreams})
	if err := p.content(); err != nil {
		return nil, err
	}
	p.joinText()
	p.linkChildren()
	return &p.nodes[0], nil
}

func (p *parser) begin(s string, f *framer, lim *Limits) {
	p.s, p.pos, p.lim = s, 0, lim
	p.nodes = make([]Element, 0, f.nodes)
	p.up = slices.Grow(p.up, f.nodes)
	p.most = f.attrs
}

// forget lets go of the peer's octets; of the scratch, only ordinary sizes are kept.
func (p *parser) forget() {
	p.s, p.nodes, p.attrs = "", nil, nil
	p.up = recycle(p.up)
	p.count = recycle(p.count)
	p.open = recycle(p.open)
	p.scope = recycle(p.scope)
	p.extra = recycle(p.extra)
}

func recycle[T any](s []T) []T {
	if cap(s) > 64 {
		return nil
	}
	clear(s)
	return s[:0]
}

// content goes through the frame from the first '<' to the end tag that closes it.
func (p *parser) content() *Error {
	for {
		i := strings.IndexByte(p.s[p.pos:], '<')
		if i < 0 || p.pos+i+1 >= len(p.s) {
			return illFormed("element not closed")
		}
		if i > 0 {
			if err := p.text(p.s[p.pos : p.pos+i]); err != nil {
				return err
			}
		}
		p.pos += i + 1
		var err *Error
		switch p.s[p.pos] {
		case '/':
			err = p.endTag()
		case '!':
			err = p.cdata()
		default:
			err = p.startTag()
		}
		if err != nil {
			return err
		}
		if len(p.open) == 0 {
			break
		}
	}
	if p.pos != len(p.s) {
		return illFormed("octets after the element")
	}
	return nil
}

// startTag reads a start or empty-element tag; pos is behind its '<'.
func (p *parser) startTag() *Error {
	from := p.pos
	name, err := p.name()
	if err != nil {
		return err
	}
	if len(p.nodes) == cap(p.nodes) {
		return illFormed("more elements than tags")
	}
	tag := openTag{node: int32(len(p.nodes)), scope: len(p.scope), raw: p.s[from:p.pos]}
	parent := int32(-1)
	if len(p.open) > 0 {
		parent = p.open[len(p.open)-1].node
	}
	p.nodes = append(p.nodes, Element{Name: name})
	p.up = append(p.up, parent)
	empty, err := p.attributes(&p.nodes[tag.node], tag.scope)
	if err != nil {
		return err
	}
	if empty {
		p.scope = p.scope[:tag.scope]
	} else {
		p.open = append(p.open, tag)
	}
	return nil
}

// attributes reads up to the '>' of a tag, then resolves the prefixes of the
// element and of its attributes; declarations made from scope on are its own.
func (p *parser) attributes(e *Element, scope int) (empty bool, err *Error) {
	first := len(p.attrs)
	for {
		spaced := p.space()
		switch c := p.peek(); {
		case c == '>':
			p.pos++
			return empty, p.resolve(e, first)
		case empty:
			return false, illFormed("'/' inside a tag")
		case c == '/':
			p.pos++
			empty = true
			if p.peek() != '>' {
				return false, illFormed("'/' inside a tag")
			}
		case !spaced:
			return false, illFormed("no white space before an attribute")
		default:
			if err := p.attribute(scope); err != nil {
				return false, err
			}
		}
	}
}

func (p *parser) attribute(scope int) *Error {
	name, err := p.name()
	if err != nil {
		return err
	}
	raw, err := p.quoted()
	if err != nil {
		return err
	}
	value, err := attrValue(raw)
	switch {
	case err != nil:
		return err
	case name.Space == "xmlns":
		return p.declare(name.Local, value, scope)
	case name.Space == "" && name.Local == "xmlns":
		return p.declare("", value, scope)
	case len(p.attrs) == p.most:
		return illFormed("more attributes than values")
	case p.attrs == nil:
		p.attrs = make([]Attr, 0, p.most)
	}
	p.attrs = append(p.attrs, Attr{Name: name, Value: value})
	return nil
}

// quoted reads "='value'" with white space around the '='.
func (p *parser) quoted() (string, *Error) {
	p.space()
	if p.peek() != '=' {
		return "", illFormed("attribute without a value")
	}
	p.pos++
	p.space()
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", illFormed("attribute value not quoted")
	}
	p.pos++
	n := strings.IndexByte(p.s[p.pos:], quote)
	if n < 0 {
		return "", illFormed("attribute value not closed")
	}
	raw := p.s[p.pos : p.pos+n]
	p.pos += n + 1
	return raw, nil
}

// declare binds a prefix, "" being the default namespace, under the constraints of
// Namespaces in XML 1.0 sections 2.2, 3 and 6.3.
func (p *parser) declare(prefix, space string, scope int) *Error {
	switch {
	case prefix == "xmlns" || space == NSXMLNS:
		return illFormed("the prefix xmlns may not be declared")
	case (prefix == "xml") != (space == NSXML):
		return illFormed("the prefix xml may not be bound anew")
	case prefix != "" && space == "":
		return illFormed("a prefix may not be unbound")
	case len(p.scope) >= maxBindings:
		return overLimit("too many namespace declarations")
	}
	for _, b := range p.scope[scope:] {
		if b.prefix == prefix {
			return illFormed("namespace declared twice")
		}
	}
	p.scope = append(p.scope, binding{prefix, space})
	return nil
}

// resolve puts namespaces where name left prefixes and looks for duplicates.
func (p *parser) resolve(e *Element, first int) *Error {
	var ok bool
	if e.Name.Space, ok = p.lookup(e.Name.Space); !ok {
		return illFormed("prefix not declared")
	}
	if first == len(p.attrs) {
		return nil
	}
	attrs := p.attrs[first:len(p.attrs):len(p.attrs)]
	for i := range attrs {
		n := &attrs[i].Name
		if n.Space != "" {
			if n.Space, ok = p.lookup(n.Space); !ok {
				return illFormed("prefix not declared")
			}
		}
		for j := range i {
			if attrs[j].Name == *n {
				return illFormed("attribute given twice")
			}
		}
	}
	e.Attrs = attrs
	return nil
}

func (p *parser) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return NSXML, true
	}
	for i := len(p.scope) - 1; i >= 0; i-- {
		if p.scope[i].prefix == prefix {
			return p.scope[i].space, true
		}
	}
	return "", prefix == "" // nothing declared: no namespace
}

// endTag reads an end tag; pos is at its '/'.
func (p *parser) endTag() *Error {
	p.pos++
	tag := p.open[len(p.open)-1]
	if !strings.HasPrefix(p.s[p.pos:], tag.raw) {
		return illFormed("end tag does not match")
	}
	p.pos += len(tag.raw)
	p.space()
	if p.peek() != '>' {
		return illFormed("end tag does not match")
	}
	p.pos++
	p.scope = p.scope[:tag.scope]
	p.open = p.open[:len(p.open)-1]
	return nil
}

// cdata reads a CDATA section; pos is at its '!'.
func (p *parser) cdata() *Error {
	p.pos++
	if !strings.HasPrefix(p.s[p.pos:], cdataOpen) {
		return restricted("comment or document type")
	}
	p.pos += len(cdataOpen)
	n := strings.Index(p.s[p.pos:], "]]>")
	if n < 0 {
		return illFormed("CDATA section not closed")
	}
	p.addText(newlines(p.s[p.pos : p.pos+n]))
	p.pos += n + len("]]>")
	return nil
}

func (p *parser) text(raw string) *Error {
	s, err := charData(raw)
	if err == nil {
		p.addText(s)
	}
	return err
}

func (p *parser) addText(s string) {
	node := p.open[len(p.open)-1].node
	switch e := &p.nodes[node]; {
	case s == "":
	case e.Text == "":
		e.Text = s
	default:
		p.extra = append(p.extra, piece{node, s})
	}
}

// joinText appends the pieces to their nodes, each node's in one go: appending one
// by one would copy a 64 KiB stanza a thousand times.
func (p *parser) joinText() {
	if len(p.extra) == 0 {
		return
	}
	slices.SortStableFunc(p.extra, func(a, b piece) int { return int(a.node - b.node) })
	for rest := p.extra; len(rest) > 0; {
		node, n := rest[0].node, 0
		var text strings.Builder
		text.WriteString(p.nodes[node].Text)
		for n < len(rest) && rest[n].node == node {
			text.WriteString(rest[n].text)
			n++
		}
		p.nodes[node].Text = text.String()
		rest = rest[n:]
	}
}

// linkChildren cuts all lists of children out of one slice.
func (p *parser) linkChildren() {
	if len(p.nodes) == 1 {
		return
	}
	all := make([]*Element, len(p.nodes)-1)
	p.count = slices.Grow(p.count[:0], len(p.nodes))[:len(p.nodes)]
	clear(p.count)
	for _, parent := range p.up[1:] {
		p.count[parent]++
	}
	for i, n := range p.count {
		if n > 0 {
			p.nodes[i].Children, all = all[:0:n], all[n:]
		}
	}
	for i := 1; i < len(p.nodes); i++ {
		parent := &p.nodes[p.up[i]]
		parent.Children = append(parent.Children, &p.nodes[i])
	}
}

// name reads a qualified name and returns its prefix in Space (Namespaces in XML
// 1.0, production QName).
func (p *parser) name() (Name, *Error) {
	first, err := p.ncName()
	if err != nil {
		return Name{}, err
	}
	if p.peek() != ':' {
		return Name{Local: first}, nil
	}
	p.pos++
	local, err := p.ncName()
	switch {
	case err != nil:
		return Name{}, err
	case p.peek() == ':':
		return Name{}, illFormed("name with two colons")
	case p.lim.over(len(first)+1+len(local), p.lim.NameLen):
		return Name{}, overLimit("name too long")
	}
	return Name{Space: first, Local: local}, nil
}

func (p *parser) ncName() (string, *Error) {
	from, to, class := p.pos, p.pos, uint8(1)
	for to < len(p.s) {
		if c := p.s[to]; c < utf8.RuneSelf {
			if nameClass[c]&class == 0 {
				break
			}
			to++
		} else {
			r, n := utf8.DecodeRuneInString(p.s[to:])
			if class == 1 && !nameStart(r) || !nameChar(r) {
				break
			}
			to += n
		}
		class = 2
	}
	p.pos = to
	switch n := to - from; {
	case n == 0:
		return "", illFormed("name expected")
	case p.lim.over(n, p.lim.NameLen):
		return "", overLimit("name too long")
	}
	return p.s[from:to], nil
}

// space skips white space and reports whether there was any.
func (p *parser) space() bool {
	from := p.pos
	for p.pos < len(p.s) && isSpace(p.s[p.pos]) {
		p.pos++
	}
	return p.pos > from
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek returns the octet at pos, 0 at the end; 0 is no character of XML.
func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}
