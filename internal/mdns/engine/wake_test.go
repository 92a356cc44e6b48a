package engine

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// TestWakeListsAndIsListed: after a sleep in which all forgot us and some went,
// everybody is right within 5 s about us, within 20 s about the others.
func TestWakeListsAndIsListed(t *testing.T) {
	l := newLAN(t, 80)
	nodes := group(l, 6)
	a, gone := nodes[0], nodes[5]
	l.run(10 * time.Second)
	// Asleep: alice hears nothing, and her clock stands still.
	l.nodes = l.nodes[1:]
	gone.withdraw()
	l.run(2 * time.Hour) // longer than any TTL
	a.events = nil
	slept := l.now
	shift(a, 2*time.Hour)
	l.nodes = append(l.nodes, a)
	for _, n := range nodes {
		n.events = nil
	}
	a.e.Wake(l.now)
	a.collect()
	l.run(5 * time.Second)
	for i, n := range nodes[1:5] {
		if p, ok := n.e.Peer("user00@host00"); !ok || p.Seen.Before(slept) {
			t.Errorf("node %d does not see who woke: %+v", i+1, p)
		}
	}
	if got := len(a.keys()); got != 5 { // one of them no more
		t.Errorf("woke and sees %d", got)
	}
	l.run(20 * time.Second)
	if got := a.keys(); len(got) != 4 || a.count(Left) != 1 || a.count(Joined) != 0 {
		t.Errorf("20 s later sees %q, events %v", got, a.kinds())
	}
	if a.e.Name() != "user00@host00" {
		t.Errorf("renamed to %s", a.e.Name())
	}
	if s := a.e.Stats(); s.Wakes != 1 || !s.Woke.Equal(slept) {
		t.Errorf("stats %+v", s)
	}
	wantFacts(t, a, Woke)
}

// shift moves all of a node's times by d, as if they were of a clock that stood
// still: the monotonic clock of a machine that sleeps.
func shift(n *node, d time.Duration) {
	for _, t := range n.e.timers.list {
		t.at = t.at.Add(d)
	}
	for _, in := range n.e.cache.byKey {
		in.seen = in.seen.Add(d)
		for _, v := range in.views {
			for _, x := range []*entry{&v.ptr, &v.srv, &v.txt} {
				x.at, x.expires = x.at.Add(d), x.expires.Add(d)
			}
		}
	}
}

// TestWakeInACrowd: nobody of 1,000 seems to leave though a fifth of all is lost.
func TestWakeInACrowd(t *testing.T) {
	l := newLAN(t, 81)
	l.keep = false
	nodes := group(l, 60)
	l.run(30 * time.Second)
	l.loss = 0.2
	for _, n := range nodes {
		n.events = nil
	}
	nodes[7].e.Wake(l.now)
	nodes[7].collect()
	l.run(time.Minute)
	left := 0
	for _, n := range nodes {
		left += n.count(Left)
	}
	if left > 0 || len(nodes[7].keys()) != 59 {
		t.Errorf("%d left, the woken sees %d of 59", left, len(nodes[7].keys()))
	}
}

// TestFilteredAtFirst: multicast that was filtered from the start and is free
// later has both sides ask when the first packet of anybody passes, within the
// intervals of RFC 6762 5.2, and once only.
func TestFilteredAtFirst(t *testing.T) {
	for _, filtered := range []time.Duration{20 * time.Second, time.Minute, 40 * time.Minute} {
		l := newLAN(t, 5)
		a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
		l.drop = func(src, dst netip.Addr) bool { return src != dst }
		a.publish("x")
		l.run(700 * time.Millisecond)
		b := l.add("bob", "forza", 5298, "10.0.0.2/16")
		b.publish("y")
		l.run(filtered)
		l.drop = nil
		l.forget()
		l.say("10.0.0.9", question(instanceName(t, "eve@x"), wire.TypeSRV)) // whoever it is
		l.run(2 * time.Second)
		if !slices.Contains(a.keys(), "bob@forza") || !slices.Contains(b.keys(), "alice@pronto") {
			t.Errorf("filtered for %v: alice lists %v, bob %v", filtered, a.keys(), b.keys())
		}
		for range 100 { // it is no news any more
			l.run(20 * time.Second)
			l.say("10.0.0.9", question(instanceName(t, "eve@x"), wire.TypeSRV))
		}
		n := 0
		for _, c := range l.queries("10.0.0.1") {
			if c.msg.Questions[0].Name.Equal(service) {
				n++
			}
		}
		if n > 13 { // 2,000 s at 0, 1, 3, 7, ... 2,047 s, and each other one left out
			t.Errorf("filtered for %v: %d questions", filtered, n)
		}
	}
}
