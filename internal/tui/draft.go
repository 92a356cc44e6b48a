package tui

import (
	"cmp"
	"context"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/tui/ink"
)

// homeKey names what is written before anybody was chosen, on disk and among
// the conversations. No row has it: a claim's key goes on with a name.
const homeKey = "~"

func (m *model) loadDraft(c *conv) tea.Cmd {
	if c.drafted {
		return nil
	}
	key := c.key
	return func() tea.Msg {
		w, err := m.api.Draft(m.ctx, key)
		if err != nil {
			return draftMsg{key: key}
		}
		msg := draftMsg{key: key, draft: w}
		if id := cmp.Or(w.Replaces, w.Reply); id != "" {
			if about, err := m.api.Message(m.ctx, key, id); err == nil {
				msg.about = &about
			}
		}
		return msg
	}
}

// keepDraft writes a draft that changed to disk, a moment after the change. A
// draft whose kept part did not come yet waits for it: it would be written over.
func (m *model) keepDraft(c *conv) tea.Cmd {
	if !c.drafted || c.saving || c.saved == c.stamp() {
		return nil
	}
	c.saving = true
	return after(draftWait, tickMsg{kind: draftTick, key: c.key})
}

func (m *model) saveDraft(c *conv) tea.Cmd {
	key, w, stamp := c.key, c.kept(), c.stamp()
	return func() tea.Msg { return savedMsg{key, stamp, m.api.SetDraft(m.ctx, key, w)} }
}

// saveAll writes every draft that changed, before the window closes.
func (m *model) saveAll(ctx context.Context) {
	for _, c := range m.convs {
		if c.saved == c.stamp() {
			continue
		}
		w := c.kept()
		if !c.drafted {
			if old, err := m.api.Draft(ctx, c.key); err == nil && old.Text != "" {
				w = chat.Writing{Text: old.Text + "\n" + w.Text}
			}
		}
		if m.api.SetDraft(ctx, c.key, w) == nil {
			c.saved = c.stamp()
		}
	}
}

func (m *model) gotDraft(msg draftMsg) tea.Cmd {
	c := m.conv(msg.key)
	if c.drafted {
		return nil
	}
	c.drafted = true
	var lost tea.Cmd
	switch text := msg.draft.Text; {
	case text == "":
	case c.draft.IsEmpty() && c.corrects == nil && c.answers == nil:
		c.draft.Set(text)
		if c.takeUp(msg.draft, msg.about) {
			c.saved = c.stamp()
		} else {
			lost = m.sayOrdinary(msg.draft)
		}
	default:
		c.draft.Set(text + "\n" + c.draft.String()) // typed while it came
	}
	return tea.Batch(lost, m.keepDraft(c))
}

// takeUp makes a draft that was kept a correction or an answer again. It
// reports whether it could: without the message that it is about the draft is
// a message of its own.
func (c *conv) takeUp(w chat.Writing, about *chat.Message) bool {
	switch {
	case w.Replaces == "" && w.Reply == "":
		return true
	case w.Replaces != "" && about != nil && suits("/edit", about):
		c.corrects = about
		return true
	case w.Replaces != "":
		c.draft.Set(asTyped(w.Text))
		return false
	case about == nil || about.Kind != chat.Plain || !about.Retracted.IsZero():
		return false
	}
	c.answers = quotationOf(about)
	return true
}

func (m *model) sayOrdinary(w chat.Writing) tea.Cmd {
	did := ink.Const("answered")
	if w.Replaces != "" {
		did = ink.Const("corrected")
	}
	return m.say(ink.L(ink.New, "what this draft "), ink.O(ink.New, did), ink.L(ink.New, " is gone: "),
		ink.L(ink.Acc, "Enter"), ink.L(ink.Fg, " sends it as a message of its own"))
}

func (m *model) gotSaved(msg savedMsg) tea.Cmd {
	c := m.conv(msg.key)
	c.saving = false
	if msg.err != nil {
		return m.fail(msg.err)
	}
	c.saved = msg.stamp
	return m.keepDraft(c)
}

// carry takes what was written before anybody was chosen along to the one who
// is chosen now, and on to the next one as long as it was not touched there.
func (m *model) carry(to string) tea.Cmd {
	from := m.home
	if from.draft.IsEmpty() {
		from = m.current()
		if from == m.home || from.carried != from.draft.Version() {
			return nil
		}
	}
	e, c := m.book.get(to), m.conv(to)
	if from == c || e == nil || !standingOf(&e.peer).lock.IsEmpty() {
		return nil
	}
	alone := c.draft.IsEmpty()
	c.restore(from.draft.String())
	from.draft.Set("")
	if alone {
		c.carried = c.draft.Version()
	}
	return tea.Batch(m.keepDraft(from), m.keepDraft(c))
}
