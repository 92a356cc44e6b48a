// Package styling finds what a message wants to be shown in another form
// (XEP-0393, Message Styling). It changes no text and draws nothing: the signs
// that ask for a form stay visible, so that what is read is what was written.
package styling

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Form is how a part of a text is to be shown. Several may hold at once.
type Form uint8

// The forms of XEP-0393, and Sign for the signs that ask for them.
const (
	Strong Form = 1 << iota
	Emphasis
	Strike
	Code
	Quote
	Sign
)

// Span is a part of a text in octets, with its forms.
type Span struct {
	Start, End int
	Form       Form
}

// maxQuotes bounds how deep quotations are looked into: what is deeper is
// shown as the text it is.
const maxQuotes = 8

// signs are the directives of spans (XEP-0393 section 5).
var signs = [utf8.RuneSelf]Form{'*': Strong, '_': Emphasis, '~': Strike, '`': Code}

// Parse returns the spans of a text, in order, without gaps. Its time grows
// with the length of the text alone, whatever is in it.
func Parse(text string) []Span {
	p := parser{text: text}
	p.blocks(0, len(text), 0)
	return p.spans
}

type parser struct {
	text  string
	spans []Span
}

// add gives a part of the text a form, joined to the span before where that
// has the same.
func (p *parser) add(start, end int, f Form) {
	if start >= end {
		return
	}
	if n := len(p.spans); n > 0 && p.spans[n-1].Form == f && p.spans[n-1].End == start {
		p.spans[n-1].End = end
		return
	}
	p.spans = append(p.spans, Span{start, end, f})
}

// lineEnd is where the line at i ends, with its line feed.
func (p *parser) lineEnd(i, end int) int {
	if n := strings.IndexByte(p.text[i:end], '\n'); n >= 0 {
		return i + n + 1
	}
	return end
}

// blocks reads lines: preformatted text and plain lines (section 4); a
// quotation's lines are those that begin with '>'.
func (p *parser) blocks(start, end int, f Form) {
	for i := start; i < end; {
		next := p.lineEnd(i, end)
		if strings.HasPrefix(p.text[i:next], "```") {
			i = p.preformatted(i, next, end, f)
			continue
		}
		p.line(i, next, f)
		i = next
	}
}

// preformatted reads from the line that opens it at i to the line of three
// signs alone, or to the end of its parent.
func (p *parser) preformatted(i, next, end int, f Form) int {
	p.add(i, next, f|Code|Sign)
	for i = next; i < end; i = next {
		next = p.lineEnd(i, end)
		if strings.TrimRight(p.text[i:next], "\n") == "```" {
			p.add(i, next, f|Code|Sign)
			return next
		}
		p.add(i, next, f|Code)
	}
	return end
}

// line reads one line: as a quotation as deep as it says, and then its spans.
func (p *parser) line(start, end int, f Form) {
	i := start
	for depth := 0; i < end && p.text[i] == '>' && depth < maxQuotes; depth++ {
		for i++; i < end && p.text[i] == ' '; i++ {
		}
		f |= Quote
	}
	p.add(start, i, f|Sign)
	p.inline(i, end, f)
}

// inline reads the spans of one line or of the inside of a span (section 5).
// A sign opens at the start, after white space or after another opening, if no
// white space follows; the first one like it that does not follow white space
// closes, if there is something between.
func (p *parser) inline(start, end int, f Form) {
	var never Form // no sign of that kind closes from here on: looked for once
	from, opens := start, true
	for i := start; i < end; {
		r, size := utf8.DecodeRuneInString(p.text[i:end])
		form := formOf(r)
		if form == 0 || !opens || never&form != 0 || !p.mayOpen(i, end) {
			opens = unicode.IsSpace(r)
			i += size
			continue
		}
		closing := p.closing(i, end)
		if closing < 0 {
			never |= form
			continue // now it is a sign like any other
		}
		p.add(from, i, f)
		p.add(i, i+1, f|form|Sign)
		if form == Code {
			p.add(i+1, closing, f|form)
		} else {
			p.inline(i+1, closing, f|form)
		}
		p.add(closing, closing+1, f|form|Sign)
		i, opens = closing+1, false
		from = i
	}
	p.add(from, end, f)
}

func formOf(r rune) Form {
	if r >= utf8.RuneSelf {
		return 0
	}
	return signs[r]
}

// mayOpen reports whether something follows the sign at i that it could hold.
func (p *parser) mayOpen(i, end int) bool {
	r, size := utf8.DecodeRuneInString(p.text[i+1 : end])
	return size > 0 && !unicode.IsSpace(r) && p.text[i+1] != p.text[i]
}

// closing finds the sign that closes the one at i; -1 when there is none, and
// then there is none for a later one either.
func (p *parser) closing(i, end int) int {
	for j := i + 2; j < end; j++ {
		if p.text[j] != p.text[i] {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(p.text[i:j]); !unicode.IsSpace(r) {
			return j
		}
	}
	return -1
}
