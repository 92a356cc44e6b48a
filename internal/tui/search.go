package tui

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// searchList is the screen that finds messages: a line to type in above what
// was found, the newest first.
type searchList struct {
	filterList
	who   string // Peer.Key of the conversation; empty: all of them
	found []chat.Message
	of    asked // what found is the answer to
	want  asked // what was asked last
	last  int64 // row behind which there may be more
	busy  bool
	more  bool // the store has more than found
	err   error

	trouble  error        // why the line cannot be asked
	complete []completion // what its last word can become
}

// foundMsg is what a search found, behind a row if that is not zero.
type foundMsg struct {
	asked
	before int64
	found  []chat.Message
	last   int64
	more   bool
	err    error
}

// searchPage is how many messages are found at once.
const searchPage = 50

// startSearch opens the search in the open conversation; with none, in all.
func (m *model) startSearch(words string) tea.Cmd {
	m.unpick()
	m.screen = searching
	m.search = searchList{who: m.open, busy: m.search.busy}
	m.search.open(words)
	return m.seek()
}

// seek asks for what the line says, one question at a time: whatever was typed
// since is asked when the answer is here.
func (m *model) seek() tea.Cmd {
	l := &m.search
	line, whole := l.input.Before()
	l.complete = completions(m.book, line)
	if !whole || line != l.input.String() {
		l.complete = nil // the cursor stands in the middle
	}
	l.want, l.trouble = parseQuestion(l.input.String()).asks(m.book, l.who)
	if l.busy || l.want == l.of {
		return nil
	}
	if l.want.empty() {
		l.found, l.of, l.more, l.err, l.at = nil, l.want, false, nil, 0
		return nil
	}
	return m.ask(l.want, 0)
}

func (m *model) ask(q asked, before int64) tea.Cmd {
	m.search.busy = true
	return func() tea.Msg {
		msg := foundMsg{asked: q, before: before}
		msg.found, msg.last, msg.more, msg.err = q.answer(m.ctx, m.api, before)
		return msg
	}
}

func (m *model) gotFound(msg foundMsg) tea.Cmd {
	l := &m.search
	l.busy = false
	if msg.asked != l.want {
		return m.seek()
	}
	if msg.before == 0 {
		l.found, l.at = nil, 0
	}
	l.of, l.err = msg.asked, msg.err
	l.found = append(l.found, msg.found...)
	l.last, l.more = msg.last, msg.more
	if l.more && len(l.found) == 0 {
		return m.ask(l.of, l.last) // it was looked through much, for nothing yet
	}
	return nil
}

func (m *model) searchKey(k tea.KeyPressMsg) tea.Cmd {
	l := &m.search
	if len(l.complete) > 0 && m.completeKey(k.String()) {
		return m.seek()
	}
	switch name := k.String(); name {
	case "ctrl+f":
		if l.who == "" {
			l.who = m.open
		} else {
			l.who = ""
		}
		return m.seek()
	case "esc":
		m.screen = talking
		return m.look4Unread()
	case "f1":
		m.screen = talking
		return m.startHelp("")
	case "enter":
		if len(l.found) == 0 {
			return nil
		}
		hit := l.found[clampTo(l.at, len(l.found))]
		return m.jump(hit.Peer.String(), hit.Row)
	}
	l.key(k, max(1, m.searchBody()/hitRows-1))
	l.at = clampTo(l.at, len(l.found))
	ask := m.seek()
	if ask == nil && l.more && !l.busy && l.at == len(l.found)-1 {
		return m.ask(l.of, l.last)
	}
	return ask
}

// completeKey handles the keys of what the last word can become.
func (m *model) completeKey(name string) bool {
	l := &m.search
	n := len(l.complete)
	switch name {
	case "tab", "enter":
		l.input.Set(l.complete[clampTo(l.at, n)].insert)
		l.at = 0
	case "up", "shift+tab", "ctrl+p":
		l.at = clampTo(l.at-1, n)
	case "down", "ctrl+n":
		l.at = clampTo(l.at+1, n)
	default:
		return false
	}
	return true
}

// hitRows is how many rows a message takes of the screen: who and when, and
// the text.
const hitRows = 2

func (m *model) searchBody() int { return max(1, m.h-2) }

var (
	hintsSearchHere = []hint{
		{ink.Const("↑↓"), ink.Const("choose")},
		{ink.Const("Enter"), ink.Const("go there")},
		{ink.Const("Ctrl+F"), ink.Const("everywhere")},
		hintBack,
	}
	hintsSearchAll = []hint{
		{ink.Const("↑↓"), ink.Const("choose")},
		{ink.Const("Enter"), ink.Const("go there")},
		{ink.Const("Ctrl+F"), ink.Const("only here")},
		hintBack,
	}
	hintsComplete = []hint{
		{ink.Const("Tab"), ink.Const("complete")},
		{ink.Const("↑↓"), ink.Const("choose")},
		hintBack,
	}
)

// drawCompletion draws what the last word can become.
func (m *model) drawCompletion(f *ink.Frame, row int) ink.Style {
	l := &m.search
	i := row + max(0, min(l.at-m.searchBody()/2, len(l.complete)-m.searchBody()))
	if i >= len(l.complete) {
		return 0
	}
	m.drawFound(f, l.complete[i].who, i == l.at)
	return onSel(i == l.at)
}

func (m *model) drawSearch(f *ink.Frame) *tea.Cursor {
	l := &m.search
	label := m.searchLabel()
	fits := max(1, m.searchBody()/hitRows)
	first := max(0, min(l.at-fits/2, len(l.found)-fits))
	hints := hintsSearchAll
	if l.who != "" {
		hints = hintsSearchHere
	}
	if len(l.complete) > 0 {
		hints = hintsComplete
	}
	for y := range m.h {
		f.Row()
		ground := ink.Style(0)
		switch i := first + (y-1)/hitRows; {
		case y == 0:
			f.Put(label...)
			f.Put(ink.Typed(ink.Fg|ink.OnBar, l.input.Line(0)))
			f.Limit(m.w - 1)
			f.PutRight(ink.Fg|ink.OnBar, m.searchCount()...)
			ground = ink.OnBar
		case y == m.h-1:
			m.drawListFooter(f, hints)
			ground = ink.OnBar
		case len(l.complete) > 0:
			ground = m.drawCompletion(f, y-1)
		case i < len(l.found):
			ground = onSel(i == l.at)
			m.drawHit(f, &l.found[i], (y-1)%hitRows, ground)
		case len(l.found) == 0 && y == 1+min(1, m.searchBody()-1):
			f.Put(m.searchNothing()...)
		case len(l.found) == 0 && l.want.empty() && l.trouble == nil && y == 3:
			f.Put(ink.L(ink.Fg, "   "), ink.L(ink.Acc, "from:NAME"), ink.L(ink.Mut, " what they wrote · "), ink.L(ink.Acc, "in:NAME"), ink.L(ink.Mut, " with them"))
		}
		f.End(ink.Fg | ground)
	}
	return l.cursor(m, ink.Width(m.method, label...), 0)
}

func (m *model) searchLabel() []ink.Seg {
	const st = ink.Acc | ink.Bold | ink.OnBar
	if e := m.book.get(m.search.who); e != nil && m.search.who != "" {
		return []ink.Seg{ink.L(st, " Search "), m.short(e.name, st, promptName), m.sign(ink.Prompt, st, true)}
	}
	return []ink.Seg{ink.L(st, " Search everywhere"), m.sign(ink.Prompt, st, true)}
}

func (m *model) searchCount() []ink.Seg {
	const st = ink.Mut | ink.OnBar
	n := len(m.search.found)
	switch {
	case n == 0:
		return nil
	case m.search.more:
		return []ink.Seg{ink.N(st, n), ink.L(st, " or more")}
	}
	return []ink.Seg{ink.N(st, n), ink.L(st, " found")}
}

// searchNothing says why the list is empty, and what can be done.
func (m *model) searchNothing() []ink.Seg {
	l := &m.search
	switch err := cmp.Or(l.trouble, l.err); {
	case err != nil:
		text, hint := explain(err)
		return []ink.Seg{ink.L(ink.Err, "   "), ink.T(ink.Fg, text), ink.L(ink.Mut, "  "), ink.T(ink.Mut, hint)}
	case l.want.empty():
		return []ink.Seg{ink.L(ink.Mut, "   words of the message; lak* also finds lake. Search stays on this device")}
	case l.busy || l.of != l.want:
		return nil
	case l.want.named:
		return []ink.Seg{ink.L(ink.Mut, "   nothing of that kind with these words")}
	case l.who != "":
		return []ink.Seg{ink.L(ink.Mut, "   nothing here with these words · "), ink.L(ink.Acc, "Ctrl+F"), ink.L(ink.Mut, " looks everywhere")}
	}
	return []ink.Seg{ink.L(ink.Mut, "   no message holds these words")}
}

// drawHit draws a row of a message that was found.
func (m *model) drawHit(f *ink.Frame, hit *chat.Message, row int, ground ink.Style) {
	if row == 1 {
		f.Put(ink.L(ink.Fg|ground, "   "))
		for _, s := range m.snippet(hit, m.w-4) {
			f.Put(s.On(ground))
		}
		return
	}
	first := ink.L(ink.Fg, " ")
	if ground != 0 {
		first = m.mark(ink.Prompt, ink.Acc|ink.Bold)
	}
	f.Put(first.On(ground))
	name := hit.Name
	if e := m.book.get(hit.Peer.String()); e != nil {
		s := standingOf(&e.peer)
		f.Put(m.mark(s.mark, onGround(s.style, ground)), ink.L(ink.Fg|ground, " "))
		name = e.name
	}
	if hit.Direction == chat.Out {
		f.Put(ink.L(ink.Acc|ink.Bold, "you").On(ground), ink.L(ink.Mut, " to ").On(ground))
	}
	f.PutCut(ink.T(ink.Fg|ink.Bold|ground, name), max(1, min(promptName, f.Room()-18)))
	f.Put(ink.L(ink.Mut|ground, "  "), ink.Day(ink.Mut|ground, hit.Written, m.now()), ink.L(ink.Mut|ground, " "), ink.Clock(ink.Mut|ground, hit.Written))
}

// lead is how many octets before the first word that was found are shown.
const lead = 24

// snippet is the part of a message around the first word that was looked for,
// in one row of w cells, with the words in bold.
func (m *model) snippet(hit *chat.Message, w int) []ink.Seg {
	if hit.Spoiler && !m.conv(hit.Peer.String()).shown[hit.Row] {
		return []ink.Seg{ink.L(ink.New, "spoiler: "), ink.T(ink.Fg, hit.Hint)}
	}
	text := strings.ReplaceAll(hit.Body.String(), "\n", " ")
	words := searchWords(m.search.of.query)
	var segs []ink.Seg
	if at, _ := firstOf(text, words); at > w/2 {
		from := strings.LastIndexByte(text[:at-min(at, lead)], ' ') + 1
		text = text[from:]
		segs = append(segs, m.theme.Seg(ink.Ellipsis, ink.Mut))
	}
	line := safetext.Line(text).String()
	piece := ink.T(ink.Fg, safetext.Line(text))
	for line != "" {
		at, n := firstOf(line, words)
		if n == 0 {
			at = len(line)
		}
		end := len(piece.String()) - len(line)
		segs = append(segs, piece.Part(end, end+at, ink.Fg))
		if n > 0 {
			segs = append(segs, piece.Part(end+at, end+at+n, ink.Acc|ink.Bold))
		}
		line = line[at+n:]
	}
	return segs
}

// searchWords are the words of a query, as they stand in a text.
func searchWords(query string) []string {
	return strings.FieldsFunc(lower(query), func(r rune) bool { return r == ' ' || r == '"' || r == '*' })
}

// lower makes letters small that are as long then: places in the text stay.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if l := unicode.ToLower(r); utf8.RuneLen(l) == utf8.RuneLen(r) {
			return l
		}
		return r
	}, s)
}

// firstOf finds the first of some words in a text, whatever their case: where,
// and how many octets.
func firstOf(text string, words []string) (at, n int) {
	small := lower(text)
	for _, w := range words {
		if i := strings.Index(small, w); i >= 0 && (n == 0 || i < at || i == at && len(w) > n) {
			at, n = i, len(w)
		}
	}
	return at, n
}
