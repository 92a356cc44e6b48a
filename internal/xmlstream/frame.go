package xmlstream

import "bytes"

// framer finds the end of one top-level element without understanding it. It keeps
// its place between calls, so an octet is looked at once however the octets arrive.
//
//	text --'<'--> open --'/'--> endTag --'>'--> text
//	               |  --'!'--> bang --"[CDATA["--> cdata --"]]>"--> text
//	               |  --'?'--> refused
//	               +---------> startTag --quote--> value --quote--> startTag --'>'--> text
//
// The element is complete when a '>' brings the depth back to where it began.
type framer struct {
	state    frameState
	quote    byte // which one closes the present value
	slash    bool // the octet before was a '/', in a start tag
	inText   bool // the present run of character data is counted already
	header   bool // stop after one start tag, whatever follows
	depth    int  // open elements, the stream element included
	base     int  // depth at which the frame began
	tagAttrs int  // attributes of the present tag
	valueLen int
	matched  int // octets seen of "[CDATA[" or of "]]>"

	tokens int
	nodes  int // start tags: the parser makes that many elements
	attrs  int // attributes in all, declarations included
}

type frameState uint8

const (
	inText frameState = iota
	inOpen
	inStartTag
	inValue
	inEndTag
	inBang
	inCDATA
)

const cdataOpen = "[CDATA["

func newHeaderFramer() framer { return framer{header: true} }
func newFramer() framer       { return framer{depth: 1, base: 1} }

// scan looks at b, which follows what was scanned before. It returns how many octets
// it took, and whether the element is complete with the last of them.
func (f *framer) scan(b []byte, lim *Limits) (n int, done bool, err *Error) {
	for n < len(b) && !done && err == nil {
		rest := b[n:]
		took := 1
		switch f.state {
		case inText:
			took, err = f.text(rest, lim)
		case inOpen:
			took, err = f.open(rest[0], lim)
		case inStartTag:
			took, done, err = f.startTag(rest, lim)
		case inValue:
			took, err = f.value(rest, lim)
		case inEndTag:
			took, done = f.endTag(rest)
		case inBang:
			err = f.bang(rest[0], lim)
		case inCDATA:
			took = f.cdata(rest)
		}
		n += took
	}
	return n, done, err
}

func (f *framer) token(lim *Limits) *Error {
	f.tokens++
	if lim.over(f.tokens, lim.Tokens) {
		return overLimit("too many tokens in one stanza")
	}
	return nil
}

func (f *framer) text(b []byte, lim *Limits) (int, *Error) {
	i := bytes.IndexByte(b, '<')
	if i != 0 && !f.inText {
		f.inText = true
		if err := f.token(lim); err != nil {
			return 0, err
		}
	}
	if i < 0 {
		return len(b), nil
	}
	f.state, f.inText = inOpen, false
	return i + 1, nil
}

// open decides by the octet after '<'.
func (f *framer) open(c byte, lim *Limits) (int, *Error) {
	switch c {
	case '?':
		return 1, restricted("processing instruction or late XML declaration")
	case '!':
		f.state, f.matched = inBang, 0
		return 1, nil
	case '/':
		f.state = inEndTag
		return 1, f.token(lim)
	}
	f.depth++
	if lim.over(f.depth, lim.Depth) {
		return 0, overLimit("elements nested too deeply")
	}
	f.state, f.tagAttrs, f.slash = inStartTag, 0, false
	f.nodes++
	return 0, f.token(lim) // c belongs to the tag
}

// bang lets a CDATA section pass and nothing else that begins with "<!".
func (f *framer) bang(c byte, lim *Limits) *Error {
	if c != cdataOpen[f.matched] {
		return restricted("comment or document type")
	}
	if f.matched++; f.matched < len(cdataOpen) {
		return nil
	}
	if f.depth == f.base {
		return illFormed("CDATA section outside of an element")
	}
	f.state, f.matched = inCDATA, 0
	return f.token(lim)
}

func (f *framer) cdata(b []byte) int {
	if f.matched == 0 {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			return len(b)
		}
		f.matched = 1
		return i + 1
	}
	switch {
	case b[0] == ']':
		f.matched = 2
	case b[0] == '>' && f.matched == 2:
		f.state = inText
	default:
		f.matched = 0
	}
	return 1
}

func (f *framer) startTag(b []byte, lim *Limits) (int, bool, *Error) {
	slash := f.slash
	for i, c := range b {
		switch c {
		case '"', '\'':
			f.state, f.quote, f.slash, f.valueLen = inValue, c, false, 0
			f.attrs++
			if f.tagAttrs++; lim.over(f.tagAttrs, lim.Attrs) {
				return i, false, overLimit("too many attributes")
			}
			return i + 1, false, nil
		case '<':
			return i, false, illFormed("'<' inside a tag")
		case '>':
			f.state = inText
			if slash {
				f.depth--
			}
			return i + 1, f.header || f.depth == f.base, nil
		}
		slash = c == '/'
	}
	f.slash = slash
	return len(b), false, nil
}

func (f *framer) value(b []byte, lim *Limits) (int, *Error) {
	i := bytes.IndexByte(b, f.quote)
	n := i + 1
	if i < 0 {
		i, n = len(b), len(b)
	} else {
		f.state = inStartTag
	}
	if f.valueLen += i; lim.over(f.valueLen, lim.AttrLen) {
		return 0, overLimit("attribute value too long")
	}
	return n, nil
}

func (f *framer) endTag(b []byte) (int, bool) {
	i := bytes.IndexByte(b, '>')
	if i < 0 {
		return len(b), false
	}
	f.state = inText
	f.depth--
	return i + 1, f.depth <= f.base
}
