package avahi

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns"
)

// become renames r and waits for the announcement.
func (r *rig) become(user, machine string, port uint16) string {
	r.Helper()
	name, err := r.Rename(r.Context(), user, machine, port, mdns.PresenceText("", "avail", ""))
	if err != nil {
		r.Fatalf("rename: %v", err)
	}
	return name
}

// 174-9.1: another name or port is another instance: the old one says goodbye
// and the new one is registered. The same name on the same port stays.
func TestRename(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		if name := r.become("bob", "finch-2345", 5300); name != "bob@finch-2345" {
			r.Errorf("first published as %q", name)
		}
		r.want(r.d.services(), "bob@finch-2345 finch-2345.local 5300 [txtvers=1 status=avail]")
		groups := r.d.count("EntryGroupNew")
		r.become("bob", "finch-2345", 5300)
		if n := r.d.count("EntryGroupNew"); n != groups {
			r.Errorf("%d groups made for the same name", n-groups)
		}
		r.become("bob", "finch-2345", 5301)
		r.want(r.d.services(), "bob@finch-2345 finch-2345.local 5301 [txtvers=1 status=avail]")
		if name := r.become("carol", "wren-6789", 5302); name != "carol@wren-6789" || r.Name() != name {
			r.Errorf("renamed to %q, %q", name, r.Name())
		}
		r.want(r.d.services(), "carol@wren-6789 wren-6789.local 5302 [txtvers=1 status=avail]")
		r.want(r.events())
		for _, bad := range [][2]string{{"", "wren"}, {"carol", ""}, {"carol", "two words"}} {
			if _, err := r.Rename(r.Context(), bad[0], bad[1], 1, nil); !errors.Is(err, mdns.ErrName) {
				r.Errorf("%q: %v", bad, err)
			}
		}
		if r.Name() != "carol@wren-6789" {
			r.Errorf("a bad name changed ours to %q", r.Name())
		}
	})
}

// 174-3.8: a conflict after Rename is told against the name that was wanted.
func TestRenameConflict(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.publish("avail")
		r.d.mu.Lock()
		r.d.taken["wren-6789.local"] = true
		r.d.mu.Unlock()
		if name := r.become("carol", "wren-6789", 5302); name != "carol@wren-6789-1" {
			r.Errorf("renamed to %q", name)
		}
		if s := r.Stats(); s.Conflicts != 1 || s.Renames != 1 || s.Name != "carol@wren-6789-1" {
			r.Errorf("stats %+v", s)
		}
	})
}

// K5: a silent node is no client of the daemon: nothing is registered, nothing
// is browsed, nobody is listed, nothing is asked in an hour. Rename ends it.
func TestSilence(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("bob@kite", "kite", "10.77.0.2")
		r.d.hear(append(ptr, rest...)...)
		r.publish("avail")
		r.wait(5 * time.Second)
		if len(r.Peers()) != 1 {
			r.Fatalf("peers %+v", r.Peers())
		}
		if err := r.Withdraw(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.events()
		if err := r.Silence(); err != nil {
			r.Fatal(err)
		}
		r.want(r.events(), "left bob@kite link lost")
		r.d.mu.Lock()
		before := len(r.d.log)
		r.d.mu.Unlock()
		_ = r.SetText(mdns.PresenceText("", "away", ""))
		r.Watch("bob@kite")
		r.Reconfirm("bob@kite")
		if _, err := r.Resolve(r.Context(), "bob@kite"); !errors.Is(err, mdns.ErrUnknown) {
			r.Errorf("resolve: %v", err)
		}
		r.wait(time.Hour)
		r.d.mu.Lock()
		after := r.d.log[before:]
		open := r.d.conn.Context().Err() == nil
		r.d.mu.Unlock()
		if len(after) != 0 || open {
			r.Errorf("a ghost asked %q, connected %v", after, open)
		}
		want := mdns.Stats{Silent: true, Links: []mdns.LinkStats{{ID: eth0.ID, Name: "eth0"}}}
		if d := cmp.Diff(want, r.Stats()); d != "" {
			r.Errorf("stats (-want +got)\n%s", d)
		}
		if name := r.become("carol", "wren-6789", 5302); name != "carol@wren-6789" {
			r.Errorf("back as %q", name)
		}
		r.wait(5 * time.Second)
		if s := r.Stats(); s.Silent || s.Peers != 1 || !s.Links[0].Live {
			r.Errorf("stats %+v", s)
		}
	})
}

// Silence while the bus is away: nothing tries to reach it.
func TestSilenceWithoutBus(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.d.mu.Lock()
		_ = r.d.conn.Close()
		r.d.mu.Unlock()
		r.wait(10 * time.Millisecond)
		if err := r.Silence(); err != nil {
			r.Fatal(err)
		}
		r.d.mu.Lock()
		before := r.d.conn
		r.d.mu.Unlock()
		r.wait(time.Hour)
		r.d.mu.Lock()
		again := r.d.conn != before
		r.d.mu.Unlock()
		if again {
			r.Error("a ghost connected to the bus")
		}
	})
}
