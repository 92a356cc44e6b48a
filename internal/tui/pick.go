package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/tui/edit"
	"llchat/internal/tui/ink"
)

// picked is the message of the open conversation that single keys are for. The
// user picked it: nothing that happens by itself does (ui/README.md 6.1).
type picked struct {
	row    int64 // 0: none
	asks   bool  // whether to take it back was asked
	reacts bool  // an emoji is being chosen
	emoji  edit.Buffer
}

func (m *model) unpick() { m.pick = picked{} }

// pickedLine is the picked message, or nil.
func (m *model) pickedLine() *line {
	if m.pick.row == 0 {
		return nil
	}
	c := m.current()
	if i, ok := c.index(m.pick.row); ok {
		return &c.lines[i]
	}
	m.unpick() // it was deleted, or its page is not here any more
	return nil
}

// pickLast picks the newest message that is on the screen.
func (m *model) pickLast(c *conv) tea.Cmd {
	n := len(c.lines)
	if n == 0 {
		return nil
	}
	if !c.follow {
		w, h := m.listSize()
		n = min(n, c.size()-m.below(c, w, h))
	}
	return m.pickAt(c, max(0, n-1))
}

// pickAt picks a message and makes it visible.
func (m *model) pickAt(c *conv, i int) tea.Cmd {
	m.pick = picked{row: c.lines[i].Row}
	m.onCard = false
	return m.reveal(c, i)
}

// reveal scrolls as far as it takes to see an element.
func (m *model) reveal(c *conv, i int) tea.Cmd {
	w, h := m.listSize()
	h -= len(m.card(c, w))
	top, off := c.top, c.off
	if c.follow {
		top, off = m.topWhenFollowing(c, w, h)
	}
	if i < top || i == top && off > 0 {
		c.top, c.off, c.follow = i, 0, false
		if i == 0 {
			return m.loadHistory(c)
		}
		return nil
	}
	have := -off
	for n := top; n <= i && have <= h+len(m.rowsOf(c, i, w)); n++ {
		have += len(m.rowsOf(c, n, w))
	}
	if over := have - h; over > 0 && !c.follow {
		return m.scrollBy(min(over, h))
	}
	return nil
}

func (m *model) pickStep(by int) tea.Cmd {
	c := m.current()
	i, _ := c.index(m.pick.row)
	switch i += by; {
	case i >= len(c.lines) && c.past:
		return m.loadLater(c)
	case i >= len(c.lines):
		m.unpick()
		return m.toNewest(c)
	case i < 0:
		return m.loadHistory(c)
	}
	return m.pickAt(c, i)
}

// pickKey handles a key while a message is picked. Letters that mean nothing
// begin a text as ever.
func (m *model) pickKey(k tea.KeyPressMsg, l *line) tea.Cmd {
	if m.pick.reacts {
		return m.reactKey(k, l)
	}
	name := k.String()
	asked := m.pick.asks
	m.pick.asks = false
	switch name {
	case "up":
		return m.pickStep(-1)
	case "down":
		return m.pickStep(1)
	case "esc":
		m.unpick()
		return nil
	}
	if i := slices.IndexFunc(m.pickHints(), func(h hint) bool { return h.key.String() == name }); i >= 0 {
		return m.pickDo(name, l, asked)
	}
	if name == "enter" || name == "tab" {
		return nil
	}
	if len(name) == 1 && strings.Contains(pickLetters, name) {
		return m.say(ink.L(ink.Mut, "not for this message: the keys that are stand below"))
	}
	m.unpick()
	return m.composerKey(k)
}

// pickLetters mean something for some messages; for others they begin no text
// either.
const pickLetters = "erx+csik"

func (m *model) pickDo(name string, l *line, asked bool) tea.Cmd {
	failed := l.State == chat.Failed && l.Direction == chat.Out
	switch name {
	case "e":
		if failed {
			return m.editFailed(l)
		}
		return m.correct(l)
	case "r":
		if failed {
			return m.retry(&l.Message)
		}
		return m.reply(l)
	case "x":
		if failed {
			return m.remove(l)
		}
		return m.takeBack(l, asked)
	case "+":
		m.pick.reacts = true
	case "c":
		return tea.Batch(tea.SetClipboard(l.Body.String()), m.say(ink.L(ink.Fg, "copied, if this terminal lets programs copy · "),
			ink.L(ink.Acc, "F9"), ink.L(ink.Fg, " is a bare view to select text with the mouse")))
	case "s":
		m.current().toggleSpoiler(l)
	case "i":
		return m.messageInfo(l)
	case "k":
		m.unpick()
	}
	return nil
}

func (c *conv) toggleSpoiler(l *line) {
	if c.shown == nil {
		c.shown = map[int64]bool{}
	}
	c.shown[l.Row] = !c.shown[l.Row]
	l.version++
}

// correct puts a text of ours into the composer; Enter sends what becomes of
// it in its place.
func (m *model) correct(l *line) tea.Cmd {
	c, old := m.current(), l.Message
	m.unpick()
	c.leaveBe()
	c.corrects = &old
	c.draft.Set(old.Body.String())
	return nil
}

// reply makes the draft an answer to a message.
func (m *model) reply(l *line) tea.Cmd {
	c := m.current()
	c.leaveBe()
	c.answers = quotationOf(&l.Message)
	m.unpick()
	return nil
}

func quotationOf(msg *chat.Message) *chat.Quotation {
	return &chat.Quotation{ID: msg.ID, Direction: msg.Direction, Body: msg.Body, Spoiler: msg.Spoiler}
}

// leaveBe makes the draft a message of its own again. A text that was to
// correct another one goes; Ctrl+Y brings it back.
func (c *conv) leaveBe() {
	if c.corrects != nil {
		c.draft.Clear()
	}
	c.corrects, c.answers = nil, nil
}

// answering says what the draft answers.
func (m *model) answering(c *conv) []ink.Seg {
	who, said := m.quotation(c, c.answers)
	return []ink.Seg{
		ink.L(ink.Mut, " answering "), m.theme.Cut(m.method, who.With(ink.Fg|ink.Bold), promptName), ink.L(ink.Mut, " · "),
		ink.L(ink.Acc, "Esc"), ink.L(ink.Fg, " not"), ink.L(ink.Mut, " · "), m.theme.Cut(m.method, said, answered),
	}
}

// answered is how much of what is answered stands above the composer, in cells.
const answered = 40

// editFailed makes a text that could not be sent the draft; it is no message
// any more.
func (m *model) editFailed(l *line) tea.Cmd {
	c := m.current()
	if l.Reply != nil {
		q := *l.Reply
		c.answers = &q
	}
	c.draft.Set(asTyped(l.Body.String()))
	if l.Spoiler {
		c.draft.Set(asSpoiler(l.Hint.String(), l.Body.String()))
	}
	key, id, w := m.open, l.ID, c.kept()
	m.unpick()
	return m.do(func() error { // the text is on disk before the message goes
		if err := m.api.SetDraft(m.ctx, key, w); err != nil {
			return err
		}
		return m.api.Delete(m.ctx, key, id)
	})
}

// remove removes a message here.
func (m *model) remove(l *line) tea.Cmd {
	key, id := m.open, l.ID
	m.unpick()
	return m.do(func() error { return m.api.Delete(m.ctx, key, id) })
}

// takeBack asks once: what was read cannot be unread.
func (m *model) takeBack(l *line, asked bool) tea.Cmd {
	if !asked {
		m.pick.asks = true
		return m.say(ink.L(ink.Acc, "x"), ink.L(ink.Fg, " again takes it back on both sides; what was read stays read"))
	}
	m.note.on = false
	return m.about(chat.Writing{Retracts: l.ID})
}

// about says something about a message of the open conversation.
func (m *model) about(w chat.Writing) tea.Cmd {
	key := m.open
	m.unpick()
	return m.do(func() error {
		_, err := m.api.Write(m.ctx, key, w)
		return err
	})
}

var (
	hintChoose = hint{ink.Const("↑↓"), ink.Const("choose")}
	hintEdit   = hint{ink.Const("e"), ink.Const("edit")}
	hintReply  = hint{ink.Const("r"), ink.Const("reply")}
	hintReact  = hint{ink.Const("+"), ink.Const("react")}
	hintCopy   = hint{ink.Const("c"), ink.Const("copy")}
	hintShow   = hint{ink.Const("s"), ink.Const("show")}
	hintHide   = hint{ink.Const("s"), ink.Const("hide")}
	hintTake   = hint{ink.Const("x"), ink.Const("take back")}
	hintInfo   = hint{ink.Const("i"), ink.Const("info")}
	hintBack   = hint{ink.Const("Esc"), ink.Const("back")}

	hintsReplaced = []hint{{ink.Const("r"), ink.Const("send to the new key")}, hintCopy, hintInfo, hintChoose, hintBack}

	hintsFailed = []hint{
		{ink.Const("r"), ink.Const("try again")},
		{ink.Const("k"), ink.Const("keep")},
		hintEdit,
		{ink.Const("x"), ink.Const("remove")},
		hintCopy, hintInfo, hintChoose,
	}
	hintsReact = []hint{
		{ink.Const("1-6"), ink.Const("choose")}, {ink.Const("Enter"), ink.Const("give")}, hintBack,
	}
)

// pickHints are the keys for the picked message.
func (m *model) pickHints() []hint {
	l := m.pickedLine()
	switch {
	case m.pick.reacts:
		return hintsReact
	case l == nil:
		return nil
	case !l.Retracted.IsZero():
		return []hint{hintInfo, hintChoose, hintBack}
	}
	ours, open := l.Direction == chat.Out, m.lockOf().IsEmpty()
	switch {
	case ours && l.State == chat.Failed && open:
		return hintsFailed
	case ours && l.State == chat.Failed && m.replaced():
		return hintsReplaced
	}
	hints := make([]hint, 0, 9)
	if l.Spoiler && m.current().shown[l.Row] {
		hints = append(hints, hintHide)
	} else if l.Spoiler {
		hints = append(hints, hintShow)
	}
	if ours && open {
		hints = append(hints, hintEdit)
	}
	if open {
		hints = append(hints, hintReply, hintReact)
	}
	hints = append(hints, hintCopy)
	if ours && open {
		hints = append(hints, hintTake)
	}
	return append(hints, hintInfo, hintChoose, hintBack)
}

// drawPicking stands where the draft would.
func (m *model) drawPicking(f *ink.Frame, left int) {
	if !m.pick.reacts {
		f.To(left+1, ink.Fg)
		f.Put(ink.L(ink.Mut, "one key for the message above"))
		return
	}
	f.Put(ink.Typed(ink.Fg, m.pick.emoji.Line(0)))
	if !m.pick.emoji.IsEmpty() {
		return
	}
	for i, e := range emojis {
		f.Put(ink.L(ink.Fg, " "), ink.N(ink.Acc, i+1), ink.L(ink.Fg, " "), ink.O(ink.Fg, e))
	}
	f.Put(ink.L(ink.Mut, "  or any other"))
}

// emojis are offered as reactions.
var emojis = [...]ink.Own{ink.Const("👍"), ink.Const("❤"), ink.Const("😂"), ink.Const("😮"), ink.Const("😢"), ink.Const("🎉")}

func (m *model) pickCursor(x int, l layout) *tea.Cursor {
	if !m.pick.reacts {
		return nil
	}
	_, off := m.pick.emoji.Cursor()
	x += ink.Width(m.method, ink.Typed(0, m.pick.emoji.Line(0)[:off]))
	return tea.NewCursor(min(x, l.w-1), l.composeY)
}

// reactKey chooses an emoji: by number, or any that is typed.
func (m *model) reactKey(k tea.KeyPressMsg, l *line) tea.Cmd {
	p, name := &m.pick, k.String()
	switch {
	case name == "esc":
		p.reacts = false
		p.emoji.Set("")
	case name == "enter" && !p.emoji.IsEmpty():
		return m.react(l, strings.TrimSpace(p.emoji.String()))
	case p.emoji.IsEmpty() && len(name) == 1 && '1' <= name[0] && int(name[0]-'1') < len(emojis):
		return m.react(l, emojis[name[0]-'1'].String())
	case k.Text != "" && k.Mod&(tea.ModCtrl|tea.ModAlt) == 0:
		p.emoji.Insert(k.Text)
	default:
		editKey(&p.emoji, name)
	}
	return nil
}

// react gives an emoji, or takes it back if it was given.
func (m *model) react(l *line, emoji string) tea.Cmd { return m.about(reacting(&l.Message, emoji)) }

// reacting says which reactions of ours a message has with an emoji more, or
// without it.
func reacting(msg *chat.Message, emoji string) chat.Writing {
	w := chat.Writing{Reacts: msg.ID}
	given := false
	for _, r := range msg.Reactions {
		switch {
		case r.Ours && r.Emoji.String() == emoji:
			given = true
		case r.Ours:
			w.Emoji = append(w.Emoji, r.Emoji.String())
		}
	}
	if !given {
		w.Emoji = append(w.Emoji, emoji)
	}
	return w
}
