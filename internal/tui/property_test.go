package tui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// hostile is what got to the terminal through Bubble Tea v2 (ui/README.md,
// bar 1), and what moves columns.
var hostile = []string{
	"plain", "\u009b31mred", "\x1b[31mred\x1b[0m", "\x1b]0;title\a", "\x1bPq\x1b\\", "\x1b_G\x1b\\",
	"\x1b]8;;http://x\x1b\\link", "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c",
	"\u202eevil\u202c", "\U000e0041", "a\rb\nc", "a\tb", "\xff\xfe", "👩‍👩‍👧‍👦👩‍🚀", "🇩🇪🇫🇷🇩🇪", strings.Repeat("漢字", 40), "\u0301x", "السلام عليكم",
	"❤️1️⃣", strings.Repeat("long ", 100), "verified", "✓ bob verified",
}

// drawAll opens what a peer can fill with text and draws each screen.
func drawAll(t *testing.T, m *model, key string) {
	t.Helper()
	m.show(key)
	m.watchCard()
	for _, s := range []screen{talking, finding, helping, welcoming} {
		m.screen = s
		checkScreen(t, m)
	}
	for _, kind := range []pageKind{netPage, personPage, selfPage, logPage} {
		m.startPage(kind, key)
		checkScreen(t, m)
	}
	m.screen = talking
	drawMessages(t, m)
	m.current().draft.Set("/msg ")
	m.suggest()
	checkScreen(t, m)
	m.current().draft.Set("")
	m.menu.close()
	m.bare = !m.bare
	checkScreen(t, m)
	m.bare = !m.bare
	m.open = ""
	checkScreen(t, m)
	m.open = key
}

// drawMessages picks each message and draws all that can be done with it.
func drawMessages(t *testing.T, m *model) {
	t.Helper()
	c := m.current()
	for i := range c.lines {
		m.pickAt(c, i)
		checkScreen(t, m)
		l := m.pickedLine()
		m.pick.reacts = true
		checkScreen(t, m)
		m.pick.emoji.Set(oneLine(l.Body.String()))
		checkScreen(t, m)
		m.messageInfo(l)
		m.leaf.versions = []chat.Version{{Body: l.Body, Written: noon}, {Body: l.Body, Written: noon}}
		checkScreen(t, m)
		m.screen = talking
		c.toggleSpoiler(l)
		m.reply(l)
		checkScreen(t, m)
		m.correct(l)
		checkScreen(t, m)
		c.leaveBe()
		m.unpick()
	}
	for _, who := range []string{"", m.open} {
		m.screen = searching
		q := asked{query: "a long red", who: who}
		m.search = searchList{who: who, of: q, want: q}
		for i := range c.lines {
			m.search.found = append(m.search.found, c.lines[i].Message)
		}
		checkScreen(t, m)
	}
	m.screen = talking
}

func checkScreen(t *testing.T, m *model) {
	t.Helper()
	rows := strings.Split(m.View().Content, "\n")
	if len(rows) != m.h {
		t.Fatalf("%dx%d: %d rows", m.w, m.h, len(rows))
	}
	for _, r := range rows {
		checkCells(t, m, ourSGR.ReplaceAllString(r, ""))
	}
}

// hostileModel is a window in which every text of a peer is raw.
func hostileModel(raw string, w, h int) (*model, string) {
	api := newFake()
	bob := peerOf("bob", chat.Pinned, chat.Online)
	bob.Name, bob.Nick, bob.Instance = safetext.Name(raw), safetext.Name(raw), safetext.Name(raw+"@"+raw)
	bob.Namesake = pinOf("other")
	bob.Message, bob.Note = safetext.Line(raw), safetext.Line(raw)
	asks := bob
	asks.Fingerprint, asks.Trust, asks.Asks = pinOf("asks"), chat.Unknown, true
	asks.Key = asks.Fingerprint.String()
	other := bob
	other.Fingerprint, other.Trust, other.Of = pinOf("other"), chat.Conflict, bob.Fingerprint
	other.Key = other.Fingerprint.String()
	api.peers = []chat.Peer{bob, asks, other}
	api.requests = []chat.Request{{
		Fingerprint: asks.Fingerprint, Name: asks.Name, Address: raw, Bodies: []safetext.Text{safetext.Body(raw), safetext.Body(raw)},
	}}
	api.status.Nick, api.status.Name = safetext.Name(raw), safetext.Name(raw)
	api.status.Interfaces = []chat.Interface{{Name: raw, Addresses: []string{raw}}}
	api.status.Health = []health.Item{{Code: "x", Severity: health.Error, Text: raw, Hint: raw}}
	m := stillIn(api, w, h)
	c := m.conv(bobKey)
	for n, dir := range []chat.Direction{chat.In, chat.Out, chat.In, chat.Out, chat.In} {
		msg := api.message("bob", dir, raw, chat.Failed)
		msg.Reason, msg.Name = raw, safetext.Name(raw)
		dress(&msg, n, raw)
		c.add(msg)
	}
	c.newFrom, c.newN, c.writing = 1, 2, true
	m.fail(&chat.Error{Text: raw, Hint: raw})
	return m, asks.Key
}

// dress gives a message one of the forms that it can have, filled with a peer's
// text.
func dress(msg *chat.Message, n int, raw string) {
	line := safetext.Line(raw)
	switch n {
	case 1:
		msg.Reply = &chat.Quotation{ID: raw, Direction: chat.In, Body: msg.Body}
		msg.Edited = noon
	case 2:
		msg.Spoiler, msg.Hint, msg.Unstyled = true, line, true
		msg.Reply = &chat.Quotation{ID: raw, Direction: chat.Out, Body: msg.Body}
		for i := range 40 {
			msg.Reactions = append(msg.Reactions, chat.Reaction{Emoji: safetext.Line(raw), Ours: i%2 == 0, Theirs: i%3 == 0})
		}
	case 3:
		msg.Body = safetext.Body("/me " + raw)
		msg.Reactions = []chat.Reaction{{Emoji: safetext.Line(raw), Theirs: true}}
	case 4:
		msg.Body, msg.Retracted = safetext.Text{}, noon
	}
}

// TestHugeBodies: the largest texts that a peer can send, of signs that ask for
// forms, cost their size and keep to the window.
func TestHugeBodies(t *testing.T) {
	for _, unit := range []string{"*a* ", "_*~a~*_\n", "\n", ">", "> > > *x*\n", "`", "```\n", "\u0301", "漢", "*\u0301", "* ", "~x~漢*y*"} {
		raw := strings.Repeat(unit, maxBody/len(unit))
		m, _ := hostileModel("bob", 80, 24)
		msg := m.conv(bobKey).lines[0].Message
		msg.Body = safetext.Body(raw)
		m.conv(bobKey).add(msg)
		m.show(bobKey)
		m.scroll(m.current(), -1<<20)
		checkScreen(t, m)
		m.w = 40
		checkScreen(t, m)
	}
}

// FuzzScreen: whatever a peer says, at every size each row has the width of
// the window and holds nothing but letters and our own colours.
func FuzzScreen(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, 20+i*9, 6+i*2, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, raw string, w, h int, clusters bool) {
		w, h = 20+(w%181+181)%181, 6+(h%55+55)%55
		m, asks := hostileModel(raw, w, h)
		if clusters {
			m.method = ink.GraphemeWidth
		}
		for _, key := range []string{bobKey, asks, pinOf("other").String()} {
			drawAll(t, m, key)
		}
		m.paste(raw)
		m.show(bobKey)
		m.paste(raw)
		checkScreen(t, m)
	})
}

// TestMarkAndWord is bar 4 of ui/README: at every size and in every state the
// mark and the state's word are on the screen.
func TestMarkAndWord(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		trust    chat.Trust
		encrypts *bool
		mark     string
		ascii    string
		words    []string // any of them
	}{
		{chat.Verified, nil, "✓", "V", []string{"verified"}},
		{chat.Pinned, nil, "◉", "=", []string{"pinned"}},
		{chat.Unknown, nil, "◌", "?", []string{"new key"}},
		{"", nil, "◌", "?", []string{"unproven", "no key proven"}},
		{chat.Conflict, nil, "✗", "!", []string{"KEY!"}},
		{chat.Blocked, nil, "–", "-", []string{"blocked"}},
		{chat.Retired, nil, "–", "-", []string{"retired"}},
		{"", new(false), "⊘", "x", []string{"cannot encrypt"}},
	} {
		t.Run(tt.words[0], func(t *testing.T) {
			for n := range 120 {
				w, h := 20+random.IntN(181), 6+random.IntN(55)
				if n == 0 {
					w, h = 20, 6
				}
				api := newFake()
				p := peerOf(strings.Repeat("longname", 1+random.IntN(4)), tt.trust, chat.Online)
				p.Encrypts, p.Of, p.Asks = tt.encrypts, pinOf("x"), true
				p.Message, p.Note = safetext.Line(strings.Repeat("note ", 20)), safetext.Line(strings.Repeat("note ", 20))
				api.peers = []chat.Peer{p}
				m := stillIn(api, w, h)
				mark := tt.mark
				if n%4 == 1 {
					m.term.ascii = true
					m.setTheme()
					mark = tt.ascii
				}
				m.show(p.Key)
				m.unread = random.IntN(1000)
				if n%3 == 0 {
					m.current().draft.Set(strings.Repeat("a draft\n", random.IntN(50)))
				}
				text := ourSGR.ReplaceAllString(m.View().Content, "")
				head := strings.Split(text, "\n")[m.layout().headY]
				if _, after, ok := strings.Cut(head, mark); !ok || !hasAny(after, tt.words) {
					t.Fatalf("%dx%d: header is %q, want %q and one of %q", w, h, head, mark, tt.words)
				}
			}
		})
	}
}

func hasAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// TestTiny: below 20x6 there is one line with mark and word, whatever it takes.
func TestTiny(t *testing.T) {
	for w := 1; w < 25; w++ {
		for h := 1; h < 8; h++ {
			m := stillIn(meeting(), w, h)
			m.show(bobKey)
			m.unread = 3
			checkScreen(t, m)
			if text := ourSGR.ReplaceAllString(m.View().Content, ""); w >= 12 && !strings.Contains(text, "✓") {
				t.Errorf("%dx%d: no mark in %q", w, h, text)
			}
		}
	}
	m := stillIn(meeting(), 60, 3)
	m.show(bobKey)
	m.unread = 3
	first, _, _ := strings.Cut(ourSGR.ReplaceAllString(m.View().Content, ""), "\n")
	if got, want := strings.TrimSpace(first), "✓ verified bob 3 unread enlarge"; got != want {
		t.Errorf("tiny window shows %q, want %q", got, want)
	}
}

// TestErrorsNameAnAction: every refusal of the window says what can be done,
// or names the key that does it.
func TestErrorsNameAnAction(t *testing.T) {
	for name, do := range map[string]func(m *model) tea.Cmd{
		"locked":     func(m *model) tea.Cmd { m.show(pinOf("mallory").String()); return m.typed(m.current(), "x") },
		"too long":   func(m *model) tea.Cmd { return m.send(m.conv(bobKey), strings.Repeat("x", maxBody+1)) },
		"no command": func(m *model) tea.Cmd { return m.command(m.home, "/nonsense") },
		"wrong use":  func(m *model) tea.Cmd { return m.command(m.home, "/nick") },
		"nobody":     func(m *model) tea.Cmd { m.home.draft.Set("hi"); m.open = ""; return m.enter() },
	} {
		t.Run(name, func(t *testing.T) {
			m := stillIn(meeting(), 120, 36)
			do(m)
			if !m.note.on {
				t.Fatal("nothing was said")
			}
			f := &ink.Frame{Theme: m.theme}
			f.Begin(200)
			f.Row()
			f.Put(m.note.segs...)
			text := ourSGR.ReplaceAllString(f.String(), "")
			if !hasAny(text, []string{"/", "Ctrl+K", "take something out"}) {
				t.Errorf("%q names no action", text)
			}
		})
	}
}

// TestNothingMovesByItself: two frames without news are the same bytes.
func TestNothingMovesByItself(t *testing.T) {
	m := stillIn(meeting(), 120, 36)
	m.show(bobKey)
	first := m.View().Content
	m.now = func() time.Time { return noon.Add(time.Hour + time.Second) }
	if m.View().Content != first {
		t.Error("a second later the frame is another one")
	}
}

func TestLayoutFillsTheWindow(t *testing.T) {
	for w := 1; w <= 200; w += 7 {
		for h := 1; h <= 60; h++ {
			for _, want := range []int{1, 3, 100} {
				l := arrange(w, h, want, false)
				if l.tiny {
					continue
				}
				t.Run(fmt.Sprint(w, "x", h), func(t *testing.T) {
					n := l.streamH + l.composeH + l.head
					for _, row := range []bool{l.bar, l.headRule, l.rule, l.gapY >= 0, l.footY >= 0} {
						if row {
							n++
						}
					}
					if n != h || l.streamH < 1 || l.composeH > max(1, h/3) {
						t.Errorf("%d rows of %d: %+v", n, h, l)
					}
				})
			}
		}
	}
}
