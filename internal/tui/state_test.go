package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/safetext"
)

func TestSendIsShownUntilDelivered(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.api.block = make(chan struct{})
		d.typing("hello")
		d.keys("enter")
		d.has("hello", "sending")
		close(d.api.block)
		d.settle()
		d.hasNot("sending")
		d.has("waiting")
		m := d.api.lines[bobKey][0]
		m.State = chat.Sent
		d.emit(m)
		d.has("sent")
		m.Reason = chat.ReasonWaiting
		d.emit(m)
		d.has("waiting for acceptance")
		m.State, m.Reason = chat.Delivered, ""
		d.emit(m)
		d.has("delivered")
		if got := strings.Count(d.text(), "hello"); got != 1 {
			t.Errorf("the message is %d times on the screen:\n%s", got, d.text())
		}
	})
}

// TestDraftComesBack: what could not be sent is in the composer again, in
// front of what was typed since, and on disk.
func TestDraftComesBack(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.api.block = make(chan struct{})
		d.api.sendErr = &chat.Error{Code: chat.CodeRefused, Text: "the key is another one", Hint: "compare keys first"}
		d.typing("important")
		d.keys("enter")
		d.typing("next")
		d.wait(time.Second)
		if got := d.draftOnDisk(bobKey); got != "important\nnext" {
			t.Errorf("while sending, the draft on disk is %q", got)
		}
		close(d.api.block)
		d.settle()
		d.has("the key is another one", "compare keys first", "important", "next")
		if got := d.m.current().draft.String(); got != "important\nnext" {
			t.Errorf("draft is %q", got)
		}
		if got := d.draftOnDisk(bobKey); got != "important\nnext" {
			t.Errorf("draft on disk is %q", got)
		}
	})
}

func TestDraftIsKeptPerConversation(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.typing("for bob")
		d.keys("alt+2")
		d.typing("for chloe")
		d.send(tea.WindowSizeMsg{Width: 40, Height: 12}, tea.WindowSizeMsg{Width: 20, Height: 6}, tea.WindowSizeMsg{Width: 5, Height: 2}, tea.WindowSizeMsg{Width: 120, Height: 36})
		d.has("for chloe")
		d.keys("alt+1")
		d.has("for bob")
		d.hasNot("for chloe")
	})
}

// TestDraftSurvives is bar 7 of ui/README: what was typed is on disk a moment
// later, with no word of a clean end, and comes back in the next window.
func TestDraftSurvives(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.typing("half a thou")
		d.wait(draftWait)
		if got := d.draftOnDisk(bobKey); got != "half a thou" {
			t.Fatalf("draft on disk is %q", got)
		}
		next := newDriver(d.t, d.api, Options{})
		defer next.close()
		next.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		next.keys("alt+1")
		next.has("half a thou")
		next.typing("ght")
		next.keys("enter")
		next.wait(time.Second)
		if got := d.draftOnDisk(bobKey); got != "" {
			t.Errorf("after sending, the draft on disk is %q", got)
		}
	})
}

func TestPasteIsOneMessage(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		text := "line one\r\nline two\n\n\tfour /quit\n"
		d.send(tea.PasteMsg{Content: text})
		if calls := d.called(); len(calls) > 0 {
			t.Fatalf("a paste called %q", calls)
		}
		d.keys("enter")
		want := "send " + bobKey + " line one\nline two\n\n\tfour /quit\n"
		if diff := cmp.Diff([]string{want}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestPasteOfTenThousandLines(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.send(tea.PasteMsg{Content: strings.Repeat("some text\n", 10000)})
		d.has("10,001 lines", "one message")
		start := time.Now()
		d.text()
		if took := time.Since(start); took > 0 {
			t.Errorf("virtual time passed: %v", took)
		}
		d.keys("enter")
		d.has("too long", "32 KB")
		if d.m.current().draft.IsEmpty() {
			t.Error("the draft is gone")
		}
	})
}

func TestNewLineKeys(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.typing("a")
		d.keys("alt+enter")
		d.typing("b")
		d.keys("ctrl+j")
		d.typing("c")
		d.keys("shift+enter")
		d.typing("d")
		if got := d.m.current().draft.String(); got != "a\nb\nc\nd" {
			t.Errorf("draft is %q", got)
		}
		d.has("4 lines")
		if rows := d.m.layout().composeH; rows != 4 {
			t.Errorf("the composer has %d rows", rows)
		}
		for range 20 {
			d.keys("alt+enter")
		}
		if rows := d.m.layout().composeH; rows != 8 {
			t.Errorf("the composer has %d rows, want a third of 24", rows)
		}
	})
}

func TestFooterShowsKeysThatWork(t *testing.T) {
	withBob(t, 120, 36, func(d *driver) {
		d.has("Alt+Enter new line")
		d.hasNot("Shift+Enter new line")
		d.send(tea.KeyboardEnhancementsMsg{Flags: 1})
		d.has("Shift+Enter new line")
		d.typing("/")
		d.has("Tab complete", "Enter run")
	})
}

func TestCtrlC(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.typing("a draft")
		d.keys("ctrl+c")
		d.has("cleared", "Ctrl+Y")
		d.keys("ctrl+y")
		d.has("a draft")
		d.keys("ctrl+c", "ctrl+c")
		if !d.quit {
			t.Error("the second Ctrl+C does not quit")
		}
	})
	withBob(t, 80, 24, func(d *driver) {
		d.keys("ctrl+c")
		d.has("again quits")
		d.wait(quitWait)
		d.keys("ctrl+c")
		if d.quit {
			t.Error("a late second Ctrl+C quits")
		}
	})
}

func TestUnread(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.send(tea.BlurMsg{})
		for i := range 3 {
			d.emit(d.api.message("bob", chat.In, fmt.Sprintf("word %d", i), chat.Received))
		}
		if got := d.m.View().WindowTitle; got != "(3) llchat" {
			t.Errorf("title is %q", got)
		}
		d.has("3 new since 09:47")
		d.send(tea.FocusMsg{})
		d.wait(seenAfter)
		if got := d.m.View().WindowTitle; got != "llchat" {
			t.Errorf("after a second, the title is %q", got)
		}
		d.emit(d.api.message("chloe", chat.In, "psst", chat.Received))
		d.has("1 unread")
		d.hasNot("psst")
		d.keys("alt+a")
		d.has("psst", "1 new since", "✓ chloe", "verified")
		d.wait(seenAfter)
		d.keys("alt+a")
		d.has("nothing unread")
	})
}

func TestScroll(t *testing.T) {
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
	for i := range 3 * pageSize {
		api.message("bob", chat.In, fmt.Sprintf("message %d.", i), chat.Received)
	}
	inWindow(t, api, 80, 24, func(d *driver) {
		d.keys("alt+1")
		d.has("message 599.")
		d.keys("pgup")
		d.hasNot("message 599.")
		d.has("below", "Ctrl+End")
		top := d.rows()[4]
		d.emit(d.api.message("bob", chat.In, "new one", chat.Received))
		if got := d.rows()[4]; got != top {
			t.Errorf("a new message moved the list: %q, then %q", top, got)
		}
		for range 60 {
			d.keys("pgup")
		}
		d.has("message 0.", "Monday 23 November")
		d.send(tea.WindowSizeMsg{Width: 120, Height: 36})
		d.has("message 0.")
		d.keys("ctrl+end")
		d.has("new one")
		d.keys("ctrl+home")
		d.has("message 0.")
		for range 80 {
			d.keys("pgdown")
		}
		d.has("new one")
		if !d.m.current().follow {
			t.Error("the list does not follow at its end")
		}
	})
}

// TestKeyMeansFocus: a terminal that told that it lost the keys and never told
// that it has them again does not leave messages unread for ever.
func TestKeyMeansFocus(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.send(tea.BlurMsg{})
		d.emit(d.api.message("bob", chat.In, "hello", chat.Received))
		d.typing("h")
		d.wait(seenAfter)
		if got := d.m.View().WindowTitle; got != "llchat" {
			t.Errorf("title is %q", got)
		}
	})
}

func TestDaysAndPauses(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.m.now = func() time.Time { return noon.Add(48 * time.Hour) }
		d.emit(d.api.message("bob", chat.In, "old", chat.Received))
		d.api.at = noon.Add(24 * time.Hour)
		d.emit(d.api.message("bob", chat.Out, "newer", chat.Displayed))
		d.has("Monday 23 November", "Yesterday", "read")
	})
}

func TestRequestIsAcceptedFromItsCard(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.has("asks")
		d.keys("alt+a")
		d.has("wei wants to write to you", "hello 大家好, first time here", "Tab", "accept", "block")
		d.wait(deadFor)
		d.keys("a") // nothing has the keys but the composer
		if got := d.m.current().draft.String(); got != "a" {
			t.Fatalf("draft is %q: the card took a key by itself", got)
		}
		d.keys("backspace", "tab")
		d.wait(deadFor)
		d.keys("a")
		if diff := cmp.Diff([]string{"accept " + pinOf("wei").String()}, d.called()); diff != "" {
			t.Fatalf("calls (-want +got):\n%s", diff)
		}
		d.has("◉ wei", "pinned", "hello 大家好, first time here", "may I join your table?")
		d.hasNot("wants to write to you")
	})
}

// TestTypedFlood is bar 5 of ui/README: whoever types on while a card appears
// does not answer it.
func TestTypedFlood(t *testing.T) {
	api := newFake()
	wei := peerOf("wei", chat.Unknown, chat.Online)
	api.peers = []chat.Peer{wei}
	inWindow(t, api, 80, 24, func(d *driver) {
		d.keys("alt+down")
		d.typing("I was writing this ")
		wei.Asks = true
		d.emit(wei, chat.Request{Fingerprint: wei.Fingerprint, Name: wei.Name, Body: safetext.Body("hi")})
		d.has("wei wants to write to you")
		d.typing("abab")
		d.keys("tab")
		for range 40 {
			d.wait(deadFor / 4)
			d.keys("a", "b")
		}
		if calls := d.called(); len(calls) > 0 {
			t.Fatalf("a flood of letters called %q", calls)
		}
		if got := d.m.current().draft.String(); got != "I was writing this abab" {
			t.Errorf("draft is %q", got)
		}
		d.wait(deadFor)
		d.keys("b")
		if diff := cmp.Diff([]string{"block " + wei.Key}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// TestCardIsDeadWhenItAppears: the second counts from its first frame too.
func TestCardIsDeadWhenItAppears(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.keys("alt+a", "tab", "a")
		if calls := d.called(); len(calls) > 0 {
			t.Fatalf("called %q at once", calls)
		}
		d.has("wake up")
	})
}

func TestConflict(t *testing.T) {
	inWindow(t, meeting(), 120, 36, func(d *driver) {
		other := pinOf("mallory")
		d.emit(chat.ConflictNotice{Fingerprint: other, Name: safetext.Name("grace"), Of: pinOf("grace"), OfName: safetext.Name("grace")})
		d.has("another key claims the name grace")
		if diff := cmp.Diff([]string{"\a"}, d.raw); diff != "" {
			t.Errorf("bell (-want +got):\n%s", diff)
		}
		d.emit(chat.ConflictNotice{Fingerprint: other, OfName: safetext.Name("grace")})
		if len(d.raw) != 1 {
			t.Error("the bell rang twice in five seconds")
		}
		rows := d.rows()
		at := slices.IndexFunc(rows, func(r string) bool { return strings.HasPrefix(r, " ✓ grace") })
		if at < 0 || !strings.HasPrefix(rows[at+1], "   ✗ grace") || !strings.Contains(rows[at+1], "KEY!") {
			t.Fatalf("the other key is not listed under grace:\n%s", d.text())
		}
		d.m.show(other.String())
		d.has("KEY! another key claims this name", "locked", "accepted  e010fd1c", "this one  c0a49776")
		d.typing("secret")
		d.keys("enter")
		d.send(tea.PasteMsg{Content: "secret"})
		if calls := d.called(); len(calls) > 0 {
			t.Errorf("called %q", calls)
		}
		d.hasNot("secret")
		d.m.show(pinOf("grace").String())
		d.has("1 other key claims this name")
	})
}

// TestCannotEncrypt: a peer without STARTTLS never gets a byte of text.
func TestCannotEncrypt(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.keys("ctrl+k")
		d.typing("zol")
		d.keys("enter")
		d.has("cannot encrypt", "locked", "speaks XEP-0174 without STARTTLS")
		d.typing("secret")
		d.keys("enter")
		d.typing("/msg zoltan secret")
		d.keys("enter")
		d.has("not sent")
		if calls := d.called(); len(calls) > 0 {
			t.Errorf("called %q", calls)
		}
	})
}

// TestClaimBecomesKey: the conversation with a mere claim goes on under the key
// that answered, with what was typed meanwhile.
func TestClaimBecomesKey(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.keys("ctrl+k")
		d.typing("kai")
		d.keys("enter")
		d.has("kai", "no key proven", "Say hello")
		d.typing("hello kai")
		d.api.block = make(chan struct{})
		d.keys("enter")
		d.typing("and more")
		close(d.api.block)
		d.settle()
		if d.m.open != pinOf("kai").String() {
			t.Errorf("open is %s", d.m.open)
		}
		d.has("◉ kai", "pinned, not verified", "hello kai", "waiting", "and more")
	})
}

func TestWelcome(t *testing.T) {
	for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			api := newFake()
			api.status.Fresh, api.status.Nick = true, safetext.Name("quiet-fox")
			inWindow(t, api, size[0], size[1], func(d *driver) {
				d.has("Your name", "quiet-fox", "Who may write first?", "(•) everybody asks", "contacts only", "Enter start", "Ctrl+C leave")
				d.keys("ctrl+u")
				d.keys("enter")
				d.has("a name is needed")
				d.send(tea.PasteMsg{Content: "ann"})
				d.typing("a")
				d.keys("tab", "down", "enter")
				want := []string{"set nick anna", "set strangers refuse"}
				if diff := cmp.Diff(want, d.called()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				d.hasNot("Who may write first?")
			})
		})
	}
}

func TestHealth(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		it := health.Item{Code: "multicast", Severity: health.Warning, Text: "multicast is filtered here", Hint: "ask the network team"}
		d.api.mu.Lock()
		d.api.status.Health = []health.Item{it}
		d.api.mu.Unlock()
		d.emit(chat.HealthNotice{Item: it})
		d.has("! multicast is filtered here", "ask the network team")
		d.api.mu.Lock()
		d.api.status.Health = nil
		d.api.mu.Unlock()
		d.emit(chat.HealthNotice{Item: it, Gone: true})
		d.hasNot("multicast")
	})
}

func TestNobody(t *testing.T) {
	api := newFake()
	inWindow(t, api, 80, 24, func(d *driver) {
		d.has("Nobody here yet", "wlan0 is up", "10.23.4.9", "anna@zbox")
		d.typing("hello?")
		d.keys("enter")
		d.has("choose who to write to", "hello?")
	})
}

func TestResync(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.emit(d.api.message("bob", chat.In, "first", chat.Received))
		d.api.message("bob", chat.In, "missed", chat.Received)
		d.api.mu.Lock()
		d.api.peers = append(d.api.peers, peerOf("late", chat.Pinned, chat.Online))
		d.api.mu.Unlock()
		d.send(feedMsg{reload: true})
		d.has("first", "missed", "3 near")
		if n := strings.Count(d.text(), "first"); n != 1 {
			t.Errorf("%d times on the screen", n)
		}
	})
}

func TestFeedError(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.send(feedMsg{err: errors.New("read control socket: broken pipe")})
		d.has("the node is gone", "broken pipe")
	})
}

func TestTryAgain(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.keys("ctrl+k")
		d.typing("bob")
		d.keys("enter")
		d.has("not sent", "the outbox is full", "Alt+R")
		d.typing("a draft")
		d.keys("alt+r")
		if diff := cmp.Diff([]string{"retry bob this one was too much"}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		d.has("a draft")
	})
}

func TestBareView(t *testing.T) {
	inWindow(t, meeting(), 120, 36, func(d *driver) {
		d.keys("alt+2")
		d.has("PEOPLE NEAR")
		d.keys("f9")
		d.hasNot("PEOPLE NEAR", "┃")
		d.has("✓ bob", "verified")
	})
}

func TestDemoOpensTheEcho(t *testing.T) {
	api := newFake()
	inWindow(t, api, 80, 24, func(d *driver) {
		d.m.opt.Demo = true
		d.emit(peerOf("echo", chat.Pinned, chat.Online))
		d.has("◉ echo", "Say hello to echo")
	})
}

// A new user presses the arrows and Enter before anything else.
func TestFirstKeysChooseSomebody(t *testing.T) {
	for _, tt := range []struct {
		key  string
		want string
	}{
		{"down", "bob"},
		{"up", "chloe"},
	} {
		inWindow(t, withTwo(), 80, 24, func(d *driver) {
			d.keys(tt.key)
			d.has("Say hello to " + tt.want)
		})
	}
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		d.keys("enter")
		d.typing("chl")
		d.keys("enter")
		d.has("Say hello to chloe")
	})
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		d.typing("half a thought")
		d.keys("down", "up")
		d.has("half a thought")
		d.hasNot("Say hello")
	})
}

// A note on what could not be done goes when it was done.
func TestNoteGoesWithItsCause(t *testing.T) {
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		d.typing("hello?")
		d.keys("enter")
		d.has("choose who to write to")
		d.keys("alt+1")
		d.hasNot("choose who to write to")
		d.keys("ctrl+u")
		d.typing("/nope")
		d.keys("enter")
		d.has("no command")
		d.keys("ctrl+u")
		d.typing("hello")
		d.keys("enter")
		d.hasNot("no command")
	})
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.keys("alt+a", "tab")
		d.typing("a")
		if !d.m.onCard {
			t.Fatal("the card has not got the keys")
		}
		d.has("wake up a second after")
		d.wait(deadFor)
		d.typing("b")
		d.hasNot("wake up a second after")
	})
}

func withTwo() *fake {
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online), peerOf("chloe", chat.Verified, chat.Online)}
	return api
}
