package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// card is a question in the stream. It never takes the keys by itself: Tab
// goes to it, and its letters are dead for a second after it appeared and
// after the last typed letter (ui/README.md 6.1).
type card int

const (
	noCard card = iota
	requestCard
	conflictCard
)

// cardOf says which card the open conversation shows.
func (m *model) cardOf() card {
	e := m.openEntry()
	switch {
	case e == nil:
		return noCard
	case e.peer.Trust == chat.Conflict:
		return conflictCard
	case e.peer.Trust == chat.Unknown && (e.request != nil || e.peer.Asks):
		return requestCard
	}
	return noCard
}

// watchCard notes when a card appeared.
func (m *model) watchCard() {
	if m.screen != talking || m.cardOf() == noCard {
		m.onCard, m.carded = false, ""
		return
	}
	if m.carded != m.open {
		m.carded, m.shownAt, m.onCard = m.open, m.now(), false
	}
}

// armed reports whether the letters of the card act.
func (m *model) armed() bool {
	now := m.now()
	return now.Sub(m.shownAt) >= deadFor && now.Sub(m.typedAt) >= deadFor
}

// cardKey handles a key while the card has them.
func (m *model) cardKey(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	switch name {
	case "esc", "tab", "shift+tab":
		m.onCard = false
		return nil
	}
	act := slices.ContainsFunc(m.cardKeys(), func(h hint) bool { return h.key.String() == name })
	if !act || !m.armed() {
		if k.Text != "" {
			m.typedAt = m.now() // a letter of a sentence, not an answer
		}
		if act {
			return m.say(ink.L(ink.Mut, "the card's keys wake up a second after the last letter"))
		}
		return nil
	}
	m.onCard = false
	m.note.on = false
	switch name {
	case "a":
		return m.accept(m.open)
	case "o", "n":
		return m.startDecision(name)
	}
	return m.block(m.open)
}

// cardKeys is what the footer says about the card.
func (m *model) cardKeys() []hint {
	keys := []hint{{ink.Const("b"), ink.Const("block")}, {ink.Const("Esc"), ink.Const("later")}}
	switch {
	case m.cardOf() == requestCard:
		return append([]hint{{ink.Const("a"), ink.Const("accept")}}, keys...)
	case m.claimed() == nil || m.claimed().peer.Trust == chat.Verified:
		return append([]hint{otherPerson}, keys...)
	}
	return append([]hint{otherPerson, newKey}, keys...)
}

// cardCache keeps the rows of the card that is on the screen.
type cardCache struct {
	key  cardKey
	rows []ink.Line
}

type cardKey struct {
	open   string
	card   card
	on     bool
	w, h   int
	theme  int
	method ink.Method
}

func (c *cardCache) clear() { *c = cardCache{} }

// card draws the card of the open conversation, w cells wide.
func (m *model) card(c *conv, w int) []ink.Line {
	kind := m.cardOf()
	if kind == noCard || c.key != m.open {
		return nil
	}
	_, h := m.listSize()
	key := cardKey{m.open, kind, m.onCard, w, h, m.theme.ID, m.method}
	if m.cards.key == key && m.cards.rows != nil {
		return m.cards.rows
	}
	rows := m.drawCard(kind, w, false)
	if len(rows) > h {
		rows = m.drawCard(kind, w, true)
	}
	m.cards = cardCache{key, rows}
	return rows
}

// drawCard draws a card; a short one has no blank rows.
func (m *model) drawCard(kind card, w int, short bool) []ink.Line {
	b := m.newBox(w, m.onCard, kind == conflictCard)
	b.short = short
	if kind == requestCard {
		m.fillRequest(b, m.openEntry())
	} else {
		m.fillConflict(b, m.openEntry())
	}
	return b.close(m.cardKeys())
}

func (m *model) fillRequest(b *box, e *entry) {
	b.title(ink.T(b.accent(), e.name), ink.L(b.accent(), " wants to write to you"))
	b.blank()
	key := []ink.Seg{ink.L(ink.New, "new key "), ink.T(ink.Fg, e.label)}
	if e.request != nil && e.request.Address != "" {
		key = append(key, ink.L(ink.Mut, " · from "), ink.T(ink.Mut, safetext.Line(e.request.Address)))
	}
	b.row(key...)
	b.text(ink.L(ink.Mut, "The name is a claim until you compare keys."), 2)
	if e.request != nil {
		if len(e.request.Bodies) > 0 || !e.request.Body.IsEmpty() {
			b.blank()
		}
		for _, t := range requestBodies(e.request) {
			b.quote(ink.T(ink.Fg, t), maxQuoteRows)
		}
	}
	b.blank()
}

// maxQuoteRows bounds what a stranger's message takes of the screen.
const maxQuoteRows = 4

func requestBodies(r *chat.Request) []safetext.Text {
	if len(r.Bodies) > 0 {
		return r.Bodies
	}
	if r.Body.IsEmpty() {
		return nil
	}
	return []safetext.Text{r.Body}
}

func (m *model) fillConflict(b *box, e *entry) {
	b.title(ink.L(b.accent(), "Not the same key"))
	b.blank()
	name, of := e.name, m.claimed()
	if of != nil {
		name = of.name
	}
	b.row(ink.L(ink.Fg, "This calls itself "), ink.T(ink.Fg|ink.Bold, name), ink.L(ink.Fg, " but has another key."))
	b.text(ink.L(ink.Fg, "Nothing is sent to it, and what it writes is thrown away. Either"), 3)
	b.blank()
	b.text(ink.L(ink.Fg, "1  the person you know reinstalled or has a new device, or"), 2)
	b.text(ink.L(ink.Fg, "2  it is another person with the same name, or"), 2)
	b.text(ink.L(ink.Fg, "3  somebody on this network pretends to be the one you know."), 2)
	b.blank()
	b.fingerprint(ink.L(ink.OK, "accepted  "), e.peer.Of)
	b.fingerprint(ink.L(ink.Err, "this one  "), e.peer.Fingerprint)
	b.blank()
	b.text(ink.L(ink.Mut, "Ask the person in another way: a call, or a walk over."), 2)
	if of != nil && of.peer.Trust == chat.Verified {
		b.text(ink.L(ink.Mut, "A verified contact gets a new key only after that was compared, and this llchat cannot compare keys yet."), 3)
	}
	b.blank()
}

// box draws a card: with a border where there is room, else bare rows.
type box struct {
	m     *model
	f     *ink.Frame
	w     int
	left  int // columns before the border
	inner int
	bare  bool
	on    bool
	alarm bool
	short bool
	rows  []ink.Line
}

func (m *model) newBox(w int, on, alarm bool) *box {
	b := &box{m: m, f: m.scratch, w: w, on: on, alarm: alarm, left: 1, inner: w - 2, bare: w < mediumColumns-1}
	b.f.Theme, b.f.Method = m.theme, m.method
	b.f.Begin(w)
	if !b.bare {
		b.left = max(2, min(6, (w-74)/2))
		b.inner = min(w-2*b.left-6, 74)
	}
	return b
}

func (b *box) accent() ink.Style {
	if b.alarm {
		return ink.Fg | ink.OnBad | ink.Bold
	}
	return ink.Acc | ink.Bold
}

func (b *box) border() ink.Style {
	switch {
	case b.alarm:
		return ink.Err
	case b.on:
		return ink.Acc
	}
	return ink.Rule
}

func (b *box) title(segs ...ink.Seg) {
	f := b.f
	if b.bare {
		f.Row()
		f.To(b.left, ink.Fg)
		f.Put(segs...)
		b.keep()
		return
	}
	if !b.short {
		b.rows = append(b.rows, b.blankLine())
	}
	f.Row()
	f.To(b.left, ink.Fg)
	f.Sign(ink.CornerTL, b.border())
	f.Sign(ink.HLine, b.border())
	f.Limit(b.right() - 2)
	f.Put(ink.L(b.accent(), " "))
	f.Put(segs...)
	f.Put(ink.L(b.accent(), " "))
	f.Limit(b.right() + 1)
	f.Rule(ink.HLine, b.right(), b.border())
	f.Sign(ink.CornerTR, b.border())
	b.keep()
}

func (b *box) right() int { return b.left + b.inner + 5 }

func (b *box) keep() { b.rows = append(b.rows, b.f.Keep(b.w, ink.Fg)) }

func (b *box) blankLine() ink.Line {
	b.f.Row()
	return b.f.Keep(b.w, ink.Fg)
}

func (b *box) blank() {
	if !b.short {
		b.row()
	}
}

// row draws one row inside the box.
func (b *box) row(segs ...ink.Seg) {
	f := b.f
	f.Row()
	f.To(b.left, ink.Fg)
	if b.bare {
		f.Put(segs...)
		b.keep()
		return
	}
	f.Sign(ink.VLine, b.border())
	f.To(b.left+3, ink.Fg)
	f.Limit(b.right() - 2)
	f.Put(segs...)
	f.Limit(b.right() + 1)
	f.To(b.right(), ink.Fg)
	f.Sign(ink.VLine, b.border())
	b.keep()
}

// text wraps, and cuts after some rows.
func (b *box) text(seg ink.Seg, most int) {
	for i, part := range ink.Wrap(b.m.method, seg, b.inner) {
		if i == most {
			return
		}
		b.row(part)
	}
}

// quote is a stranger's text, with the rail of its trust beside it.
func (b *box) quote(seg ink.Seg, most int) {
	parts := ink.Wrap(b.m.method, seg, b.inner-2)
	for i, part := range parts {
		if i == most {
			b.row(ink.L(ink.New, "  "), ink.N(ink.Mut, len(parts)-i), ink.L(ink.Mut, " more rows"))
			return
		}
		b.row(ink.L(ink.New, "> "), part)
	}
}

// fingerprint draws a whole one, 8 groups of 8 digits, four in a row; in a
// narrow box below its label.
func (b *box) fingerprint(label ink.Seg, pin identity.Pin) {
	const perRow, indent = 4, 10
	groups := pin.Groups()
	narrow := b.inner < indent+9*perRow
	if narrow {
		b.row(label)
	}
	for i := 0; i < len(groups); i += perRow {
		var segs []ink.Seg
		switch {
		case narrow:
		case i == 0:
			segs = append(segs, label)
		default:
			segs = append(segs, ink.L(ink.Mut, "          "))
		}
		for _, g := range groups[i : i+perRow] {
			segs = append(segs, ink.T(ink.Fg, safetext.Line(g)), ink.L(ink.Fg, " "))
		}
		b.row(segs...)
	}
}

// width is that of our own words, which are ASCII.
func width(segs []ink.Seg) int {
	n := 0
	for _, s := range segs {
		n += len(s.String())
	}
	return n
}

// close draws the keys and the lower border.
func (b *box) close(keys []hint) []ink.Line {
	style := ink.Mut
	if b.on {
		style = ink.Acc | ink.Bold
	}
	narrow := b.inner < 30
	var segs []ink.Seg
	switch {
	case b.on:
	case b.bare:
		segs = append(segs, ink.L(ink.Acc|ink.Bold, "Tab "))
	default:
		segs = append(segs, ink.L(ink.Acc|ink.Bold, "Tab"), ink.L(ink.Mut, ", then  "))
	}
	gap := ink.L(ink.Fg, "   ")
	switch {
	case narrow:
		gap = ink.L(ink.Fg, " ")
	case b.bare:
		gap = ink.L(ink.Fg, "  ")
	}
	used := width(segs)
	for _, k := range keys {
		next := []ink.Seg{ink.O(style, k.key), ink.L(ink.Fg, " "), ink.O(ink.Fg, k.does), gap}
		if used+width(next)-len(gap.String()) > b.inner && len(segs) > 0 {
			b.row(segs...)
			segs, used = nil, 0
		}
		segs, used = append(segs, next...), used+width(next)
	}
	b.row(segs...)
	if !b.bare {
		f := b.f
		f.Row()
		f.To(b.left, ink.Fg)
		f.Sign(ink.CornerBL, b.border())
		f.Rule(ink.HLine, b.right(), b.border())
		f.Sign(ink.CornerBR, b.border())
		b.keep()
	}
	if !b.short {
		b.rows = append(b.rows, b.blankLine())
	}
	return b.rows
}
