package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
)

func TestRosterFoldsStrangers(t *testing.T) {
	api := meeting()
	for i := range 3000 {
		api.peers = append(api.peers, peerOf(fmt.Sprintf("guest%04d", i), "", chat.Online))
	}
	inWindow(t, api, 120, 36, func(d *driver) {
		d.has("ASKING", "wei", "bob", "heidi", "judy", "more, Ctrl+K", "3,008 near")
		d.m.show("~guest2999@guest2999-pc")
		rows := d.rows()
		if !slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, " ◌ guest2999") }) {
			t.Errorf("the open conversation is folded away:\n%s", d.text())
		}
	})
}

// TestBookOrder compares the sorted roster with one that is sorted anew.
func TestBookOrder(t *testing.T) {
	b := newBook()
	var all []chat.Peer
	for i := range 200 {
		p := peerOf(fmt.Sprintf("p%03d", (i*37)%200), []chat.Trust{chat.Pinned, chat.Unknown, "", chat.Blocked}[i%4], []chat.Presence{chat.Online, chat.Offline, chat.Away}[i%3])
		all = append(all, p)
		b.put(p)
	}
	for i := range all {
		if i%3 == 0 {
			all[i].Presence = chat.Offline
			b.put(all[i])
		}
		if i%7 == 0 {
			all[i].Gone = true
			b.put(all[i])
		}
	}
	fresh := newBook()
	for _, p := range all {
		fresh.put(p)
	}
	keys := func(b *book) (out []string) {
		for _, e := range b.order {
			out = append(out, e.peer.Key)
		}
		return out
	}
	if diff := cmp.Diff(keys(fresh), keys(b)); diff != "" {
		t.Errorf("order (-sorted +kept):\n%s", diff)
	}
	if !slices.IsSortedFunc(b.order, (*entry).compare) {
		t.Error("the roster is not sorted")
	}
	n := 0
	for s := range sections {
		n += b.count[s]
	}
	if n != len(b.order) {
		t.Errorf("counts make %d, there are %d rows", n, len(b.order))
	}
}

func TestFind(t *testing.T) {
	b := newBook()
	for _, p := range meeting().peers {
		b.put(p)
	}
	for _, tt := range []struct {
		who  string
		want int
	}{
		{"bob", 1}, {"BOB", 1}, {"bob@bob-pc", 1}, {"grace", 2}, {pinOf("bob").String()[:8], 1}, {pinOf("bob").String()[:7], 0}, {"nobody", 0}, {bobKey, 1},
	} {
		if got := len(b.find(tt.who)); got != tt.want {
			t.Errorf("find(%q) returns %d rows, want %d", tt.who, got, tt.want)
		}
	}
}

// TestSameNameTwice: two keys of one name are told apart by their label.
func TestSameNameTwice(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.typing("/msg grace hi")
		d.keys("enter")
		d.has("more than one is called grace", pinOf("grace").Label(), pinOf("mallory").Label())
		if calls := d.called(); len(calls) > 0 {
			t.Errorf("an ambiguous name called %q", calls)
		}
	})
}
