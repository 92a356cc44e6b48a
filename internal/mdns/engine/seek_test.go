package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// soughtIn counts the questions of packets for SRV records by name.
func soughtIn(cs []capture) (names int) {
	for _, c := range cs {
		for _, q := range c.msg.Questions {
			if q.Type == wire.TypeSRV {
				names++
			}
		}
	}
	return names
}

// Issue 3, part 3: after a cut that nobody noticed, one small question by name
// makes whoever answers known again, within a moment.
func TestSeekFindsAgain(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
	b := l.add("bob", "forza", 5299, "10.0.0.2/16")
	a.publish("status=avail")
	b.publish("status=away")
	l.run(10 * time.Second)
	l.drop = func(from, to netip.Addr) bool { return from != to }
	a.e.Reconfirm(l.now, "bob@forza")
	l.run(20 * time.Minute)
	if _, ok := a.e.Peer("bob@forza"); ok {
		t.Fatal("bob is known still")
	}
	l.drop = nil
	a.events = nil
	a.e.Seek(l.now, []string{"bob@forza"})
	a.collect()
	l.run(300 * time.Millisecond)
	p, ok := a.e.Peer("bob@forza")
	if !ok || p.Port != 5299 || len(p.Addrs) != 1 || string(p.TXT) != string(text("status=away")) {
		t.Errorf("found %v: %+v", ok, p)
	}
	l.run(time.Hour)
	if _, ok := a.e.Peer("bob@forza"); !ok {
		t.Error("bob is forgotten though he is there")
	}
}

// L-24: at most 20 names a packet, one packet in 200 ms, and no name that is
// known or was asked for a moment ago, by whomever.
func TestL24_SeekIsBounded(t *testing.T) {
	l, a := ready(t)
	var labels []string
	for i := range 100 {
		labels = append(labels, fmt.Sprintf("n%d@x", i))
	}
	for range 50 {
		a.e.Seek(l.now, labels)
		a.collect()
		l.run(10 * time.Millisecond)
	}
	if got := soughtIn(l.queries("10.0.0.1")); got != maxQuestions {
		t.Errorf("%d names asked for in half a second, want %d", got, maxQuestions)
	}
	l.run(10 * time.Second)
	l.forget()
	l.say("10.0.0.7", question(instanceName(t, "n0@x"), wire.TypeSRV))
	l.run(time.Second)
	a.e.Seek(l.now, []string{"n0@x", "n1@x", "", "\x07@x"})
	a.collect()
	l.run(50 * time.Millisecond)
	if got := soughtIn(l.queries("10.0.0.1")); got != 1 {
		t.Errorf("%d names asked for, want the one that nobody else asked for", got)
	}
	if got := len(a.e.links[1].sought); got > maxSought {
		t.Errorf("%d names are kept", got)
	}
}

// Whom we did not ask for, nobody puts into our list with an SRV record alone;
// and a ghost asks for nobody.
func TestSeekTakesOnlyWhatWasAsked(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", wire.Message{Response: true, Answers: bob().records(t)[1:]})
	l.run(time.Minute)
	if _, ok := a.e.Peer("bob@forza"); ok {
		t.Error("bob is known without a PTR record")
	}
	l.forget()
	a.e.Silence(l.now)
	a.e.Seek(l.now, []string{"bob@forza"})
	a.collect()
	l.run(time.Second)
	if got := l.queries("10.0.0.1"); len(got) != 0 {
		t.Errorf("a ghost asks: %v", got)
	}
}

// A link that comes, goes or moves is told while there are others: streams are
// to be checked then (spec 5.7).
func TestMovedLinksAreTold(t *testing.T) {
	l, a := ready(t)
	_ = l
	moved := func(what string, do func(), want int) {
		t.Helper()
		a.events = nil
		do()
		got := 0
		for _, ev := range a.events {
			if ev.Kind == Health && ev.Fact == Moved {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: told %d times, want %d", what, got, want)
		}
	}
	moved("a second link", func() { a.join(2, 1, "10.9.0.1/24") }, 1)
	moved("another address", func() { a.join(2, 1, "10.9.0.2/24") }, 1)
	moved("the same again", a.tell, 0)
	moved("it goes", func() { a.unplug(2) }, 1)
	moved("the last one", func() { a.unplug(1) }, 0) // no links says so
}
