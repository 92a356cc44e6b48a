package tui

import (
	"context"
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

// lossy is an engine that keeps what it is given, and ends before it says so.
type lossy struct {
	*fake
	ended bool
	ids   []string
}

func (l *lossy) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	l.mu.Lock()
	l.ids = append(l.ids, w.ID)
	l.mu.Unlock()
	if l.ended {
		return chat.Message{}, chat.ErrEnded
	}
	return l.fake.Write(ctx, who, w)
}

// TestSentAgainUnderTheSameID: a text that came back because its node ended is
// written again under its id, so that it cannot be there twice; another text
// has another one, and so has the same text once it was taken.
func TestSentAgainUnderTheSameID(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		api := &lossy{fake: d.api, ended: true}
		d.m.api = api
		d.typing("once")
		d.keys("enter")
		d.has("once", "the running node ended")
		d.keys("enter")
		api.ended = false
		d.keys("enter")
		d.typing("once")
		d.keys("enter")
		d.typing("other")
		d.keys("enter")
		ids := api.ids
		if len(ids) != 5 || ids[0] == "" || ids[0] != ids[1] || ids[1] != ids[2] || ids[3] == ids[2] || ids[4] == ids[3] {
			t.Errorf("written under %q", ids)
		}
	})
}
