package tui

import (
	"strconv"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// hint is a key and what it does now.
type hint struct{ key, does ink.Own }

func number(n int) string { return strconv.Itoa(n) }

// drawBar is the program's own row: who we are, what the network is.
func (m *model) drawBar(f *ink.Frame) {
	wide := m.w >= wideColumns
	f.Put(ink.L(ink.Acc|ink.Bold|ink.OnBar, " llchat "))
	name := m.status.Name
	if name.IsEmpty() {
		name = m.status.Nick
	}
	if wide {
		f.Put(ink.L(ink.Fg|ink.OnBar, " "))
	}
	f.PutCut(ink.T(ink.Fg|ink.OnBar, name), max(8, m.w/3))
	switch {
	case m.lost:
		f.Put(ink.L(ink.Err|ink.Bold|ink.OnBar, "  the node is gone"))
	case m.loaded && !m.status.Ready:
		f.Put(ink.L(ink.New|ink.OnBar, "  starting"))
	case m.status.Status == chat.Away || m.status.Status == chat.DND:
		f.Put(ink.L(ink.Fg|ink.OnBar, "  "), ink.O(ink.New|ink.OnBar, presenceWord(m.status.Status)))
	case wide:
		f.Put(ink.L(ink.Mut|ink.OnBar, "  available"))
	}
	f.Limit(m.w - 1)
	if wide && f.PutRight(ink.Fg|ink.OnBar, m.barRight(true)...) {
		return
	}
	if !f.PutRight(ink.Fg|ink.OnBar, m.barRight(false)...) {
		f.PutRight(ink.Fg|ink.OnBar, ink.L(ink.Acc|ink.OnBar, "F1"), ink.L(ink.Fg|ink.OnBar, " help"))
	}
}

func (m *model) barRight(wide bool) []ink.Seg {
	const plain, mut = ink.Fg | ink.OnBar, ink.Mut | ink.OnBar
	segs := make([]ink.Seg, 0, 16)
	if n := m.troubles(); n > 0 {
		segs = append(segs, ink.L(ink.New|ink.OnBar, "!"), ink.N(ink.New|ink.OnBar, n), ink.L(ink.New|ink.OnBar, " /net"), ink.L(mut, " · "))
	}
	if len(m.status.Interfaces) > 0 {
		segs = append(segs, ink.T(plain, safetext.Line(m.status.Interfaces[0].Name)))
		if n := len(m.status.Interfaces) - 1; n > 0 {
			segs = append(segs, ink.L(mut, " +"), ink.N(mut, n))
		}
		segs = append(segs, ink.L(mut, " · "))
	} else if m.loaded && m.status.Ready {
		segs = append(segs, ink.L(ink.New|ink.OnBar, "no network"), ink.L(mut, " · "))
	}
	if m.lost {
		segs = append(segs, ink.L(mut, "nobody is looked for"))
	} else {
		segs = append(segs, ink.N(plain, m.near()), ink.L(plain, " near"))
	}
	if !wide {
		return append(segs, ink.L(plain, "  "), ink.L(ink.Acc|ink.OnBar, "F1"), ink.L(plain, " help"))
	}
	if q := m.book.count[quiet]; q > 0 {
		segs = append(segs, ink.L(mut, " · "), ink.N(plain, q), ink.L(plain, " quiet"))
	}
	return append(segs, ink.L(mut, " · no server   "),
		ink.L(ink.Acc|ink.OnBar, "F1"), ink.L(plain, " help  "), ink.L(ink.Acc|ink.OnBar, "Ctrl+K"), ink.L(plain, " people"))
}

// drawHead draws a header row of the conversation. The mark and its word come
// first; everything else is cut before them.
func (m *model) drawHead(f *ink.Frame, t *talk, row int) {
	var ground ink.Style
	if t.l.h < tallRows || t.l.w < mediumColumns {
		ground = ink.OnBar
	}
	if t.e == nil {
		m.drawHomeHead(f, t, row, ground)
		return
	}
	if t.s.alarm {
		ground = ink.OnBad
	}
	if row == 1 {
		m.drawSecondHead(f, t)
		return
	}
	if t.l.cw >= mediumColumns {
		if ground == 0 {
			t.rail()
		} else {
			f.Put(ink.L(ink.Fg|ground, " "))
		}
		f.Put(ink.L(ink.Fg|ground, " "))
	}
	word := t.s.short
	if t.l.cw >= mediumColumns {
		word = t.s.long
	}
	f.Put(m.mark(t.s.mark, onGround(t.s.style, ground)), ink.L(ink.Fg|ground, " "))
	need := ink.Width(m.method, ink.O(0, word)) + 2
	f.PutCut(ink.T(ink.Fg|ink.Bold|ground, t.e.name), max(1, f.Room()-need))
	f.Put(ink.L(ink.Fg|ground, " "))
	if ground == 0 {
		f.Put(ink.L(ink.Fg, " "))
	}
	f.Put(ink.O(onGround(t.s.style&^ink.Bold, ground), word))
	if room := min(24, f.Room()-30); t.l.cw >= mediumColumns && t.l.head == 1 && room > 8 {
		f.Put(ink.L(ink.Mut|ground, "  "))
		f.PutCut(ink.T(ink.Mut|ground, t.e.peer.Instance), room)
	}
	m.drawHeadRight(f, t, ground)
	t.ground = ground
}

// drawHeadRight says what waits elsewhere, or how the peer is.
func (m *model) drawHeadRight(f *ink.Frame, t *talk, ground ink.Style) {
	f.Limit(t.l.w - 1)
	if t.l.roster == 0 && f.PutRight(ink.Fg|ground, m.elsewhere(ground, t.l.w >= mediumColumns)...) {
		f.Limit(t.l.w)
		return
	}
	p := &t.e.peer
	switch {
	case t.s.alarm:
	case m.lost:
		f.PutRight(ink.Fg|ground, ink.L(ink.New|ground, "not known: the node is gone"))
	case !p.Note.IsEmpty() && t.s.lock.IsEmpty():
		f.PutRight(ink.Fg|ground, m.short(p.Note, ink.Mut|ground, max(12, f.Room()-2)))
	case p.Waiting:
		f.PutRight(ink.Fg|ground, ink.L(ink.New|ground, "has not accepted you yet"))
	case p.Presence == chat.Offline && !p.LastSeen.IsZero():
		if !f.PutRight(ink.Fg|ground, ink.L(ink.Mut|ground, "not here · last seen "), ink.Seen(ink.Mut|ground, p.LastSeen, m.now())) {
			f.PutRight(ink.Fg|ground, ink.L(ink.Mut|ground, "not here"))
		}
	case p.Presence == chat.Offline:
		f.PutRight(ink.Fg|ground, ink.L(ink.Mut|ground, "not here"))
	case p.Presence == chat.Away || p.Presence == chat.DND:
		f.PutRight(ink.Fg|ground, ink.O(ink.New|ground, presenceWord(p.Presence)))
	case p.Stream:
		f.PutRight(ink.Fg|ground, ink.L(ink.Mut|ground, "on this network · connected"))
	default:
		f.PutRight(ink.Fg|ground, ink.L(ink.Mut|ground, "on this network"))
	}
	f.Limit(t.l.w)
}

// elsewhere counts what waits in other conversations.
func (m *model) elsewhere(ground ink.Style, wide bool) []ink.Seg {
	n := m.unread - m.current().unread
	asks := m.book.count[asking]
	if m.cardOf() == requestCard {
		asks--
	}
	style := ink.New | ground
	var segs []ink.Seg
	if n > 0 {
		segs = append(segs, ink.N(style|ink.Bold, n), ink.L(style, " unread"))
	}
	if asks > 0 {
		if n > 0 {
			segs = append(segs, ink.L(ink.Mut|ground, " · "))
		}
		segs = append(segs, ink.N(style|ink.Bold, asks), ink.L(style, " asking"))
	}
	if len(segs) > 0 && wide {
		segs = append(segs, ink.L(ink.Mut|ground, "  "), ink.L(ink.Acc|ground, "Alt+A"))
	}
	return segs
}

func (m *model) drawHomeHead(f *ink.Frame, t *talk, row int, ground ink.Style) {
	if row == 0 {
		f.Put(ink.L(ink.Fg|ground, " "), ink.L(ink.Fg|ink.Bold|ground, "llchat"), ink.L(ink.Mut|ground, "  talk to people on this network"))
		f.Limit(t.l.w - 1)
		if t.l.roster == 0 {
			f.PutRight(ink.Fg|ground, m.elsewhere(ground, t.l.w >= mediumColumns)...)
		}
		f.Limit(t.l.w)
	} else {
		f.Put(ink.L(ink.Mut, " no server, no account: everything goes straight to the other device, encrypted"))
		ground = 0
	}
	t.ground = ground
}

func (m *model) drawSecondHead(f *ink.Frame, t *talk) {
	p := &t.e.peer
	if t.l.cw >= mediumColumns && !t.s.alarm {
		t.rail()
	} else {
		f.Put(ink.L(ink.Fg, " "))
	}
	f.Put(ink.L(ink.Fg, " "))
	sep := ink.L(ink.Mut, " · ")
	if !p.Instance.IsEmpty() {
		f.Put(ink.T(ink.Mut, p.Instance))
	}
	if !t.e.label.IsEmpty() {
		if !p.Instance.IsEmpty() {
			f.Put(sep)
		}
		f.Put(ink.L(ink.Mut, "key "), ink.T(ink.Mut, t.e.label))
	}
	if p.Stream {
		f.Put(sep, ink.L(ink.Mut, "TLS 1.3, both sides proved"))
	}
	if n := len(m.book.conflicts(p.Fingerprint)); p.Contact() && n > 0 {
		f.Put(sep, ink.N(ink.Fg|ink.OnBad, n), ink.L(ink.Fg|ink.OnBad, " other key claims this name"))
	}
	if of := m.book.lookAlike(t.e); of != nil {
		f.Put(sep, ink.L(ink.Err, "looks like your contact "), m.short(of.name, ink.Err|ink.Bold, promptName))
	}
	if !p.Message.IsEmpty() {
		f.Put(sep, ink.T(ink.Fg, p.Message))
	}
}

// drawFooter says what the keys do now.
func (m *model) drawFooter(f *ink.Frame, t *talk) {
	f.Put(ink.L(ink.Fg|ink.OnBar, " "))
	f.Limit(m.w - 1)
	if m.note.on && t.l.gapY < 0 {
		for _, s := range m.note.segs {
			f.Put(s.On(ink.OnBar))
		}
		f.Limit(m.w)
		return
	}
	if t.l.gapY < 0 && m.keysFree() && m.drawAlert(f, ink.OnBar) {
		f.Limit(m.w)
		return
	}
	right := m.draftSize(t.c)
	f.Limit(m.w - 2 - ink.Width(m.method, right...))
	m.putHints(f, m.hints(t))
	f.Limit(m.w - 1)
	f.PutRight(ink.Fg|ink.OnBar, right...)
	f.Limit(m.w)
}

// putHints draws as many as fit whole.
func (m *model) putHints(f *ink.Frame, hints []hint) {
	for i, h := range hints {
		key, does := ink.O(ink.Acc|ink.OnBar, h.key), ink.O(ink.Fg|ink.OnBar, h.does)
		need := ink.Width(m.method, key, does) + 1
		if i > 0 {
			need += 2
		}
		if need > f.Room() {
			return
		}
		if i > 0 {
			f.Put(ink.L(ink.Fg|ink.OnBar, "  "))
		}
		f.Put(key, ink.L(ink.Fg|ink.OnBar, " "), does)
	}
}

// keysFree reports whether the footer may be used for something else than the
// keys: nothing is open that needs them.
func (m *model) keysFree() bool {
	return !m.onCard && m.pick.row == 0 && len(m.menu.items) == 0 && m.cardOf() == noCard
}

func (m *model) draftSize(c *conv) []ink.Seg {
	if n := c.draft.Lines(); n > 1 {
		return []ink.Seg{ink.N(ink.Mut|ink.OnBar, n), ink.L(ink.Mut|ink.OnBar, " lines · "), ink.N(ink.Mut|ink.OnBar, c.draft.Len())}
	}
	return nil
}

var (
	hintPeople = hint{ink.Const("Ctrl+K"), ink.Const("people")}
	hintUnread = hint{ink.Const("Alt+A"), ink.Const("next unread")}
	hintNews   = hint{ink.Const("Alt+A"), ink.Const("unread")}
	hintSlash  = hint{ink.Const("/"), ink.Const("commands")}
	hintPick   = hint{ink.Const("↑"), ink.Const("message")}
	hintPick80 = hint{ink.Const("↑"), ink.Const("pick")}
	hintHelp   = hint{ink.Const("F1"), ink.Const("help")}
	hintQuit   = hint{ink.Const("Ctrl+C"), ink.Const("quit")}

	// Below 100 columns the words are short, so that every key has a place.
	hintsHome    = []hint{hintPeople, {ink.Const("Alt+↓"), ink.Const("next person")}, hintUnread, hintSlash, hintHelp, hintQuit}
	hintsHome80  = []hint{hintPeople, {ink.Const("Alt+↓"), ink.Const("next")}, hintNews, hintSlash, hintHelp, hintQuit}
	hintsHome40  = []hint{hintPeople, hintHelp, hintQuit}
	hintsLocked  = []hint{hintPeople, hintUnread, hintSlash, hintHelp}
	hintsMenu    = []hint{{ink.Const("Tab"), ink.Const("complete")}, {ink.Const("Enter"), ink.Const("run")}, {ink.Const("Esc"), ink.Const("close")}}
	hintsCard    = []hint{{ink.Const("Tab"), ink.Const("goes to the card")}, {ink.Const("Ctrl+K"), ink.Const("people")}, hintHelp}
	hintsTalk    = talkHints(hint{ink.Const("Alt+Enter"), ink.Const("new line")}, hintUnread, hintPick)
	hintsKitty   = talkHints(hint{ink.Const("Shift+Enter"), ink.Const("new line")}, hintUnread, hintPick)
	hintsTalk80  = talkHints(hint{ink.Const("Alt+Enter"), ink.Const("line")}, hintNews, hintPick80)
	hintsKit80   = talkHints(hint{ink.Const("Shift+Enter"), ink.Const("line")}, hintNews, hintPick80)
	hintsCorrect = []hint{{ink.Const("Enter"), ink.Const("send the correction")}, {ink.Const("Esc"), ink.Const("leave it")}, hintHelp}
	hintsAnswer  = []hint{{ink.Const("Enter"), ink.Const("send the answer")}, {ink.Const("Esc"), ink.Const("no answer")}, hintHelp}
	hintsShort   = []hint{hintPeople, hintSlash, hintHelp}
)

func talkHints(line, unread, pick hint) []hint {
	return []hint{
		{ink.Const("Enter"), ink.Const("send")},
		line, hintSlash, hintPeople, unread,
		pick,
		{ink.Const("PgUp"), ink.Const("older")},
		{ink.Const("Tab"), ink.Const("complete")},
		hintHelp,
	}
}

// hints are the keys that do something here, on this terminal.
func (m *model) hints(t *talk) []hint {
	switch {
	case m.pick.row != 0 && !m.onCard:
		return m.pickHints()
	case m.onCard:
		return m.cardKeys()
	case len(m.menu.items) > 0:
		return hintsMenu
	case m.cardOf() != noCard:
		return hintsCard
	case m.open == "" && m.w < mediumColumns:
		return hintsHome40
	case m.open == "" && m.w < wideColumns:
		return hintsHome80
	case m.open == "":
		return hintsHome
	case !m.lockOf().IsEmpty():
		return hintsLocked
	case m.current().corrects != nil:
		return hintsCorrect
	case m.current().answers != nil:
		return hintsAnswer
	case m.w < mediumColumns:
		return hintsShort
	case m.kitty && m.w < wideColumns:
		return hintsKit80
	case m.kitty:
		return hintsKitty
	case m.w < wideColumns:
		return hintsTalk80
	}
	return hintsTalk
}

// drawNotice is the row for the last action, or what is wrong right now.
func (m *model) drawNotice(f *ink.Frame) {
	f.Put(ink.L(ink.Fg, " "))
	f.Limit(m.w - 1)
	if m.note.on {
		f.Put(m.note.segs...)
	} else {
		m.drawAlert(f, 0)
	}
	f.Limit(m.w)
}
