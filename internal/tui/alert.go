package tui

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// alert is what stays on the screen until it is over or put away: something
// that is wrong right now, or another key that claims a contact's name. It has
// a row of its own where there is one, else the footer, never the
// conversation's place.
type alert struct {
	id    string
	level level
	text  safetext.Text
	hint  safetext.Text
	since time.Time
	about string // Peer.Key of a row that shows it too
}

// level says how much an alert matters.
type level int

const (
	infoLevel level = iota
	warningLevel
	errorLevel
	keyLevel // another key: comes before everything else
)

func levelOf(s health.Severity) level {
	switch s {
	case health.Error:
		return errorLevel
	case health.Warning:
		return warningLevel
	}
	return infoLevel
}

func (l level) style() ink.Style {
	switch l {
	case infoLevel:
		return ink.Acc
	case warningLevel:
		return ink.New
	}
	return ink.Err
}

// word stands before an alert, so that its colour is not the only cue.
func (l level) word() ink.Own {
	switch l {
	case infoLevel:
		return ink.Const("note ")
	case warningLevel:
		return ink.Const("! ")
	case errorLevel:
		return ink.Const("!! ")
	}
	return ink.Const(" KEY! ")
}

// maxConflicts bounds the alarms that are kept: the engine tells of one a
// contact and hour (security.md P-15).
const maxConflicts = 16

// alerts are all that are not over, the worst first, then the newest.
func (m *model) alerts() []alert {
	out := make([]alert, 0, len(m.health)+len(m.conflicts))
	for _, it := range m.health {
		out = append(out, alert{
			id: it.Code, level: levelOf(it.Severity), since: it.Since,
			text: safetext.Line(it.Text), hint: safetext.Line(it.Hint),
		})
	}
	out = append(out, m.conflicts...)
	slices.SortStableFunc(out, func(a, b alert) int {
		return cmp.Or(cmp.Compare(b.level, a.level), b.since.Compare(a.since))
	})
	return out
}

// pending are the alerts that the user did not put away. One whose words
// changed since is news again.
func (m *model) pending() []alert {
	return slices.DeleteFunc(m.alerts(), func(a alert) bool { return m.away[a.id] == a.text.String() && m.away[a.id] != "" })
}

// alone reports whether a page stands in the window that says by itself what
// is wrong.
func (m *model) alone() bool {
	return m.screen == talking && m.open == "" && (len(m.book.shown()) == 0 || m.layout().roster > 0)
}

// putAway takes the alert that is shown off the screen, and reports whether
// there was one.
func (m *model) putAway() bool {
	left := m.pending()
	if len(left) == 0 || m.alone() && left[0].level != keyLevel {
		return false
	}
	a := left[0]
	if a.level == keyLevel {
		m.conflicts = slices.DeleteFunc(m.conflicts, func(c alert) bool { return c.id == a.id })
		return true
	}
	if m.away == nil {
		m.away = map[string]string{}
	}
	m.away[a.id] = a.text.String()
	return true
}

// conflictNews takes in that another key claims a contact's name.
func (m *model) conflictNews(b chat.ConflictNotice, at time.Time) tea.Cmd {
	key := b.Fingerprint.String()
	m.endConflict(key)
	if len(m.conflicts) == maxConflicts {
		m.conflicts = slices.Delete(m.conflicts, 0, 1)
	}
	a := alert{
		id: "conflict " + key, level: keyLevel, since: at, about: key,
		text: safetext.Line("another key claims the name " + b.OfName.String() + "; nothing is sent to it"),
		hint: safetext.Line("key " + b.Fingerprint.Label()),
	}
	m.conflicts = append(m.conflicts, a)
	m.note.on = false
	m.record(at, a.segs()...)
	return m.bell()
}

// endConflict forgets the alarm about a key: its row was looked at, or is no
// more.
func (m *model) endConflict(key string) {
	m.conflicts = slices.DeleteFunc(m.conflicts, func(a alert) bool { return a.about == key })
}

// healthNews takes in that something is wrong, or right again.
func (m *model) healthNews(h chat.HealthNotice) {
	var old health.Item
	if i := slices.IndexFunc(m.health, func(i health.Item) bool { return i.Code == h.Code }); i >= 0 {
		old = m.health[i]
	}
	m.health = slices.DeleteFunc(slices.Clone(m.health), func(i health.Item) bool { return i.Code == h.Code })
	if h.Gone {
		delete(m.away, h.Code)
		if old.Text != "" {
			m.record(m.now(), ink.L(ink.Acc, "over: "), ink.T(ink.Mut, safetext.Line(old.Text)))
		}
		return
	}
	m.health = append(m.health, h.Item)
	if old.Text != h.Text {
		a := alert{level: levelOf(h.Severity), text: safetext.Line(h.Text), hint: safetext.Line(h.Hint)}
		m.record(m.now(), a.segs()...)
	}
}

// tookHealth takes the whole list in place of the one that is here.
func (m *model) tookHealth(items []health.Item) {
	old := m.health
	for _, it := range old {
		if !slices.ContainsFunc(items, func(i health.Item) bool { return i.Code == it.Code }) {
			m.healthNews(chat.HealthNotice{Item: it, Gone: true})
		}
	}
	for _, it := range items {
		m.healthNews(chat.HealthNotice{Item: it})
	}
}

// segs is an alert as a row.
func (a *alert) segs() []ink.Seg {
	segs := make([]ink.Seg, 0, 4)
	if a.level == keyLevel {
		segs = append(segs, ink.O(ink.Fg|ink.OnBad|ink.Bold, a.level.word()), ink.L(ink.Fg, " "))
	} else {
		segs = append(segs, ink.O(a.level.style()|ink.Bold, a.level.word()))
	}
	segs = append(segs, ink.T(ink.Fg, a.text))
	if !a.hint.IsEmpty() {
		segs = append(segs, ink.L(ink.Mut, " · "), ink.T(ink.Mut, a.hint))
	}
	return segs
}

// drawAlert draws the worst alert on a ground, with the key that puts it away,
// and reports whether there was one.
func (m *model) drawAlert(f *ink.Frame, ground ink.Style) bool {
	left := m.pending()
	if len(left) == 0 || m.alone() && left[0].level != keyLevel {
		return false
	}
	end := []ink.Seg{ink.L(ink.Acc|ground, "Esc"), ink.L(ink.Mut|ground, " puts it away")}
	if m.w < wideColumns {
		end = end[:1]
	}
	if n := len(left) - 1; n > 0 {
		end = append([]ink.Seg{ink.L(ink.Mut|ground, "+"), ink.N(ink.Mut|ground, n), ink.L(ink.Mut|ground, " more  ")}, end...)
	}
	f.Limit(m.w - 2 - ink.Width(m.method, end...))
	for _, s := range left[0].segs() {
		f.Put(s.On(ground))
	}
	f.Limit(m.w - 1)
	f.PutRight(ink.Fg|ground, end...)
	return true
}

// troubles counts what is wrong and was put away: a number of it stays in the
// window's own row.
func (m *model) troubles() int {
	n := 0
	for _, it := range m.health {
		if it.Severity >= health.Warning && m.away[it.Code] == safetext.Line(it.Text).String() {
			n++
		}
	}
	return n
}

// logged is a line of what happened.
type logged struct {
	at   time.Time
	segs []ink.Seg
}

// maxLog bounds what /log shows.
const maxLog = 200

// record keeps what was said, for /log. What is said twice in a row is one
// line, with the newer time.
func (m *model) record(at time.Time, segs ...ink.Seg) {
	if n := len(m.log); n > 0 && slices.Equal(m.log[n-1].segs, segs) {
		m.log[n-1].at = at
		return
	}
	if len(m.log) == maxLog {
		m.log = slices.Delete(m.log, 0, 1)
	}
	m.log = append(m.log, logged{at, slices.Clone(segs)})
}
