package tui

import (
	"slices"
	"testing"

	"llchat/internal/chat"
)

// TestNodeGone: a window whose node ended says so once, in words, and does not
// go on to show anybody as here or connected. When a node is there again it
// has all anew, and the node hears again what the window shows.
func TestNodeGone(t *testing.T) {
	withBob(t, 110, 24, func(d *driver) {
		d.has("on this network", "2 near")
		d.typing("half a th")
		d.send(feedMsg{err: chat.ErrEnded})
		d.has("the node is gone", "the running node ended", "start it again", "not known", "half a th")
		d.hasNot("on this network", " near", "dial unix", "available")
		d.wait(noteFor)
		d.send(feedMsg{err: chat.ErrEnded})
		d.hasNot("the running node ended")
		d.has("the node is gone")
		d.api.mu.Lock()
		d.api.looked, d.api.viewed = nil, nil
		d.api.mu.Unlock()
		d.send(feedMsg{reload: true})
		d.wait(2 * tellAfter)
		d.has("on this network", "2 near", "half a th")
		d.hasNot("the node is gone")
		d.api.mu.Lock()
		defer d.api.mu.Unlock()
		if !slices.Contains(d.api.looked, bobKey) || len(d.api.viewed) == 0 {
			t.Errorf("the new node heard of focus %q and view %q", d.api.looked, d.api.viewed)
		}
	})
}
