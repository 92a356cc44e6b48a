package tui

import (
	"llchat/internal/tui/ink"
)

// page writes rows that are kept, for screens that change seldom.
type sheet struct {
	f    *ink.Frame
	w    int
	rows []ink.Line
}

func (m *model) sheet(w int) *sheet {
	m.scratch.Theme, m.scratch.Method = m.theme, m.method
	m.scratch.Begin(w)
	return &sheet{f: m.scratch, w: w}
}

func (s *sheet) row(segs ...ink.Seg) {
	s.f.Row()
	s.f.Put(segs...)
	s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
}

func (s *sheet) wrap(m ink.Method, indent int, seg ink.Seg) {
	for _, part := range ink.Wrap(m, seg, s.w-indent-1) {
		s.f.Row()
		s.f.To(indent, ink.Fg)
		s.f.Put(part)
		s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
	}
}

// homeRows fill the screen while no conversation is open: who is here, or why
// nobody is.
func (m *model) homeRows(w, h int) []ink.Line {
	s := m.sheet(w)
	people := m.book.shown()
	if h > 8 {
		s.row()
	}
	switch {
	case len(people) == 0:
		m.nobody(s, h)
	case m.layout().roster > 0:
		m.somebody(s)
	default:
		m.onePane(s, h)
	}
	return s.rows[:min(len(s.rows), h)]
}

// onePane lists the people where no roster stands beside: in sections when
// they fit, else just the people.
func (m *model) onePane(s *sheet, h int) {
	rows := m.homeList(h - len(s.rows))
	for i := range rows {
		s.f.Row()
		m.drawPerson(s.f, &rows[i], s.w)
		s.rows = append(s.rows, s.f.Keep(s.w, ink.Fg))
	}
}

// homeList are the people in h rows.
func (m *model) homeList(h int) []rosterRow {
	people := m.book.shown()
	titles := 0
	for sec := range hidden {
		if m.book.count[sec] > 0 {
			titles += 2
		}
	}
	if len(people)+titles <= h {
		return m.rosterRows(h)
	}
	var rows []rosterRow
	shown := people
	if len(people) > h {
		shown = people[:max(0, h-1)]
	}
	for _, e := range shown {
		rows = append(rows, rosterRow{e: e})
	}
	if more := len(people) - len(shown); more > 0 {
		rows = append(rows, rosterRow{more: more})
	}
	return rows
}

func (m *model) somebody(s *sheet) {
	s.row(ink.L(ink.Fg|ink.Bold, "   Who do you want to talk to?"))
	s.row()
	s.row(ink.L(ink.Acc, "   Ctrl+K   "), ink.L(ink.Fg, "find a person by name"))
	s.row(ink.L(ink.Acc, "   Alt+↓    "), ink.L(ink.Fg, "next person of the list"))
	s.row(ink.L(ink.Acc, "   Alt+A    "), ink.L(ink.Fg, "next unread message or request"))
	s.row(ink.L(ink.Acc, "   F1       "), ink.L(ink.Fg, "marks, keys, commands"))
	s.row()
	if n := m.book.count[asking]; n > 0 {
		who := ink.L(ink.New|ink.Bold, " people ask")
		if n == 1 {
			who = ink.L(ink.New|ink.Bold, " person asks")
		}
		s.row(ink.L(ink.New, "   "), ink.N(ink.New|ink.Bold, n), who, ink.L(ink.New|ink.Bold, " to write to you: "), ink.L(ink.Acc, "Alt+A"))
		s.row()
	}
	s.facts(m.method, netMargin, healthFacts(m.health))
}

// nobody is a diagnosis, not an empty list: what works, what does not, what
// can be done. Low windows begin with what is wrong.
func (m *model) nobody(s *sheet, h int) {
	if !m.listed {
		s.row(ink.L(ink.Mut, "   looking around"))
		return
	}
	low := h < lowRows
	s.row(ink.L(ink.Fg|ink.Bold, "   Nobody here yet"))
	if low {
		m.nobodyLow(s, h)
		return
	}
	if m.status.Visibility != "ghost" {
		s.row(ink.L(ink.Mut, "   llchat is listening. Here is what it knows:"))
	}
	s.row()
	s.facts(m.method, netMargin, netFacts(&m.status, m.health, m.loaded))
	s.row()
	s.row(ink.L(ink.Fg, "   You can still"))
	s.helps(m.method)
	s.row()
	if len(m.health) == 0 && m.status.Visibility != "ghost" {
		s.wrap(m.method, 3, ink.L(ink.Mut, "Somebody else who starts llchat on this network shows up here within seconds."))
	}
}

// nobodyLow says the worst, cut where it must be so that what can be done
// stays on the screen.
func (m *model) nobodyLow(s *sheet, h int) {
	s.facts(m.method, netMargin, healthFacts(m.health))
	switch {
	case len(m.health) > 0:
	case m.status.Visibility == "ghost":
		s.fact(m.method, netMargin, seenAs(&m.status, true))
	default:
		s.facts(m.method, netMargin, netFacts(&m.status, nil, m.loaded))
	}
	if last := h - 2; last > 1 && len(s.rows) > last {
		s.rows = s.rows[:last]
	}
	s.row(ink.L(ink.Acc, "   /net"), ink.L(ink.Fg, " more, "), ink.L(ink.Acc, "/add"), ink.L(ink.Fg, " ADDRESS"))
	s.row(ink.L(ink.Acc, "   llchat doctor"), ink.L(ink.Fg, " finds the cause"))
}

// emptyRows invite to the first word.
func (m *model) emptyRows(e *entry, w int) []ink.Line {
	s := m.sheet(w)
	if e == nil {
		s.wrap(m.method, 1, ink.L(ink.Mut, "Whoever this was is not here any more."))
		return s.rows
	}
	st := standingOf(&e.peer)
	if !st.lock.IsEmpty() {
		s.wrap(m.method, 1, ink.O(ink.Fg, st.lock))
		if !e.peer.Note.IsEmpty() {
			s.wrap(m.method, 1, ink.T(ink.Mut, e.peer.Note))
		}
		s.row()
		return s.rows
	}
	if of := m.book.lookAlike(e); of != nil {
		s.wrap(m.method, 1, ink.L(ink.Err|ink.Bold, "This is not your contact, it only goes by a name that looks like"))
		s.row(ink.L(ink.Fg, " "), ink.T(ink.Fg|ink.Bold, of.name), ink.L(ink.Fg, ", key "), ink.T(ink.Fg, of.label), ink.L(ink.Fg, "."))
		s.row()
	}
	s.row(ink.L(ink.Fg, " Say hello to "), ink.T(ink.Fg|ink.Bold, e.name), ink.L(ink.Fg, "."))
	if e.label.IsEmpty() {
		s.wrap(m.method, 1, ink.L(ink.Mut, "The key that answers your first message is kept as this person's. Compare keys before you trust it."))
	} else {
		s.row(ink.L(ink.Mut, " Your words go only to the device with key "), ink.T(ink.Mut, e.label), ink.L(ink.Mut, "."))
	}
	s.row()
	return s.rows
}
