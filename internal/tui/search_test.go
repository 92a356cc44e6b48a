package tui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// withPast is a conversation of 2,000 messages, one of them to be found, and a
// short one with somebody else.
func withPast(t *testing.T, w, h int, test func(d *driver)) {
	t.Helper()
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online), peerOf("chloe", chat.Verified, chat.Online)}
	for i := range 2000 {
		text := fmt.Sprintf("message %d.", i)
		if i == 700 {
			text = "the needle of the haystack"
		}
		api.message("bob", chat.In, text, chat.Received)
	}
	api.message("chloe", chat.Out, "a needle, too", chat.Delivered)
	inWindow(t, api, w, h, func(d *driver) {
		d.keys("alt+1")
		test(d)
	})
}

// TestSearchGoesThere: what is found deep in the past is opened in its place,
// and the conversation goes on from there in both directions.
func TestSearchGoesThere(t *testing.T) {
	for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			withPast(t, size[0], size[1], func(d *driver) {
				d.keys("ctrl+f")
				d.typing("needle")
				d.has("Search bob › needle", "1 found", "the needle of the haystack")
				d.hasNot("a needle, too")
				d.keys("enter")
				d.has("the needle of the haystack", "message 699.", "message 701.", "newer below")
				if l := d.m.pickedLine(); l == nil || l.Body.String() != "the needle of the haystack" {
					t.Error("the message that was found is not picked")
				}
				d.keys("esc")
				for range 2000 {
					d.keys("pgdown")
					if d.m.current().follow {
						break
					}
				}
				d.has("message 1999.")
				d.hasNot("newer below")
				if diff := cmp.Diff([]string(nil), gaps(d.m.current())); diff != "" {
					t.Errorf("gaps: %s", diff)
				}
				d.emit(d.api.message("bob", chat.In, "news", chat.Received))
				d.has("news")
			})
		})
	}
}

// gaps lists where the messages of a test's conversation do not follow one
// another.
func gaps(c *conv) (out []string) {
	for i := 1; i < len(c.lines); i++ {
		if c.lines[i].Row != c.lines[i-1].Row+1 {
			out = append(out, fmt.Sprintf("%d after %d", c.lines[i].Row, c.lines[i-1].Row))
		}
	}
	return out
}

// TestInThePast: what happens while the list stands in the past is neither
// lost nor shown in the wrong place.
func TestInThePast(t *testing.T) {
	there := func(d *driver) {
		d.keys("ctrl+f")
		d.typing("needle")
		d.keys("enter")
	}
	for _, tt := range []struct {
		name string
		do   func(d *driver)
		has  []string
	}{
		{"a message comes", func(d *driver) {
			d.emit(d.api.message("bob", chat.In, "psst", chat.Received))
			d.hasNot("psst")
			d.keys("ctrl+end")
		}, []string{"psst", "message 1999."}},
		{"a message is written", func(d *driver) { d.typing("hello"); d.keys("enter") }, []string{"hello", "message 1999."}},
		{"an old one changes", func(d *driver) {
			m := d.api.lines[bobKey][3]
			m.Edited = noon
			d.emit(m)
			d.keys("ctrl+home")
			d.keys("ctrl+end")
		}, []string{"message 1999."}},
		{"events were missed", func(d *driver) {
			d.send(feedMsg{reload: true})
			d.has("needle")
			d.keys("ctrl+end")
		}, []string{"message 1999."}},
		{"somebody else and back", func(d *driver) { d.keys("alt+2", "alt+1") }, []string{"message 1999."}},
		{"found again", func(d *driver) { there(d) }, []string{"message 701."}},
		{"up to the beginning", func(d *driver) {
			for range 200 {
				d.keys("pgup")
			}
		}, []string{"message 0."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withPast(t, 80, 24, func(d *driver) {
				there(d)
				tt.do(d)
				d.has(tt.has...)
				c := d.m.current()
				list := gaps(c)
				if tt.name == "a message is written" {
					list = nil // the fake's rows count all conversations
				}
				if tt.name != "a message comes" && len(list) > 0 {
					t.Errorf("gaps: %q", list)
				}
			})
		})
	}
}

// TestSearchEverywhere: Ctrl+F twice looks in all conversations.
func TestSearchEverywhere(t *testing.T) {
	withPast(t, 80, 24, func(d *driver) {
		d.keys("ctrl+f", "ctrl+f")
		d.typing("needle")
		d.has("Search everywhere", "2 found", "you to chloe", "a needle, too")
		d.keys("enter")
		d.has("✓ chloe", "a needle, too")
		d.keys("esc", "alt+1", "ctrl+f")
		d.typing("too")
		d.has("nothing here", "Ctrl+F looks everywhere")
		d.keys("ctrl+f")
		d.has("a needle, too")
		d.keys("ctrl+f", "esc")
		d.has("message 1999.")
	})
}

// TestSearchPages: the end of the list asks for more, one question at a time.
func TestSearchPages(t *testing.T) {
	withPast(t, 80, 24, func(d *driver) {
		d.keys("ctrl+f")
		d.typing("message")
		d.has("50 or more")
		for range 60 {
			d.keys("down")
		}
		if n := len(d.m.search.found); n != 2*searchPage {
			t.Errorf("%d found, want %d", n, 2*searchPage)
		}
		d.has("message 1939.")
		d.keys("ctrl+u")
		d.has("Search stays on this device")
	})
}

// TestSearchFails says why.
func TestSearchFails(t *testing.T) {
	withPast(t, 80, 24, func(d *driver) {
		d.keys("ctrl+f")
		d.m.search.want = asked{query: "x", who: bobKey}
		d.send(foundMsg{asked: d.m.search.want, err: errors.New("read history: input/output error")})
		d.has("input/output error")
	})
}

// TestSnippet: the row of a message that was found shows the word, and no
// spoiler.
func TestSnippet(t *testing.T) {
	m := stillIn(newFake(), 40, 12)
	for _, tt := range []struct {
		body, query string
		spoiler     bool
		want        string
	}{
		{"short needle here", "needle", false, "short |needle| here"},
		{"a\nNEEDLE", "needle", false, "a |NEEDLE|"},
		{strings.Repeat("hay ", 100) + "needle end", "needle", false, "…hay hay hay hay hay hay |needle| end"},
		{"İstanbul needle", "needle", false, "İstanbul |needle|"},
		{"one two", `"one two"`, false, "|one| |two|"},
		{"lake", "lak*", false, "|lak|e"},
		{"nothing", "needle", false, "nothing"},
		{"the butler needle", "needle", true, "spoiler: |a hint|"},
	} {
		m.search.of.query = tt.query
		hit := chat.Message{Body: safetext.Body(tt.body), Spoiler: tt.spoiler, Hint: safetext.Line("a hint")}
		var parts []string
		for _, s := range m.snippet(&hit, 36) {
			if s.IsEmpty() {
				continue
			}
			if s.String() == "a hint" || strings.TrimSpace(s.String()) != "" && strings.Contains(tt.want, "|"+s.String()+"|") {
				parts = append(parts, "|"+s.String()+"|")
			} else {
				parts = append(parts, s.String())
			}
		}
		if got := strings.Join(parts, ""); got != tt.want {
			t.Errorf("snippet of %q for %q is %q, want %q", tt.body, tt.query, got, tt.want)
		}
	}
}
