package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"llchat/internal/chat"
	"llchat/internal/tui/edit"
)

// Bounds of a conversation in memory: one page of the store, and what stays of
// a conversation that is not open.
const (
	pageSize  = 200
	keepClose = 1000
)

// line is a message as the list holds it; version tells one state from another.
type line struct {
	chat.Message
	version uint32
}

// attempt is a text on its way to the engine: it is not in the history yet.
type attempt struct {
	id   int
	text string
	line line // how it is drawn
}

// conv is a conversation. Its draft is kept on disk whenever it changed.
type conv struct {
	key   string
	lines []line
	whole bool // the oldest message is here
	asked bool // a page is on its way
	known bool // the newest page is here

	// Where the list stands: it follows the newest row, or its top row is
	// row off of element top.
	follow   bool
	top, off int

	unread  int
	newFrom int64 // row of the first unread message; 0: no line
	newAt   time.Time
	newN    int

	draft    edit.Buffer
	drafted  bool   // the kept draft was taken in
	saved    uint64 // version of the draft that is on disk
	saving   bool
	carried  uint64 // version of a draft that came from elsewhere; untouched, it goes on
	attempts []attempt

	asksTwin time.Time // when it was asked whether a look-alike is meant
}

func newConv(key string) *conv { return &conv{key: key, follow: true} }

// place returns where a message belongs, and whether it is there already.
// Rows never change and grow with time, so that a message that is newer than
// all others costs nothing, however long the conversation is.
func (c *conv) place(m *chat.Message) (at int, there bool) {
	if m.Row == 0 { // not stored yet: known by its id alone
		at = slices.IndexFunc(c.lines, func(l line) bool { return l.ID == m.ID })
		if at >= 0 {
			return at, true
		}
		return len(c.lines), false
	}
	if n := len(c.lines); n == 0 || c.lines[n-1].Row < m.Row {
		return n, false
	}
	at, _ = slices.BinarySearchFunc(c.lines, m.Row, func(l line, row int64) int { return cmp.Compare(l.Row, row) })
	return at, c.lines[at].Row == m.Row && c.lines[at].ID == m.ID
}

// add takes in a message, new or in a new state, and reports whether it is new.
func (c *conv) add(m chat.Message) bool {
	i, there := c.place(&m)
	if there {
		m.Row = c.lines[i].Row
		c.lines[i] = line{m, c.lines[i].version + 1}
		return false
	}
	c.lines = slices.Insert(c.lines, i, line{Message: m})
	if !c.follow && i <= c.top && i < len(c.lines)-1 {
		c.top++
	}
	return true
}

// page takes in older messages, or the newest ones when before is zero.
func (c *conv) page(before int64, ms []chat.Message) {
	c.asked = false
	if before == 0 {
		c.known = true
	}
	if len(ms) < pageSize {
		c.whole = true
	}
	old := make([]line, 0, len(ms)+len(c.lines))
	for _, m := range ms {
		if len(c.lines) == 0 || m.Row < c.lines[0].Row {
			old = append(old, line{Message: m})
		} else {
			c.add(m)
		}
	}
	if len(old) > 0 {
		c.top += len(old)
		c.lines = append(old, c.lines...)
	}
}

// oldest is the row to ask older messages before.
func (c *conv) oldest() int64 {
	if len(c.lines) == 0 {
		return 0
	}
	return c.lines[0].Row
}

// leave frees what is not needed while another conversation is open.
func (c *conv) leave() {
	c.newFrom, c.newN = 0, 0
	c.follow = true
	if extra := len(c.lines) - keepClose; extra > 0 {
		c.lines = slices.Clone(c.lines[extra:])
		c.whole = false
	}
}

// count notes an unread message and where the line above it goes.
func (c *conv) count(m *chat.Message) {
	if c.unread++; c.unread == 1 {
		c.newFrom, c.newAt, c.newN = m.Row, m.Written, 0
	}
	c.newN++
}

// kept is what must be on disk: the draft, and in front of it what is on its
// way to the engine and could still fail.
func (c *conv) kept() string {
	if len(c.attempts) == 0 {
		return c.draft.String()
	}
	var parts []string
	for _, a := range c.attempts {
		parts = append(parts, a.text)
	}
	if !c.draft.IsEmpty() {
		parts = append(parts, c.draft.String())
	}
	return strings.Join(parts, "\n")
}

// begin notes a text as on its way and clears the draft.
func (c *conv) begin(id int, text string, now time.Time) {
	c.attempts = append(c.attempts, attempt{id: id, text: text, line: attemptLine(id, text, now)})
	c.draft.Set("")
	c.newFrom, c.newN = 0, 0
	c.follow = true
}

// restore puts a text that could not be sent back, in front of what was typed
// since.
func (c *conv) restore(text string) {
	switch {
	case text == "":
	case c.draft.IsEmpty():
		c.draft.Set(text)
	default:
		c.draft.Set(text + "\n" + c.draft.String())
	}
}

// finish forgets an attempt and reports whether it was there.
func (c *conv) finish(id int) (string, bool) {
	for i, a := range c.attempts {
		if a.id == id {
			c.attempts = slices.Delete(c.attempts, i, i+1)
			return a.text, true
		}
	}
	return "", false
}

// lastFailed is the newest message of ours that could not be sent.
func (c *conv) lastFailed() (chat.Message, bool) {
	for i := len(c.lines) - 1; i >= max(0, len(c.lines)-pageSize); i-- {
		if m := &c.lines[i].Message; m.State == chat.Failed && m.Direction == chat.Out {
			return *m, true
		}
	}
	return chat.Message{}, false
}
