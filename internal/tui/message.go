package tui

import (
	"strconv"
	"time"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// pause is the silence after which a blank row parts two messages.
const pause = 5 * time.Minute

// sending marks a message that is on its way to the engine.
const sending chat.State = "sending"

func attemptLine(id int, text string, now time.Time) line {
	return line{Message: chat.Message{
		ID: "~" + strconv.Itoa(id), Direction: chat.Out, Body: safetext.Body(text), State: sending, Written: now,
	}}
}

// rowKey names the rows of a message as they were drawn once.
type rowKey struct {
	conv    string
	id      string
	version uint32
	width   int
	theme   int
	method  ink.Method
	look    uint32
	before  uint8 // what goes above: day, blank row, unread line
	picked  bool
	newN    int
}

const (
	beforeDay = 1 << iota
	beforePause
	beforeNew
)

// rowCache keeps the rows of about the last thousand messages: two
// generations of half of it each, the older one dropped as a whole.
type rowCache struct {
	young, old map[rowKey][]ink.Line
}

const generation = 512

func (c *rowCache) get(k rowKey) ([]ink.Line, bool) {
	if r, ok := c.young[k]; ok {
		return r, true
	}
	if r, ok := c.old[k]; ok {
		c.put(k, r)
		return r, true
	}
	return nil, false
}

func (c *rowCache) put(k rowKey, rows []ink.Line) {
	if len(c.young) >= generation {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = make(map[rowKey][]ink.Line, generation)
	}
	c.young[k] = rows
}

func (c *rowCache) clear() { c.young, c.old = nil, nil }

// rowsOf returns the rows of element i of a conversation: messages first, then
// what is on its way. They are w cells wide, the rail not included.
func (m *model) rowsOf(c *conv, i, w int) []ink.Line {
	l, prev := c.at(i)
	k := rowKey{
		conv: c.key, id: l.ID, version: l.version, width: w,
		theme: m.theme.ID, method: m.method, look: m.look,
	}
	if prev == nil || !ink.SameDay(prev.Written, l.Written) {
		k.before |= beforeDay
	} else if l.Written.Sub(prev.Written) > pause {
		k.before |= beforePause
	}
	if c.newFrom != 0 && l.Row == c.newFrom {
		k.before |= beforeNew
		k.newN = c.newN
	}
	k.picked = l.Row != 0 && l.Row == m.pick.row && c.key == m.open
	if rows, ok := m.cache.get(k); ok {
		return rows
	}
	rows := m.drawMessage(c, l, k.before, w, k.picked)
	m.cache.put(k, rows)
	return rows
}

// size is the number of elements of the list.
func (c *conv) size() int { return len(c.lines) + len(c.attempts) }

// at returns an element and the one before it.
func (c *conv) at(i int) (l, prev *line) {
	pick := func(i int) *line {
		switch {
		case i < 0:
			return nil
		case i < len(c.lines):
			return &c.lines[i]
		}
		return &c.attempts[i-len(c.lines)].line
	}
	return pick(i), pick(i - 1)
}

func (m *model) drawMessage(c *conv, l *line, before uint8, w int, picked bool) []ink.Line {
	f := m.scratch
	f.Theme, f.Method = m.theme, m.method
	f.Begin(w)
	var rows []ink.Line
	blank := func() {
		f.Row()
		rows = append(rows, f.Keep(w, ink.Fg))
	}
	tight := w < mediumColumns
	if before&beforeDay != 0 {
		if !tight {
			blank()
		}
		rows = append(rows, m.centred(w, ink.Day(ink.Mut, l.Written, m.now())))
		if !tight {
			blank()
		}
	}
	if before&beforePause != 0 && !tight {
		blank()
	}
	if before&beforeNew != 0 {
		if !tight && before&(beforeDay|beforePause) == 0 {
			blank()
		}
		rows = append(rows, m.newLine(c, w))
		if !tight {
			blank()
		}
	}
	return m.drawBubble(rows, c, l, w, picked)
}

func (m *model) centred(w int, seg ink.Seg) ink.Line {
	f := m.scratch
	f.Row()
	f.To((w-ink.Width(m.method, seg))/2, ink.Fg)
	f.Put(seg)
	return f.Keep(w, ink.Fg)
}

// newLine says how many messages are new, and since when.
func (m *model) newLine(c *conv, w int) ink.Line {
	f := m.scratch
	segs := []ink.Seg{
		ink.L(ink.New|ink.Bold, " "), ink.N(ink.New|ink.Bold, c.newN), ink.L(ink.New|ink.Bold, " new since "),
		ink.Clock(ink.New|ink.Bold, c.newAt), ink.L(ink.New|ink.Bold, " "),
	}
	f.Row()
	f.To(1, ink.Fg)
	f.Rule(ink.Dashes, (w-ink.Width(m.method, segs...))/2, ink.New)
	f.Put(segs...)
	f.Rule(ink.Dashes, w-1, ink.New)
	return f.Keep(w, ink.Fg)
}

// author is who wrote a message, and in what colour.
func (m *model) author(c *conv, l *line) ink.Seg {
	if l.Direction == chat.Out {
		return ink.L(ink.Acc|ink.Bold, "you")
	}
	name, pin := l.Name, l.Peer
	if e := m.book.get(c.key); e != nil {
		name, pin = e.name, e.peer.Fingerprint
	}
	return ink.T(ink.Hue(pin[:])|ink.Bold, name)
}

// nameColumn is how wide names are in a conversation: one width for all rows.
func (m *model) nameColumn(c *conv, w int) int {
	most := 8
	if w >= wideColumns-rosterWidth {
		most = 12
	}
	if e := m.book.get(c.key); e != nil {
		return min(most, max(3, ink.Width(m.method, ink.T(0, e.name))))
	}
	return most
}
