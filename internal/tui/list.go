package tui

import "llchat/internal/tui/ink"

// The list draws what is visible. Its place is an element and a row of it, so
// that it survives every change of size.

// visible collects the rows to draw into m.rows, at most h, and returns them.
// Cards are the last rows of the list.
func (m *model) visible(c *conv, w, h int, card []ink.Line) []ink.Line {
	m.rows = m.rows[:0]
	if !c.follow {
		return m.fromTop(c, w, h, card)
	}
	need := h - len(card)
	first, have := c.size(), 0
	for have < need && first > 0 {
		first--
		have += len(m.rowsOf(c, first, w))
	}
	for i := first; i < c.size(); i++ {
		m.rows = append(m.rows, m.rowsOf(c, i, w)...)
	}
	m.rows = append(m.rows, card...)
	if extra := len(m.rows) - h; extra > 0 {
		return m.rows[extra:]
	}
	return m.rows
}

func (m *model) fromTop(c *conv, w, h int, card []ink.Line) []ink.Line {
	off := c.off
	for i := c.top; i < c.size() && len(m.rows) < h; i++ {
		rows := m.rowsOf(c, i, w)
		m.rows = append(m.rows, rows[min(off, len(rows)-1):]...)
		off = 0
	}
	m.rows = append(m.rows, card...)
	return m.rows[:min(h, len(m.rows))]
}

// scroll moves the list by some rows, up when by is negative, and reports
// whether older messages are wanted.
func (m *model) scroll(c *conv, by int) (older bool) {
	w, h := m.listSize()
	if c.size() == 0 {
		return false
	}
	card := len(m.card(c, w))
	if c.follow {
		if by > 0 {
			return false
		}
		c.top, c.off = m.topWhenFollowing(c, w, h-card)
	}
	c.top = min(c.top, c.size()-1)
	c.off = min(c.off, len(m.rowsOf(c, c.top, w))-1) + by
	c.follow = false
	for c.off < 0 {
		if c.top == 0 {
			c.off = 0
			break
		}
		c.top--
		c.off += len(m.rowsOf(c, c.top, w))
	}
	for n := len(m.rowsOf(c, c.top, w)); c.off >= n && c.top < c.size()-1; n = len(m.rowsOf(c, c.top, w)) {
		c.top++
		c.off -= n
	}
	if !c.past && m.fitsFrom(c, w, h-card) {
		c.follow = true
	}
	return c.top == 0 && !c.whole
}

func (m *model) topWhenFollowing(c *conv, w, h int) (top, off int) {
	have := 0
	for i := c.size() - 1; i >= 0; i-- {
		have += len(m.rowsOf(c, i, w))
		if have >= h {
			return i, have - h
		}
	}
	return 0, 0
}

// fitsFrom reports whether everything from the top row to the newest fits.
func (m *model) fitsFrom(c *conv, w, h int) bool {
	have := -c.off
	for i := c.top; i < c.size(); i++ {
		have += len(m.rowsOf(c, i, w))
		if have > h {
			return false
		}
	}
	return true
}

// below counts the messages that are not on the screen yet, for the line
// above the composer.
func (m *model) below(c *conv, w, h int) int {
	if c.follow {
		return 0
	}
	have := -c.off
	for i := c.top; i < c.size(); i++ {
		if have += len(m.rowsOf(c, i, w)); have >= h {
			return c.size() - 1 - i
		}
	}
	return 0
}
