package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// What commands return. Every call of the engine runs in one.
type (
	statusMsg struct {
		status chat.Status
		err    error
	}
	peersMsg struct {
		load     int
		peers    []chat.Peer
		requests []chat.Request
		err      error
	}
	historyMsg struct {
		key    string
		epoch  int
		before int64
		lines  []chat.Message
		err    error
	}
	sentMsg struct {
		key string
		id  int
		msg chat.Message
		err error
	}
	draftMsg struct {
		key   string
		draft chat.Writing
		about *chat.Message // what it corrects or answers; nil: not there
	}
	savedMsg struct {
		key   string
		stamp stamp
		err   error
	}
	doneMsg struct {
		err  error
		said []ink.Seg
		open string // conversation to open, if any
	}
	quitMsg struct{}
	tickMsg struct {
		kind tickKind
		id   int
		key  string
	}
)

type tickKind int

const (
	minuteTick tickKind = iota
	noteTick
	seenTick
	draftTick
	statusTick
	sightTick
	typingTick
)

func after(d time.Duration, msg tickMsg) tea.Cmd {
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

// minute ticks when the clock's minute changes, for ages and dates. Nothing
// else in the window wakes up by itself.
func minute(now time.Time) tea.Cmd {
	return after(now.Truncate(time.Minute).Add(time.Minute).Sub(now), tickMsg{kind: minuteTick})
}

func (m *model) loadStatus() tea.Cmd {
	return func() tea.Msg {
		s, err := m.api.Status(m.ctx)
		return statusMsg{s, err}
	}
}

func (m *model) loadPeers() tea.Cmd {
	m.loads++
	clear(m.fresh)
	load := m.loads
	return func() tea.Msg {
		peers, err := m.api.Peers(m.ctx)
		requests, err2 := m.api.Requests(m.ctx)
		return peersMsg{load, peers, requests, errors.Join(err, err2)}
	}
}

// loadHistory asks for the page before the oldest message that is here.
func (m *model) loadHistory(c *conv) tea.Cmd {
	if c.asked || c.known && c.whole || c.key[0] == '~' {
		return nil
	}
	c.asked = true
	var before int64
	if c.known {
		before = c.oldest()
	}
	return m.fetch(c, before)
}

func (m *model) fetch(c *conv, before int64) tea.Cmd {
	key, epoch := c.key, c.epoch
	return func() tea.Msg {
		lines, err := m.api.History(m.ctx, key, before, pageSize)
		return historyMsg{key, epoch, before, lines, err}
	}
}

func (m *model) leave() tea.Cmd {
	m.quit = true
	return tea.Quit // Run writes the drafts when the loop has ended
}

func (m *model) gotStatus(msg statusMsg) tea.Cmd {
	if msg.err != nil {
		return m.fail(msg.err)
	}
	first := !m.loaded
	m.loaded = true
	m.status = msg.status
	m.tookHealth(msg.status.Health)
	if first && (msg.status.Fresh && !m.opt.Demo || m.opt.Welcome) {
		m.startWelcome()
	}
	if !m.status.Ready {
		return after(time.Second, tickMsg{kind: statusTick})
	}
	return nil
}

func (m *model) gotPeers(msg peersMsg) tea.Cmd {
	if msg.load != m.loads {
		return nil
	}
	if msg.err != nil {
		return m.fail(msg.err)
	}
	m.book.replace(msg.peers, msg.requests, m.fresh)
	m.look++
	m.listed = true
	return m.greetDemo()
}

func (m *model) gotHistory(msg historyMsg) {
	c := m.conv(msg.key)
	if msg.epoch != c.epoch {
		return
	}
	if msg.err != nil {
		c.asked = false
		if msg.before == 0 { // nothing kept under this name yet
			c.known, c.whole = true, true
		}
		return
	}
	c.page(msg.before, msg.lines)
}

// gotSent ends an attempt. A text that was not taken comes back as the draft,
// in front of what was typed since.
func (m *model) gotSent(msg sentMsg) tea.Cmd {
	c, a := m.finish(msg)
	if msg.err != nil {
		if errors.Is(msg.err, chat.ErrEnded) {
			c.unsure = a.writing
		}
		c.giveBack(&a)
		return tea.Batch(m.fail(msg.err), m.saveDraft(c))
	}
	if a.writing.ID == c.unsure.ID {
		c.unsure = chat.Writing{}
	}
	var moved tea.Cmd
	if key := msg.msg.Peer.String(); key != c.key && !msg.msg.Peer.IsZero() {
		moved = m.move(c.key, key)
		c = m.conv(key)
	}
	if msg.msg.Kind == chat.Plain && msg.msg.ID != "" {
		c.add(msg.msg)
	}
	return tea.Batch(moved, m.saveDraft(c), m.loadHistory(c))
}

// finish ends an attempt, wherever its conversation went since: a claim may
// have become a proven key while the engine was dialling.
func (m *model) finish(msg sentMsg) (*conv, attempt) {
	for _, c := range m.convs {
		if a, ok := c.finish(msg.id); ok {
			return c, a
		}
	}
	return m.conv(msg.key), attempt{}
}

func (m *model) gotDone(msg doneMsg) tea.Cmd {
	cmds := []tea.Cmd{m.loadStatus()}
	if msg.open != "" && msg.err == nil {
		cmds = append(cmds, m.show(msg.open))
	}
	switch {
	case msg.err != nil:
		cmds = append(cmds, m.fail(msg.err))
	case len(msg.said) > 0:
		cmds = append(cmds, m.say(msg.said...)) // last: a note ends with what it was about
	}
	return tea.Batch(cmds...)
}

// fail says what went wrong, and what to do about it where that is known.
func (m *model) fail(err error) tea.Cmd {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	text, hint := explain(err)
	segs := []ink.Seg{ink.L(ink.Err, "! "), ink.T(ink.Fg, text)}
	if !hint.IsEmpty() {
		segs = append(segs, ink.L(ink.Mut, " · "), ink.T(ink.Mut, hint))
	}
	return m.say(segs...)
}

// explain parts an error into what happened and what to do.
func explain(err error) (text, hint safetext.Text) {
	var e *chat.Error
	if errors.As(err, &e) {
		return safetext.Error(e.Text), safetext.Error(e.Hint)
	}
	return safetext.Error(err.Error()), safetext.Text{}
}
