package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
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
		text, err := m.api.Draft(m.ctx, key)
		if err != nil {
			text = ""
		}
		return draftMsg{key, text}
	}
}

// keepDraft writes a draft that changed to disk, a moment after the change. A
// draft whose kept part did not come yet waits for it: it would be written over.
func (m *model) keepDraft(c *conv) tea.Cmd {
	if !c.drafted || c.saving || c.saved == c.draft.Version() {
		return nil
	}
	c.saving = true
	return after(draftWait, tickMsg{kind: draftTick, key: c.key})
}

func (m *model) saveDraft(c *conv) tea.Cmd {
	key, text, version := c.key, c.kept(), c.draft.Version()
	return func() tea.Msg { return savedMsg{key, version, m.api.SetDraft(m.ctx, key, text)} }
}

// saveAll writes every draft that changed, before the window closes.
func (m *model) saveAll(ctx context.Context) {
	for _, c := range m.convs {
		if c.saved == c.draft.Version() {
			continue
		}
		text := c.kept()
		if !c.drafted {
			if old, err := m.api.Draft(ctx, c.key); err == nil && old != "" {
				text = old + "\n" + text
			}
		}
		if m.api.SetDraft(ctx, c.key, text) == nil {
			c.saved = c.draft.Version()
		}
	}
}

func (m *model) gotDraft(msg draftMsg) tea.Cmd {
	c := m.conv(msg.key)
	if c.drafted {
		return nil
	}
	c.drafted = true
	switch {
	case msg.text == "":
	case c.draft.IsEmpty():
		c.draft.Set(msg.text)
		c.saved = c.draft.Version()
	default:
		c.draft.Set(msg.text + "\n" + c.draft.String()) // typed while it came
	}
	return m.keepDraft(c)
}

func (m *model) gotSaved(msg savedMsg) tea.Cmd {
	c := m.conv(msg.key)
	c.saving = false
	if msg.err != nil {
		return m.fail(msg.err)
	}
	c.saved = msg.version
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
