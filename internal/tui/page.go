package tui

import (
	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/tui/ink"
)

// page is a screen to read: what is known of the network, of somebody, of
// ourselves, and what happened so far. It is made of the state at each frame,
// so that it is never older than the rest.
type page struct {
	kind pageKind
	key  string // of whom
	at   int    // first row

	row      int64 // of the message
	versions []chat.Version
	picture  picture // of whom
}

type pageKind int

const (
	netPage pageKind = iota
	personPage
	selfPage
	logPage
	messagePage
)

// lastRow is further down than any page is long.
const lastRow = 1 << 20

func (m *model) startPage(kind pageKind, key string) tea.Cmd {
	m.screen = reading
	m.leaf = page{kind: kind, key: key}
	if kind == logPage {
		m.leaf.at = lastRow // the newest stands at the end
	}
	return m.loadStatus()
}

// info shows what is known of the person named, or of the open one.
func (m *model) info(rest string) tea.Cmd {
	key := m.personOr(rest)
	if m.book.get(key) == nil {
		if key == "" {
			return m.say(ink.L(ink.Err, "whose? "), ink.L(ink.Acc, "/info"), ink.L(ink.Fg, " PERSON, or open a conversation first"))
		}
		return m.startFinder(rest)
	}
	return tea.Batch(m.startPage(personPage, key), m.picture(key))
}

func (m *model) pageKey(k tea.KeyPressMsg) tea.Cmd {
	p := &m.leaf
	switch name := k.String(); name {
	case "esc", "enter", "q", "alt+i":
		m.screen = talking
		return m.look4Unread()
	case "f1":
		m.screen = talking
		return m.startHelp("")
	case "ctrl+k", "f3":
		return m.startFinder("")
	case "up", "ctrl+p", "k":
		p.at--
	case "down", "ctrl+n", "j":
		p.at++
	case "pgup":
		p.at -= m.page()
	case "pgdown", "space":
		p.at += m.page()
	case "home":
		p.at = 0
	case "end":
		p.at = lastRow
	}
	p.at = clampTo(p.at, len(m.pageRows())-m.pageBody()+1)
	return nil
}

func (m *model) pageBody() int { return max(1, m.h-2) }

var pageTitles = [...]ink.Own{
	netPage: ink.Const(" Network"), personPage: ink.Const(" Who is this"), selfPage: ink.Const(" You"), logPage: ink.Const(" What happened"), messagePage: ink.Const(" This message"),
}

var hintsPage = []hint{{ink.Const("Esc"), ink.Const("back")}, {ink.Const("↑↓"), ink.Const("scroll")}, hintHelp}

func (m *model) drawPage(f *ink.Frame) {
	rows := m.pageRows()
	first := clampTo(m.leaf.at, len(rows)-m.pageBody()+1)
	for y := range m.h {
		f.Row()
		ground := ink.Style(0)
		switch i := first + y - 1; {
		case y == 0:
			f.Put(ink.O(ink.Acc|ink.Bold|ink.OnBar, pageTitles[m.leaf.kind]))
			ground = ink.OnBar
		case y == m.h-1:
			m.drawListFooter(f, hintsPage)
			ground = ink.OnBar
		case i < len(rows):
			f.Line(rows[i])
		}
		f.End(ink.Fg | ground)
	}
}

// pageRows are all rows of the page.
func (m *model) pageRows() []ink.Line {
	s := m.sheet(m.w)
	if m.h >= roomyRows {
		s.row()
	}
	switch m.leaf.kind {
	case netPage:
		m.netRows(s)
	case personPage:
		m.personRows(s)
	case selfPage:
		m.selfRows(s)
	case logPage:
		m.logRows(s)
	case messagePage:
		m.messageRows(s)
	}
	return s.rows
}

func (m *model) netRows(s *sheet) {
	s.facts(m.method, netMargin, netFacts(&m.status, m.health, m.loaded))
	s.row()
	segs := []ink.Seg{ink.L(ink.Fg, "   "), ink.N(ink.Fg, m.near()), ink.L(ink.Fg, " near")}
	if q := m.book.count[quiet]; q > 0 {
		segs = append(segs, ink.L(ink.Mut, " · "), ink.N(ink.Mut, q), ink.L(ink.Mut, " contacts are not here"))
	}
	s.row(segs...)
	s.row()
	s.helps(m.method)
}

// near is how many people are here.
func (m *model) near() int {
	return m.book.count[near] + m.book.count[strangers] + m.book.count[asking]
}

func (m *model) personRows(s *sheet) {
	e := m.book.get(m.leaf.key)
	if e == nil {
		s.wrap(m.method, 3, ink.L(ink.Mut, "Whoever this was is not here any more."))
		return
	}
	st := standingOf(&e.peer)
	s.row(ink.L(ink.Fg, "   "), m.mark(st.mark, st.style), ink.L(ink.Fg, " "), ink.T(ink.Fg|ink.Bold, e.name))
	s.row()
	s.facts(m.method, factMargin, peerFacts(m.book, e, m.leaf.picture, m.now()))
	s.row()
	s.wrap(m.method, 3, ink.L(ink.Mut, "Name, nick and message are claims; the key is not. Compare it in person, or on a call where you know the voice."))
}

func (m *model) selfRows(s *sheet) {
	s.facts(m.method, factMargin, selfFacts(&m.status))
	s.row()
	s.wrap(m.method, 3, ink.L(ink.Mut, "Somebody who does not see you types /add and one of the addresses. Read the key aloud to compare it: names and addresses can be faked."))
}

func (m *model) logRows(s *sheet) {
	if len(m.log) == 0 {
		s.row(ink.L(ink.Mut, "   nothing yet"))
	}
	for _, l := range m.log {
		s.f.Row()
		s.f.Put(ink.L(ink.Fg, " "), ink.Clock(ink.Mut, l.at))
		s.f.To(netMargin, ink.Fg)
		s.flow(m.method, netMargin, s.w-netMargin-1, l.segs)
	}
}

// Where what is said of a fact begins: behind a short sign, behind a word.
const (
	netMargin  = 8
	factMargin = 15
)

// facts writes facts in two columns.
func (s *sheet) facts(m ink.Method, margin int, facts []fact) {
	for _, f := range facts {
		s.fact(m, margin, f)
	}
}

func (s *sheet) fact(m ink.Method, margin int, f fact) {
	left := margin - 4
	if margin > netMargin {
		left = 3
	}
	room := s.w - margin - 1
	s.f.Row()
	s.f.To(left, ink.Fg)
	s.f.Put(ink.O(f.style, f.word))
	s.f.To(margin, ink.Fg)
	if len(f.segs) == keyGroups {
		s.key(margin, f.segs)
		return
	}
	dot := ink.L(ink.Mut, " · ")
	if whole := ink.Width(m, f.segs...); f.hint.IsEmpty() || whole+ink.Width(m, dot, f.hint) > room {
		s.flow(m, margin, room, f.segs)
		if !f.hint.IsEmpty() {
			s.wrap(m, margin, f.hint)
		}
		return
	}
	s.f.Put(f.segs...)
	s.f.Put(dot, f.hint)
	s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
}

// keyGroups is the number of groups of a fingerprint (security.md 3).
const keyGroups = 8

// key writes the groups of a fingerprint, four in a row or two.
func (s *sheet) key(margin int, groups []ink.Seg) {
	perRow := 4
	if s.w < mediumColumns {
		perRow = 2
	}
	for i := 0; i < len(groups); i += perRow {
		if i > 0 {
			s.f.Row()
			s.f.To(margin, ink.Fg)
		}
		for _, g := range groups[i : i+perRow] {
			s.f.Put(g, ink.L(ink.Fg, " "))
		}
		s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
	}
}

// flow writes pieces one after the other in the row that was begun, and goes
// on below where they do not fit.
func (s *sheet) flow(m ink.Method, margin, room int, segs []ink.Seg) {
	for i, row := range ink.Flow(m, segs, room) {
		if i > 0 {
			s.f.Row()
			s.f.To(margin, ink.Fg)
		}
		s.f.Put(row...)
		s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
	}
}

// helps writes what can be done when somebody is missing.
func (s *sheet) helps(m ink.Method) {
	for _, h := range nobodyHelps {
		s.f.Row()
		s.f.To(3, ink.Fg)
		s.f.Put(ink.O(ink.Acc|ink.Bold, h.word))
		if s.w >= mediumColumns {
			s.f.To(3+helpColumn, ink.Fg)
			s.f.Put(ink.O(ink.Fg, h.text))
			s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
			continue
		}
		s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
		s.wrap(m, 5, ink.O(ink.Mut, h.text))
	}
}

// helpColumn is where the meaning of a command begins.
const helpColumn = 16
