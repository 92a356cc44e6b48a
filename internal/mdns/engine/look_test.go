package engine

import (
	"fmt"
	"testing"
	"time"
)

func (n *node) look(keys ...string) {
	n.e.Look(n.lan.now, keys)
	n.collect()
}

// RFC 6762 10.4: who died without a word leaves the list that a person looks at
// within minutes; nobody else is asked for.
func TestLook_SilentStrangerLeaves(t *testing.T) {
	for _, seen := range []bool{true, false} {
		l, a := ready(t)
		l.say("10.0.0.9", bob().message(t))
		l.run(20 * time.Minute)
		if seen {
			a.look("bob@forza", "nobody@x")
		}
		l.run(lookStart + lookTime + time.Second)
		if got := a.count(Left) == 1; got != seen {
			t.Errorf("in view %v, left %v", seen, got)
		}
	}
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	a.look("bob@forza")
	l.run(lookLeast - time.Second)
	if a.count(Left) != 0 || len(l.queries("10.0.0.1")) > 6 {
		t.Errorf("asked before two minutes were over: %v", l.queries("10.0.0.1"))
	}
	l.run(lookLeast/lookSpread + lookTime + 2*time.Second)
	if ev := a.only(Left); ev.Cause != Unanswered {
		t.Errorf("%+v", ev)
	}
}

// Who is there stays, also where every fifth packet is lost, and no more than 20
// are asked for.
func TestLook_WhoIsThereStays(t *testing.T) {
	l := newLAN(t, 91)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
	a.publish("x")
	var keys []string
	for i := range 22 {
		b := l.add(fmt.Sprintf("user%d", i), fmt.Sprintf("host%d", i), 5298, fmt.Sprintf("10.0.1.%d/16", i+1))
		b.publish("y")
		keys = append(keys, fmt.Sprintf("user%d@host%d", i, i))
	}
	l.run(time.Minute)
	l.loss = 0.2
	a.look(keys...)
	l.forget()
	for range 60 {
		l.run(time.Minute)
		a.look(keys...) // a list that is drawn anew is no reason to ask
	}
	l.loss = 0
	l.run(10 * time.Second)
	if n := len(a.keys()); n != len(keys) {
		t.Errorf("%d listed after an hour, want %d", n, len(keys))
	}
	asked := map[string]int{}
	for _, c := range l.queries("10.0.0.1") {
		for _, q := range c.msg.Questions {
			asked[q.Name.First()]++
		}
	}
	for i, k := range keys {
		if n := asked[k]; i < maxLook && (n < 10 || n > 60) || i >= maxLook && n > 0 {
			t.Errorf("%s was asked for %d times", k, n)
		}
	}
}

// Issue 3, traffic: all look at others, and still each is asked for by one of
// them at a time. With the pause that a crowd of 1,000 has, that share of packets
// stays within what is left of 20 packets/s.
func TestLook_CrowdSharesTheAnswers(t *testing.T) {
	const people = 30
	l := newLAN(t, 92)
	var nodes []*node
	for i := range people {
		n := l.add(fmt.Sprintf("user%d", i), fmt.Sprintf("host%d", i), 5298, fmt.Sprintf("10.0.1.%d/16", i+1))
		n.publish("y")
		nodes = append(nodes, n)
	}
	l.run(10 * time.Minute)
	const rested = 30 * time.Minute
	packets := func() int {
		l.forget()
		l.run(rested)
		return len(l.sent)
	}
	rest := packets()
	for i, n := range nodes {
		var keys []string
		for j := range maxLook {
			keys = append(keys, fmt.Sprintf("user%d@host%d", (i+1+j)%people, (i+1+j)%people))
		}
		n.look(keys...)
	}
	all := packets() - rest
	rounds := float64(rested) / float64(lookLeast) * people // of one question and one answer
	each := float64(all) / rounds
	thousand := each * 1000 / (1000 * lookEach).Seconds()
	t.Logf("%d packets at rest, %d for all who look: %.2f for each round, %.1f packets/s among 1,000", rest, all, each, thousand)
	if each > 3 || thousand > 6 {
		t.Errorf("%.2f packets for each round, %.1f packets/s among 1,000", each, thousand)
	}
	for i, n := range nodes {
		if len(n.keys()) != people-1 {
			t.Errorf("user%d lists %d", i, len(n.keys()))
		}
	}
}
