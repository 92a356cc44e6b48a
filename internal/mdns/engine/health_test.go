package engine

import (
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// facts are the facts of a node's Health events.
func (n *node) facts() []Fact {
	var out []Fact
	for _, ev := range n.events {
		if ev.Kind == Health {
			out = append(out, ev.Fact)
		}
	}
	return out
}

func wantFacts(t *testing.T, n *node, want ...Fact) {
	t.Helper()
	if got := n.facts(); !slices.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}
}

// TestEchoOfOurOwn: what we multicast comes back; when it does not for 10 s
// something on this machine filters it, and that ends as it began.
func TestEchoOfOurOwn(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Second)
	s := a.e.Stats().Links[0]
	if s.Echo.IsZero() || s.Sent.After(s.Echo) || s.NoEcho || s.Foreign != l.now.Add(-time.Second) || !s.Live {
		t.Errorf("in order: %+v", s)
	}
	wantFacts(t, a)
	l.loss = 1
	a.setText("status=away")
	l.run(9 * time.Second)
	wantFacts(t, a)
	l.run(2 * time.Second)
	wantFacts(t, a, NoEcho)
	if ev := a.only(Health); ev.Name != "eth1" || !a.e.Stats().Links[0].NoEcho {
		t.Errorf("%+v", ev)
	}
	l.run(time.Hour)
	wantFacts(t, a, NoEcho) // told once
	l.loss = 0
	a.setText("status=avail")
	l.run(time.Second)
	wantFacts(t, a, NoEcho, Echo)
}

// TestEchoIsOurOwn: another program on this machine, with our address, is no
// echo of ours.
func TestEchoIsOurOwn(t *testing.T) {
	l, a := ready(t)
	l.loss = 1
	a.setText("status=away")
	l.run(5 * time.Second)
	l.loss = 0
	l.say("10.0.0.1", question(service, wire.TypeSRV))
	l.loss = 1
	l.run(6 * time.Second)
	wantFacts(t, a, NoEcho)
}

func TestLinksCountedInHealth(t *testing.T) {
	l := newLAN(t, 1)
	a := l.bare(Config{User: "alice", Machine: "pronto", Port: 5298})
	a.tell()
	wantFacts(t, a, NoLinks)
	a.join(1, 0, "10.0.0.1/24")
	a.join(2, 1, "10.1.0.1/24")
	a.unplug(1)
	wantFacts(t, a, NoLinks, SomeLinks, Moved, Moved)
	a.unplug(2)
	wantFacts(t, a, NoLinks, SomeLinks, Moved, Moved, NoLinks)
	if got := a.e.Stats().Links; len(got) != 0 {
		t.Errorf("links %+v", got)
	}
}

func TestStatsCount(t *testing.T) {
	l, a := ready(t)
	b := l.add("alice", "pronto", 5298, "10.0.0.2/16")
	b.publish("x")
	for range 2 * sourceBurst {
		l.say("10.0.0.66", claim{label: "x@y", host: "y", port: 1}.message(t))
	}
	for i := range 70 {
		l.say("10.0.0.67", claim{label: string(rune(0x4e00+i)) + "@y", host: "y", port: 1}.message(t))
	}
	l.run(10 * time.Second)
	if s := b.e.Stats(); s.Renames != 1 || s.Conflicts != 1 || s.Name != "alice@pronto-1" {
		t.Errorf("the newcomer: %+v", s)
	}
	s := a.e.Stats()
	if s.ShedPackets != sourceBurst || s.ShedInstances != 70-maxPerSource || s.Evicted != 0 || s.Peers != 66 {
		t.Errorf("alice: %+v", s)
	}
}
