package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/tui/ink"
)

// screen is what fills the window.
type screen int

const (
	talking screen = iota
	welcoming
	helping
	finding // who to write to
	reading // a page of facts
	searching
)

// model is the whole state of the window. Only Update changes it.
type model struct {
	ctx context.Context
	api chat.API
	opt Options
	now func() time.Time

	w, h    int
	theme   *ink.Theme
	look    uint32 // grows when names or sides of rows change
	method  ink.Method
	frame   *ink.Frame
	scratch *ink.Frame
	cache   rowCache
	rows    []ink.Line
	cards   cardCache

	focused bool
	usedAt  time.Time // when the engine heard last that keys are pressed
	kitty   bool      // the terminal can tell Shift+Enter from Enter
	bare    bool
	term    terminal

	status chat.Status
	loaded bool // the status is here
	listed bool // the peers are here
	book   *book
	health []health.Item
	// What goes beside health: alarms about keys, which items were put away
	// with what words, and what happened so far.
	conflicts []alert
	away      map[string]string
	log       []logged

	fresh   map[string]bool // peers with news since a list was asked for
	loads   int             // which list we wait for
	convs   map[string]*conv
	open    string // Peer.Key, or empty
	told    string // what the engine was told of it
	sight   sight
	home    *conv // what is written while nothing is open
	last    int   // number of the last attempt
	day     int   // of the year, when dates were drawn
	unread  int   // of all conversations
	belled  time.Time
	leaving time.Time // Ctrl+C was pressed once

	screen  screen
	onCard  bool // keys go to the card
	shownAt time.Time
	typedAt time.Time // last letter
	carded  string    // whose card is on the screen
	welcome welcome
	help    filterList
	pick    picked
	typing  typing
	search  searchList
	finder  choosing
	leaf    page
	note    note
	menu    menu
	quit    bool
	lost    bool // the feed ended
}

// note is a word on the last action, for some seconds.
type note struct {
	segs []ink.Seg
	id   int
	on   bool
}

// Bounds of time: how long a note stays (ui/README.md 6.7), keys of a card are
// dead (6.1), an unread line must be seen (6.8), a bell is quiet (security.md
// 10.6), drafts wait to be written, and Ctrl+C waits for its second.
const (
	noteFor   = 4 * time.Second
	deadFor   = time.Second
	seenAfter = time.Second
	bellEvery = 5 * time.Second
	draftWait = 250 * time.Millisecond
	quitWait  = 3 * time.Second
)

func newModel(ctx context.Context, api chat.API, opt Options) *model {
	m := &model{
		ctx: ctx, api: api, opt: opt, now: time.Now,
		frame: &ink.Frame{}, scratch: &ink.Frame{},
		focused: true,
		book:    newBook(), fresh: map[string]bool{}, convs: map[string]*conv{},
		home: newConv(homeKey),
	}
	m.home.known, m.home.whole = true, true
	m.convs[homeKey] = m.home
	m.term = terminalOf(opt.Env)
	m.setTheme()
	return m
}

// Init starts what runs beside the window. Nothing here waits for an answer
// of the terminal: the first frame is drawn before any comes.
func (m *model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.loadStatus(), m.loadPeers(), m.loadDraft(m.home), minute(m.now())}
	if m.term.asks {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

// current is the conversation that is open, or the empty one.
func (m *model) current() *conv {
	if m.open == "" {
		return m.home
	}
	return m.conv(m.open)
}

func (m *model) conv(key string) *conv {
	c := m.convs[key]
	if c == nil {
		c = newConv(key)
		m.convs[key] = c
	}
	return c
}

// openEntry is the roster row of the open conversation, or nil.
func (m *model) openEntry() *entry {
	if m.open == "" {
		return nil
	}
	return m.book.get(m.open)
}

// Update takes one message in.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	m.watchCard()
	if m.screen == finding {
		m.settleFinder()
	}
	if look := m.watchView(); look != nil {
		cmd = tea.Batch(cmd, look)
	}
	if looked := m.looksAt(); looked != m.told || m.used(msg) {
		m.told = looked
		cmd = tea.Batch(cmd, m.tellFocus(looked))
	}
	return m, cmd
}

// usedEvery is how often the engine hears that keys are pressed: lock-after,
// which is a minute at the least, counts from there.
const usedEvery = 20 * time.Second

// used reports whether the engine is to hear again that somebody sits here.
func (m *model) used(msg tea.Msg) bool {
	switch msg.(type) {
	case tea.KeyPressMsg, tea.PasteMsg:
		if now := m.now(); now.Sub(m.usedAt).Abs() >= usedEvery {
			m.usedAt = now
			return true
		}
	}
	return false
}

// looksAt is the conversation whose end a person sees now: what is there counts
// as displayed, so it is none while the window has no focus.
func (m *model) looksAt() string {
	if !m.focused || m.screen != talking || !m.current().follow {
		return ""
	}
	return m.open
}

// tellFocus tells the engine: it checks the other end when that falls silent.
func (m *model) tellFocus(key string) tea.Cmd {
	return func() tea.Msg {
		_ = m.api.Focus(m.ctx, key) // a node that is gone tells by its feed
		return nil
	}
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		var seen tea.Cmd
		if !m.focused { // not every terminal tells that it has the keys again
			m.focused = true
			seen = m.look4Unread()
		}
		return tea.Batch(seen, m.watchTyping(func() tea.Cmd { return m.key(msg) }), m.keepDraft(m.current()))
	case tea.PasteMsg:
		return tea.Batch(m.watchTyping(func() tea.Cmd { return m.paste(msg.Content) }), m.keepDraft(m.current()))
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.FocusMsg:
		m.focused = true
		return m.look4Unread()
	case tea.BlurMsg:
		m.focused = false
	case tea.ColorProfileMsg, tea.BackgroundColorMsg, tea.ModeReportMsg, tea.KeyboardEnhancementsMsg:
		m.terminalSays(msg)
	case feedMsg:
		return m.events(msg)
	case tickMsg:
		return m.tick(msg)
	default:
		return m.answer(msg)
	}
	return nil
}

// answer takes in what a call of the engine returned.
func (m *model) answer(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case statusMsg:
		return m.gotStatus(msg)
	case peersMsg:
		return m.gotPeers(msg)
	case historyMsg:
		m.gotHistory(msg)
	case aroundMsg:
		return m.gotAround(msg)
	case laterMsg:
		m.gotLater(msg)
	case foundMsg:
		return m.gotFound(msg)
	case pictureMsg:
		m.leaf.picture = picture(msg)
	case versionsMsg:
		return m.gotVersions(msg)
	case sentMsg:
		return m.gotSent(msg)
	case draftMsg:
		return m.gotDraft(msg)
	case savedMsg:
		return m.gotSaved(msg)
	case doneMsg:
		return m.gotDone(msg)
	case quitMsg:
		return tea.Quit
	}
	return nil
}

// say shows a word on the last action.
func (m *model) say(segs ...ink.Seg) tea.Cmd {
	m.note = note{segs: segs, id: m.note.id + 1, on: true}
	m.record(m.now(), segs...)
	return after(noteFor, tickMsg{kind: noteTick, id: m.note.id})
}

// listSize is the size of the message list without its rail.
func (m *model) listSize() (w, h int) {
	l := m.layout()
	return max(1, l.cw-1), l.streamH
}
