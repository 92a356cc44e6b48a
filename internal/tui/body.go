package tui

import (
	"strings"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
	"llchat/internal/tui/styling"
)

// bubble draws one message: its time and author, what it answers, its text and
// how far it came, the reactions to it, and why it failed.
type bubble struct {
	m      *model
	f      *ink.Frame
	c      *conv
	l      *line
	w      int
	left   int       // column of the text
	ground ink.Style // of a message that is picked
	rows   []ink.Line
}

func (m *model) drawBubble(rows []ink.Line, c *conv, l *line, w int, picked bool) []ink.Line {
	b := &bubble{m: m, f: m.scratch, c: c, l: l, w: w, left: 1, ground: onSel(picked), rows: rows}
	if w < mediumColumns {
		b.narrow()
	} else {
		b.wide()
	}
	b.reactions()
	b.reason()
	return b.rows
}

// begin starts a row at the column of the text.
func (b *bubble) begin() {
	b.f.Row()
	b.f.To(b.left, ink.Fg|b.ground)
}

func (b *bubble) put(segs ...ink.Seg) {
	for i := range segs {
		b.f.Put(segs[i].On(b.ground))
	}
}

func (b *bubble) end() { b.rows = append(b.rows, b.f.Keep(b.w, ink.Fg|b.ground)) }

// wide: time, name and text in one row, what became of it at the right end of
// the last one.
func (b *bubble) wide() {
	const timeEnd = 1 + 5 + 2 // space, time, gap
	f, column := b.f, b.m.nameColumn(b.c, b.w)
	b.left = timeEnd + column + 2
	body := b.content(b.w - b.left - 1)
	for i, row := range body {
		f.Row()
		if i == 0 {
			b.put(b.clock()...)
			b.put(ink.L(ink.Mut, "  "))
			f.PutCut(b.m.author(b.c, b.l).On(b.ground), column)
		}
		f.To(b.left, ink.Fg|b.ground)
		b.put(row...)
		if fate := b.fate(); i == len(body)-1 && len(fate) > 0 {
			b.right(fate)
		}
		b.end()
	}
}

// right puts what became of the message at the right end of the row, or of the
// next one where there is no place.
func (b *bubble) right(fate []ink.Seg) {
	b.f.Limit(b.w - 1)
	if b.f.PutRight(ink.Fg|b.ground, fate...) {
		return
	}
	b.end()
	b.f.Row()
	b.f.Limit(b.w - 1)
	b.f.PutRight(ink.Fg|b.ground, fate...)
}

// narrow: name and time in a row of their own, the text below at full width.
func (b *bubble) narrow() {
	b.f.Row()
	b.put(b.clock()...)
	b.put(ink.L(ink.Mut, " "), b.m.author(b.c, b.l))
	if fate := b.fate(); len(fate) > 0 {
		b.put(ink.L(ink.Mut, " · "))
		b.put(fate...)
	}
	b.end()
	for _, row := range b.content(b.w - 1) {
		b.begin()
		b.put(row...)
		b.end()
	}
}

// clock is the time, behind a sign where the message is picked: colours alone
// would not show it everywhere.
func (b *bubble) clock() []ink.Seg {
	first := ink.L(ink.Fg, " ")
	if b.ground != 0 {
		first = b.m.mark(ink.Prompt, ink.Acc|ink.Bold)
	}
	return []ink.Seg{first, ink.Clock(ink.Mut, b.l.Written)}
}

// fate is what became of the message, on its ground.
func (b *bubble) fate() []ink.Seg {
	var segs []ink.Seg
	if !b.l.Edited.IsZero() && b.l.Retracted.IsZero() {
		segs = append(segs, ink.L(ink.Mut, "edited").On(b.ground))
	}
	if b.l.Direction == chat.Out && b.l.Retracted.IsZero() {
		if len(segs) > 0 {
			segs = append(segs, ink.L(ink.Mut, " · ").On(b.ground))
		}
		segs = append(segs, b.m.delivery(b.l).On(b.ground))
	}
	return segs
}

func (m *model) delivery(l *line) ink.Seg {
	if l.State == sending {
		return ink.L(ink.Mut, "sending")
	}
	word, style := stateWord(&l.Message)
	return ink.O(style, word)
}

// content is what the message says, in rows of w cells at the most.
func (b *bubble) content(w int) [][]ink.Seg {
	l := b.l
	if !l.Retracted.IsZero() {
		return [][]ink.Seg{{ink.L(ink.Mut|ink.Italic, "taken back")}}
	}
	var rows [][]ink.Seg
	if l.Reply != nil {
		rows = append(rows, b.m.quoted(b.c, l.Reply, w))
	}
	text := ink.T(bodyStyle(l), l.Body)
	if l.Spoiler {
		head, open := b.spoiler(), b.c.shown[l.Row]
		rows = append(rows, ink.WrapAll(b.m.method, head, w)...)
		if !open {
			return rows
		}
	}
	return append(rows, ink.WrapAll(b.m.method, b.styled(text), w)...)
}

// spoiler is the row above, or in place of, a text that is not to be seen at
// once.
func (b *bubble) spoiler() []ink.Seg {
	segs := []ink.Seg{ink.L(ink.New, "spoiler")}
	if !b.l.Hint.IsEmpty() {
		segs = append(segs, ink.L(ink.New, ": "), ink.T(ink.Fg, b.l.Hint))
	}
	switch {
	case b.c.shown[b.l.Row]:
	case b.ground != 0:
		segs = append(segs, ink.L(ink.Mut, " · "), ink.L(ink.Acc, "s"), ink.L(ink.Mut, " shows it"))
	default:
		segs = append(segs, ink.L(ink.Mut, " · hidden: "), ink.L(ink.Acc, "↑"), ink.L(ink.Mut, " then "), ink.L(ink.Acc, "s"))
	}
	return segs
}

func bodyStyle(l *line) ink.Style {
	if l.State == sending || l.State == chat.Failed {
		return ink.Mut
	}
	return ink.Fg
}

// action begins a text that tells what its author does (XEP-0245).
const action = "/me "

// styled gives a text the forms that its signs ask for; the signs stay. An
// action begins with its author and a star, as no text does by itself.
func (b *bubble) styled(text ink.Seg) []ink.Seg {
	base, s, from := bodyStyle(b.l), text.String(), 0
	var segs []ink.Seg
	if strings.HasPrefix(s, action) {
		from = len(action)
		segs = append(segs, ink.L(ink.Mut, "* "), b.m.author(b.c, b.l), ink.L(base, " "))
		base |= ink.Italic
	}
	if b.l.Unstyled || !strings.ContainsAny(s, "*_~`>") {
		return append(segs, text.Part(from, len(s), base))
	}
	for _, span := range styling.Parse(s[from:]) {
		segs = append(segs, text.Part(from+span.Start, from+span.End, inForm(base, span.Form)))
	}
	return segs
}

// inForm is a style with the forms of a span.
func inForm(base ink.Style, f styling.Form) ink.Style {
	st := base
	if f&styling.Strong != 0 {
		st |= ink.Bold
	}
	if f&styling.Emphasis != 0 {
		st |= ink.Italic
	}
	if f&styling.Strike != 0 {
		st |= ink.Struck
	}
	const letters = ink.Fg | ink.Mut // tokens that a text has
	switch {
	case f&(styling.Sign|styling.Quote) != 0:
		st = st&^letters | ink.Mut
	case f&styling.Code != 0:
		st = st&^letters | ink.Acc
	}
	return st
}

// quoted is the row that says what a message answers. Its words are those in
// our own history, and its sign has a colour that no quotation in a text has.
func (m *model) quoted(c *conv, q *chat.Quotation, w int) []ink.Seg {
	who, said := m.quotation(c, q)
	segs := []ink.Seg{ink.L(ink.Acc|ink.Bold, "↳ ")}
	if !who.IsEmpty() {
		segs = append(segs, m.theme.Cut(m.method, who, promptName), ink.L(ink.Mut, ": "))
	}
	room := max(1, w-ink.Width(m.method, segs...))
	return append(segs, m.theme.Cut(m.method, said, room))
}

// quotation says whose message is answered, and what it said.
func (m *model) quotation(c *conv, q *chat.Quotation) (who, said ink.Seg) {
	switch q.Direction {
	case chat.Out:
		who = ink.L(ink.Mut, "you")
	case chat.In:
		who = ink.L(ink.Mut, "them")
		if e := m.book.get(c.key); e != nil {
			who = ink.T(ink.Mut, e.name)
		}
	default:
		return ink.Seg{}, ink.L(ink.Mut|ink.Italic, "a message that is not here")
	}
	switch {
	case q.Spoiler:
		return who, ink.L(ink.Mut|ink.Italic, "spoiler")
	case q.Body.IsEmpty():
		return who, ink.L(ink.Mut|ink.Italic, "taken back")
	}
	return who, ink.T(ink.Mut, safetext.Line(q.Body.String()))
}

// Bounds of the reactions below a message: how many, and cells of one and of a
// name beside it. The page about the message has all.
const (
	maxReactions = 12
	reactionCell = 12
)

// reactions says who reacted with what.
func (b *bubble) reactions() {
	if len(b.l.Reactions) == 0 || !b.l.Retracted.IsZero() {
		return
	}
	var segs []ink.Seg
	for i := range b.l.Reactions[:min(len(b.l.Reactions), maxReactions)] {
		if i > 0 {
			segs = append(segs, ink.L(ink.Fg, "   "))
		}
		segs = append(segs, b.m.reaction(b.c, &b.l.Reactions[i])...)
	}
	if more := len(b.l.Reactions) - maxReactions; more > 0 {
		segs = append(segs, ink.L(ink.Mut, "   +"), ink.N(ink.Mut, more))
	}
	b.below(segs)
}

// reaction is an emoji and who gave it.
func (m *model) reaction(c *conv, r *chat.Reaction) []ink.Seg {
	segs := []ink.Seg{m.theme.Cut(m.method, ink.T(ink.Fg, r.Emoji), reactionCell), ink.L(ink.Mut, " ")}
	if r.Ours {
		segs = append(segs, ink.L(ink.Mut, "you"))
	}
	if r.Ours && r.Theirs {
		segs = append(segs, ink.L(ink.Mut, ", "))
	}
	if e := m.book.get(c.key); r.Theirs && e != nil {
		segs = append(segs, m.short(e.name, ink.Mut, reactionCell))
	} else if r.Theirs {
		segs = append(segs, ink.L(ink.Mut, "them"))
	}
	return segs
}

// below writes pieces under the text.
func (b *bubble) below(segs []ink.Seg) {
	for _, row := range ink.WrapAll(b.m.method, segs, b.w-b.left-1) {
		b.begin()
		b.put(row...)
		b.end()
	}
}

// reason says below a message that could not be sent why, and what to press.
func (b *bubble) reason() {
	if b.l.State != chat.Failed || !b.l.Retracted.IsZero() {
		return
	}
	var segs []ink.Seg
	if b.l.Reason != "" {
		segs = append(segs, ink.T(ink.Err, safetext.Error(b.l.Reason)), ink.L(ink.Mut, " · "))
	}
	switch {
	case b.l.Reason == chat.ReasonReplaced && b.ground == 0:
		segs = append(segs, ink.L(ink.Acc, "Alt+R"), ink.L(ink.Mut, " sends it to the new key"))
	case b.l.Reason == chat.ReasonReplaced:
		segs = append(segs, ink.O(ink.Acc, hintsReplaced[0].key), ink.L(ink.Fg, " "), ink.O(ink.Fg, hintsReplaced[0].does))
	case b.ground != 0:
		for i, h := range hintsFailed[:4] {
			if i > 0 {
				segs = append(segs, ink.L(ink.Fg, "  "))
			}
			segs = append(segs, ink.O(ink.Acc, h.key), ink.L(ink.Fg, " "), ink.O(ink.Fg, h.does))
		}
	case b.w < mediumColumns:
		segs = append(segs, ink.L(ink.Acc, "Alt+R"), ink.L(ink.Mut, " try again"))
	default:
		segs = append(segs, ink.L(ink.Acc, "Alt+R"), ink.L(ink.Mut, " try again · "), ink.L(ink.Acc, "↑"), ink.L(ink.Mut, " keep, edit, remove"))
	}
	b.below(segs)
}
