package engine

import (
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
