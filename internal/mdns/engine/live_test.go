package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// talking is alice who has a live stream with bob as long as *live.
func talking(t *testing.T) (l *lan, a *node, live *bool) {
	live = new(true)
	l = newLAN(t, 1)
	a = l.bare(Config{
		User: "alice", Machine: "pronto", Port: 5298,
		Pinned: func(k string) bool { return k == "bob@forza" },
		Live:   func(k string) bool { return *live && k == "bob@forza" },
	})
	a.join(1, 0, "10.0.0.1/16", "fe80::1/64")
	a.publish("status=avail")
	l.run(5 * time.Second)
	l.say("10.0.0.9", bob().message(t))
	l.run(5 * time.Second)
	l.forget()
	return l, a, live
}

// Issue 3, part 3: one who is watched, has a live stream and falls silent is
// doubted in time for a check of the stream, 120 s after the last sign of life.
func TestSilentDeathBehindALiveStream(t *testing.T) {
	l, a, _ := talking(t)
	a.e.Watch(l.now, []string{"bob@forza"})
	l.run(90 * time.Second)
	if a.count(Doubted) > 0 {
		t.Error("doubted before anything was overdue")
	}
	l.run(10 * time.Second)
	if a.count(Doubted) != 1 || a.count(Left) > 0 {
		t.Errorf("events %v, want one doubt", a.kinds())
	}
	l.run(10 * time.Minute)
	if n := a.count(Doubted); n > 2 {
		t.Errorf("doubted %d times in ten minutes", n)
	}
}

// TestT24_ForgeriesDuringALiveStream: no goodbye, no other SRV record, no
// address withdrawn or flushed, no silence and no expiry takes a contact away
// while a stream with it lives; once it does not, the rules hold again.
func TestT24_ForgeriesDuringALiveStream(t *testing.T) {
	forge := func(c claim, bye bool) claim { c.bye = bye; return c }
	elsewhere := claim{label: "bob@forza", host: "evil", port: 6666, addrs: []string{"10.0.0.66"}}
	moved := bob()
	moved.addrs = []string{"10.0.0.66"}
	for _, tt := range []struct {
		name  string
		do    func(l *lan, a *node)
		after []Kind // when the stream is gone and the same happens
	}{
		{"goodbye storm", func(l *lan, _ *node) {
			for range 100 {
				l.say("10.0.0.66", forge(bob(), true).message(t))
				l.run(100 * time.Millisecond)
			}
		}, []Kind{Left}},
		{"goodbye of the SRV record", func(l *lan, _ *node) {
			m := wire.Message{Response: true, Answers: forge(bob(), true).records(t)[1:2]}
			l.say("10.0.0.66", m)
			l.run(15 * time.Second)
		}, []Kind{Left}},
		{"another SRV record", func(l *lan, _ *node) { l.say("10.0.0.66", elsewhere.message(t)) }, []Kind{Changed}},
		{"another address", func(l *lan, _ *node) {
			l.say("10.0.0.66", wire.Message{Response: true, Answers: moved.records(t)[3:]})
		}, []Kind{Changed, Changed}},
		{"no answer to a reconfirmation", func(l *lan, a *node) { a.e.Reconfirm(l.now, "bob@forza"); a.collect() }, []Kind{Left}},
		{"silence while watched", func(l *lan, a *node) { a.e.Watch(l.now, []string{"bob@forza"}); l.run(3 * time.Minute) }, []Kind{Left}},
		{"expiry", func(l *lan, _ *node) { l.run(2 * time.Hour) }, []Kind{Left}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, a, live := talking(t)
			tt.do(l, a)
			l.run(time.Minute)
			p, ok := a.e.Peer("bob@forza")
			if !ok || p.Port != 5298 || !slices.Contains(p.Addrs, addrPort("10.0.0.9:5298")) || a.count(Left) > 0 {
				t.Errorf("with a live stream: %+v, events %v", p, a.kinds())
			}
			a.events = nil
			*live = false
			tt.do(l, a)
			l.run(time.Minute)
			got := slices.DeleteFunc(a.kinds(), func(k Kind) bool { return k == Health })
			if !slices.Equal(got, tt.after) && !slices.Equal(got, tt.after[:1]) {
				t.Errorf("without it: %v, want %v", got, tt.after)
			}
		})
	}
}

// TestT24_GoodbyeStorm: thousands of forged goodbyes a second, for all records of
// a contact and of everybody, from many addresses, with every tenth packet lost:
// a contact without a stream never leaves, because it says again that it is here.
func TestT24_GoodbyeStorm(t *testing.T) {
	l := newLAN(t, 24)
	l.keep = false
	a := l.bare(Config{User: "alice", Machine: "pronto", Port: 5298, Pinned: func(k string) bool { return k == "bob@forza" }})
	a.join(1, 0, "10.0.0.1/8", "fe80::1/64")
	b := l.add("bob", "forza", 5299, "10.0.0.2/8", "fe80::2/64")
	a.publish("x")
	b.publish("x")
	crowd(t, l, 200)
	l.run(10 * time.Second)
	l.loss = 0.1
	for _, n := range []*node{a, b} {
		n.events = nil
	}
	bye := claim{label: "bob@forza", host: "forza", port: 5299, addrs: []string{"10.0.0.2"}, bye: true}.message(t)
	for i := range 5000 { // five seconds of a thousand
		m := bye
		if i%2 == 0 {
			other := fmt.Sprintf("user%d@host%d", i%200, i%200)
			m = claim{label: other, host: fmt.Sprintf("host%d", i%200), port: 5298, bye: true}.message(t)
		}
		l.say(fmt.Sprintf("10.9.%d.%d", i%250, i%7), m)
		l.run(time.Millisecond)
	}
	l.run(10 * time.Second)
	for _, ev := range a.events {
		if ev.Kind == Left && ev.Peer.Key == "bob@forza" {
			t.Fatalf("bob left: %+v", ev)
		}
	}
	if p, ok := a.e.Peer("bob@forza"); !ok || len(p.Addrs) == 0 {
		t.Errorf("bob is at %v", p.Addrs)
	}
}
