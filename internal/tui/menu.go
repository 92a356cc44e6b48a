package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/tui/ink"
)

// menu is the list of what could be meant, above the composer.
type menu struct {
	items []choice
	at    int // -1: none chosen yet
}

// choice is a command or a person.
type choice struct {
	insert string // what the draft becomes
	cmd    *command
	who    *entry
	word   option
}

// menuRows is the most that the menu shows.
const menuRows = 6

// first is the item at the top of some rows: the chosen one is among them.
func (s *menu) first(rows int) int { return max(0, min(s.at-rows/2, len(s.items)-rows)) }

func (s *menu) close() { s.items, s.at = nil, -1 }

// suggest fills the menu from what stands before the cursor.
func (m *model) suggest() {
	m.menu.close()
	line, ok := m.current().draft.Before()
	if !ok || m.current().corrects != nil || !strings.HasPrefix(line, "/") || strings.HasPrefix(line, "//") {
		return
	}
	name, rest, args := strings.Cut(line, " ")
	if !args {
		for i := range commands {
			if c := &commands[i]; strings.HasPrefix(c.name.String(), strings.ToLower(name)) {
				m.menu.items = append(m.menu.items, choice{insert: c.name.String() + " ", cmd: c})
			}
		}
		return
	}
	c, ok := lookup(strings.ToLower(name))
	for _, o := range c.words {
		if strings.HasPrefix(o.word.String(), strings.ToLower(rest)) && o.word.String() != rest {
			m.menu.items = append(m.menu.items, choice{insert: name + " " + o.word.String(), word: o})
		}
	}
	if !ok || !c.person {
		return
	}
	typed := strings.TrimPrefix(rest, `"`)
	if strings.Contains(typed, `"`) || rest == typed && strings.Contains(rest, " ") {
		return // the name is complete
	}
	for _, e := range m.book.matching(typed) {
		who := quote(e.name.String())
		if len(m.book.find(e.name.String())) > 1 {
			who = e.peer.Key
		}
		m.menu.items = append(m.menu.items, choice{insert: name + " " + who + " ", who: e})
		if len(m.menu.items) == menuRows {
			return
		}
	}
}

// tab completes, else goes to the card.
func (m *model) tab(by int) tea.Cmd {
	c := m.current()
	if n := len(m.menu.items); n > 0 {
		keep := m.menu.items
		at := (m.menu.at + by + n) % n
		if m.menu.at < 0 && by < 0 {
			at = n - 1
		}
		c.draft.Set(keep[at].insert)
		if n == 1 {
			m.suggest() // on to the argument
			return nil
		}
		m.menu.items, m.menu.at = keep, at
		return nil
	}
	if m.cardOf() != noCard {
		m.onCard = true
		return nil
	}
	return nil
}

// drawMenu draws a row of the menu.
func (m *model) drawMenu(f *ink.Frame, i int) {
	it := &m.menu.items[i]
	ground := ink.OnBar
	if i == m.menu.at {
		ground = ink.OnSel
	}
	start := f.Col()
	f.Put(ink.L(ink.Fg|ground, " "))
	switch {
	case it.cmd != nil:
		f.Put(ink.O(ink.Acc|ink.Bold|ground, it.cmd.name), ink.L(ink.Fg|ground, " "), ink.O(ink.Fg|ground, it.cmd.args))
		f.Put(ink.L(ink.Fg|ground, "  "))
		f.To(start+26, ink.Fg|ground)
		f.Put(ink.O(ink.Mut|ground, it.cmd.help))
	case it.who == nil:
		f.Put(ink.O(ink.Acc|ink.Bold|ground, it.word.word), ink.L(ink.Fg|ground, "  "))
		f.To(start+26, ink.Fg|ground)
		f.Put(ink.O(ink.Mut|ground, it.word.help))
	default:
		s := standingOf(&it.who.peer)
		f.Sign(s.mark, onGround(s.style, ground))
		f.Put(ink.L(ink.Fg|ground, " "), ink.T(ink.Fg|ink.Bold|ground, it.who.name), ink.L(ink.Mut|ground, "  "),
			ink.O(ink.Mut|ground, s.short), ink.L(ink.Mut|ground, "  "), ink.T(ink.Mut|ground, it.who.label))
	}
}

// onGround puts a style on a ground, unless it brings its own.
func onGround(st, ground ink.Style) ink.Style {
	if st&ink.OnBad == ink.OnBad {
		return st
	}
	return st | ground
}
