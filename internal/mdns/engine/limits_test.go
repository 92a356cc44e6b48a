package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

func TestL22_PerSource(t *testing.T) {
	l, a := ready(t)
	for i := range 200 {
		c := claim{label: fmt.Sprintf("fake%d@x", i), host: "x", port: 1, addrs: []string{"10.0.0.66"}}
		l.say("10.0.0.66", c.message(t))
		l.run(20 * time.Millisecond)
	}
	l.say("10.0.0.9", bob().message(t))
	l.run(2 * time.Second)
	if got := len(a.keys()); got != maxPerSource+1 {
		t.Errorf("%d peers, want %d", got, maxPerSource+1)
	}
	if a.count(Overload) == 0 {
		t.Error("the user is not told what was shed")
	}
}

// small makes an engine that keeps n instances, some of them pinned.
func small(t *testing.T, n int, pinned ...string) (*lan, *node) {
	l := newLAN(t, 20)
	a := l.bare(Config{
		User: "alice", Machine: "pronto", Port: 1, Peers: n,
		Pinned: func(key string) bool { return slices.Contains(pinned, key) },
	})
	a.join(1, 0, "10.0.0.1/16")
	return l, a
}

func TestL22_EvictsNewestOfHeaviestSource(t *testing.T) {
	l, a := small(t, 10)
	say := func(src, label string) {
		l.say(src, claim{label: label, host: "h", port: 1}.message(t))
		l.run(time.Millisecond)
	}
	say("10.0.0.2", "old@a")
	for i := range 9 {
		say("10.0.0.66", fmt.Sprintf("fake%d@x", i))
	}
	say("10.0.0.3", "new@b")
	if ev := a.only(Left); ev.Cause != Evicted || ev.Peer.Key != "fake8@x" {
		t.Errorf("evicted %+v", ev)
	}
	say("10.0.0.66", "fake9@x") // the heaviest gets no more
	keys := a.keys()
	if len(keys) != 10 || !slices.Contains(keys, "old@a") || !slices.Contains(keys, "new@b") || slices.Contains(keys, "fake9@x") {
		t.Errorf("peers %q", keys)
	}
}

func TestT23_PinnedNeverEvicted(t *testing.T) {
	pinned := []string{"c0@p", "c1@p", "c2@p"}
	l, a := small(t, 10, pinned...)
	for i, k := range pinned {
		l.say(fmt.Sprintf("10.0.0.%d", 2+i), claim{label: k, host: "p", port: 1}.message(t))
	}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 5000 {
		src := fmt.Sprintf("10.0.%d.%d", r.IntN(250), 10+r.IntN(240))
		l.say(src, claim{label: fmt.Sprintf("fake%d@x", i), host: "x", port: 1}.message(t))
		if i%100 == 0 {
			l.run(30 * time.Millisecond)
		}
	}
	l.run(2 * time.Second)
	keys := a.keys()
	for _, k := range pinned {
		if !slices.Contains(keys, k) {
			t.Errorf("%s was evicted", k)
		}
	}
	if len(keys) != 10 {
		t.Errorf("%d peers", len(keys))
	}
	// A contact that comes late finds room, and one that shares a busy source too.
	l, a = small(t, 4, "late@p")
	for i := range 4 {
		l.say("10.0.0.66", claim{label: fmt.Sprintf("f%d@x", i), host: "x", port: 1}.message(t))
	}
	l.say("10.0.0.66", claim{label: "late@p", host: "p", port: 1}.message(t))
	l.run(time.Second)
	if !slices.Contains(a.keys(), "late@p") {
		t.Errorf("no room for a contact: %q", a.keys())
	}
}

func TestAllPinnedAndFull(t *testing.T) {
	l, a := small(t, 2, "a@p", "b@p", "c@p")
	for _, k := range []string{"a@p", "b@p", "c@p"} {
		l.say("10.0.0.9", claim{label: k, host: "p", port: 1}.message(t))
	}
	l.run(2 * time.Second)
	if got := a.keys(); !slices.Equal(got, []string{"a@p", "b@p"}) {
		t.Errorf("peers %q", got)
	}
}

func TestL20_PacketsPerSource(t *testing.T) {
	l, a := ready(t)
	for i := range 2000 {
		l.say("10.0.0.66", claim{label: fmt.Sprintf("f%d@x", i%64), host: "x", port: 1}.message(t))
	}
	l.say("10.0.0.9", bob().message(t))
	l.run(0)
	if !slices.Contains(a.keys(), "bob@forza") {
		t.Error("a flood from one source silenced another")
	}
	l.run(2 * time.Second)
	if ev := a.only(Overload); ev.Shed != 2000-sourceBurst {
		t.Errorf("shed %d, want %d", ev.Shed, 2000-sourceBurst)
	}
	var b bucket
	n := 0
	for i := range 10000 { // ten seconds at 1,000/s
		if b.take(testStart.Add(time.Duration(i)*time.Millisecond), sourceRate, sourceBurst) {
			n++
		}
	}
	if n < 780 || n > 801 {
		t.Errorf("%d packets in ten seconds, want 300 + 10 x 50", n)
	}
}

func TestL20_PacketsPerLink(t *testing.T) {
	l, a := ready(t)
	for i := range 8000 {
		src := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		l.say(src.String(), question(service, wire.TypePTR))
	}
	l.run(2 * time.Second)
	if a.only(Overload).Shed < 2500 {
		t.Errorf("shed %d", a.only(Overload).Shed)
	}
}

func TestHostsAreBounded(t *testing.T) {
	l, a := ready(t)
	for i := range 1000 {
		var m wire.Message
		m.Response = true
		for j := range 50 {
			m.Answers = append(m.Answers, wire.Record{
				Name: wire.MustName(fmt.Sprintf("h%d-%d", i, j), "local"),
				Type: wire.TypeA, Flush: true, TTL: 120, Addr: netip.MustParseAddr("10.0.0.7"),
			})
		}
		l.say(fmt.Sprintf("10.0.1.%d", i%250), m)
		c := bob()
		c.host = fmt.Sprintf("forza%d", i)
		l.say("10.0.2.9", c.message(t))
		l.run(25 * time.Millisecond)
	}
	if n := len(a.e.links[1].hosts); n != 1 {
		t.Errorf("%d hosts kept for one peer", n)
	}
}

func TestManyInstancesOnOneHost(t *testing.T) {
	l, a := ready(t)
	for i := range 500 {
		c := claim{label: fmt.Sprintf("u%d@h", i), host: "h", port: 1, addrs: []string{"10.0.0.7"}}
		l.say(fmt.Sprintf("10.0.0.%d", 10+i/10), c.message(t))
	}
	l.run(time.Second)
	h := a.e.links[1].hosts[wire.MustName("h", "local").Key()]
	if len(h.users) != maxHostUsers || h.refs != 500 {
		t.Errorf("%d told of %d", len(h.users), h.refs)
	}
	a.e.Links(l.now, nil, false)
	l.run(time.Minute)
	if len(a.keys()) != 0 || len(a.e.timers.list) != 0 {
		t.Errorf("%d peers and %d timers on no link", len(a.keys()), len(a.e.timers.list))
	}
}

func TestQueueSurvivesRemovedPeers(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Minute)
	a.e.Resolve(l.now, "bob@forza")
	bye := bob()
	bye.bye = true
	l.say("10.0.0.9", bye.message(t))
	l.run(10 * time.Second)
	if a.only(Resolved).OK {
		t.Error("resolved somebody who left")
	}
	if len(a.e.links[1].queue) != 0 {
		t.Error("questions about somebody who left")
	}
}

func TestTimersOrder(t *testing.T) {
	var h timers
	var got []int
	list := make([]timer, 50)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range list {
		list[i].fire = func(time.Time) { got = append(got, int(list[i].at.Sub(testStart))) }
		h.set(&list[i], testStart.Add(time.Duration(r.IntN(1000))))
	}
	for i := range 20 {
		h.set(&list[i], testStart.Add(time.Duration(r.IntN(1000))))
		h.stop(&list[49-i])
		h.stop(&list[49-i])
	}
	h.sooner(&list[0], testStart.Add(2000))
	h.sooner(&list[0], testStart)
	for x := h.due(testStart.Add(1000)); x != nil; x = h.due(testStart.Add(1000)) {
		x.fire(testStart)
	}
	if len(got) != 30 || !slices.IsSorted(got) || got[0] != 0 || !h.next().IsZero() {
		t.Errorf("fired %v", got)
	}
}

// TestT23_ReserveForContacts: a link over its limit still lets contacts through,
// and one loud source does not use up the share of the others.
func TestT23_ReserveForContacts(t *testing.T) {
	l := newLAN(t, 1)
	a := l.bare(Config{User: "alice", Machine: "pronto", Port: 5298, Pinned: func(k string) bool { return k == "bob@forza" }})
	a.join(1, 0, "10.0.0.1/8")
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Second)
	flood := func(n, sources int) {
		for i := range n {
			src := netip.AddrFrom4([4]byte{10, 9, byte(i % sources >> 8), byte(i % sources)})
			l.say(src.String(), question(service, wire.TypePTR))
		}
	}
	change := func(txt string) {
		t.Helper()
		b := bob()
		b.txt = text(txt)
		l.say("10.0.0.9", b.message(t))
		l.run(0)
		if p, _ := a.e.Peer("bob@forza"); string(p.TXT) != string(text(txt)) {
			t.Errorf("%s was not heard", txt)
		}
	}
	flood(27000, 1)
	change("n=1")
	l.run(time.Second)
	flood(27000, 10000)
	change("n=2")
	l.say("10.0.0.10", claim{label: "carol@x", host: "x", port: 1}.message(t))
	if _, ok := a.e.Peer("carol@x"); ok {
		t.Error("the link has no limit")
	}
}
