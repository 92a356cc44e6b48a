package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/safetext"
	"llchat/internal/tui/edit"
	"llchat/internal/tui/ink"
)

// welcome is the first screen: a name, and who may write first.
type welcome struct {
	nick  edit.Buffer
	field int // 0 the name, 1 who may reach me
	reach int // row of reaches
}

// reaches are the three answers to "who may reach me".
var reaches = []struct {
	value string // of the setting "strangers"
	word  ink.Own
	means ink.Own
}{
	{"ask", ink.Const("everybody asks"), ink.Const("you accept or block each one first")},
	{"refuse", ink.Const("contacts only"), ink.Const("new people cannot even ask")},
	{"accept", ink.Const("everybody"), ink.Const("new people can write at once")},
}

func (w *welcome) insert(text string) {
	if w.field == 0 {
		w.nick.Insert(oneLine(text))
	}
}

func (m *model) startWelcome() {
	m.screen = welcoming
	m.welcome = welcome{}
	nick := m.status.Nick.String()
	if nick == "" { // the word that the node made up
		nick, _, _ = strings.Cut(m.status.Name.String(), "@")
	}
	m.welcome.nick.Set(nick)
	for i, r := range reaches {
		if r.value == m.status.Strangers {
			m.welcome.reach = i
		}
	}
}

func (m *model) welcomeKey(k tea.KeyPressMsg) tea.Cmd {
	w := &m.welcome
	switch name := k.String(); name {
	case "enter":
		return m.endWelcome()
	case "esc":
		m.screen = talking
		return nil
	case "tab", "shift+tab", "down", "up":
		return w.move(name)
	case "left", "right", "space":
		if w.field == 1 {
			if name == "left" {
				w.reach = (w.reach + len(reaches) - 1) % len(reaches)
			} else {
				w.reach = (w.reach + 1) % len(reaches)
			}
			return nil
		}
	}
	if w.field == 0 {
		if k.Text != "" && k.Mod&(tea.ModCtrl|tea.ModAlt) == 0 {
			w.insert(k.Text)
		} else {
			editKey(&w.nick, k.String())
		}
	}
	return nil
}

// move goes through the name and the three answers as through one list.
func (w *welcome) move(name string) tea.Cmd {
	switch {
	case name == "tab" || name == "shift+tab":
		w.field = 1 - w.field
	case name == "down" && w.field == 0:
		w.field = 1
	case name == "down":
		w.reach = min(w.reach+1, len(reaches)-1)
	case w.field == 1 && w.reach == 0:
		w.field = 0
	case w.field == 1:
		w.reach--
	}
	return nil
}

func (m *model) endWelcome() tea.Cmd {
	nick := strings.TrimSpace(m.welcome.nick.String())
	if safetext.Name(nick).IsEmpty() {
		m.welcome.field = 0
		return m.say(ink.L(ink.Err, "a name is needed"), ink.L(ink.Fg, ": letters that others can see"))
	}
	m.screen = talking
	reach := reaches[m.welcome.reach].value
	return tea.Batch(m.look4Unread(), m.do(func() error {
		if err := m.api.Set(m.ctx, "nick", nick); err != nil {
			return err
		}
		return m.api.Set(m.ctx, "strangers", reach)
	}))
}

// drawWelcome draws the screen; below twenty rows only what must be answered.
func (m *model) drawWelcome(f *ink.Frame) *tea.Cursor {
	left := max(1, min(6, (m.w-72)/2+4))
	pad := func(seg ink.Seg) []ink.Seg {
		var segs []ink.Seg
		for range left {
			segs = append(segs, ink.L(ink.Fg, " "))
		}
		return append(segs, seg)
	}
	s := m.sheet(m.w)
	nickRow := m.welcomeRows(s, pad, left)
	for y := range m.h {
		f.Row()
		switch {
		case y == m.h-1:
			f.Put(ink.L(ink.Fg|ink.OnBar, " "))
			hints := hintsWelcome
			if m.w < mediumColumns {
				hints = hintsWelcome40
			}
			m.putHints(f, hints)
			f.End(ink.Fg | ink.OnBar)
			continue
		case y == m.h-2 && m.note.on:
			f.Put(pad(ink.L(ink.Fg, ""))...)
			f.Put(m.note.segs...)
		case y < len(s.rows) && y < m.h-1:
			f.Line(s.rows[y])
		}
		f.End(ink.Fg)
	}
	if m.welcome.field != 0 {
		return nil
	}
	_, off := m.welcome.nick.Cursor()
	x := left + nickColumn + ink.Width(m.method, ink.Typed(0, m.welcome.nick.Line(0)[:off]))
	return tea.NewCursor(min(x, m.w-1), nickRow)
}

// welcomeRows writes the rows and returns where the name stands.
func (m *model) welcomeRows(s *sheet, pad func(ink.Seg) []ink.Seg, left int) (nickRow int) {
	roomy := m.h >= roomyRows
	if roomy {
		s.row()
	}
	s.row(append(pad(ink.L(ink.Acc|ink.Bold, "llchat")), ink.L(ink.Mut, "  talk to people on this network"))...)
	if roomy {
		s.rule(left)
		s.row()
	}
	nickRow = len(s.rows)
	s.row(m.nickRow(pad)...)
	if roomy {
		s.row()
	}
	s.row(pad(ink.L(m.fieldStyle(1), "2  Who may write first?"))...)
	for i, r := range reaches {
		s.row(m.reachRow(pad, i, r.word, r.means)...)
	}
	if roomy {
		m.welcomeFacts(s, pad, left)
	}
	return nickRow
}

// nickColumn is where the name starts behind its label.
const nickColumn = 16

var hintsWelcome = []hint{
	{ink.Const("Enter"), ink.Const("start")},
	{ink.Const("Tab"), ink.Const("next")},
	{ink.Const("↑↓"), ink.Const("choose")},
	{ink.Const("Esc"), ink.Const("later")},
	{ink.Const("Ctrl+C"), ink.Const("leave")},
}

// hintsWelcome40 keeps the way out in sight where not all keys fit.
var hintsWelcome40 = []hint{hintsWelcome[0], hintsWelcome[1], hintsWelcome[4]}

func (m *model) fieldStyle(field int) ink.Style {
	if m.welcome.field == field {
		return ink.Acc | ink.Bold
	}
	return ink.Fg
}

func (m *model) nickRow(pad func(ink.Seg) []ink.Seg) []ink.Seg {
	style := ink.Fg | ink.Bold
	if m.welcome.field == 0 {
		style |= ink.OnSel
	}
	segs := append(pad(ink.L(m.fieldStyle(0), "1  Your name    ")), ink.Typed(style, m.welcome.nick.Line(0)), ink.L(style, " "))
	if m.w >= mediumColumns {
		segs = append(segs, ink.L(ink.Mut, "   others on this network see it"))
	}
	return segs
}

func (m *model) reachRow(pad func(ink.Seg) []ink.Seg, i int, word, means ink.Own) []ink.Seg {
	dot, style := ink.L(ink.Fg, "   ( ) "), ink.Fg
	if m.welcome.reach == i {
		dot, style = ink.L(ink.Acc|ink.Bold, "   (•) "), ink.Fg|ink.Bold
		if m.welcome.field == 1 {
			style |= ink.OnSel
		}
	}
	segs := append(pad(dot), ink.O(style, word))
	more := []ink.Seg{ink.L(ink.Mut, " — "), ink.O(ink.Mut, means)}
	if ink.Width(m.method, segs...)+ink.Width(m.method, more...) <= m.w {
		segs = append(segs, more...)
	}
	return segs
}

// welcomeFacts tell what needs no answer: the key and the network.
func (m *model) welcomeFacts(s *sheet, pad func(ink.Seg) []ink.Seg, left int) {
	s.row()
	s.row(append(pad(ink.L(ink.Fg, "   Your key     ")), ink.L(ink.Mut, "made on this device, never leaves it"))...)
	groups := m.status.Fingerprint.Groups()
	for i := 0; i < len(groups); i += 4 {
		segs := pad(ink.L(ink.Fg, "                "))
		for _, g := range groups[i : i+4] {
			segs = append(segs, ink.T(ink.Fg, safetext.Line(g)), ink.L(ink.Fg, " "))
		}
		s.row(segs...)
	}
	if len(m.status.Interfaces) > 0 {
		i := m.status.Interfaces[0]
		segs := append(pad(ink.L(ink.Fg, "   Network      ")), ink.T(ink.Fg, safetext.Line(i.Name)))
		if len(i.Addresses) > 0 {
			segs = append(segs, ink.L(ink.Mut, "  "), ink.T(ink.Mut, safetext.Line(i.Addresses[0])))
		}
		s.row(segs...)
	}
	s.rule(left)
	s.row(pad(ink.L(ink.Mut, "All you write is encrypted to the other device. Names can be faked,"))...)
	s.row(pad(ink.L(ink.Mut, "so everybody has a mark, always:"))...)
	s.row(append(pad(m.mark(ink.MarkVerified, ink.OK)), ink.L(ink.OK, " verified  "), ink.L(ink.Fg, "keys compared      "),
		m.mark(ink.MarkPinned, ink.Fg), ink.L(ink.Fg, " pinned     the key you accepted"))...)
	s.row(append(pad(m.mark(ink.MarkNew, ink.New)), ink.L(ink.New, " new key   "), ink.L(ink.Fg, "could be anybody   "),
		m.mark(ink.MarkConflict, ink.Fg|ink.OnBad), ink.L(ink.Fg, " other key  stop and look"))...)
}

func (s *sheet) rule(left int) {
	s.f.Row()
	s.f.To(left, ink.Fg)
	s.f.Rule(ink.HLine, min(s.w-1, left+72), ink.Rule)
	s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
}
