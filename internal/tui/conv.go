package tui

import (
	"cmp"
	"reflect"
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
	id      int
	writing chat.Writing
	reply   *chat.Quotation
	line    line // how it is drawn
}

// conv is a conversation. Its draft is kept on disk whenever it changed.
type conv struct {
	key    string
	unsure chat.Writing // its node ended before it said whether this is kept

	lines []line
	whole bool // the oldest message is here
	asked bool // a page is on its way
	known bool // a page is here: the newest one, or with past another one

	past   bool  // the lines end somewhere in the past
	missed int   // messages that came meanwhile and belong behind the lines
	epoch  int   // of the lines: an answer to an older one comes too late
	newest int64 // row of the newest message that was heard of
	shown  map[int64]bool

	// Where the list stands: it follows the newest row, or its top row is
	// row off of element top.
	follow   bool
	top, off int

	unread  int
	newFrom int64 // row of the first unread message; 0: no line
	newAt   time.Time
	newN    int

	draft    edit.Buffer
	drafted  bool  // the kept draft was taken in
	saved    stamp // of the draft that is on disk
	saving   bool
	carried  uint64 // version of a draft that came from elsewhere; untouched, it goes on
	attempts []attempt
	changes  []attempt // corrections on their way: they are drawn on their messages

	// What the draft is about, if not a message of its own.
	corrects *chat.Message
	answers  *chat.Quotation
	writing  bool // they are, right now

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

// index finds the message of a row.
func (c *conv) index(row int64) (int, bool) {
	return slices.BinarySearchFunc(c.lines, row, func(l line, row int64) int { return cmp.Compare(l.Row, row) })
}

// add takes in a message, new or in a new state, and reports whether it is new.
// What belongs before the lines, or behind those that end in the past, comes
// with its page.
func (c *conv) add(m chat.Message) bool {
	isNew := m.Row > c.newest && m.Edited.IsZero() && m.Retracted.IsZero()
	c.newest = max(c.newest, m.Row)
	i, there := c.place(&m)
	switch {
	case there:
		m.Row = c.lines[i].Row
		c.lines[i] = line{m, c.lines[i].version + 1}
		return false
	case c.past && i == len(c.lines):
		c.missed++
		return isNew
	case c.known && !c.whole && i == 0 && len(c.lines) > 0:
		return false
	}
	if i == len(c.lines) {
		c.missed++ // by a page that is on its way
	}
	c.lines = slices.Insert(c.lines, i, line{Message: m})
	if !c.follow && i <= c.top && i < len(c.lines)-1 {
		c.top++
	}
	return isNew
}

// remove forgets a message that was deleted.
func (c *conv) remove(m *chat.Message) {
	i, there := c.place(m)
	if !there {
		return
	}
	c.lines = slices.Delete(c.lines, i, i+1)
	if c.top > i {
		c.top--
	}
}

// page takes in older messages, or the newest ones when before is zero.
func (c *conv) page(before int64, ms []chat.Message) {
	c.asked = false
	if before == 0 {
		c.known = true
		c.overtaken(ms)
	}
	if len(ms) < pageSize {
		c.whole = true
	}
	old := make([]line, 0, len(ms)+len(c.lines))
	for _, m := range ms {
		if len(c.lines) == 0 || m.Row < c.lines[0].Row {
			old = append(old, line{Message: m})
			c.newest = max(c.newest, m.Row)
		} else {
			c.add(m)
		}
	}
	if len(old) > 0 {
		c.top += len(old)
		c.lines = append(old, c.lines...)
	}
}

// overtaken lets go what is older than a newest page and not joined to it:
// between the two something could be missing.
func (c *conv) overtaken(ms []chat.Message) {
	if len(ms) < pageSize {
		return
	}
	i, there := c.index(ms[0].Row)
	if i > 0 && !there {
		c.lines = slices.Clone(c.lines[i:])
		c.top, c.whole = max(0, c.top-i), false
	}
}

// later takes in what follows the lines that end in the past. It is the end
// when the page is not full and nothing came since it was asked for.
func (c *conv) later(missed int, ms []chat.Message) {
	c.asked = false
	for _, m := range ms {
		if n := len(c.lines); m.Kind == chat.Plain && (n == 0 || m.Row > c.lines[n-1].Row) {
			c.lines = append(c.lines, line{Message: m})
			c.newest = max(c.newest, m.Row)
		}
	}
	c.past = len(ms) == pageSize || missed != c.missed
}

// reset forgets all messages; they are loaded again.
func (c *conv) reset() {
	c.lines, c.top, c.off = nil, 0, 0
	c.known, c.whole, c.asked, c.past = false, false, false, false
	c.epoch++
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
	clear(c.shown)
	if c.past {
		c.reset()
	}
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

// stamp tells one state of a draft from another.
type stamp struct {
	version         uint64
	replaces, reply string
}

func (c *conv) stamp() stamp {
	w := c.writes("")
	return stamp{c.draft.Version(), w.Replaces, w.Reply}
}

// writes is a text as what the draft is about.
func (c *conv) writes(text string) chat.Writing {
	w := chat.Writing{Text: text}
	switch {
	case c.corrects != nil:
		w = correction(c.corrects, text)
	case c.answers != nil:
		w.Reply = c.answers.ID
	}
	return w
}

// kept is what must be on disk: the draft, and in front of it what is on its
// way to the engine and could still fail. Several texts are about nothing.
func (c *conv) kept() chat.Writing {
	ways := slices.Concat(c.attempts, c.changes)
	if len(ways) == 0 {
		return c.writes(c.draft.String())
	}
	if len(ways) == 1 && c.draft.IsEmpty() {
		a := &ways[0]
		return chat.Writing{Text: a.draft(), Replaces: a.writing.Replaces, Reply: a.writing.Reply}
	}
	parts := make([]string, 0, len(ways)+1)
	for _, a := range ways {
		parts = append(parts, a.draft())
	}
	if !c.draft.IsEmpty() {
		parts = append(parts, c.draft.String())
	}
	return chat.Writing{Text: strings.Join(parts, "\n")}
}

// begin notes a text as on its way and clears the draft.
func (c *conv) begin(id int, w chat.Writing, now time.Time) {
	a := attempt{id: id, writing: w, reply: c.answers, line: attemptLine(id, w.Text, now)}
	a.line.Reply = c.answers
	if w.Replaces != "" {
		c.changes = append(c.changes, a)
	} else {
		c.attempts = append(c.attempts, a)
		c.newFrom, c.newN = 0, 0
		c.follow = true
	}
	c.draft.Set("")
	c.corrects, c.answers = nil, nil
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

// giveBack makes an attempt that failed the draft again, about what it was
// about unless another draft was begun since.
func (c *conv) giveBack(a *attempt) {
	if c.draft.IsEmpty() {
		c.answers = a.reply
		for i := range c.lines {
			if l := c.lines[i]; a.writing.Replaces != "" && l.ID == a.writing.Replaces && suits("/edit", &l.Message) {
				c.corrects = &l.Message
			}
		}
	}
	c.restore(a.draft())
}

// idFor is the id under which something is written: what comes again as it was
// has the one that it had, and is not sent twice.
func (c *conv) idFor(w chat.Writing) string {
	if w.ID = c.unsure.ID; w.ID != "" && reflect.DeepEqual(w, c.unsure) {
		return w.ID
	}
	return chat.NewID()
}

// draft is the text as it is typed.
func (a *attempt) draft() string {
	switch w := &a.writing; {
	case w.Replaces != "":
		return w.Text
	case w.Spoiler:
		return asSpoiler(w.Hint, w.Text)
	}
	return asTyped(a.writing.Text)
}

// asSpoiler is what is typed for a hidden text.
func asSpoiler(hint, text string) string {
	if hint == "" && !strings.Contains(text, "|") {
		return "/spoiler " + text
	}
	return "/spoiler " + hint + " | " + text
}

// asTyped is what is typed for a text: one that begins with a stroke and is no
// command begins with two.
func asTyped(text string) string {
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, action) {
		return "/" + text
	}
	return text
}

// finish forgets an attempt and returns it if it was there.
func (c *conv) finish(id int) (attempt, bool) {
	for _, list := range []*[]attempt{&c.attempts, &c.changes} {
		for i, a := range *list {
			if a.id == id {
				*list = slices.Delete(*list, i, i+1)
				return a, true
			}
		}
	}
	return attempt{}, false
}
