package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// withForms is bob's conversation with every form of message.
func withForms(t *testing.T, w, h int, test func(d *driver)) {
	t.Helper()
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
	formsOf(api)
	inWindow(t, api, w, h, func(d *driver) {
		d.keys("alt+1")
		test(d)
	})
}

// write is what the fake says of a Writing.
func write(replaces, retracts, reacts, reply, emoji, text string) string {
	return fmt.Sprintf("write bob replaces=%s retracts=%s reacts=%s reply=%s %s %s", replaces, retracts, reacts, reply, emoji, text)
}

// TestPickedKeys: up in an empty draft picks the last message, further ones
// those before; a single key does the rest.
func TestPickedKeys(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		want []string
		has  []string
	}{
		{"react by number", []string{"up", "+", "1"}, []string{write("", "", "really?", "", "👍", "")}, []string{"👍 you"}},
		{"react by typing", []string{"up", "+", "o", "k", "enter"}, []string{write("", "", "really?", "", "ok", "")}, []string{"ok you"}},
		{"react again takes it back", []string{"up", "+", "1", "up", "+", "1"}, []string{
			write("", "", "really?", "", "👍", ""), write("", "", "really?", "", "", ""),
		}, nil},
		{"reply", []string{"up", "r", "y", "e", "s", "enter"}, []string{write("", "", "", "really?", "", "yes")}, []string{"↳ bob: really?", "yes"}},
		{"reply not", []string{"up", "r", "y", "esc", "enter"}, []string{"send " + bobKey + " y"}, nil},
		{"correct", []string{"up", "up", "e", "!", "enter"}, []string{write("I knew it", "", "", "", "", "I knew it!")}, []string{"I knew it!"}},
		{"correct not", []string{"up", "up", "e", "!", "esc", "enter"}, nil, []string{"I knew it "}},
		{"take back", []string{"up", "up", "x", "x"}, []string{write("", "I knew it", "", "", "", "")}, nil},
		{"take back asks", []string{"up", "up", "x", "c", "x"}, nil, []string{"x again"}},
		{"not for theirs", []string{"up", "e"}, nil, []string{"not for this message"}},
		{"a text begins", []string{"up", "h", "i"}, nil, []string{"◉ bob › hi"}},
		{"down leaves", []string{"up", "up", "down", "down", "h"}, nil, []string{"◉ bob › h"}},
		{"esc leaves", []string{"up", "esc", "c"}, nil, []string{"◉ bob › c"}},
		{"spoiler", []string{"up", "up", "up", "s"}, nil, []string{"the butler did it", "s hide"}},
		{"spoiler again", []string{"up", "up", "up", "s", "s"}, nil, []string{"s show"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withForms(t, 80, 24, func(d *driver) {
				d.keys(tt.keys...)
				if diff := cmp.Diff(tt.want, d.called()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				d.has(tt.has...)
			})
		})
	}
}

// TestPickingKeepsTheDraft: up with a draft moves in it, and picks nothing.
func TestPickingKeepsTheDraft(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		d.typing("half")
		d.keys("up")
		d.has("half", "Enter send")
		if d.m.pick.row != 0 {
			t.Error("a message is picked over a draft")
		}
	})
}

// TestCopy writes the clipboard by OSC 52, and never reads it.
func TestCopy(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		d.keys("up")
		l := d.m.pickedLine()
		cmd := d.m.pickDo("c", l, false)
		var copied []string
		for _, c := range cmd().(tea.BatchMsg) {
			if s := fmt.Sprintf("%T", c()); strings.Contains(s, "Clipboard") || strings.Contains(s, "clipboard") {
				copied = append(copied, fmt.Sprint(c()))
			}
		}
		if diff := cmp.Diff([]string{"really?"}, copied); diff != "" {
			t.Errorf("copied (-want +got):\n%s", diff)
		}
	})
}

// TestFailedOffers: a message that failed is sent again, kept, edited or
// removed; an edited one is on disk as a draft before it goes.
func TestFailedOffers(t *testing.T) {
	for _, tt := range []struct {
		key   string
		want  []string
		draft string
	}{
		{"r", []string{"retry bob this one was too much"}, ""},
		{"k", nil, ""},
		{"x", []string{"delete bob this one was too much"}, ""},
		{"e", []string{"delete bob this one was too much"}, "this one was too much"},
	} {
		t.Run(tt.key, func(t *testing.T) {
			inWindow(t, meeting(), 80, 24, func(d *driver) {
				d.run(d.m.show(bobKey))
				d.settle()
				d.keys("up")
				d.has("r try again", "k keep", "e edit", "x remove")
				d.keys(tt.key)
				if diff := cmp.Diff(tt.want, d.called()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if got := d.draftOnDisk(bobKey); got != tt.draft {
					t.Errorf("draft on disk is %q, want %q", got, tt.draft)
				}
				if tt.key == "r" {
					d.hasNot("outbox is full")
				}
				if tt.key == "x" {
					d.hasNot("this one was too much")
				} else {
					d.has("this one was too much")
				}
			})
		})
	}
}

// TestCorrectionComesBack: a correction that was not taken is the draft again,
// and still a correction.
func TestCorrectionComesBack(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		d.api.sendErr = &chat.Error{Code: chat.CodeError, Text: "the disk is full", Hint: "make room"}
		d.keys("up", "up", "e", "!", "enter")
		d.has("the disk is full", "edit bob › I knew it!", "correcting")
		d.api.sendErr = nil
		d.keys("enter")
		d.has("I knew it!")
		d.hasNot("correcting")
	})
}

// TestReplyComesBack: the same for an answer.
func TestReplyComesBack(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		d.api.sendErr = &chat.Error{Code: chat.CodeError, Text: "the disk is full", Hint: "make room"}
		d.keys("up", "r", "y", "enter")
		d.has("reply bob › y", "answering bob")
		if got := d.draftOnDisk(bobKey); got != "y" {
			t.Errorf("draft on disk is %q", got)
		}
	})
}

// TestAboutIsNoMessage: what is said about a message changes it, adds none,
// counts as nothing unread.
func TestAboutIsNoMessage(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		m := d.api.message("bob", chat.In, "at nien", chat.Received)
		d.emit(m)
		d.send(tea.BlurMsg{})
		news := m
		news.ID, news.Row, news.Kind, news.About = "other", m.Row+1, chat.Correction, m.ID
		m.Body, m.Edited = safetext.Body("at nine"), noon
		d.emit(news, m)
		d.has("at nine", "edited")
		d.hasNot("at nien", "new since")
		m.Body, m.Retracted = safetext.Text{}, noon
		news.Kind = chat.Retraction
		d.emit(news, m)
		d.has("taken back")
		if n := d.m.unread; n != 0 {
			t.Errorf("%d unread", n)
		}
		d.m.show(pinOf("chloe").String())
		m.Reactions = nil
		d.emit(news, m)
		if n := d.m.unread; n != 0 {
			t.Errorf("%d unread after a change in a closed conversation", n)
		}
	})
}

// TestManyReactions: 10,000 events about one message cost one row of it.
func TestManyReactions(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		m := d.api.lines[bobKey][7]
		for i := range 10000 {
			m.Reactions = []chat.Reaction{{Emoji: safetext.Line(fmt.Sprintf("r%d", i)), Theirs: true}}
			d.m.messageNews(m)
		}
		d.has("r9999 bob")
		if n := len(d.m.current().lines); n != 8 {
			t.Errorf("%d messages", n)
		}
		if n := len(d.m.cache.young) + len(d.m.cache.old); n > 2*generation {
			t.Errorf("%d messages' rows are kept", n)
		}
		m.Reactions = nil
		for i := range 40 {
			m.Reactions = append(m.Reactions, chat.Reaction{Emoji: safetext.Line(strings.Repeat("x", 64) + fmt.Sprint(i)), Theirs: true})
		}
		d.emit(m)
		d.has("+28")
	})
}

// TestMessagePage has the old texts, and follows what happens meanwhile.
func TestMessagePage(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		d.keys("up", "up", "i")
		d.has("This message", "I knew it", "as it was first", "edited", "read", "spoiler")
		m := d.api.lines[bobKey][6]
		m.Kind = chat.Deleted
		d.emit(m)
		d.has("not here any more")
		d.keys("esc")
		d.has("one key", "really?")
	})
}

// TestPickScrolls: picking goes on above the window, and loads older pages.
func TestPickScrolls(t *testing.T) {
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
	for i := range pageSize + 20 {
		api.message("bob", chat.In, fmt.Sprintf("message %d.", i), chat.Received)
	}
	for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}, {20, 6}} {
		inWindow(t, api, size[0], size[1], func(d *driver) {
			d.keys("alt+1")
			for range pageSize + 15 {
				d.keys("up")
			}
			l := d.m.pickedLine()
			if l == nil {
				t.Fatalf("%v: nothing is picked", size)
			}
			d.has(strings.TrimSuffix(l.Body.String(), "."))
			if n := len(d.m.current().lines); n != pageSize+20 {
				t.Errorf("%v: %d messages are here", size, n)
			}
			for range 30 {
				d.keys("down")
				if l := d.m.pickedLine(); l != nil {
					d.has(strings.TrimSuffix(l.Body.String(), "."))
				}
			}
		})
	}
}

// TestTypingIsTold: the engine hears of the first letter, and of the end: sent,
// emptied, or ten seconds without a key.
func TestTypingIsTold(t *testing.T) {
	typed := func(d *driver) []string {
		d.api.mu.Lock()
		defer d.api.mu.Unlock()
		return slices.Clone(d.api.typed)
	}
	for _, tt := range []struct {
		name string
		do   func(d *driver)
		want []string
	}{
		{"sent", func(d *driver) { d.typing("hello"); d.keys("enter") }, []string{"bob writes", "bob stopped"}},
		{"emptied", func(d *driver) { d.typing("x"); d.keys("backspace") }, []string{"bob writes", "bob stopped"}},
		{"silent", func(d *driver) { d.typing("x"); d.wait(typingPause) }, []string{"bob writes", "bob stopped"}},
		{"slow", func(d *driver) {
			d.typing("x")
			d.wait(typingPause - time.Second)
			d.typing("y")
			d.wait(typingPause - time.Second)
		}, []string{"bob writes"}},
		{"again", func(d *driver) { d.typing("x"); d.wait(typingPause); d.typing("y") }, []string{"bob writes", "bob stopped", "bob writes"}},
		{"command", func(d *driver) { d.typing("/away") }, nil},
		{"somebody else", func(d *driver) { d.typing("x"); d.keys("alt+2") }, []string{"bob writes", "bob stopped"}},
		{"paste", func(d *driver) { d.send(tea.PasteMsg{Content: "text"}) }, []string{"bob writes"}},
		{"only looking", func(d *driver) { d.keys("up", "down", "pgup") }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withBob(t, 80, 24, func(d *driver) {
				d.m.now = time.Now
				tt.do(d)
				if diff := cmp.Diff(tt.want, typed(d)); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestTheyType: the other side's writing shows until it stops or is gone.
func TestTheyType(t *testing.T) {
	withBob(t, 120, 36, func(d *driver) {
		d.emit(chat.Typing{Peer: pinOf("bob"), Typing: true}, chat.Typing{Peer: pinOf("chloe"), Typing: true})
		d.has("bob is typing …", "chloe            typing…")
		d.emit(chat.Typing{Peer: pinOf("bob"), Typing: false})
		d.hasNot("bob is typing")
		chloe := peerOf("chloe", chat.Verified, chat.Offline)
		d.emit(chloe)
		d.hasNot("typing")
	})
}

// TestFocusIsTheEnd: what counts as displayed is the end of a conversation in a
// window that has the focus.
func TestFocusIsTheEnd(t *testing.T) {
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
	for i := range 60 {
		api.message("bob", chat.In, fmt.Sprint(i), chat.Received)
	}
	inWindow(t, api, 80, 24, func(d *driver) {
		d.keys("alt+1")
		d.send(tea.BlurMsg{}, tea.FocusMsg{})
		d.keys("pgup", "ctrl+end", "ctrl+f", "esc")
		want := []string{bobKey, "", bobKey, "", bobKey, "", bobKey}
		if diff := cmp.Diff(want, d.api.looked); diff != "" {
			t.Errorf("looked at (-want +got):\n%s", diff)
		}
	})
}

// TestCorrectAnAction: what is corrected is a text, whatever it begins with.
func TestCorrectAnAction(t *testing.T) {
	for _, text := range []string{"/me waves", "/quit"} {
		withBob(t, 80, 24, func(d *driver) {
			d.emit(d.api.message("bob", chat.Out, text, chat.Delivered))
			d.keys("up", "e", "!")
			d.hasNot("complete")
			d.keys("enter")
			if diff := cmp.Diff([]string{write(text, "", "", "", "", text+"!")}, d.called()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if d.quit {
				t.Error("the text was run as a command")
			}
		})
	}
}

// TestStrokeComesBack: a text that begins with a stroke and could not be sent
// is no command when it is the draft again.
func TestStrokeComesBack(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.api.sendErr = &chat.Error{Code: chat.CodeError, Text: "the disk is full", Hint: "make room"}
		d.typing("//quit")
		d.keys("enter")
		if got := d.m.current().draft.String(); got != "//quit" {
			t.Errorf("draft is %q", got)
		}
		d.keys("enter")
		if d.quit {
			t.Error("the text was run as a command")
		}
	})
	withBob(t, 80, 24, func(d *driver) {
		d.emit(d.api.message("bob", chat.Out, "/quit", chat.Failed))
		d.keys("up", "e")
		if got := d.m.current().draft.String(); got != "//quit" {
			t.Errorf("draft of a failed one is %q", got)
		}
	})
}

// TestCorrectsTheRightOne: messages that come while a correction is on its way
// back do not make it one of another message.
func TestCorrectsTheRightOne(t *testing.T) {
	withForms(t, 80, 24, func(d *driver) {
		d.api.sendErr = &chat.Error{Code: chat.CodeError, Text: "the disk is full", Hint: "make room"}
		d.keys("up", "up", "e", "!", "enter")
		d.api.sendErr = nil
		c := d.m.current()
		m := c.lines[0].Message
		m.Kind = chat.Deleted
		d.emit(m)
		d.keys("enter")
		want := write("I knew it", "", "", "", "", "I knew it!")
		if diff := cmp.Diff([]string{want, want}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}
