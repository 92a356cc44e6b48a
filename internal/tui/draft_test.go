package tui

import (
	"slices"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// What was written before anybody was chosen goes to the one who is chosen,
// and on to the next until it is touched; it is never left where no key leads.
func TestDraftGoesToTheChosen(t *testing.T) {
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		d.typing("half a thought")
		d.keys("alt+down")
		d.has("◉ bob", "half a thought")
		d.keys("alt+down")
		d.has("✓ chloe", "half a thought")
		d.wait(2 * draftWait)
		if got := d.draftOnDisk(bobKey) + d.draftOnDisk(homeKey); got != "" {
			t.Errorf("left behind on disk: %q", got)
		}
		if got := d.draftOnDisk(pinOf("chloe").String()); got != "half a thought" {
			t.Errorf("on disk for chloe is %q", got)
		}
		d.typing("!")
		d.keys("alt+up")
		d.has("◉ bob")
		d.hasNot("half a thought")
		d.keys("alt+down")
		d.has("half a thought!")
	})
}

func TestDraftGoesInFrontOfTheKeptOne(t *testing.T) {
	api := withTwo()
	api.drafts[bobKey] = chat.Writing{Text: "kept for bob"}
	inWindow(t, api, 80, 24, func(d *driver) {
		d.typing("typed at home")
		d.keys("alt+down")
		d.has("kept for bob", "typed at home")
		d.keys("alt+down")
		d.has("✓ chloe")
		d.hasNot("typed at home", "kept for bob")
		d.wait(2 * draftWait)
		if got := d.draftOnDisk(bobKey); got != "kept for bob\ntyped at home" {
			t.Errorf("on disk for bob is %q", got)
		}
	})
}

// A locked conversation takes no text, so the draft goes on to the next one.
func TestDraftPassesALockedOne(t *testing.T) {
	api := withTwo()
	pidgin := peerOf("aaron", "", chat.Online)
	pidgin.Encrypts = new(false)
	api.peers = append(api.peers, pidgin)
	inWindow(t, api, 80, 24, func(d *driver) {
		d.typing("for somebody")
		d.m.show(pidgin.Key)
		d.hasNot("for somebody")
		d.keys("alt+down")
		d.has("◉ bob", "for somebody")
	})
}

// What was written with nobody chosen survives the window too.
func TestHomeDraftSurvives(t *testing.T) {
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		d.typing("to whom?")
		d.wait(draftWait)
		next := newDriver(d.t, d.api, Options{})
		defer next.close()
		next.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		next.has("to whom?")
	})
}

// A draft that was kept is not written over by what is typed before it came.
func TestSlowDraftIsNotLost(t *testing.T) {
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		c := d.m.conv(bobKey)
		c.draft.Insert("new")
		if cmd := d.m.keepDraft(c); cmd != nil {
			t.Error("a draft is written before the kept one came")
		}
		d.api.drafts[bobKey] = chat.Writing{Text: "old"}
		d.m.saveAll(t.Context())
		if got := d.draftOnDisk(bobKey); got != "old\nnew" {
			t.Errorf("on disk is %q", got)
		}
	})
}

// again is the window that is opened after this one.
func (d *driver) again(test func(d *driver)) {
	next := newDriver(d.t, d.api, Options{Env: []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LLCHAT_THEME=dark"}})
	next.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	next.keys("alt+1")
	test(next)
	next.close()
}

// What a draft is survives the window: a correction stays one, an answer too.
// Without the message that it is about it is a text of its own, and says so.
func TestDraftStaysWhatItIs(t *testing.T) {
	gone := func(d *driver, body string) {
		lines := d.api.lines[bobKey]
		i := slices.IndexFunc(lines, func(m chat.Message) bool { return m.Body.String() == body })
		lines[i].Retracted, lines[i].Body = noon, safetext.Text{}
	}
	for _, tt := range []struct {
		name  string
		keys  []string
		after func(d *driver)
		has   []string
		want  []string
	}{
		{"correction", []string{"up", "up", "e", "!"}, nil, []string{"edit bob › I knew it!"}, []string{write("I knew it", "", "", "", "", "I knew it!")}},
		{"answer", []string{"up", "r", "y"}, nil, []string{"reply bob › y", "answering bob"}, []string{write("", "", "", "really?", "", "y")}},
		{"answer that is none any more", []string{"up", "r", "y", "esc"}, nil, []string{"◉ bob › y"}, []string{"send " + bobKey + " y"}},
		{"answer, message taken back", []string{"up", "r", "y"}, func(d *driver) { gone(d, "really?") }, []string{"answered is gone", "◉ bob › y"}, []string{"send " + bobKey + " y"}},
		{"correction, message taken back", []string{"up", "up", "e", "!"}, func(d *driver) { gone(d, "I knew it") }, []string{"corrected is gone", "◉ bob › I knew it!"}, []string{"send " + bobKey + " I knew it!"}},
		{"correction, message deleted", []string{"up", "up", "e", "home", "/"}, func(d *driver) { d.api.lines[bobKey] = nil }, []string{"◉ bob › //I knew it"}, []string{"send " + bobKey + " /I knew it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withForms(t, 80, 24, func(d *driver) {
				d.keys(tt.keys...)
				d.wait(2 * draftWait)
				if tt.after != nil {
					tt.after(d)
				}
				d.again(func(d *driver) {
					d.has(tt.has...)
					d.keys("enter")
					if diff := cmp.Diff(tt.want, d.called()); diff != "" {
						t.Errorf("calls (-want +got):\n%s", diff)
					}
					d.wait(2 * draftWait)
					if w := d.api.drafts[bobKey]; !cmp.Equal(w, chat.Writing{}) {
						t.Errorf("kept after it was sent: %+v", w)
					}
				})
			})
		})
	}
}

// A text that is on its way when the window dies is kept as what it was; a
// spoiler is one again, not a text for everybody to see.
func TestDraftOnItsWay(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		want chat.Writing
	}{
		{"answer", []string{"up", "r", "y", "enter"}, chat.Writing{Text: "y", Reply: "really?"}},
		{"correction", []string{"up", "up", "e", "!", "enter"}, chat.Writing{Text: "I knew it!", Replaces: "I knew it"}},
		{"answer, then more", []string{"up", "r", "y", "enter", "z"}, chat.Writing{Text: "y\nz"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withForms(t, 80, 24, func(d *driver) {
				for _, k := range tt.keys {
					d.m.Update(tea.KeyPressMsg(keyOf(k))) // the engine does not answer
				}
				got := d.m.current().kept()
				got.Reply, got.Replaces = d.api.textOf(got.Reply), d.api.textOf(got.Replaces)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
	a := attempt{writing: chat.Writing{Text: "he did it", Spoiler: true, Hint: "the end"}}
	if _, rest := parse(a.draft()); !cmp.Equal(spoiler(rest), a.writing) {
		t.Errorf("a spoiler is typed again as %q", a.draft())
	}
}
