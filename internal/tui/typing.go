package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// typing is what the other side was told of our writing. Whether it is told at
// all is a setting of the engine.
type typing struct {
	to     string    // Peer.Key of who believes that we write; empty: nobody
	at     time.Time // of the last key that changed the draft
	timing bool
}

// typingPause is the silence after which nobody writes any more.
const typingPause = 10 * time.Second

// watchTyping handles a key and tells when it began a text, or ended one.
func (m *model) watchTyping(handle func() tea.Cmd) tea.Cmd {
	c := m.current()
	before := c.draft.Version()
	cmd := handle()
	if c != m.current() || c == m.home || c.draft.Version() == before {
		return cmd
	}
	return tea.Batch(cmd, m.drafted(c))
}

func (m *model) drafted(c *conv) tea.Cmd {
	if c.draft.IsEmpty() || c.draft.Line(0)[:min(1, len(c.draft.Line(0)))] == "/" {
		return m.stopTyping()
	}
	t := &m.typing
	t.at = m.now()
	var cmd tea.Cmd
	if t.to != c.key {
		t.to = c.key
		cmd = m.tellTyping(c.key, true)
	}
	if t.timing {
		return cmd
	}
	t.timing = true
	return tea.Batch(cmd, after(typingPause, tickMsg{kind: typingTick}))
}

// typingPaused looks after a while whether the user still writes.
func (m *model) typingPaused() tea.Cmd {
	t := &m.typing
	t.timing = false
	if t.to == "" {
		return nil
	}
	if left := typingPause - m.now().Sub(t.at); left > 0 {
		t.timing = true
		return after(left, tickMsg{kind: typingTick})
	}
	return m.stopTyping()
}

func (m *model) stopTyping() tea.Cmd {
	key := m.typing.to
	if key == "" {
		return nil
	}
	m.typing.to = ""
	return m.tellTyping(key, false)
}

func (m *model) tellTyping(key string, writes bool) tea.Cmd {
	return func() tea.Msg {
		_ = m.api.Typing(m.ctx, key, writes) // a node that is gone tells by its feed
		return nil
	}
}
