package tui

import (
	tea "charm.land/bubbletea/v2"

	"llchat/internal/tui/edit"
	"llchat/internal/tui/ink"
)

// binding is one key of the window: what it is called, what the help says.
// The footer and the help screen are made of these.
type binding struct {
	keys ink.Own
	does ink.Own
}

var bindings = []binding{
	{ink.Const("Enter"), ink.Const("send")},
	{ink.Const("Alt+Enter, Ctrl+J"), ink.Const("new line (Shift+Enter too where the terminal can tell)")},
	{ink.Const("Tab"), ink.Const("complete a command or a name; go to a card")},
	{ink.Const("Ctrl+K, F3"), ink.Const("who to write to")},
	{ink.Const("Alt+A"), ink.Const("next unread message or request")},
	{ink.Const("Alt+Up Alt+Down"), ink.Const("previous, next person (Ctrl+P, Ctrl+N)")},
	{ink.Const("Alt+1…9"), ink.Const("person 1 to 9 of the list")},
	{ink.Const("PgUp PgDn"), ink.Const("scroll; Ctrl+End goes to the newest")},
	{ink.Const("↑"), ink.Const("in an empty draft: choose a message, then one key to edit, reply, react, copy")},
	{ink.Const("Ctrl+F"), ink.Const("search this conversation; twice: everywhere")},
	{ink.Const("Alt+R"), ink.Const("try again what could not be sent")},
	{ink.Const("Alt+I"), ink.Const("what is known of this person: key, addresses, last seen")},
	{ink.Const("F9, Alt+L"), ink.Const("bare view, for selecting text with the mouse")},
	{ink.Const("F1"), ink.Const("this help")},
	{ink.Const("Esc"), ink.Const("back")},
	{ink.Const("Ctrl+A E U K W Y"), ink.Const("line editing as in a shell; Alt+B F D by words")},
	{ink.Const("Ctrl+C"), ink.Const("clear the draft (Ctrl+Y brings it back), twice: quit")},
}

// key handles a key press.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+c" {
		return m.interrupt()
	}
	switch m.screen {
	case welcoming:
		return m.welcomeKey(k)
	case helping:
		return m.helpKey(k)
	case finding:
		return m.finderKey(k)
	case reading:
		return m.pageKey(k)
	case searching:
		return m.searchKey(k)
	}
	if cmd, ok := m.windowKey(name); ok {
		return cmd
	}
	if m.onCard {
		return m.cardKey(k)
	}
	if l := m.pickedLine(); l != nil {
		return m.pickKey(k, l)
	}
	return m.composerKey(k)
}

// interrupt clears the draft; without one, or the second time, it leaves.
func (m *model) interrupt() tea.Cmd {
	c := m.current()
	if m.screen == talking && !c.draft.IsEmpty() {
		c.leaveBe()
		c.draft.Clear()
		m.menu.close()
		m.leaving = m.now()
		return tea.Batch(m.keepDraft(c), m.say(ink.L(ink.Fg, "cleared · "), ink.L(ink.Acc, "Ctrl+Y"),
			ink.L(ink.Fg, " undoes · "), ink.L(ink.Acc, "Ctrl+C"), ink.L(ink.Fg, " quits")))
	}
	if m.screen == welcoming || m.now().Sub(m.leaving) < quitWait {
		return m.leave()
	}
	m.leaving = m.now()
	return m.say(ink.L(ink.Acc, "Ctrl+C"), ink.L(ink.Fg, " again quits"))
}

// windowKey handles what works whatever has the keys.
func (m *model) windowKey(name string) (tea.Cmd, bool) {
	switch name {
	case "f1":
		return m.startHelp(""), true
	case "ctrl+k", "f3":
		if name == "ctrl+k" && m.midLine() {
			return nil, false // cuts to the end of the line
		}
		return m.startFinder(""), true
	case "f9", "alt+l":
		m.bare = !m.bare
	case "alt+up", "ctrl+p":
		return m.step(-1), true
	case "alt+down", "ctrl+n":
		return m.step(1), true
	case "alt+a":
		return m.nextUnread(), true
	case "pgup":
		return m.scrollBy(-m.page()), true
	case "pgdown":
		return m.scrollBy(m.page()), true
	case "ctrl+end":
		m.unpick()
		return m.toNewest(m.current()), true
	case "ctrl+home":
		c := m.current()
		m.scrollBy(-1)
		c.top, c.off = 0, 0
		return m.scrollBy(-1), true
	case "alt+i":
		return m.info(""), true
	case "alt+r":
		return m.tryAgain(), true
	case "ctrl+f":
		return m.startSearch(""), true
	case "ctrl+l":
		return tea.ClearScreen, true
	case "ctrl+z":
		return tea.Suspend, true
	default:
		if len(name) == 5 && name[:4] == "alt+" && '1' <= name[4] && name[4] <= '9' {
			return m.number(int(name[4] - '1')), true
		}
		return nil, false
	}
	return nil, true
}

// midLine reports whether the cursor has text behind it: then Ctrl+K is the
// shell's key.
func (m *model) midLine() bool {
	d := &m.current().draft
	y, x := d.Cursor()
	return x < len(d.Line(y))
}

func (m *model) page() int {
	_, h := m.listSize()
	return max(1, h-2)
}

func (m *model) scrollBy(n int) tea.Cmd {
	c := m.current()
	if m.scroll(c, n) {
		return m.loadHistory(c)
	}
	if n > 0 && c.past {
		return m.loadLater(c)
	}
	if c.follow {
		return m.look4Unread()
	}
	return nil
}

// composerKey edits the draft.
func (m *model) composerKey(k tea.KeyPressMsg) tea.Cmd {
	c := m.current()
	if k.Text != "" && k.Mod&(tea.ModCtrl|tea.ModAlt) == 0 {
		return m.typed(c, k.Text)
	}
	switch k.String() {
	case "enter":
		return m.enter()
	case "shift+enter", "alt+enter", "ctrl+j", "ctrl+enter":
		if m.writable(c) {
			c.draft.Insert("\n")
		}
	case "tab":
		return m.tab(1)
	case "shift+tab":
		return m.tab(-1)
	case "esc":
		m.escape()
	case "up", "down":
		return m.vertical(c, k.String())
	default:
		editKey(&c.draft, k.String())
	}
	m.suggest()
	return nil
}

// escape takes away what lies over the rest, one thing a key press.
func (m *model) escape() {
	switch {
	case len(m.menu.items) > 0:
		m.menu.close()
	case m.current().corrects != nil || m.current().answers != nil:
		m.current().leaveBe()
	case m.note.on:
		m.note.on = false
	default:
		m.putAway()
	}
}

// vertical moves in the draft; where there is no row to go to it scrolls, and
// where nobody was chosen and nothing written it chooses.
func (m *model) vertical(c *conv, name string) tea.Cmd {
	by, moved := 1, false
	if name == "up" {
		by = -1
	}
	if m.open == "" && c.draft.IsEmpty() {
		return m.step(by)
	}
	if by < 0 && c.draft.IsEmpty() && c.corrects == nil {
		return m.pickLast(c)
	}
	if by < 0 {
		moved = c.draft.Up()
	} else {
		moved = c.draft.Down()
	}
	if !moved {
		return m.scrollBy(by)
	}
	m.suggest()
	return nil
}

func (m *model) typed(c *conv, text string) tea.Cmd {
	m.typedAt = m.now()
	m.leaving = m.now().Add(-quitWait)
	if text != "/" && !m.writable(c) {
		return m.say(ink.L(ink.Err, "locked"), ink.L(ink.Mut, ": what starts with "), ink.L(ink.Acc, "/"),
			ink.L(ink.Mut, " is a command, nothing else can be written here"))
	}
	c.draft.Insert(text)
	m.suggest()
	return nil
}

// paste takes a paste in as it is. It never sends.
func (m *model) paste(text string) tea.Cmd {
	m.typedAt = m.now()
	switch m.screen {
	case welcoming:
		m.welcome.insert(text)
		return nil
	case helping:
		m.help.insert(text)
		return nil
	case searching:
		m.search.insert(text)
		return m.seek()
	case finding:
		m.finder.insert(text)
		m.finder.chosen = ""
		return nil
	case reading:
		return nil
	}
	c := m.current()
	if m.pick.reacts {
		m.pick.emoji.Insert(oneLine(text))
		return nil
	}
	m.unpick()
	if !m.writable(c) {
		return m.say(ink.L(ink.Err, "locked"), ink.L(ink.Mut, ": nothing was pasted"))
	}
	m.onCard = false
	c.draft.Paste(text)
	m.suggest()
	if n := c.draft.Lines(); n > bigPasteLines || c.draft.Len() > bigPaste {
		return m.say(ink.N(ink.New, n), ink.L(ink.Fg, " lines, one message: "), ink.L(ink.Acc, "Enter"),
			ink.L(ink.Fg, " sends it, "), ink.L(ink.Acc, "Ctrl+C"), ink.L(ink.Fg, " clears it"))
	}
	return nil
}

// From here on a paste says how big it is (ui/README.md 6.1).
const (
	bigPasteLines = 30
	bigPaste      = 4 << 10
)

// editKey applies a readline key.
func editKey(d *edit.Buffer, name string) {
	switch name {
	case "left", "ctrl+b":
		d.Left()
	case "right", "ctrl+f":
		d.Right()
	case "home", "ctrl+a":
		d.Home()
	case "end", "ctrl+e":
		d.End()
	case "alt+b", "alt+left", "ctrl+left":
		d.WordLeft()
	case "alt+f", "alt+right", "ctrl+right":
		d.WordRight()
	case "backspace", "ctrl+h", "shift+backspace":
		d.Backspace()
	case "delete", "ctrl+d":
		d.Delete()
	case "ctrl+u":
		d.KillHome()
	case "ctrl+k":
		d.KillEnd()
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		d.KillWordLeft()
	case "alt+d":
		d.KillWordRight()
	case "ctrl+y":
		d.Yank()
	}
}
