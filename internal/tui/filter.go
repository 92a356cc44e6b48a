package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/tui/edit"
	"llchat/internal/tui/ink"
)

// filterList is a line to type in above a list: the people to choose from, or
// the help.
type filterList struct {
	input edit.Buffer
	at    int // chosen row, or the first row shown
}

// choosing is the list of people: the chosen one stays chosen while others
// come and go.
type choosing struct {
	filterList
	chosen string // Peer.Key; empty: whoever is at the row
	found  []*entry
	of     foundKey
}

// foundKey names a list that was made once.
type foundKey struct {
	filter  string
	version uint64
}

// people are the rows that the filter leaves.
func (m *model) people() []*entry {
	l := &m.finder
	key := foundKey{l.input.String(), m.book.version}
	if l.found == nil || l.of != key {
		l.found, l.of = slices.Clone(m.book.matching(key.filter)), key
	}
	return l.found
}

// settleFinder finds the row of the chosen one again.
func (m *model) settleFinder() {
	l, found := &m.finder, m.people()
	if l.chosen != "" && (l.at >= len(found) || found[l.at].peer.Key != l.chosen) {
		if i := slices.IndexFunc(found, func(e *entry) bool { return e.peer.Key == l.chosen }); i >= 0 {
			l.at = i
		} else {
			l.chosen = ""
		}
	}
	l.at = clampTo(l.at, len(found))
	if l.chosen == "" && len(found) > 0 {
		l.chosen = found[l.at].peer.Key
	}
}

func (l *filterList) open(text string) { l.input.Set(text); l.at = 0 }

func (l *filterList) insert(text string) {
	l.input.Insert(oneLine(text))
	l.at = 0
}

// oneLine is the first line of a paste.
func oneLine(text string) string {
	for i := range len(text) {
		if text[i] == '\n' || text[i] == '\r' {
			return text[:i]
		}
	}
	return text
}

// key handles what both lists have in common; it reports false for keys that
// mean something else.
func (l *filterList) key(k tea.KeyPressMsg, page int) bool {
	switch name := k.String(); {
	case name == "up" || name == "ctrl+p" || name == "shift+tab":
		l.at--
	case name == "down" || name == "ctrl+n" || name == "tab":
		l.at++
	case name == "pgup":
		l.at -= page
	case name == "pgdown":
		l.at += page
	case k.Text != "" && k.Mod&(tea.ModCtrl|tea.ModAlt) == 0:
		l.insert(k.Text)
	case name == "enter" || name == "esc":
		return false
	default:
		v := l.input.Version()
		editKey(&l.input, name)
		if v != l.input.Version() {
			l.at = 0
		}
	}
	return true
}

// cursor is where the input's cursor stands, from a column on.
func (l *filterList) cursor(m *model, x, y int) *tea.Cursor {
	_, off := l.input.Cursor()
	return tea.NewCursor(min(m.w-1, x+ink.Width(m.method, ink.Typed(0, l.input.Line(0)[:off]))), y)
}

// startFinder opens the list of people.
func (m *model) startFinder(filter string) tea.Cmd {
	m.screen = finding
	m.finder.open(filter)
	m.finder.chosen = ""
	return nil
}

func (m *model) finderKey(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+k" || name == "f3" || name == "f1" {
		m.screen = talking
		if name == "f1" {
			return m.startHelp("")
		}
		return nil
	}
	if m.finder.key(k, m.page()) {
		m.finder.chosen = ""
		return nil
	}
	if name == "esc" {
		m.screen = talking
		return nil
	}
	found := m.people()
	if len(found) == 0 {
		return m.say(ink.L(ink.Mut, "nobody by that name; Esc goes back"))
	}
	return m.show(found[clampTo(m.finder.at, len(found))].peer.Key)
}

func clampTo(i, n int) int { return max(0, min(i, n-1)) }

// drawFinder draws the list of people over the whole window.
func (m *model) drawFinder(f *ink.Frame, l layout) *tea.Cursor {
	found := m.people()
	m.finder.at = clampTo(m.finder.at, len(found))
	body := max(1, m.h-2)
	first := m.firstFound(len(found), body)
	label := ink.L(ink.Acc|ink.Bold|ink.OnBar, " Write to › ")
	for y := range m.h {
		f.Row()
		ground := ink.Style(0)
		switch i := first + y - 1; {
		case y == 0:
			f.Put(label, ink.Typed(ink.Fg|ink.OnBar, m.finder.input.Line(0)))
			f.Limit(m.w - 1)
			f.PutRight(ink.Fg|ink.OnBar, ink.N(ink.Fg|ink.OnBar, len(found)), ink.L(ink.Mut|ink.OnBar, " of "), ink.N(ink.Mut|ink.OnBar, len(m.book.order)))
			ground = ink.OnBar
		case y == m.h-1:
			m.drawListFooter(f, hintsFinder)
			ground = ink.OnBar
		case i < len(found):
			m.drawFound(f, found[i], i == m.finder.at)
			ground = onSel(i == m.finder.at)
		case i == 0:
			f.Put(ink.L(ink.Mut, "   nobody by that name"))
		}
		f.End(ink.Fg | ground)
	}
	return m.finder.cursor(m, ink.Width(m.method, label), 0)
}

// firstFound is the row of the list that stands at the top of the window.
func (m *model) firstFound(n, body int) int { return max(0, min(m.finder.at-body/2, n-body)) }

var hintsFinder = []hint{
	{ink.Const("type"), ink.Const("to filter")},
	{ink.Const("↑↓"), ink.Const("choose")},
	{ink.Const("Enter"), ink.Const("open")},
	{ink.Const("Esc"), ink.Const("back")},
}

// drawListFooter is the last row of a list: a word on the last action, else
// its keys.
func (m *model) drawListFooter(f *ink.Frame, hints []hint) {
	f.Put(ink.L(ink.Fg|ink.OnBar, " "))
	if !m.note.on {
		m.putHints(f, hints)
		return
	}
	for _, s := range m.note.segs {
		f.Put(s.On(ink.OnBar))
	}
}

// drawFound is a person in the list: in wide windows with the address and the
// word of trust, for there people of one name must be told apart.
func (m *model) drawFound(f *ink.Frame, e *entry, chosen bool) {
	if m.w < mediumColumns {
		m.drawEntry(f, e, m.w, chosen, m.aside(e, onSel(chosen), false)...)
		return
	}
	ground := onSel(chosen)
	m.drawEntry(f, e, rosterWidth+8, chosen, m.whereabouts(e, ground, false)...)
	s := standingOf(&e.peer)
	f.Limit(m.w)
	f.Put(ink.L(ink.Fg|ground, "  "))
	f.PutCut(ink.T(ink.Mut|ground, e.label), 8)
	f.To(rosterWidth+8+12, ink.Fg|ground)
	f.PutCut(ink.O(onGround(s.style&^ink.Bold, ground), s.short), 16)
	f.To(rosterWidth+8+28, ink.Fg|ground)
	f.Put(ink.T(ink.Mut|ground, e.peer.Instance))
	if !e.peer.Message.IsEmpty() {
		f.Put(ink.L(ink.Mut|ground, "  "), ink.T(ink.Fg|ground, e.peer.Message))
	}
}
