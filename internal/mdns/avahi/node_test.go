package avahi

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// face is what both backends have, and what a user of either should hold.
type face interface {
	Publish(context.Context, mdns.Text) (string, error)
	Rename(ctx context.Context, user, machine string, port uint16, t mdns.Text) (string, error)
	Silence() error
	Stats() mdns.Stats
	SetText(mdns.Text) error
	SetAvatar([]byte) error
	Avatar(context.Context, string) ([]byte, error)
	Withdraw(context.Context) error
	Name() string
	Events() <-chan mdns.Event
	Peers() []mdns.Peer
	Resolve(context.Context, string) (mdns.Peer, error)
	Reconfirm(string)
	Watch(...string)
	Err() error
	Close() error
}

var (
	_ face = (*Node)(nil)
	_ face = (*mdns.Node)(nil)
)

func (r *rig) want(got []string, want ...string) {
	r.Helper()
	if d := cmp.Diff(want, got); d != "" {
		r.Errorf("(-want +got)\n%s", d)
	}
}

func (r *rig) publish(status string) string {
	r.Helper()
	name, err := r.Publish(r.Context(), mdns.PresenceText("", status, ""))
	if err != nil {
		r.Fatalf("publish: %v", err)
	}
	return name
}

// 174-3.2 to 3.5: instance, host label of our own, port, text; and goodbye by
// freeing the groups (174-9.1).
func TestPublish(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		begin := time.Now()
		if name := r.publish("avail"); name != "alice@plume-abcd" || r.Name() != name {
			r.Errorf("name is %q, %q", name, r.Name())
		}
		if took := time.Since(begin); took > time.Second {
			r.Errorf("took %v", took)
		}
		r.want(r.d.services(), "alice@plume-abcd plume-abcd.local 5299 [txtvers=1 status=avail]")
		for _, a := range []string{"10.77.0.1", "fe80::1"} {
			if r.d.count("AddAddress 16 plume-abcd.local "+a) != 1 {
				r.Errorf("address %s is not registered: %q", a, r.d.log)
			}
		}
		if err := r.Withdraw(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.want(r.d.services())
		if r.Name() != "" {
			r.Errorf("name is %q after Withdraw", r.Name())
		}
		r.want(r.events())
	})
}

// 174-5.3: changes in place, no more than ten a minute, the last value wins.
func TestSetText(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.publish("avail")
		for i := range 30 {
			if err := r.SetText(mdns.PresenceText("", "away", fmt.Sprint(i))); err != nil {
				r.Fatal(err)
			}
			r.wait(200 * time.Millisecond)
		}
		if n := r.d.count("UpdateServiceTxt"); n > 7 {
			r.Errorf("%d updates in 6 s", n)
		}
		r.wait(time.Minute)
		if n := r.d.count("UpdateServiceTxt"); n > 10 {
			r.Errorf("%d updates in 66 s", n)
		}
		r.want(r.d.services(), "alice@plume-abcd plume-abcd.local 5299 [txtvers=1 status=away msg=29]")
		if r.d.count("Free") != 0 {
			r.Error("a group was freed for a change of text")
		}
	})
}

// 174-3.8, 174-3.9: which part is renamed, and that the user is told.
func TestConflict(t *testing.T) {
	tests := []struct {
		name  string
		set   func(*daemon)
		want  string
		fails bool
	}{
		{"host taken on the network", func(d *daemon) { d.taken["plume-abcd.local"] = true }, "alice@plume-abcd-1", false},
		{"instance taken on the network", func(d *daemon) {
			d.taken["alice\\064plume-abcd._presence._tcp.local"] = true
		}, "alice@plume-abcd-1", false},
		{"taken twice", func(d *daemon) {
			d.taken["plume-abcd.local"], d.taken["plume-abcd-1.local"] = true, true
		}, "alice@plume-abcd-2", false},
		{"instance taken on this machine", func(d *daemon) {
			d.groups["/other"] = &fakeGroup{d: d, iface: 2, service: "alice@plume-abcd", state: 2}
		}, "alice-1@plume-abcd", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.d.mu.Lock()
				tt.set(r.d)
				r.d.mu.Unlock()
				if name := r.publish("avail"); name != tt.want {
					r.Errorf("name is %q, want %q", name, tt.want)
				}
				r.want(r.events(), "renamed "+tt.want)
				if err := r.Withdraw(r.Context()); err != nil {
					r.Fatal(err)
				}
				if name := r.publish("avail"); name != tt.want {
					r.Errorf("then the name is %q, want the chosen one", name)
				}
			})
		})
	}
}

// A conflict after the name was announced renames too (174-3.10).
func TestConflict_Later(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.publish("avail")
		r.d.mu.Lock()
		for path, g := range r.d.groups {
			if g.service != "" {
				r.d.say(r.d.owner, path, groupFace+".StateChanged", int32(groupCollision), "")
			}
		}
		r.d.mu.Unlock()
		r.wait(2 * time.Second)
		r.want(r.events(), "renamed alice@plume-abcd-1")
		r.want(r.d.services(), "alice@plume-abcd-1 plume-abcd-1.local 5299 [txtvers=1 status=avail]")
	})
}

// A squatter who answers every probe does not silence us.
func TestSquatter(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.d.taken["*"] = true
		begin := time.Now()
		go func() { time.Sleep(90 * time.Second); r.d.mu.Lock(); delete(r.d.taken, "*"); r.d.mu.Unlock() }()
		name := r.publish("avail")
		if took := time.Since(begin); took > time.Minute {
			r.Errorf("published after %v", took)
		}
		if n := r.d.count("AddRecord 0 _presence._tcp.local 1 12 4500"); n != 1 {
			r.Errorf("%d shared PTR records", n)
		}
		if !strings.HasPrefix(name, "alice@plume-abcd-") {
			r.Errorf("name is %q", name)
		}
		r.wait(2 * time.Minute)
	})
}

// What the daemon says no to.
func TestPublish_Refused(t *testing.T) {
	for _, name := range []string{errNoPublish, errNoAccess} {
		inBubble(t, nil, func(r *rig) {
			r.d.refuse["AddService"] = errors.New(name)
			if _, err := r.Publish(r.Context(), nil); !errors.Is(err, ErrRefused) {
				r.Errorf("%s: error is %v", name, err)
			}
		})
	}
	inBubble(t, nil, func(r *rig) { // no room now, room later
		r.d.refuse["EntryGroupNew"] = errors.New(errObjects)
		go func() {
			time.Sleep(7 * time.Second)
			r.d.mu.Lock()
			delete(r.d.refuse, "EntryGroupNew")
			r.d.mu.Unlock()
		}()
		r.publish("avail")
		if got := r.events(); len(got) == 0 || !strings.HasPrefix(got[0], "overload") {
			r.Errorf("events are %q", got)
		}
	})
	inBubble(t, nil, func(r *rig) {
		long := mdns.Text{{Key: "msg", Value: make([]byte, 300), HasValue: true}}
		var bad *mdns.TextError
		if _, err := r.Publish(r.Context(), long); !errors.As(err, &bad) {
			r.Errorf("error is %v", err)
		}
	})
}

// An address that changes makes its group anew, not the service (no flap).
func TestLinks(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.publish("avail")
		moved := eth0
		moved.Addrs = []netip.Prefix{netip.MustParsePrefix("10.77.0.9/16")}
		wlan := link.Info{ID: 3, Name: "wlan0", Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}
		r.links <- []link.Info{moved, wlan}
		r.wait(2 * time.Second)
		if n := r.d.count("AddService 2"); n != 1 {
			r.Errorf("service on eth0 was registered %d times", n)
		}
		if r.d.count("AddService 3") != 1 || r.d.count("AddAddress 16 plume-abcd.local 10.77.0.9") != 1 ||
			r.d.count("AddAddress 16 plume-abcd.local 192.0.2.7") != 1 {
			r.Errorf("calls: %q", r.d.log)
		}
		r.links <- []link.Info{wlan}
		r.wait(2 * time.Second)
		if n := len(r.d.services()); n != 1 {
			r.Errorf("%d services", n)
		}
		if r.Name() != "alice@plume-abcd" {
			r.Errorf("name is %q", r.Name())
		}
	})
}

// Coming, a change without a flap, an address, going.
func TestBrowse(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("Bob \xff@Tern", "tern", "10.77.0.2", "txtvers=1", "status=avail", "status=dnd")
		r.d.hear(ptr...)
		r.d.hear(rest...)
		r.wait(time.Second)
		r.want(r.events(), "joined bob \xff@tern avail")
		peers := r.Peers()
		if len(peers) != 1 {
			r.Fatalf("peers are %v", peers)
		}
		p := peers[0]
		if p.Instance != "Bob \xff@Tern" || p.Host != "tern.local" || p.Port != 5298 ||
			!slices.Equal(p.Addrs, []netip.AddrPort{netip.MustParseAddrPort("10.77.0.2:5298")}) {
			r.Errorf("peer is %+v", p)
		}
		// The new record comes first, the old one goes a second later, for each
		// family at another moment, as avahi-daemon 0.8 does it.
		changed := text(rest, "status=away")
		r.d.hear(changed[0])
		r.wait(50 * time.Millisecond)
		r.d.hear(changed[1])
		r.wait(time.Second)
		r.d.forget(rest[0], rest[3])
		r.wait(time.Minute)
		r.want(r.events(), "changed bob \xff@tern away")
		got, err := r.Resolve(r.Context(), p.Key)
		if err != nil || len(got.Addrs) != 1 {
			r.Errorf("resolve: %+v, %v", got, err)
		}
		if _, err := r.Resolve(r.Context(), "nobody"); !errors.Is(err, mdns.ErrUnknown) {
			r.Errorf("resolve nobody: %v", err)
		}
		r.d.forget(ptr[0])
		r.want(r.events())
		r.d.forget(ptr[1])
		r.want(r.events(), "left bob \xff@tern "+mdns.CauseGoodbye)
		if n := len(r.d.seekers); n != 1 {
			r.Errorf("%d browsers are left, want the one for PTR (174-9.2)", n)
		}
	})
}

// Questions end when answered (174-4.6): one TXT browser stays.
func TestLookup_Ends(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("bob@tern", "tern", "10.77.0.2", "txtvers=1")
		r.d.hear(append(ptr, rest...)...)
		r.wait(time.Second)
		if n := len(r.d.seekers); n != 2 {
			r.Errorf("%d browsers, want PTR and TXT", n)
		}
		r.d.forget(rest...)
		begin := time.Now()
		p, err := r.Resolve(r.Context(), "bob@tern")
		if !errors.Is(err, mdns.ErrUnanswered) || len(p.Addrs) != 1 || time.Since(begin) != 5*time.Second {
			r.Errorf("resolve: %+v, %v after %v", p, err, time.Since(begin))
		}
		if n := len(r.d.seekers); n != 2 {
			r.Errorf("%d browsers, want PTR and TXT", n)
		}
	})
}

// Addresses that cannot be a neighbour's are left out (L-25), and so is what is
// no record of an instance.
func TestHostileRecords(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("bob@tern", "tern", "10.77.0.2", "txtvers=1")
		for _, a := range []string{"127.0.0.1", "224.0.0.251", "255.255.255.255", "8.8.8.8", "0.0.0.0"} {
			rest = append(rest, heard{2, 0, "tern.local", wire.TypeA, string(netip.MustParseAddr(a).AsSlice()), 4})
		}
		rest = append(rest, heard{2, 0, "tern.local", wire.TypeA, "short", 4})
		for i := range 20 {
			rest = append(rest, heard{2, 0, "tern.local", wire.TypeA, string([]byte{10, 77, 1, byte(i)}), 4})
		}
		for _, data := range []string{
			"", "\x00", "\x03bob", "\x40" + strings.Repeat("x", 64) + "\x00", "\x03bob\x05local\x00",
			"\x02\x1bx\x09_presence\x04_tcp\x05local\x00",
		} {
			ptr = append(ptr, heard{2, 0, "_presence._tcp.local", wire.TypePTR, data, 4})
		}
		elsewhere := ptr[0]
		elsewhere.link = 7 // not a link that we use
		r.d.hear(elsewhere)
		r.d.hear(append(rest, ptr...)...)
		r.wait(2 * time.Second)
		r.want(r.events(), "joined bob@tern ")
		p := r.Peers()[0]
		if len(p.Addrs) == 0 || len(p.Addrs) > maxAddrs {
			r.Errorf("%d addresses", len(p.Addrs))
		}
		for _, a := range p.Addrs {
			if !netip.MustParsePrefix("10.77.0.0/16").Contains(a.Addr()) {
				r.Errorf("address %v", a)
			}
		}
	})
}

// Only the daemon is believed: anybody on the bus can send signals.
func TestForgedSignals(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.publish("avail")
		ptr, _ := someone("bob@tern", "tern", "10.77.0.2")
		r.d.mu.Lock()
		for path := range r.d.seekers {
			r.d.say(":1.66", path, browserFace+".ItemNew", int32(2), int32(0), "", uint16(1), uint16(12), []byte(ptr[0].data), uint32(4))
		}
		for path := range r.d.groups {
			r.d.say(":1.66", path, groupFace+".StateChanged", int32(groupCollision), "")
		}
		r.d.say(":1.66", "/", busName+".NameOwnerChanged", avahiName, ":1.1", "")
		r.d.say(r.d.owner, "/", browserFace+".ItemNew", "wrong body")
		r.d.mu.Unlock()
		r.wait(time.Minute)
		r.want(r.events())
		if r.Name() != "alice@plume-abcd" || r.browse.byKey["bob@tern"] != nil {
			r.Errorf("name %q, instances %v", r.Name(), r.browse.byKey)
		}
	})
}

// Our own instance is filtered out (174-4.2), also while it is being probed
// for; who else has the name is a peer again after we renamed.
func TestOwnFiltered(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("alice@plume-abcd", "plume-abcd", "10.77.0.1", "txtvers=1")
		for i := range ptr {
			ptr[i].flags |= resultLocal
		}
		go func() {
			time.Sleep(100 * time.Millisecond)
			r.d.hear(append(ptr, rest...)...)
		}()
		r.publish("avail")
		r.wait(time.Minute)
		r.want(r.events())
		if err := r.Withdraw(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.d.forget(append(ptr, rest...)...)
		r.wait(time.Minute)
		r.want(r.events())
	})
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("alice@plume-abcd", "plume-abcd", "10.77.0.2", "txtvers=1")
		r.d.hear(append(ptr, rest...)...)
		r.d.taken["plume-abcd.local"] = true
		r.publish("avail")
		r.wait(10 * time.Second)
		r.want(r.events(), "renamed alice@plume-abcd-1", "joined alice@plume-abcd ")
	})
}

// Before the wanted name is probed for, nothing is asked about it: Avahi would
// not defend records that it was told are known.
func TestNameSpared(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("alice@plume-abcd", "plume-abcd", "10.77.0.2", "txtvers=1")
		r.d.hear(append(ptr, rest...)...)
		r.wait(time.Second)
		if n := r.d.count("RecordBrowserNew alice"); n != 0 {
			r.Errorf("%d questions about the name", n)
		}
		r.wait(10 * time.Second)
		r.want(r.events(), "joined alice@plume-abcd ")
		r.d.taken["plume-abcd.local"] = true
		begin := time.Now()
		r.publish("avail")
		if took := time.Since(begin); took < time.Second {
			r.Errorf("probed %v after the questions ended", took)
		}
		r.want(r.events(), "renamed alice@plume-abcd-1")
	})
}

// A daemon that ends and comes back: everything again, nobody flaps.
func TestRestart(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("bob@tern", "tern", "10.77.0.2", "status=avail")
		r.d.hear(append(ptr, rest...)...)
		r.publish("avail")
		r.events()
		r.d.stop()
		r.wait(3 * time.Second)
		if r.Name() != "" || len(r.Peers()) != 1 {
			r.Errorf("name %q, peers %v", r.Name(), r.Peers())
		}
		if _, err := r.Resolve(r.Context(), "bob@tern"); !errors.Is(err, mdns.ErrUnanswered) {
			r.Errorf("resolve: %v", err)
		}
		if err := r.SetText(mdns.PresenceText("", "away", "")); err != nil {
			r.Fatal(err)
		}
		r.d.begin(":1.2")
		r.d.hear(append(ptr, rest...)...)
		r.wait(5 * time.Second)
		r.want(r.d.services(), "alice@plume-abcd plume-abcd.local 5299 [txtvers=1 status=away]")
		r.want(r.events())
		r.d.hear(text(rest, "status=dnd")...)
		r.wait(time.Second)
		r.want(r.events(), "changed bob@tern dnd")

		r.d.stop()
		r.wait(graceTime + time.Second)
		r.want(r.events(), "left bob@tern "+mdns.CauseLinkLost)
	})
}

// A bus that breaks is reached again.
func TestBusLost(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.publish("avail")
		r.d.mu.Lock()
		clear(r.d.groups)
		r.d.refuse["dial"] = errNoBus
		_ = r.d.conn.Close()
		r.d.mu.Unlock()
		r.wait(5 * time.Second)
		r.d.mu.Lock()
		delete(r.d.refuse, "dial")
		r.d.mu.Unlock()
		r.wait(10 * time.Second)
		r.want(r.d.services(), "alice@plume-abcd plume-abcd.local 5299 [txtvers=1 status=avail]")
		r.want(r.events())
	})
}

// A daemon that answers no call holds nobody up for ever.
func TestDaemonHangs(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.d.mu.Lock()
		r.d.hang = true
		r.d.mu.Unlock()
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		if _, err := r.Publish(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			r.Errorf("publish: %v", err)
		}
		r.d.mu.Lock()
		r.d.hang = false
		r.d.mu.Unlock()
		r.wait(2 * time.Minute)
		if r.Name() != "alice@plume-abcd" {
			r.Errorf("name is %q", r.Name())
		}
	})
}

// A watched instance whose SRV record runs out is gone, and back when it is
// heard again.
func TestWatch(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("bob@tern", "tern", "10.77.0.2", "status=avail")
		r.d.hear(append(ptr, rest...)...)
		r.wait(time.Second)
		r.Watch("bob@tern", "nobody")
		r.wait(20 * time.Second)
		r.want(r.events(), "joined bob@tern avail")
		r.d.forget(rest[1], rest[4])
		r.want(r.events(), "left bob@tern "+mdns.CauseUnanswered)
		if len(r.Peers()) != 0 {
			r.Errorf("peers are %v", r.Peers())
		}
		r.d.hear(rest[1])
		r.want(r.events(), "joined bob@tern avail")
		r.Watch()
		r.wait(time.Second)
		if n := len(r.d.seekers); n != 2 {
			r.Errorf("%d browsers, want PTR and TXT", n)
		}
		r.d.forget(rest[1])
		r.Reconfirm("bob@tern")
		r.wait(answerTime + time.Second)
		r.want(r.events(), "left bob@tern "+mdns.CauseUnanswered)
	})
}

// L-22 within what Avahi has room for: strangers do not push out contacts, and
// the user is told.
func TestCrowd(t *testing.T) {
	pin := func(c *Config) {
		c.Limits.Peers = 3
		c.Pinned = func(key string) bool { return strings.HasPrefix(key, "friend") }
	}
	inBubble(t, pin, func(r *rig) {
		for i := range 5 {
			ptr, rest := someone(fmt.Sprintf("s%d@x", i), "x", "10.77.0.2", "txtvers=1")
			r.d.hear(append(rest, ptr...)...)
		}
		r.wait(5 * time.Second)
		got := r.events()
		r.want(got[len(got)-1:], "overload 4") // two strangers, two families each
		ptr, rest := someone("friend@y", "y", "10.77.0.3", "txtvers=1")
		r.d.hear(append(rest, ptr...)...)
		r.wait(5 * time.Second)
		r.want(r.events(), "left s2@x "+mdns.CauseEvicted, "joined friend@y ", "overload 1")
		r.d.forget(heard{2, 0, "_presence._tcp.local", wire.TypePTR, ptrData("s0@x"), 4},
			heard{2, 1, "_presence._tcp.local", wire.TypePTR, ptrData("s0@x"), 4})
		r.wait(20 * time.Second)
		if n := len(r.Peers()); n != 3 {
			r.Errorf("%d peers after there was room again: %q", n, r.events())
		}
	})
}

func ptrData(label string) string {
	n, err := service.Child(label)
	if err != nil {
		panic(err)
	}
	return string(n.AppendWire(nil))
}

// L-24: no more than 20 names every 200 ms are asked about.
func TestQuestionRate(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		for i := range 200 {
			host := fmt.Sprintf("x%d", i)
			ptr, rest := someone("p@"+host, host, "10.77.0.2", "txtvers=1")
			r.d.hear(append(rest, ptr...)...)
		}
		r.wait(time.Second)
		if n := r.d.count("RecordBrowserNew"); n > 4*120 {
			r.Errorf("%d questions in a second", n)
		}
		r.wait(10 * time.Second)
		if n := len(r.Peers()); n != 200 {
			r.Errorf("%d peers", n)
		}
	})
}

// Signals that found the queue full are asked for again.
func TestOverflow(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		ptr, rest := someone("bob@tern", "tern", "10.77.0.2", "status=avail")
		gone, more := someone("carol@crane", "crane", "10.77.0.3", "status=avail")
		r.d.hear(append(ptr, rest...)...)
		r.d.hear(append(gone, more...)...)
		r.wait(2 * time.Second)
		r.want(r.events(), "joined bob@tern avail", "joined carol@crane avail")
		r.d.mu.Lock()
		r.d.records = slices.DeleteFunc(r.d.records, func(h heard) bool { return slices.Contains(gone, h) })
		r.d.mu.Unlock()
		r.inbox.full <- struct{}{}
		r.Watch() // wakes the loop
		r.wait(3 * time.Second)
		r.want(r.events(), "overload 1", "left carol@crane "+mdns.CauseExpired)
		r.d.hear(text(rest, "status=dnd")...)
		r.wait(time.Second)
		r.want(r.events(), "changed bob@tern dnd")
	})
}

// The queue for the reader is bounded and says so.
func TestResync(t *testing.T) {
	inBubble(t, func(c *Config) { c.Limits.Events = 2 }, func(r *rig) {
		for i := range 5 {
			ptr, rest := someone(fmt.Sprintf("p%d@x", i), "x", "10.77.0.2", "txtvers=1")
			r.d.hear(append(rest, ptr...)...)
		}
		r.wait(3 * time.Second)
		r.want(r.events(), "resync")
		if n := len(r.Peers()); n != 5 {
			r.Errorf("%d peers", n)
		}
	})
}

func TestOpen_Errors(t *testing.T) {
	tests := []struct {
		name string
		set  func(*daemon, *Config)
		want error
	}{
		{"no bus", func(d *daemon, _ *Config) { d.refuse["dial"] = errNoBus }, errNoBus},
		{"no daemon", func(d *daemon, _ *Config) { d.owner = "" }, ErrNoDaemon},
		{"bad name", func(_ *daemon, c *Config) { c.Machine = "a.b" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon()
				c := Config{User: "alice", Machine: "plume-abcd", Dial: d.dial}
				tt.set(d, &c)
				_, err := Open(t.Context(), c)
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("error is %v, want %v", err, tt.want)
				}
				if d.conn != nil {
					_ = d.conn.Close()
				}
			})
		})
	}
}

func TestClosed(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		if err := r.Err(); err != nil {
			r.Errorf("a living node has error %v", err)
		}
		if err := r.Close(); err != nil {
			r.Fatal(err)
		}
		if _, ok := <-r.Events(); ok {
			r.Error("events go on")
		}
		_, err := r.Publish(r.Context(), nil)
		for _, err := range []error{err, r.Err(), r.SetText(nil), r.Withdraw(r.Context())} {
			if !errors.Is(err, mdns.ErrClosed) {
				r.Errorf("error is %v", err)
			}
		}
	})
}
