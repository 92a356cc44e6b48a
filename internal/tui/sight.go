package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
)

// sight is which contacts are on the screen, and what the engine was told of
// them: it makes sure that whoever is seen as here is here.
type sight struct {
	at     sightKey // what the list was made from
	keys   []string
	told   []string
	timing bool // a change waits to be told
}

// sightKey is all that the list depends on: it is made again only when one of
// these changed, never for a frame.
type sightKey struct {
	version  uint64 // of the book
	filter   uint64
	at       int
	w, h     int
	composed int
	screen   screen
	bare     bool
	open     string
}

// tellAfter is how long a list of rows must stay before the engine hears of
// it: whoever scrolls past is not asked.
const tellAfter = 500 * time.Millisecond

// watchView notes which rows are on the screen and, when others are than the
// engine was told, sets out to tell it.
func (m *model) watchView() tea.Cmd {
	if m.screen != talking && m.screen != finding || m.w <= 0 {
		return nil // another screen lies over the rows for a while
	}
	l := m.layout()
	at := sightKey{
		version: m.book.version, filter: m.finder.input.Version(), at: m.finder.at, w: m.w, h: m.h, composed: l.composeH,
		screen: m.screen, bare: m.bare, open: m.open,
	}
	if at == m.sight.at {
		return nil
	}
	m.sight.at = at
	m.sight.keys = m.inSight(l)
	if m.sight.timing || slices.Equal(m.sight.keys, m.sight.told) {
		return nil
	}
	m.sight.timing = true
	return after(tellAfter, tickMsg{kind: sightTick})
}

// tellView tells the engine what stayed on the screen.
func (m *model) tellView() tea.Cmd {
	m.sight.timing = false
	if slices.Equal(m.sight.keys, m.sight.told) {
		return nil
	}
	keys := slices.Clone(m.sight.keys)
	m.sight.told = keys
	return func() tea.Msg {
		_ = m.api.View(m.ctx, keys) // a node that is gone tells by its feed
		return nil
	}
}

// inSight lists the people in the rows that are drawn, the open one first.
func (m *model) inSight(l layout) []string {
	keys := make([]string, 0, 16)
	add := func(e *entry) {
		if e != nil && len(keys) < chat.MaxView && !slices.Contains(keys, e.peer.Key) {
			keys = append(keys, e.peer.Key)
		}
	}
	add(m.openEntry())
	switch {
	case l.tiny:
	case m.screen == finding:
		found, body := m.people(), max(1, m.h-2)
		first := m.firstFound(len(found), body)
		for _, e := range found[first:min(len(found), first+body)] {
			add(e)
		}
	case l.roster > 0:
		for _, r := range m.rosterRows(l.h - 3 - legendRows) {
			add(r.e)
		}
	case m.open == "":
		for _, r := range m.homeList(l.streamH) {
			add(r.e)
		}
	}
	return keys
}
