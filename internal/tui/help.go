package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/tui/ink"
)

// helpLine is a row of the help: a title, or a word and what it means.
type helpLine struct {
	title ink.Own
	sign  ink.Glyph
	mark  bool
	style ink.Style
	word  ink.Own
	args  ink.Own
	text  ink.Own
	below bool // narrow windows: the text stands in a row of its own
}

// helpLines is the whole help. Keys and commands come from their own tables.
func helpLines() []helpLine {
	lines := []helpLine{
		{title: ink.Const("MARKS")},
		{mark: true, sign: ink.MarkVerified, style: ink.OK, word: ink.Const("verified"), text: ink.Const("you compared keys with this person")},
		{mark: true, sign: ink.MarkPinned, style: ink.Fg, word: ink.Const("pinned"), text: ink.Const("same key since you accepted it; not verified")},
		{mark: true, sign: ink.MarkNew, style: ink.New, word: ink.Const("new key"), text: ink.Const("never accepted; could be anybody")},
		{mark: true, sign: ink.MarkConflict, style: ink.Fg | ink.OnBad, word: ink.Const("KEY!"), text: ink.Const("another key claims a contact's name: locked")},
		{mark: true, sign: ink.MarkNew, style: ink.New, word: ink.Const("look-alike"), text: ink.Const("goes by a name that looks like a contact's: somebody else")},
		{mark: true, sign: ink.MarkBlocked, style: ink.Mut, word: ink.Const("blocked"), text: ink.Const("you hear nothing of it")},
		{mark: true, sign: ink.MarkPlain, style: ink.Err, word: ink.Const("cannot encrypt"), text: ink.Const("another program without encryption: locked")},
		{title: ink.Const("MESSAGES")},
		{style: ink.New, word: ink.Const("waiting"), text: ink.Const("kept on disk, goes out when the person is here")},
		{style: ink.New, word: ink.Const("waiting, not here"), text: ink.Const("nobody answers: it goes out when the person is back")},
		{style: ink.New, word: ink.Const("waiting for acceptance"), text: ink.Const("arrived, but the person has not accepted you yet")},
		{style: ink.Mut, word: ink.Const("sent"), text: ink.Const("on its way, no receipt yet")},
		{style: ink.New, word: ink.Const("sent, no receipt"), text: ink.Const("the other program does not say whether it has it")},
		{style: ink.Mut, word: ink.Const("delivered"), text: ink.Const("on the other device's disk")},
		{style: ink.Acc, word: ink.Const("read"), text: ink.Const("the person saw it")},
		{style: ink.Err, word: ink.Const("not sent"), text: ink.Const("with the reason; Alt+R tries again")},
		{style: ink.Mut, word: ink.Const("edited"), text: ink.Const("the text was corrected; ↑ then i shows what it was")},
		{style: ink.Mut, word: ink.Const("taken back"), text: ink.Const("the author wants it unsaid")},
		{style: ink.New, word: ink.Const("spoiler"), text: ink.Const("hidden until you ask: ↑ then s, or /show")},
		{title: ink.Const("KEYS")},
	}
	for _, b := range bindings {
		lines = append(lines, helpLine{style: ink.Acc | ink.Bold, word: b.keys, text: b.does})
	}
	lines = append(lines, helpLine{title: ink.Const("COMMANDS")})
	for _, c := range commands {
		lines = append(lines, helpLine{style: ink.Acc | ink.Bold, word: c.name, args: c.args, text: c.help})
	}
	return lines
}

func (l *helpLine) matches(filter string) bool {
	return strings.Contains(strings.ToLower(l.word.String()+" "+l.text.String()), filter)
}

// filtered leaves the lines that match, and the titles above them.
func filtered(filter string) []helpLine {
	filter = strings.ToLower(strings.TrimSpace(filter))
	var out []helpLine
	for _, l := range helpLines() {
		switch {
		case !l.title.IsEmpty():
			if n := len(out); n > 0 && !out[n-1].title.IsEmpty() {
				out = out[:n-1]
			}
			out = append(out, l)
		case l.matches(filter):
			out = append(out, l)
		}
	}
	if n := len(out); n > 0 && !out[n-1].title.IsEmpty() {
		out = out[:n-1]
	}
	return out
}

func inTwoRows(lines []helpLine) []helpLine {
	var out []helpLine
	for _, l := range lines {
		out = append(out, l)
		if l.title.IsEmpty() {
			out = append(out, helpLine{text: l.text, below: true})
		}
	}
	return out
}

func (m *model) startHelp(filter string) tea.Cmd {
	m.screen = helping
	m.help.open(filter)
	return nil
}

func (m *model) helpKey(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name == "f1" {
		m.screen = talking
		return nil
	}
	if !m.help.key(k, m.page()) && (name == "esc" || name == "enter") {
		m.screen = talking
		return m.look4Unread()
	}
	return nil
}

func (m *model) drawHelp(f *ink.Frame) *tea.Cursor {
	lines := filtered(m.help.input.String())
	if m.w < mediumColumns {
		lines = inTwoRows(lines)
	}
	body := max(1, m.h-2)
	m.help.at = max(0, min(m.help.at, len(lines)-body))
	label := ink.L(ink.Acc|ink.Bold|ink.OnBar, " Help › ")
	for y := range m.h {
		f.Row()
		ground := ink.Style(0)
		switch i := m.help.at + y - 1; {
		case y == 0:
			f.Put(label, ink.Typed(ink.Fg|ink.OnBar, m.help.input.Line(0)))
			if m.help.input.IsEmpty() {
				f.Put(ink.L(ink.Mut|ink.OnBar, " type to filter"))
			}
			ground = ink.OnBar
		case y == m.h-1:
			m.drawListFooter(f, hintsOfHelp)
			ground = ink.OnBar
		case i < len(lines):
			m.drawHelpLine(f, &lines[i])
		case i == 0:
			f.Put(ink.L(ink.Mut, "   nothing about that; delete letters or press Esc"))
		}
		f.End(ink.Fg | ground)
	}
	return m.help.cursor(m, ink.Width(m.method, label), 0)
}

var hintsOfHelp = []hint{
	{ink.Const("Esc"), ink.Const("back")}, {ink.Const("↑↓"), ink.Const("scroll")}, {ink.Const("type"), ink.Const("to filter")},
}

func (m *model) drawHelpLine(f *ink.Frame, l *helpLine) {
	if !l.title.IsEmpty() {
		f.Put(ink.L(ink.Mut, " "), ink.O(ink.Mut|ink.Bold, l.title))
		return
	}
	if l.below {
		f.Put(ink.L(ink.Fg, "     "), ink.O(ink.Fg, l.text))
		return
	}
	f.Put(ink.L(ink.Fg, "   "))
	if l.mark {
		f.Put(m.mark(l.sign, l.style), ink.L(ink.Fg, " "))
	}
	f.Put(ink.O(l.style, l.word))
	if !l.args.IsEmpty() {
		f.Put(ink.L(ink.Fg, " "), ink.O(ink.Mut, l.args))
	}
	if m.w >= mediumColumns {
		f.Put(ink.L(ink.Fg, "  "))
		f.To(26, ink.Fg)
		f.Put(ink.O(ink.Fg, l.text))
	}
}
