package tui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// emitTo gives events to the line mode and returns what it printed.
func emitTo(api *fake, l *lineMode, bodies ...any) string {
	api.mu.Lock()
	api.emit(bodies...)
	api.mu.Unlock()
	return l.take()
}

// TestPlainAbout: what is said about messages are lines of their own.
func TestPlainAbout(t *testing.T) {
	api := meeting()
	inLines(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		m := api.message("bob", chat.In, "at nien", chat.Received)
		if got, want := emitTo(api, l, m), "09:06 bob, verified: at nien\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		about := func(kind string, change func(news *chat.Message)) string {
			news := m
			news.ID, news.Row, news.Kind, news.About = fmt.Sprint(kind, m.Row), m.Row+1, kind, m.ID
			change(&news)
			return emitTo(api, l, news, m)
		}
		for _, tt := range []struct{ got, want string }{
			{about(chat.Correction, func(n *chat.Message) { m.Edited = noon; n.Body = safetext.Body("at nine") }), "09:06 bob, verified, corrected: at nien. now: at nine\n"},
			{about(chat.Reacting, func(n *chat.Message) { n.Reactions = []chat.Reaction{{Emoji: safetext.Line("👍"), Theirs: true}} }), "09:06 bob, verified, reacted with 👍 to: at nien\n"},
			{about(chat.Retraction, func(*chat.Message) { m.Retracted = noon }), "09:06 bob, verified, took back: at nien\n"},
			{emitTo(api, l, func() chat.Message { d := m; d.Kind = chat.Deleted; return d }()), ""},
		} {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		}
		old := api.message("bob", chat.In, "from last week", chat.Received)
		old.Edited = noon
		if got := emitTo(api, l, old); got != "" {
			t.Errorf("a message from before is printed as new: %q", got)
		}
	})
}

// TestPlainForms: answers, spoilers and actions, each on its line.
func TestPlainForms(t *testing.T) {
	api := meeting()
	inLines(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		m := chat.Message{ID: "1", Peer: pinOf("bob"), Direction: chat.In, State: chat.Received, Row: 100, Written: noon}
		for i, tt := range []struct {
			change func(m *chat.Message)
			want   string
		}{
			{func(m *chat.Message) { m.Body = safetext.Body("/me waves") }, "09:47 bob, verified * waves\n"},
			{func(m *chat.Message) {
				m.Body, m.Reply = safetext.Body("yes"), &chat.Quotation{Direction: chat.Out, Body: safetext.Body("coming?\nat nine")}
			}, "09:47 bob, verified, answering: coming? at nine. yes\n"},
			{func(m *chat.Message) {
				m.Body, m.Spoiler, m.Hint = safetext.Body("the butler"), true, safetext.Line("the end")
			}, "09:47 bob, verified: spoiler: the end. /show shows it\n"},
		} {
			msg := m
			msg.ID = fmt.Sprint(i)
			tt.change(&msg)
			if got := emitTo(api, l, msg); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		}
	})
}

// TestLastWord: the commands about the last message do in the line mode and in
// the window what the keys do.
func TestLastWord(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
		says string // of the line mode
	}{
		{"/edit I know it", []string{write("I knew it", "", "", "", "", "I know it")}, "correction"},
		{"/takeback", []string{write("", "I knew it", "", "", "", "")}, "taking back"},
		{"/react 👍", []string{write("", "", "really?", "", "👍", "")}, "reaction"},
		{"/reply yes", []string{write("", "", "", "really?", "", "yes")}, "to bob: waiting"},
		{"/me waves", []string{"send " + bobKey + " /me waves"}, "to bob: waiting"},
		{"/spoiler the end | the butler", []string{write("", "", "", "", "", "the butler")}, "to bob: waiting"},
		{"/show", nil, "spoiler: how the book ends: the butler did it"},
		{"/retry", nil, "no message for /retry"},
		{"/search butler", []string{"search butler in bob"}, "found: 2026-11-23 09:17 bob, pinned: spoiler: how the book ends"},
	} {
		t.Run(strings.Fields(tt.line)[0], func(t *testing.T) {
			forms := func() *fake {
				api := newFake()
				api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
				formsOf(api)
				return api
			}
			withForms(t, 80, 24, func(d *driver) {
				d.typing(tt.line)
				d.keys("enter")
				if diff := cmp.Diff(tt.want, d.called()); diff != "" && !strings.HasPrefix(tt.line, "/search") {
					t.Errorf("calls of the window (-want +got):\n%s", diff)
				}
			})
			api := forms()
			inLines(t, api, func(t *testing.T, l *lineMode) {
				l.say("/msg bob")
				if got := l.say(tt.line); !strings.Contains(got, tt.says) {
					t.Errorf("the line mode says %q, want %q", got, tt.says)
				}
				api.mu.Lock()
				defer api.mu.Unlock()
				if diff := cmp.Diff(tt.want, api.calls); diff != "" {
					t.Errorf("calls of the line mode (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestLastWordWithNobody: without a conversation they say what to do first.
func TestLastWordWithNobody(t *testing.T) {
	inLines(t, meeting(), func(t *testing.T, l *lineMode) {
		l.take()
		for _, line := range []string{"/edit x", "/takeback", "/me x"} {
			if got := l.say(line); !strings.Contains(got, "/msg NAME chooses somebody") {
				t.Errorf("%s: %q", line, got)
			}
		}
		if got := l.say("/search"); !strings.Contains(got, "/search WORDS") {
			t.Errorf("/search: %q", got)
		}
		if got := l.say("/search zzz"); got != "found: nothing\n" {
			t.Errorf("/search zzz: %q", got)
		}
	})
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.typing("/takeback")
		d.keys("enter")
		d.has("choose who to write to")
	})
}

// TestTextsAreBounded: what is remembered for lines about messages does not
// grow.
func TestTextsAreBounded(t *testing.T) {
	var kept texts
	for i := range 3 * keptTexts {
		kept.put(chat.Message{ID: fmt.Sprint(i), Body: safetext.Body("x")})
	}
	if len(kept.ids) != keptTexts || len(kept.body) != keptTexts {
		t.Errorf("%d ids and %d texts, want %d", len(kept.ids), len(kept.body), keptTexts)
	}
}
