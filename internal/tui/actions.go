package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// maxBody is the most a message may hold (security.md L-12).
const maxBody = 32 << 10

// show opens a conversation.
func (m *model) show(key string) tea.Cmd {
	var carried tea.Cmd
	if m.open != key {
		carried = tea.Batch(m.stopTyping(), m.carry(key))
		m.current().leave()
		m.open = key
		m.note.on = false // it was about the conversation that was left
		m.onCard = false
		m.carded = ""
		m.endConflict(key)
	}
	m.screen = talking
	m.menu.close()
	m.unpick()
	c := m.current()
	if key != "" && key[0] == '~' {
		c.known, c.whole = true, true // a mere claim has no past
	}
	m.suggest()
	return tea.Batch(carried, m.loadHistory(c), m.loadDraft(c), m.look4Unread())
}

// step opens the next or previous row of the roster.
func (m *model) step(by int) tea.Cmd {
	rows := m.book.shown()
	if len(rows) == 0 {
		return nil
	}
	at := -1
	for i, e := range rows {
		if e.peer.Key == m.open {
			at = i
		}
	}
	if at < 0 && by < 0 {
		at = 0
	}
	return m.show(rows[(at+by+len(rows))%len(rows)].peer.Key)
}

func (m *model) number(n int) tea.Cmd {
	if rows := m.book.shown(); n < len(rows) {
		return m.show(rows[n].peer.Key)
	}
	return nil
}

// nextUnread opens the next conversation that waits for the user: unread
// messages first, then requests.
func (m *model) nextUnread() tea.Cmd {
	rows := m.book.shown()
	at := 0
	for i, e := range rows {
		if e.peer.Key == m.open {
			at = i + 1
		}
	}
	request := ""
	for i := range rows {
		e := rows[(at+i)%len(rows)]
		if e.peer.Key == m.open {
			continue
		}
		if c := m.convs[e.peer.Key]; c != nil && c.unread > 0 {
			return m.show(e.peer.Key)
		}
		if request == "" && e.section == asking {
			request = e.peer.Key
		}
	}
	if request != "" {
		return m.show(request)
	}
	return m.say(ink.L(ink.Mut, "nothing unread"))
}

// lockOf says why nothing can be written in the open conversation; empty when
// something can.
func (m *model) lockOf() ink.Own {
	if e := m.openEntry(); e != nil {
		return standingOf(&e.peer).lock
	}
	return ink.Own{}
}

// writable reports whether the draft may be changed: a locked conversation
// takes commands only.
func (m *model) writable(c *conv) bool {
	return m.lockOf().IsEmpty() || strings.HasPrefix(c.draft.Line(0), "/")
}

// enter sends the draft or runs the command in it.
func (m *model) enter() tea.Cmd {
	c := m.current()
	text := c.draft.String()
	switch {
	case strings.TrimSpace(text) == "" && m.open == "":
		return m.startFinder("")
	case strings.TrimSpace(text) == "":
		return nil
	case c.corrects != nil && m.lockOf().IsEmpty():
		return m.send(c, text) // as it stands: what was said is no command
	case strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//"):
		return m.command(c, text)
	case m.open == "":
		return m.say(ink.L(ink.Fg, "choose who to write to: "), ink.L(ink.Acc, "Ctrl+K"))
	case !m.lockOf().IsEmpty():
		return m.say(ink.L(ink.Err, "locked: "), ink.O(ink.Fg, m.lockOf()))
	}
	return m.send(c, strings.TrimPrefix(text, "/"))
}

// send gives the draft's text to the engine, as what the draft is about.
func (m *model) send(c *conv, text string) tea.Cmd {
	return m.write(c, c.writes(text))
}

// write gives a text to the engine. It stays in the list as "sending" until
// the engine has it on disk.
func (m *model) write(c *conv, w chat.Writing) tea.Cmd {
	text := w.Text
	if len(text) > maxBody {
		return m.say(ink.L(ink.Err, "too long: "), ink.N(ink.Fg, (len(text)+1023)>>10), ink.L(ink.Fg, " KB, and a message holds "),
			ink.N(ink.Fg, maxBody>>10), ink.L(ink.Fg, " KB; take something out"))
	}
	if m.mistakable(c) {
		if c.draft.IsEmpty() {
			c.draft.Set(text)
		}
		return m.say(ink.L(ink.Err|ink.Bold, "not sent: "), ink.L(ink.Fg, "this only looks like your contact; the key that answers is kept as another person's. "),
			ink.L(ink.Acc, "Enter"), ink.L(ink.Fg, " again sends it"))
	}
	m.last++
	m.note.on = false
	id, key := m.last, c.key
	w.ID = c.idFor(w)
	c.begin(id, w, m.now())
	m.read(c)
	m.menu.close()
	var end tea.Cmd
	if c.past && w.Replaces == "" {
		end = m.toNewest(c)
	}
	return tea.Batch(end, func() tea.Msg {
		msg, err := m.api.Write(m.ctx, key, w)
		return sentMsg{key, id, msg, err}
	})
}

// mistakable reports whether the first text to a look-alike must be asked for
// once more: whoever takes it for the contact would write to a stranger. The
// answer counts when there was time to read the question.
func (m *model) mistakable(c *conv) bool {
	e := m.book.get(c.key)
	if e == nil || e.peer.Namesake.IsZero() || e.peer.Contact() {
		return false
	}
	now := m.now()
	if c.asksTwin.IsZero() {
		c.asksTwin = now
	}
	return now.Sub(c.asksTwin) < deadFor
}

// tryAgain sends the newest message that failed once more.
func (m *model) tryAgain() tea.Cmd {
	failed := m.current().last("/retry")
	if failed == nil || m.open == "" {
		return m.say(ink.L(ink.Mut, "nothing here failed"))
	}
	return m.retry(&failed.Message)
}

// retry sends a message that failed as a new one; it goes when that is there.
// One to a key that was replaced goes to the new one: its conversation opens.
func (m *model) retry(failed *chat.Message) tea.Cmd {
	key, id := m.open, failed.ID
	m.unpick()
	end := m.toNewest(m.current())
	return tea.Batch(end, func() tea.Msg {
		sent, err := m.api.Retry(m.ctx, key, id)
		done := doneMsg{err: err}
		if to := sent.Peer.String(); err == nil && !sent.Peer.IsZero() && to != key {
			done.open = to
		}
		return done
	})
}

// do runs a call of the engine and says what came of it.
func (m *model) do(call func() error, said ...ink.Seg) tea.Cmd {
	return func() tea.Msg { return doneMsg{err: call(), said: said} }
}

func (m *model) accept(who string) tea.Cmd {
	return func() tea.Msg {
		p, err := m.api.Accept(m.ctx, who)
		return doneMsg{err: err, open: p.Key, said: []ink.Seg{
			ink.T(ink.Fg|ink.Bold, p.Name), ink.L(ink.Fg, " is accepted: messages go both ways now"),
		}}
	}
}

func (m *model) block(who string) tea.Cmd {
	return func() tea.Msg {
		p, err := m.api.Block(m.ctx, who)
		return doneMsg{err: err, said: []ink.Seg{
			ink.T(ink.Fg|ink.Bold, p.Name), ink.L(ink.Fg, " is blocked and sees nothing of that"),
		}}
	}
}

func (m *model) set(key, value string, said ...ink.Seg) tea.Cmd {
	return m.do(func() error { return m.api.Set(m.ctx, key, value) }, said...)
}

// setAny sets what KEY VALUE names.
func (m *model) setAny(rest string) tea.Cmd {
	key, value, _ := strings.Cut(rest, " ")
	value = strings.TrimSpace(value)
	return m.set(key, value, ink.T(ink.Fg|ink.Bold, safetext.Line(key)), ink.L(ink.Fg, " is "), ink.T(ink.Fg, safetext.Line(value)))
}

// add looks for somebody at an address and opens the conversation with
// whoever answers there.
func (m *model) add(address string) tea.Cmd {
	said := m.say(ink.L(ink.Fg, "looking at "), ink.T(ink.Fg|ink.Bold, safetext.Line(address)))
	return tea.Batch(said, func() tea.Msg {
		p, err := m.api.Add(m.ctx, address)
		return doneMsg{err: err, open: p.Key, said: []ink.Seg{
			ink.T(ink.Fg|ink.Bold, p.Name), ink.L(ink.Fg, " answered, key "), ink.T(ink.Fg, safetext.Line(p.Fingerprint.Label())),
			ink.L(ink.Mut, ": compare it before you trust it"),
		}}
	})
}

// presenceOf translates what /status takes.
func presenceOf(word string) (value string, ok bool) {
	switch strings.ToLower(word) {
	case "online", "here", "avail", "available", "back":
		return "avail", true
	case "away":
		return string(chat.Away), true
	case "dnd", "busy":
		return string(chat.DND), true
	}
	return "", false
}
