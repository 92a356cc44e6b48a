package tui

import (
	tea "charm.land/bubbletea/v2"

	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// View draws the window: one buffer, row by row.
func (m *model) View() tea.View {
	v := tea.View{AltScreen: true, ReportFocus: true, WindowTitle: m.title()}
	if m.quit {
		v.Content = ""
		return v
	}
	var cur *tea.Cursor
	v.Content, cur = m.draw()
	v.Cursor = cur
	return v
}

// title holds no name: it shows on lock screens and task lists.
func (m *model) title() string {
	if m.unread == 0 {
		return "llchat"
	}
	return "(" + number(m.unread) + ") llchat"
}

func (m *model) draw() (string, *tea.Cursor) {
	f := m.frame
	f.Theme, f.Method = m.theme, m.method
	f.Begin(m.w)
	if m.w <= 0 || m.h <= 0 {
		return "", nil
	}
	l := m.layout()
	if l.tiny {
		return m.drawTiny(f, l), nil
	}
	var cur *tea.Cursor
	switch m.screen {
	case welcoming:
		cur = m.drawWelcome(f)
	case helping:
		cur = m.drawHelp(f)
	case finding:
		cur = m.drawFinder(f, l)
	case reading:
		m.drawPage(f)
	case searching:
		cur = m.drawSearch(f)
	default:
		cur = m.drawTalk(f, l)
	}
	return f.String(), cur
}

// layout is where things are now.
func (m *model) layout() layout {
	most := max(1, m.h/3)
	cw := m.w
	if m.w >= wideColumns && m.h >= tallRows && !m.bare {
		cw -= rosterWidth + 1
	}
	c := m.current()
	want := 1
	if !c.draft.IsEmpty() {
		want = len(m.composed(c, cw, most).rows)
	}
	return arrange(m.w, m.h, want, m.bare)
}

func (m *model) composed(c *conv, cw, most int) composed {
	return compose(&c.draft, m.method, m.textWidth(cw), most)
}

// textWidth is how many cells of the composer are for text, the cursor behind
// the last letter included.
func (m *model) textWidth(cw int) int {
	return max(1, cw-m.promptWidth(cw)-2)
}

func (m *model) promptWidth(cw int) int {
	pad := 2
	if cw < mediumColumns {
		pad = 0
	}
	return pad + ink.Width(m.method, m.prompt(cw)...)
}

// talk is what the rows of the main screen need.
type talk struct {
	m      *model
	f      *ink.Frame
	l      layout
	c      *conv
	e      *entry
	s      standing
	ground ink.Style // that the row being drawn ends in
	rows   []ink.Line
	roster []rosterRow
	comp   composed
	below  int
	menu   int // rows of the menu
}

func (m *model) drawTalk(f *ink.Frame, l layout) *tea.Cursor {
	t := talk{m: m, f: f, l: l, c: m.current(), e: m.openEntry()}
	if t.e != nil {
		t.s = standingOf(&t.e.peer)
	}
	t.menu = min(len(m.menu.items), menuRows, max(0, l.streamH-1))
	if m.open == "" {
		t.rows = m.homeRows(l.cw-1, l.streamH)
	} else {
		t.rows = m.visible(t.c, l.cw-1, l.streamH, m.card(t.c, l.cw-1))
		t.below = m.below(t.c, l.cw-1, l.streamH)
		if len(t.rows) == 0 && t.c.known {
			t.rows = m.emptyRows(t.e, l.cw-1)
		}
	}
	if l.roster > 0 {
		t.roster = m.rosterRows(l.h - 3 - legendRows)
	}
	t.comp = m.composed(t.c, l.cw, l.composeH)
	for y := range l.h {
		f.Row()
		t.row(y)
	}
	return t.cursor()
}

func (t *talk) row(y int) {
	f, l := t.f, t.l
	switch {
	case l.bar && y == 0:
		t.m.drawBar(f)
		f.End(ink.Fg | ink.OnBar)
		return
	case y == l.footY:
		t.m.drawFooter(f, t)
		f.End(ink.Fg | ink.OnBar)
		return
	case y == l.gapY:
		t.m.drawNotice(f)
		f.End(ink.Fg)
		return
	}
	t.ground = 0
	if l.roster > 0 {
		t.rosterPart(y)
	}
	f.Limit(l.w)
	switch {
	case y < l.headY+l.head:
		t.m.drawHead(f, t, y-l.headY)
	case y < l.streamY:
		t.cross()
		f.Rule(ink.HLine, l.w, ink.Rule)
	case y < l.streamY+l.streamH:
		t.stream(y - l.streamY)
	case y < l.composeY:
		t.cross()
		t.drawRule()
	default:
		t.composer(y - l.composeY)
	}
	f.End(ink.Fg | t.ground)
}

// cross ends the roster's line in a tee at a horizontal line.
func (t *talk) cross() {
	if t.l.roster > 0 {
		t.f.Sign(ink.TeeRight, ink.Rule)
	}
}

func (t *talk) rosterPart(y int) {
	f, l := t.f, t.l
	f.Limit(rosterWidth)
	t.m.drawRosterRow(f, t.roster, y-1, l.gapY-1-legendRows)
	f.Limit(l.w)
	f.To(rosterWidth, ink.Fg)
	isRule := y >= l.headY+l.head && (y < l.streamY || y >= l.streamY+l.streamH && y < l.composeY)
	if !isRule {
		f.Sign(ink.VLine, ink.Rule)
	}
}

// stream draws a row of the list, the newest at the bottom, behind the rail.
func (t *talk) stream(y int) {
	f, l := t.f, t.l
	if over := y - (l.streamH - t.menu); over >= 0 {
		i := t.m.menu.first(t.menu) + over
		t.m.drawMenu(f, i)
		t.ground = onSel(i == t.m.menu.at)
		if more := len(t.m.menu.items) - t.menu; more > 0 && over == t.menu-1 {
			f.Limit(l.w - 1)
			f.PutRight(ink.Fg|t.ground|ink.OnBar, ink.L(ink.Mut|ink.OnBar, "+"), ink.N(ink.Mut|ink.OnBar, more), ink.L(ink.Mut|ink.OnBar, " Tab"))
			f.Limit(l.w)
		}
		if t.ground == 0 {
			t.ground = ink.OnBar
		}
		return
	}
	t.rail()
	pad := l.streamH - len(t.rows)
	if t.m.open == "" || !t.c.follow {
		pad = 0 // what is read from its top stands at the top
	}
	if i := y - pad; i >= 0 && i < len(t.rows) {
		f.Line(t.rows[i])
	}
}

func (t *talk) rail() {
	if t.m.bare || t.e == nil {
		t.f.Put(ink.L(ink.Fg, " "))
		return
	}
	style := t.s.style
	if t.s.alarm {
		style = ink.Err
	}
	t.f.Sign(t.s.rail, style)
}

// drawRule is the line above the composer: what is being written about, that
// the other side writes, that newer rows are below.
func (t *talk) drawRule() {
	f, c := t.f, t.c
	tag := func(segs ...ink.Seg) {
		f.Rule(ink.HLine, f.Col()+2, ink.Rule)
		f.Limit(t.l.w - 2)
		f.Put(segs...)
		f.Limit(t.l.w)
	}
	switch {
	case c.corrects != nil:
		tag(ink.L(ink.New, " correcting · "), ink.L(ink.Acc, "Esc"), ink.L(ink.Fg, " leaves it as it was "))
	case c.answers != nil:
		tag(append(t.m.answering(c), ink.L(ink.Fg, " "))...)
	case c.writing && t.e != nil:
		tag(ink.L(ink.Mut, " "), t.m.short(t.e.name, ink.Mut|ink.Bold, promptName), ink.L(ink.Mut, " is typing … "))
	}
	switch {
	case c.past:
		tag(ink.L(ink.New, " newer below · "), ink.L(ink.Acc, "Ctrl+End"), ink.L(ink.New, " "))
	case t.below > 0:
		tag(ink.L(ink.New, " "), ink.N(ink.New, t.below), ink.L(ink.New, " below · "), ink.L(ink.Acc, "Ctrl+End"), ink.L(ink.New, " "))
	}
	f.Rule(ink.HLine, t.l.w, ink.Rule)
}

// composer draws a row of what is being written.
func (t *talk) composer(y int) {
	m, f, l := t.m, t.f, t.l
	if l.cw >= mediumColumns {
		t.rail()
		f.Put(ink.L(ink.Fg, " "))
	}
	left := l.x + m.promptWidth(l.cw)
	if y == 0 {
		f.Put(m.prompt(l.cw)...)
	}
	f.To(left, ink.Fg)
	if m.pick.row != 0 {
		if y == 0 {
			m.drawPicking(f, left)
		}
		return
	}
	if lock := m.lockOf(); !lock.IsEmpty() && !m.writable(t.c) {
		if y == 0 {
			f.Put(ink.L(ink.Mut, "— "), ink.O(ink.Mut, lock))
		}
		return
	}
	if t.c.draft.IsEmpty() && y == 0 {
		f.To(left+1, ink.Fg)
		f.Put(m.placeholder(t.e))
		return
	}
	if y < len(t.comp.rows) {
		r := t.comp.rows[y]
		f.Put(ink.Typed(ink.Fg, t.c.draft.Line(r.line)[r.span.Start:r.span.End]))
	}
}

// placeholder is what an empty composer shows.
func (m *model) placeholder(e *entry) ink.Seg {
	if e == nil {
		return ink.L(ink.Mut, "/ for commands")
	}
	return ink.Seg{}
}

// cursor is where the terminal's cursor belongs.
func (t *talk) cursor() *tea.Cursor {
	m, l := t.m, t.l
	if m.pick.row != 0 {
		return m.pickCursor(l.x+m.promptWidth(l.cw), l)
	}
	if m.onCard || !m.writable(t.c) {
		return nil
	}
	x := l.x + m.promptWidth(l.cw) + t.comp.column
	return tea.NewCursor(min(x, l.w-1), l.composeY+min(t.comp.cursor, l.composeH-1))
}

// drawTiny is all that fits below 20x6: who, the mark, what waits.
func (m *model) drawTiny(f *ink.Frame, l layout) string {
	for y := range l.h {
		f.Row()
		if y == 0 {
			if e := m.openEntry(); e != nil {
				s := standingOf(&e.peer)
				f.Put(m.mark(s.mark, s.style), ink.L(ink.Fg, " "), ink.O(s.style, s.short), ink.L(ink.Fg, " "))
				f.PutCut(ink.T(ink.Fg, e.name), max(1, f.Room()-12))
				f.Put(ink.L(ink.Mut, " "))
			}
			if m.unread > 0 {
				f.Put(ink.N(ink.New, m.unread), ink.L(ink.New, " unread "))
			}
			f.Put(ink.L(ink.Mut, "enlarge"))
		}
		f.End(ink.Fg)
	}
	return f.String()
}

// mark is a sign as a piece.
func (m *model) mark(g ink.Glyph, st ink.Style) ink.Seg { return m.theme.Seg(g, st) }

func (m *model) sign(g ink.Glyph, st ink.Style, spaced bool) ink.Seg {
	if spaced {
		return m.theme.Spaced(g, st)
	}
	return m.theme.Seg(g, st)
}

// short cuts a name for a place of some cells.
func (m *model) short(name safetext.Text, st ink.Style, most int) ink.Seg {
	return m.theme.Cut(m.method, ink.T(st, name), most)
}
