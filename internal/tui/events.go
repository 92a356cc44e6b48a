package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
)

// feedMsg is a batch of events from the pump.
type feedMsg struct {
	events []chat.Event
	reload bool // events were missed: take the lists anew
	err    error
}

// events takes a batch in, oldest first.
func (m *model) events(msg feedMsg) tea.Cmd {
	var cmds []tea.Cmd
	if msg.err != nil {
		return m.nodeGone(msg.err)
	}
	if m.lost { // a node that has just started knows nothing of this window
		m.lost, m.told, m.sight = false, "", sight{timing: m.sight.timing}
	}
	for _, ev := range msg.events {
		cmds = append(cmds, m.event(ev))
	}
	if msg.reload {
		cmds = append(cmds, m.reload())
	}
	if len(cmds) == 0 {
		return nil
	}
	return tea.Batch(slices.DeleteFunc(cmds, func(c tea.Cmd) bool { return c == nil })...)
}

// nodeGone says so once, and takes back what nobody vouches for any more: who
// is here and who is connected.
func (m *model) nodeGone(err error) tea.Cmd {
	if m.lost {
		return nil // it is tried again every second
	}
	m.lost, m.listed = true, false
	m.book.lose()
	m.cards.clear()
	return m.fail(err)
}

func (m *model) event(ev chat.Event) tea.Cmd {
	switch b := ev.Body.(type) {
	case chat.Peer:
		return m.peerNews(b)
	case chat.Message:
		return m.messageNews(b)
	case chat.Typing:
		m.conv(b.Peer.String()).writing = b.Typing
	case chat.Request:
		m.fresh[b.Fingerprint.String()] = true
		m.book.ask(b)
		m.cards.clear()
	case chat.ConflictNotice:
		return m.conflictNews(b, m.now())
	case chat.HealthNotice:
		m.healthNews(b)
		return m.loadStatus()
	}
	return nil
}

func (m *model) peerNews(p chat.Peer) tea.Cmd {
	m.fresh[p.Key] = true
	old := m.book.get(p.Key)
	before := ""
	if old != nil {
		before = old.name.String()
	}
	var moved tea.Cmd
	if p.Gone && p.Key == m.open && old != nil {
		if to := m.heir(old); to != nil {
			moved = tea.Batch(m.move(p.Key, to.peer.Key), m.loadHistory(m.current()))
		}
	}
	if c := m.convs[p.Key]; c != nil && (p.Gone || p.Presence == chat.Offline) {
		c.writing = false
	}
	if p.Gone || p.Trust == chat.Blocked || p.Contact() {
		m.endConflict(p.Key)
	}
	e := m.book.put(p)
	if e == nil || e.name.String() != before {
		m.look++
	}
	m.cards.clear()
	return tea.Batch(moved, m.greetDemo())
}

// heir is the row that a claim became part of when its key was proven.
func (m *model) heir(old *entry) *entry {
	for _, e := range m.book.order {
		if e != old && !e.peer.Fingerprint.IsZero() && e.peer.Instance == old.peer.Instance {
			return e
		}
	}
	return nil
}

func (m *model) messageNews(msg chat.Message) tea.Cmd {
	key := msg.Peer.String()
	c := m.conv(key)
	switch msg.Kind {
	case chat.Plain:
	case chat.Deleted:
		c.remove(&msg)
		return nil
	default: // the message that it is about follows as it now is
		return nil
	}
	isNew := c.add(msg)
	if !c.known && key != m.open {
		// Only the count is of use before somebody looks: the page from the
		// store will hold the message.
		c.lines = c.lines[:0]
	}
	if !isNew || msg.Direction != chat.In {
		return nil
	}
	if key == m.open && m.focused && m.screen == talking && c.follow {
		return nil
	}
	c.count(&msg)
	m.unread++
	if key == m.open {
		return m.look4Unread()
	}
	return nil
}

// reload takes everything anew after events were missed.
func (m *model) reload() tea.Cmd {
	cmds := []tea.Cmd{m.loadPeers(), m.loadStatus()}
	for _, c := range m.convs {
		if c.key == m.open {
			c.missed++ // the end of lines in the past is not known any more
			if !c.past {
				cmds = append(cmds, m.fetch(c, 0))
			}
		} else if c.known && c != m.home {
			c.reset()
		}
	}
	return tea.Batch(cmds...)
}

// move gives what was written under one key to another: a claim became a
// proven key.
func (m *model) move(from, to string) tea.Cmd {
	old, c := m.convs[from], m.conv(to)
	if m.open == from {
		m.open = to
		m.onCard = false
	}
	if old == nil || from == to {
		return nil
	}
	c.restore(old.draft.String())
	c.drafted, c.unsure = true, old.unsure
	c.attempts = append(c.attempts, old.attempts...)
	c.changes = append(c.changes, old.changes...)
	delete(m.convs, from)
	return func() tea.Msg {
		_ = m.api.SetDraft(m.ctx, from, chat.Writing{}) // what fails here only leaves an old draft behind
		return nil
	}
}

// look4Unread waits until the open conversation was seen for a second.
func (m *model) look4Unread() tea.Cmd {
	if c := m.current(); c.unread == 0 || !m.focused {
		return nil
	}
	return after(seenAfter, tickMsg{kind: seenTick, key: m.open})
}

// read notes that a conversation holds nothing unread any more.
func (m *model) read(c *conv) {
	m.unread -= c.unread
	c.unread = 0
}

func (m *model) tick(msg tickMsg) tea.Cmd {
	switch msg.kind {
	case minuteTick:
		if day := m.now().YearDay(); day != m.day {
			m.day = day
			m.look++
		}
		return tea.Batch(minute(m.now()), m.loadStatus())
	case noteTick:
		if msg.id == m.note.id {
			m.note.on = false
		}
	case seenTick:
		if c := m.current(); msg.key == m.open && m.focused && m.screen == talking && c.follow {
			m.read(c)
		}
	case sightTick:
		return m.tellView()
	case statusTick:
		return m.loadStatus()
	case typingTick:
		return m.typingPaused()
	case draftTick:
		if c := m.convs[msg.key]; c != nil {
			return m.saveDraft(c)
		}
	}
	return nil
}

// bell rings at most once in five seconds, and never by a peer's text.
func (m *model) bell() tea.Cmd {
	if now := m.now(); now.Sub(m.belled) >= bellEvery {
		m.belled = now
		return tea.Raw("\a")
	}
	return nil
}

// greetDemo opens the echo's conversation when it shows up.
func (m *model) greetDemo() tea.Cmd {
	if !m.opt.Demo || m.open != "" || m.home.draft.Len() > 0 || len(m.book.shown()) == 0 {
		return nil
	}
	return m.show(m.book.shown()[0].peer.Key)
}
