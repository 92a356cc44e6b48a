package tui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/safetext"
)

func healthItem(code string, s health.Severity) chat.HealthNotice {
	return chat.HealthNotice{Item: health.Item{Code: code, Severity: s, Text: code + " happened", Hint: "mend " + code, Since: noon}}
}

// emitHealth tells of items as the engine does: in an event and in the status.
func (d *driver) emitHealth(notices ...chat.HealthNotice) {
	for _, n := range notices {
		d.api.mu.Lock()
		var kept []health.Item
		for _, it := range d.api.status.Health {
			if it.Code != n.Code {
				kept = append(kept, it)
			}
		}
		if !n.Gone {
			kept = append(kept, n.Item)
		}
		d.api.status.Health = kept
		d.api.mu.Unlock()
		d.emit(n)
	}
}

// TestAlertsByWeight: the worst comes first, and Esc puts one after the other
// away; what is wrong leaves a count.
func TestAlertsByWeight(t *testing.T) {
	withBob(t, 120, 36, func(d *driver) {
		d.emitHealth(healthItem("renamed", health.Info))
		d.has("note renamed happened", "mend renamed", "Esc puts it away")
		d.emitHealth(healthItem("store", health.Error), healthItem("filtered", health.Warning))
		d.has("!! store happened", "+2 more")
		d.hasNot("filtered", "renamed", "/net")
		d.keys("esc")
		d.has("! filtered happened", "+1 more", "!1 /net")
		d.keys("esc")
		d.has("note renamed happened", "!2 /net")
		d.keys("esc")
		d.hasNot("happened", "Esc puts")
		d.has("!2 /net")
		d.emitHealth(chat.HealthNotice{Item: health.Item{Code: "store"}, Gone: true})
		d.has("!1 /net")
	})
}

// An item that was put away is news again when it comes back or says
// something else.
func TestAlertComesBack(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		it := healthItem("filtered", health.Warning)
		d.emitHealth(it)
		d.keys("esc")
		d.hasNot("happened")
		d.emitHealth(it)
		d.hasNot("happened")
		other := it
		other.Text = "filtered everywhere"
		d.emitHealth(other)
		d.has("filtered everywhere")
		d.keys("esc")
		d.hasNot("filtered everywhere")
		gone := other
		gone.Gone = true
		d.emitHealth(gone, other)
		d.has("filtered everywhere")
	})
}

// TestAlertLeavesTheTalk: at no size does an alert take a row of the
// conversation, and the card keeps its keys.
func TestAlertLeavesTheTalk(t *testing.T) {
	for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}, {30, 8}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			withBob(t, size[0], size[1], func(d *driver) {
				d.emit(d.api.message("bob", chat.In, "hello", chat.Received))
				before := d.rows()
				l := d.m.layout()
				d.emitHealth(healthItem("store", health.Error))
				after := d.rows()
				if diff := cmp.Diff(before[:l.composeY+l.composeH], after[:l.composeY+l.composeH]); diff != "" {
					t.Errorf("the conversation changed (-before +after):\n%s", diff)
				}
				if l.footY >= 0 {
					d.has("!! store happened", "Esc")
				}
			})
		})
	}
	inWindow(t, meeting(), 40, 12, func(d *driver) {
		d.emitHealth(healthItem("store", health.Error))
		d.keys("alt+a", "tab")
		d.has("a accept", "b block")
	})
}

// TestConflictStays: an alarm about a key stays until somebody looked at it or
// put it away, with one row a key.
func TestConflictStays(t *testing.T) {
	other := pinOf("mallory")
	alarm := chat.ConflictNotice{Fingerprint: other, Name: safetext.Name("grace"), Of: pinOf("grace"), OfName: safetext.Name("grace")}
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.emitHealth(healthItem("store", health.Error))
		d.emit(alarm, alarm)
		d.wait(2 * noteFor)
		d.has("KEY!", "another key claims the name grace", "+1 more")
		d.m.show(bobKey)
		d.has("another key claims the name grace")
		d.m.show(other.String())
		d.hasNot("another key claims the name grace;")
	})
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.emit(alarm)
		d.keys("esc")
		d.hasNot("claims the name grace")
	})
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		for i := range 3 * maxConflicts {
			a := alarm
			a.Fingerprint[0] = byte(i)
			d.emit(a)
		}
		if n := len(d.m.conflicts); n != maxConflicts {
			t.Errorf("%d alarms are kept, want %d", n, maxConflicts)
		}
	})
}

// TestLogIsBounded: what happened is kept, and not for ever; a word that is
// said again does not push the others out.
func TestLogIsBounded(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		for range 5 {
			d.typing("/nope")
			d.keys("enter", "ctrl+u")
		}
		if n := len(d.m.log); n != 1 {
			t.Errorf("the same word is %d lines", n)
		}
		for i := range 2 * maxLog {
			d.emitHealth(healthItem(strings.Repeat("x", 1+i%7), health.Info))
			d.emitHealth(chat.HealthNotice{Item: health.Item{Code: strings.Repeat("x", 1+i%7)}, Gone: true})
		}
		if n := len(d.m.log); n != maxLog {
			t.Errorf("%d lines are kept, want %d", n, maxLog)
		}
	})
}
