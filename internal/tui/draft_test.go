package tui

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
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
	api.drafts[bobKey] = "kept for bob"
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
		d.api.drafts[bobKey] = "old"
		d.m.saveAll(t.Context())
		if got := d.draftOnDisk(bobKey); got != "old\nnew" {
			t.Errorf("on disk is %q", got)
		}
	})
}
