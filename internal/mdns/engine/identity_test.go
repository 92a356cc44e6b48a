package engine

import (
	"errors"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

func (n *node) rename(user, machine string, port uint16, txt string) {
	n.lan.t.Helper()
	if err := n.e.Rename(n.lan.now, user, machine, port, text(txt)); err != nil {
		n.lan.t.Fatal(err)
	}
	n.collect()
}

// TestRenameSaysGoodbyeAndProbes: the old instance goes within 1.5 s, the new
// one comes within 1.1 s, on one engine.
func TestRenameSaysGoodbyeAndProbes(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.9/16")
	b.publish("x")
	l.run(10 * time.Second)
	l.forget()
	a.rename("amber", "fox-abcd", 6000, "txtvers=1")
	l.run(1100 * time.Millisecond)
	if got := b.keys(); !slices.Equal(got, []string{"amber@fox-abcd"}) {
		t.Errorf("after 1.1 s bob sees %q", got)
	}
	l.run(10 * time.Second)
	if ev := b.only(Left); ev.Cause != Goodbye || ev.Peer.Key != "alice@pronto" {
		t.Errorf("%+v", ev)
	}
	if p, _ := b.e.Peer("amber@fox-abcd"); p.Port != 6000 || p.Host != "fox-abcd.local" {
		t.Errorf("bob sees %+v", p)
	}
	byes := 0
	for _, c := range l.responses("10.0.0.1") {
		for _, r := range c.msg.Answers {
			if r.TTL == 0 && !r.Name.Equal(service) && r.Name.First() != "alice@pronto" {
				t.Errorf("goodbye for %v", r.Name)
			}
		}
		if c.msg.Answers[0].TTL == 0 {
			byes++
		}
	}
	if byes != 2 || a.count(Renamed) != 0 || a.e.Name() != "amber@fox-abcd" || len(a.keys()) != 1 {
		t.Errorf("%d goodbyes, events %v, name %q, alice sees %q", byes, a.kinds(), a.e.Name(), a.keys())
	}
	l.forget()
	l.say("10.0.0.8", question(instanceName(t, "alice@pronto"), wire.TypeSRV))
	l.say("10.0.0.8", question(wire.MustName("pronto", "local"), wire.TypeA))
	l.run(time.Second)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Errorf("answers for the old name: %v", got)
	}
}

// TestRenameToTheSameName changes port and text without a flap.
func TestRenameToTheSameName(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.9/16")
	l.run(10 * time.Second)
	l.forget()
	a.rename("Alice", "pronto", 7000, "status=dnd")
	l.run(10 * time.Second)
	if p, _ := b.e.Peer("alice@pronto"); p.Port != 7000 || b.count(Left) != 0 {
		t.Errorf("bob sees %+v, events %v", p, b.kinds())
	}
}

func TestRenameBackAndForth(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.9/16")
	l.run(10 * time.Second)
	for i, wait := range []time.Duration{0, 100 * time.Millisecond, 900 * time.Millisecond, 1500 * time.Millisecond} {
		a.rename("amber", "fox-abcd", 6000, "txtvers=1")
		l.run(wait)
		a.rename("alice", "pronto", 5298, "status=avail")
		l.run(10 * time.Second)
		if got := b.keys(); !slices.Equal(got, []string{"alice@pronto"}) || a.e.Name() != "alice@pronto" {
			t.Errorf("round %d: alice is %q, bob sees %q", i, a.e.Name(), got)
		}
	}
}

// TestRenameWhileTaken: conflicts rename the new names as they did the old.
func TestRenameWhileTaken(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.9/16")
	b.publish("x")
	l.run(10 * time.Second)
	l.forget()
	a.rename("bob", "forza", 5298, "")
	l.run(10 * time.Second)
	if ev := a.only(Renamed); ev.Name != "bob@forza-1" || b.e.Name() != "bob@forza" {
		t.Errorf("%+v, bob is %q", ev, b.e.Name())
	}
}

func TestRenameRefusesBadNames(t *testing.T) {
	l, a := ready(t)
	for _, machine := range []string{"", "two words", "pr\x00nto"} {
		if err := a.e.Rename(l.now, "alice", machine, 1, nil); !errors.Is(err, ErrName) {
			t.Errorf("machine %q: %v", machine, err)
		}
	}
	l.run(time.Minute)
	if a.e.Name() != "alice@pronto" || len(l.responses("10.0.0.1")) != 0 {
		t.Errorf("now %q", a.e.Name())
	}
}

// TestGhostSendsNothing for an hour, whatever is asked, said or changed: no
// answer, no question, no goodbye.
func TestGhostSendsNothing(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.9/16")
	b.publish("x")
	l.run(10 * time.Second)
	a.events = nil
	a.e.Silence(l.now)
	a.collect()
	l.forget()
	for range 60 {
		l.say("10.0.0.8", question(service, wire.TypePTR))
		l.say("10.0.0.8", question(instanceName(t, "alice@pronto"), wire.TypeANY))
		l.say("10.0.0.8", claim{label: "alice@pronto", host: "pronto", port: 1, addrs: []string{"10.0.0.8"}}.message(t))
		a.e.Watch(l.now, []string{"bob@forza"})
		a.e.Reconfirm(l.now, "bob@forza")
		a.e.Resolve(l.now, "bob@forza")
		a.setText("status=away")
		a.e.Wake(l.now)
		a.join(1, 0, "10.0.0.1/16") // links that come all the same
		l.run(time.Minute)
	}
	for _, c := range l.sent {
		if c.from.Addr().String() == "10.0.0.1" {
			t.Fatalf("a ghost sent %v", c)
		}
	}
	if got := a.e.Stats(); !got.Silent || got.Name != "" {
		t.Errorf("%+v", got)
	}
	a.publish("status=avail")
	l.run(2 * time.Second)
	if _, ok := b.e.Peer("alice@pronto"); !ok {
		t.Error("not listed after the ghost ended")
	}
}

func TestSilenceForgetsEverybody(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Second)
	a.withdraw()
	a.e.Silence(l.now) // before the second goodbye
	a.collect()
	if ev := a.only(Left); ev.Cause != LinkLost || len(a.keys()) != 0 {
		t.Errorf("%+v, sees %q", ev, a.keys())
	}
	if a.count(Withdrawn) != 1 {
		t.Errorf("events %v", a.kinds())
	}
}
