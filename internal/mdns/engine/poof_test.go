package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// asks is somebody else's question about bob, heard by alice.
func asks(l *lan, gap time.Duration, times int, typ wire.Type) {
	for range times {
		l.say("10.0.0.8", question(instanceName(l.t, "bob@forza"), typ))
		l.run(gap)
	}
}

// TestRFC6762_10_5_UnansweredQuestionsOfOthers: two of them and two of our own
// without an answer end an instance.
func TestRFC6762_10_5_UnansweredQuestionsOfOthers(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Minute)
	asks(l, 6*time.Second, 2, wire.TypeSRV)
	l.run(20 * time.Second)
	if ev := a.only(Left); ev.Cause != Unanswered {
		t.Errorf("%+v", ev)
	}
	if n := len(l.queries("10.0.0.1")); n < 2 {
		t.Errorf("%d questions of our own", n)
	}
}

// TestT24_ForgedQuestionsEndNobody: whoever is asked about answers our own
// question, also when the forged ones reached only us.
func TestT24_ForgedQuestionsEndNobody(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5298, "10.0.0.9/16")
	b.publish("x")
	l.run(time.Minute)
	l.forget()
	for range 300 {
		q := question(instanceName(t, "bob@forza"), wire.TypeSRV)
		data, _ := q.Append(nil, 0)
		l.fly(a, 1, addrPort("10.0.0.8:5353"), netip.AddrPort{}, data)
		l.run(2 * time.Second)
	}
	if a.count(Left) != 0 {
		t.Error("bob left")
	}
	// Ten minutes, at most one reconfirmation of two questions each.
	n := 0
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Questions) > 0 && c.msg.Questions[0].Type == wire.TypeSRV {
			n++
		}
	}
	if n == 0 || n > 20 {
		t.Errorf("%d questions of our own in ten minutes", n)
	}
}

// TestPoofSilentWhenAnswered, when the querier knows the answer, when it repeats
// itself, and when nobody can have answered.
func TestPoofSilentWhenAnswered(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(l *lan)
	}{
		{"answered", func(l *lan) {
			asks(l, 2*time.Second, 2, wire.TypeSRV)
			l.say("10.0.0.9", bob().message(l.t))
		}},
		{"one question", func(l *lan) { asks(l, time.Second, 1, wire.TypeSRV) }},
		{"a repetition", func(l *lan) { asks(l, 100*time.Millisecond, 5, wire.TypeSRV) }},
		{"long apart", func(l *lan) { asks(l, 2*time.Minute, 3, wire.TypeSRV) }},
		{"another type", func(l *lan) { asks(l, 2*time.Second, 5, wire.TypeNULL) }},
		{"known answers", func(l *lan) {
			m := question(instanceName(l.t, "bob@forza"), wire.TypeSRV)
			m.Answers = bob().records(l.t)[1:2]
			for range 5 {
				l.say("10.0.0.8", m)
				l.run(2 * time.Second)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, a := ready(t)
			l.say("10.0.0.9", bob().message(t))
			l.run(time.Minute)
			l.forget()
			tt.do(l)
			l.run(30 * time.Second)
			for _, c := range l.queries("10.0.0.1") {
				if c.msg.Questions[0].Type != wire.TypePTR {
					t.Errorf("asked %v", c)
				}
			}
			if a.count(Left) != 0 {
				t.Error("bob left")
			}
		})
	}
}

// TestT40_PoofIsNoAmplifier: questions about 1,000 instances draw few.
func TestT40_PoofIsNoAmplifier(t *testing.T) {
	l, _ := ready(t)
	crowd(t, l, 1000)
	l.run(time.Minute)
	l.forget()
	for range 5 {
		for i := range 1000 {
			src := fmt.Sprintf("10.0.%d.%d", 200+i/200, 1+i%200)
			l.say(src, question(instanceName(t, fmt.Sprintf("user%d@host%d", i, i)), wire.TypeSRV))
		}
		l.run(2 * time.Second)
	}
	n := 0
	for _, c := range l.queries("10.0.0.1") {
		n += len(c.msg.Questions)
	}
	if n > 100 { // (20 + 10 s x 2) reconfirmations of two questions, and one PTR
		t.Errorf("%d questions of our own", n)
	}
}
