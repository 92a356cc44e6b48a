package tui

import (
	"llchat/internal/chat"
	"llchat/internal/tui/ink"
)

// legendRows is the legend of the marks below the roster.
const legendRows = 2

// rosterRow is a row of the roster: a title, a person, or how many more.
type rosterRow struct {
	title ink.Own
	e     *entry
	more  int
	blank bool
}

var sectionTitles = [sections]ink.Own{
	asking:    ink.Const("ASKING"),
	near:      ink.Const("PEOPLE NEAR"),
	strangers: ink.Const("NOT YET CONTACTS"),
	quiet:     ink.Const("QUIET"),
}

// rosterRows folds the roster into h rows. Sections share them; what does not
// fit becomes a number, but never the conversation that is open.
func (m *model) rosterRows(h int) []rosterRow {
	share := m.shares(h)
	rows := make([]rosterRow, 0, h)
	for s := range hidden {
		people := m.book.of(s)
		n := share[s]
		if len(people) == 0 || n == 0 {
			continue
		}
		if len(rows) > 0 {
			rows = append(rows, rosterRow{blank: true})
		}
		rows = append(rows, rosterRow{title: sectionTitles[s]})
		shown := n
		if n < len(people) {
			shown = n - 1
		}
		at := len(rows)
		for _, e := range people[:shown] {
			rows = append(rows, rosterRow{e: e})
		}
		if shown < len(people) {
			rows = append(rows, rosterRow{more: len(people) - shown})
			if e := m.openEntry(); e != nil && e.section == s && shown > 0 && !contains(rows[at:at+shown], e) {
				rows[at+shown-1].e = e
			}
		}
	}
	return rows
}

func contains(rows []rosterRow, e *entry) bool {
	for _, r := range rows {
		if r.e == e {
			return true
		}
	}
	return false
}

// shares gives each section rows for its people: contacts and requests before
// strangers, who may be thousands.
func (m *model) shares(h int) (share [sections]int) {
	free := h
	for s := range hidden {
		if m.book.count[s] > 0 {
			free -= 2
		}
	}
	const least = 3
	for _, s := range [...]section{asking, near, quiet, strangers} {
		share[s] = max(0, min(m.book.count[s], least, free))
		free -= share[s]
	}
	for _, s := range [...]section{asking, near, quiet, strangers} {
		add := max(0, min(m.book.count[s]-share[s], free))
		share[s] += add
		free -= add
	}
	return share
}

// drawRosterRow draws row y of the pane; the legend stands at its foot.
func (m *model) drawRosterRow(f *ink.Frame, rows []rosterRow, y, legend int) {
	switch {
	case y-1 >= 0 && y-1 < len(rows) && y-1 < legend-1:
		m.drawPerson(f, &rows[y-1], rosterWidth)
	case y == legend && legend > 0:
		f.Put(ink.L(ink.Fg, " "), m.mark(ink.MarkVerified, ink.Mut), ink.L(ink.Mut, " verified  "),
			m.mark(ink.MarkPinned, ink.Mut), ink.L(ink.Mut, " pinned"))
	case y == legend+1 && legend > 0:
		f.Put(ink.L(ink.Fg, " "), m.mark(ink.MarkNew, ink.Mut), ink.L(ink.Mut, " new key   "),
			m.mark(ink.MarkConflict, ink.Mut), ink.L(ink.Mut, " other key"))
	case y == 0 && len(rows) == 0:
	}
}

// drawPerson draws a row of the roster in w cells.
func (m *model) drawPerson(f *ink.Frame, r *rosterRow, w int) {
	switch {
	case r.blank:
		return
	case r.more > 0:
		f.Put(ink.L(ink.Mut, " + "), ink.N(ink.Mut, r.more), ink.L(ink.Mut, " more, "), ink.L(ink.Acc, "Ctrl+K"))
		return
	case r.e == nil:
		f.Put(ink.L(ink.Mut, " "), ink.O(ink.Mut|ink.Bold, r.title))
		return
	}
	chosen := r.e.peer.Key == m.open
	m.drawEntry(f, r.e, w, chosen, m.aside(r.e, onSel(chosen), w >= mediumColumns)...)
}

// drawEntry is one person: mark, name, and at the right what matters most.
func (m *model) drawEntry(f *ink.Frame, e *entry, w int, chosen bool, right ...ink.Seg) {
	ground := onSel(chosen)
	end := f.Col() + w
	s := standingOf(&e.peer)
	f.Put(ink.L(ink.Fg|ground, " "))
	if e.under {
		f.Put(ink.L(ink.Fg|ground, "  "))
	}
	f.Put(m.mark(s.mark, onGround(s.style, ground)), ink.L(ink.Fg|ground, " "))
	name := ink.Fg
	switch c := m.convs[e.peer.Key]; {
	case chosen || c != nil && c.unread > 0:
		name |= ink.Bold
	case e.section == quiet:
		name = ink.Mut
	}
	f.Limit(end - 1)
	room := f.Room() - ink.Width(m.method, right...) - 1
	f.PutCut(ink.T(name|ground, e.name), max(1, room))
	f.PutRight(ink.Fg|ground, right...)
	f.Limit(end)
	f.To(end, ink.Fg|ground)
}

func onSel(chosen bool) ink.Style {
	if chosen {
		return ink.OnSel
	}
	return 0
}

// aside is the right end of a person's row; wide ones have place for words.
func (m *model) aside(e *entry, ground ink.Style, wide bool) []ink.Seg {
	p := &e.peer
	c := m.convs[p.Key]
	unread := c != nil && c.unread > 0
	if unread || p.Contact() || !p.Namesake.IsZero() {
		return m.whereabouts(e, ground, wide)
	}
	switch {
	case p.Trust == chat.Conflict:
		return []ink.Seg{ink.L(ink.Fg|ink.OnBad|ink.Bold, "KEY!")}
	case e.section == asking:
		return []ink.Seg{ink.L(ink.New|ground, "asks")}
	case p.Encrypts != nil && !*p.Encrypts:
		return []ink.Seg{ink.L(ink.Mut|ground, "cannot encrypt")}
	case p.Trust == chat.Unknown:
		return []ink.Seg{ink.L(ink.New|ground, "new key")}
	case p.Trust == "":
		return []ink.Seg{ink.L(ink.Mut|ground, "unproven")}
	}
	return nil
}

// whereabouts is what matters of somebody beside trust: unread messages, and
// whether anybody sits there.
func (m *model) whereabouts(e *entry, ground ink.Style, wide bool) []ink.Seg {
	p := &e.peer
	switch c := m.convs[p.Key]; {
	case c != nil && c.writing && c.unread == 0 && p.Namesake.IsZero():
		return []ink.Seg{ink.L(ink.Mut|ground, "typing…")}
	case c != nil && c.unread > 0:
		return []ink.Seg{ink.N(ink.Acc|ink.Bold|ground, c.unread)}
	case !p.Namesake.IsZero():
		if of := m.book.lookAlike(e); of != nil && wide {
			return []ink.Seg{ink.L(ink.Err|ground, "looks like your contact "), m.short(of.name, ink.Err|ground, promptName)}
		}
		return []ink.Seg{ink.L(ink.Err|ground, "look-alike")}
	case p.Waiting:
		return []ink.Seg{ink.L(ink.New|ground, "waiting")}
	case p.Presence == chat.Away || p.Presence == chat.DND:
		return []ink.Seg{ink.O(ink.Mut|ground, presenceWord(p.Presence))}
	case e.section == quiet && !p.LastSeen.IsZero() && wide:
		return []ink.Seg{ink.L(ink.Mut|ground, "last seen "), ink.Seen(ink.Mut|ground, p.LastSeen, m.now())}
	case e.section == quiet && !p.LastSeen.IsZero():
		return []ink.Seg{ink.Ago(ink.Mut|ground, m.now().Sub(p.LastSeen))}
	}
	return nil
}
