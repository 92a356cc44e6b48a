package tui

import (
	"llchat/internal/safetext"
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
		m.nobody(s)
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
	m.healthRows(s)
}

// nobody is a diagnosis, not an empty list.
func (m *model) nobody(s *sheet) {
	if !m.listed {
		s.row(ink.L(ink.Mut, "   looking around"))
		return
	}
	s.row(ink.L(ink.Fg|ink.Bold, "   Nobody here yet"))
	s.row(ink.L(ink.Mut, "   llchat is listening. Here is what it knows:"))
	s.row()
	for _, i := range m.status.Interfaces {
		segs := []ink.Seg{ink.L(ink.OK, "    ok  "), ink.T(ink.Fg, safetext.Line(i.Name)), ink.L(ink.Fg, " is up")}
		for n, a := range i.Addresses {
			if n < 2 {
				segs = append(segs, ink.L(ink.Mut, "  "), ink.T(ink.Mut, safetext.Line(a)))
			}
		}
		s.row(segs...)
	}
	if m.loaded && len(m.status.Interfaces) == 0 {
		s.row(ink.L(ink.Err, "    no  "), ink.L(ink.Fg, "no usable network: connect to one"))
	}
	if m.status.Ready {
		s.row(ink.L(ink.OK, "    ok  "), ink.L(ink.Fg, "others can find you as "), ink.T(ink.Fg|ink.Bold, m.status.Name))
	} else {
		s.row(ink.L(ink.New, "    ..  "), ink.L(ink.Fg, "taking a name on the network"))
	}
	s.row()
	m.healthRows(s)
	s.wrap(m.method, 3, ink.L(ink.Mut, "Somebody else who starts llchat on this network shows up here within seconds."))
}

func (m *model) healthRows(s *sheet) {
	for _, it := range m.health {
		s.wrap(m.method, 4, ink.T(ink.New, safetext.Line(it.Text)))
		if it.Hint != "" {
			s.wrap(m.method, 8, ink.T(ink.Mut, safetext.Line(it.Hint)))
		}
	}
	if len(m.health) > 0 {
		s.row()
	}
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
	s.row(ink.L(ink.Fg, " Say hello to "), ink.T(ink.Fg|ink.Bold, e.name), ink.L(ink.Fg, "."))
	if e.label.IsEmpty() {
		s.wrap(m.method, 1, ink.L(ink.Mut, "The key that answers your first message is kept as this person's. Compare keys before you trust it."))
	} else {
		s.row(ink.L(ink.Mut, " Your words go only to the device with key "), ink.T(ink.Mut, e.label), ink.L(ink.Mut, "."))
	}
	s.row()
	return s.rows
}
