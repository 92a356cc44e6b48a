package tui

import (
	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// versionsMsg are the texts that a message had.
type versionsMsg struct {
	row      int64
	versions []chat.Version
	err      error
}

// messageInfo shows what is known of a message, its old texts too.
func (m *model) messageInfo(l *line) tea.Cmd {
	key, id, row := m.open, l.ID, l.Row
	start := m.startPage(messagePage, key)
	m.leaf.row = row
	return tea.Batch(start, func() tea.Msg {
		v, err := m.api.Versions(m.ctx, key, id)
		return versionsMsg{row, v, err}
	})
}

func (m *model) gotVersions(msg versionsMsg) tea.Cmd {
	if msg.err != nil {
		return m.fail(msg.err)
	}
	if m.leaf.kind == messagePage && m.leaf.row == msg.row {
		m.leaf.versions = msg.versions
	}
	return nil
}

func (m *model) messageRows(s *sheet) {
	c := m.conv(m.leaf.key)
	i, ok := c.index(m.leaf.row)
	if !ok {
		s.wrap(m.method, 3, ink.L(ink.Mut, "This message is not here any more."))
		return
	}
	l := &c.lines[i]
	s.facts(m.method, factMargin, m.messageFacts(c, l))
	s.row()
	text := ink.T(ink.Fg, l.Body)
	switch {
	case !l.Retracted.IsZero():
		text = ink.L(ink.Mut|ink.Italic, "taken back")
	case l.Spoiler && !c.shown[l.Row]:
		text = ink.L(ink.Mut|ink.Italic, "a spoiler, hidden")
	}
	s.wrap(m.method, 3, text)
	if l.Spoiler && !c.shown[l.Row] {
		return
	}
	m.versionRows(s, l)
}

// versionRows are the texts before the one that stands.
func (m *model) versionRows(s *sheet, l *line) {
	for i, v := range m.leaf.versions {
		if i == len(m.leaf.versions)-1 && l.Retracted.IsZero() {
			return // it is the one above
		}
		s.row()
		s.row(ink.L(ink.Mut, "   text of "), ink.Date(ink.Mut, v.Written))
		s.wrap(m.method, 5, ink.T(ink.Mut, v.Body))
	}
}

// messageFacts are what is known of a message beside its text.
func (m *model) messageFacts(c *conv, l *line) []fact {
	out := []fact{known(ink.Const("from"), m.author(c, l)), known(ink.Const("written"), ink.Date(ink.Fg, l.Written))}
	if l.Delayed {
		out[1].hint = ink.L(ink.Mut, "sent again after an outage")
	}
	if l.Direction == chat.Out {
		f := known(ink.Const("state"), m.delivery(l))
		if l.State == chat.Failed && l.Reason != "" {
			f.hint = ink.T(ink.Mut, safetext.Error(l.Reason))
		}
		out = append(out, f)
	}
	if !l.Edited.IsZero() {
		out = append(out, known(ink.Const("edited"), ink.Date(ink.Fg, l.Edited)))
	}
	if !l.Retracted.IsZero() {
		out = append(out, known(ink.Const("taken back"), ink.Date(ink.Fg, l.Retracted)))
	}
	if l.Reply != nil {
		who, said := m.quotation(c, l.Reply)
		out = append(out, known(ink.Const("answers"), who.With(ink.Fg), ink.L(ink.Mut, " "), said))
	}
	for i := range l.Reactions {
		f := known(ink.Const("reaction"), m.reaction(c, &l.Reactions[i])...)
		out = append(out, f)
	}
	return append(out, known(ink.Const("id"), ink.T(ink.Mut, safetext.Line(l.ID))))
}
