package tui

import (
	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
)

type (
	// aroundMsg is the page around a message that was jumped to.
	aroundMsg struct {
		key           string
		row           int64
		epoch, missed int
		before, after []chat.Message
		err           error
	}
	// laterMsg is the page behind lines that end in the past.
	laterMsg struct {
		key           string
		epoch, missed int
		lines         []chat.Message
		err           error
	}
)

// jump opens a conversation where a message stands, and picks it.
func (m *model) jump(key string, row int64) tea.Cmd {
	show := m.show(key)
	c := m.conv(key)
	if i, ok := c.index(row); ok && c.known {
		return tea.Batch(show, m.stand(c, i))
	}
	c.epoch++ // a page that is on its way is none of this place
	c.asked = true
	epoch, missed := c.epoch, c.missed
	return tea.Batch(show, func() tea.Msg {
		msg := aroundMsg{key: key, row: row, epoch: epoch, missed: missed}
		msg.before, msg.err = m.api.History(m.ctx, key, row+1, pageSize)
		if msg.err == nil {
			msg.after, msg.err = m.api.Export(m.ctx, key, row, pageSize)
		}
		return msg
	})
}

// stand puts a message into the middle of the list.
func (m *model) stand(c *conv, i int) tea.Cmd {
	_, h := m.listSize()
	c.follow = false
	c.top, c.off = i, 0
	m.scroll(c, -h/2)
	return m.pickAt(c, i)
}

func (m *model) gotAround(msg aroundMsg) tea.Cmd {
	c := m.conv(msg.key)
	if msg.epoch != c.epoch {
		return nil
	}
	c.asked = false
	if msg.err != nil {
		return tea.Batch(m.fail(msg.err), m.loadHistory(c))
	}
	c.reset()
	c.known, c.past = true, true
	c.whole = len(msg.before) < pageSize
	for _, page := range [][]chat.Message{msg.before, msg.after} {
		c.later(msg.missed, page)
	}
	c.past = len(msg.after) == pageSize || msg.missed != c.missed
	i, ok := c.index(msg.row)
	if !ok || msg.key != m.open {
		return nil
	}
	return m.stand(c, i)
}

// loadLater asks for what follows lines that end in the past.
func (m *model) loadLater(c *conv) tea.Cmd {
	if c.asked || !c.past || len(c.lines) == 0 {
		return nil
	}
	c.asked = true
	key, epoch, missed, after := c.key, c.epoch, c.missed, c.lines[len(c.lines)-1].Row
	return func() tea.Msg {
		lines, err := m.api.Export(m.ctx, key, after, pageSize)
		return laterMsg{key, epoch, missed, lines, err}
	}
}

func (m *model) gotLater(msg laterMsg) {
	c := m.conv(msg.key)
	if msg.epoch != c.epoch {
		return
	}
	if c.asked = false; msg.err == nil {
		c.later(msg.missed, msg.lines)
	}
}

// toNewest goes to the end of the conversation, which is loaded again when the
// lines end in the past.
func (m *model) toNewest(c *conv) tea.Cmd {
	c.follow = true
	if !c.past {
		return m.look4Unread()
	}
	c.reset()
	return tea.Batch(m.loadHistory(c), m.look4Unread())
}
