package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

func (d *driver) viewed() [][]string {
	d.api.mu.Lock()
	defer d.api.mu.Unlock()
	return slices.Clone(d.api.viewed)
}

func keysOf(names ...string) []string {
	var out []string
	for _, n := range names {
		out = append(out, pinOf(n).String())
	}
	return out
}

// TestViewIsTold: the engine hears which people are on the screen when that
// changed and stayed, and no timer runs while it does not change.
func TestViewIsTold(t *testing.T) {
	api := withTwo()
	api.peers = append(api.peers, peerOf("kai", "", chat.Online), peerOf("judy", chat.Pinned, chat.Offline))
	inWindow(t, api, 80, 24, func(d *driver) {
		d.wait(tellAfter)
		want := [][]string{{pinOf("bob").String(), pinOf("chloe").String(), peerOf("kai", "", chat.Online).Key, pinOf("judy").String()}}
		if diff := cmp.Diff(want, d.viewed()); diff != "" {
			t.Fatalf("on the first screen (-want +got):\n%s", diff)
		}
		d.keys("alt+1")
		d.keys("alt+2") // scrolled past
		d.wait(tellAfter)
		want = append(want, keysOf("chloe"))
		if diff := cmp.Diff(want, d.viewed()); diff != "" {
			t.Errorf("in a conversation (-want +got):\n%s", diff)
		}
		d.keys("f1")
		d.typing("x")
		d.keys("esc")
		d.wait(10 * tellAfter)
		if diff := cmp.Diff(want, d.viewed()); diff != "" {
			t.Errorf("after the help (-want +got):\n%s", diff)
		}
		p := peerOf("bob", chat.Pinned, chat.Away)
		d.emit(p)
		d.wait(tellAfter)
		if n := len(d.viewed()); n != 2 {
			t.Errorf("told %d times: news of somebody not on the screen counts", n)
		}
	})
}

// TestViewIsBounded: never more rows than the engine counts, nor more than
// there are on the screen.
func TestViewIsBounded(t *testing.T) {
	api := newFake()
	for i := range 400 {
		api.peers = append(api.peers, peerOf(fmt.Sprintf("friend%03d", i), chat.Pinned, chat.Online))
	}
	inWindow(t, api, 80, 24, func(d *driver) {
		d.keys("ctrl+k")
		d.wait(tellAfter)
		got := d.viewed()
		if n := len(got[len(got)-1]); n != 22 {
			t.Errorf("%d rows are told, 22 are on the screen", n)
		}
	})
	m := stillIn(api, 80, 300)
	m.startFinder("")
	if n := len(m.inSight(m.layout())); n != chat.MaxView {
		t.Errorf("%d rows of 298 are told, want %d", n, chat.MaxView)
	}
}

// TestChosenStays: people who come and go do not move the choice to somebody
// else, so that Enter never opens a stranger.
func TestChosenStays(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.keys("ctrl+k", "down", "down")
		chosen := func() string { return d.m.people()[d.m.finder.at].peer.Key }
		if got := chosen(); got != pinOf("chloe").String() {
			t.Fatalf("chosen is %s", got)
		}
		for i := range 30 {
			d.emit(peerOf(fmt.Sprintf("aa%02d", i), chat.Pinned, chat.Online))
			if got := chosen(); got != pinOf("chloe").String() {
				t.Fatalf("after %d people came the choice is %s", i+1, got)
			}
		}
		gone := peerOf("bob", chat.Verified, chat.Online)
		gone.Gone = true
		d.emit(gone)
		d.send(feedMsg{reload: true})
		d.keys("enter")
		d.has("✓ chloe", "verified")
	})
}

// TestChosenGoes: the choice falls on the next row when the chosen one is gone.
func TestChosenGoes(t *testing.T) {
	inWindow(t, withTwo(), 80, 24, func(d *driver) {
		d.keys("ctrl+k")
		gone := peerOf("bob", chat.Pinned, chat.Online)
		gone.Gone = true
		d.emit(gone)
		d.keys("enter")
		d.has("✓ chloe")
	})
}

// twins are bob and three who look like him.
func twins() *fake {
	api := withTwo()
	claim := peerOf("bоb", "", chat.Online) // the second letter is Cyrillic
	claim.Namesake = pinOf("bob")
	friend := peerOf("Bob", chat.Pinned, chat.Online)
	friend.Namesake = pinOf("bob")
	api.peers = append(api.peers, claim, friend)
	return api
}

// T-13: a row that goes by a contact's name says so in words, in the roster,
// the list, the header and the details, at every width.
func TestT13_LookAlikeIsMarked(t *testing.T) {
	claim := "~bоb@bоb-pc"
	for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inWindow(t, twins(), size[0], size[1], func(d *driver) {
				d.m.open = ""
				for _, row := range d.rows() {
					if strings.Contains(row, "◌ bоb") && !hasAny(row, []string{"look-alike", "looks like your contact bob"}) {
						t.Errorf("row %q has no mark", row)
					}
				}
				d.keys("ctrl+k")
				if n := strings.Count(d.text(), "look-alike"); n < 2 {
					t.Errorf("%d rows of the list are marked, want 2:\n%s", n, d.text())
				}
				d.keys("esc")
				d.m.show(claim)
				if head := d.rows()[d.m.layout().headY]; !hasAny(head, []string{"look-alike", "looks like a contact"}) {
					t.Errorf("header is %q", head)
				}
				d.m.show(pinOf("Bob").String())
				if head := d.rows()[d.m.layout().headY]; !strings.Contains(head, "pinned") || !hasAny(head, []string{"look-alike", "another contact's name"}) {
					t.Errorf("header is %q", head)
				}
				d.m.show(bobKey)
				if head := d.rows()[d.m.layout().headY]; hasAny(head, []string{"look", "goes by"}) {
					t.Errorf("the contact himself is marked: %q", head)
				}
			})
		})
	}
}

// T-13: the first text to a look-alike needs a second Enter, a second later,
// and the text stays in the composer.
func TestT13_LookAlikeAsksOnce(t *testing.T) {
	inWindow(t, twins(), 80, 24, func(d *driver) {
		claim := "~bоb@bоb-pc"
		d.m.show(claim)
		d.typing("the door code is 4417")
		d.keys("enter", "enter")
		if calls := d.called(); len(calls) > 0 {
			t.Fatalf("called %q", calls)
		}
		d.has("not sent", "only looks like your contact", "4417")
		d.m.show(bobKey)
		d.typing("/msg " + claim + " hello")
		d.keys("enter")
		d.wait(deadFor)
		d.keys("enter")
		if n := len(d.called()); n != 1 {
			t.Errorf("after the second Enter there are %d calls", n)
		}
	})
}

func TestLastSeen(t *testing.T) {
	p := peerOf("judy", chat.Pinned, chat.Offline)
	p.LastSeen = noon.Add(-5 * time.Minute)
	api := newFake()
	api.peers = []chat.Peer{p}
	m := stillIn(api, 80, 24)
	m.now = func() time.Time { return noon }
	d := &driver{t: t, m: m, api: api}
	d.has("◉ judy", "last seen 5 min ago")
	m.show(p.Key)
	d.has("not here · last seen 5 min ago")
	m.w = 40
	d.has("judy")
}

func TestSecondKeyOfOneName(t *testing.T) {
	b := newBook()
	for _, p := range meeting().peers {
		b.put(p)
	}
	of := pinOf("grace")
	if n := len(b.conflicts(of)); n != 1 {
		t.Fatalf("%d other keys", n)
	}
	p := b.get(pinOf("mallory").String()).peer
	p.Trust = chat.Blocked
	b.put(p)
	if n := len(b.conflicts(of)) + len(b.others); n != 0 {
		t.Errorf("a blocked key is still counted: %d", n)
	}
	p.Trust, p.Name = chat.Conflict, safetext.Name("grace")
	b.put(p)
	p.Gone = true
	b.put(p)
	if n := len(b.conflicts(of)) + len(b.others); n != 0 {
		t.Errorf("a key that left is still counted: %d", n)
	}
}
