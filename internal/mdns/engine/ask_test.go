package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// browsing returns the questions for the service that addr asked, first
// packets only.
func browsing(l *lan, addr string) []capture {
	return l.filter(addr, func(c capture) bool {
		return !c.msg.Response && len(c.msg.Questions) == 1 && c.msg.Questions[0].Name.Equal(service)
	})
}

func TestRFC6762_5_2_QuestionBackOff(t *testing.T) {
	l := newLAN(t, 1)
	l.add("alice", "pronto", 5298, "10.0.0.1/24")
	l.run(12 * time.Hour)
	got := browsing(l, "10.0.0.1")
	if got[0].at < askMin || got[0].at >= askMax {
		t.Errorf("first question after %v, want 20 to 120 ms", got[0].at)
	}
	if d := got[1].at - got[0].at; d < time.Second || d > 1100*time.Millisecond {
		t.Errorf("second question %v after the first", d)
	}
	for i := 2; i < len(got); i++ {
		before, gap := got[i-1].at-got[i-2].at, got[i].at-got[i-1].at
		if gap < before*19/10 && gap < time.Hour || gap > 62*time.Minute {
			t.Errorf("question %d after %v, the one before after %v", i, gap, before)
		}
	}
	if len(got) > 13+12 {
		t.Errorf("%d questions in 12 hours", len(got))
	}
}

func TestRFC6762_18_QueryHeader(t *testing.T) {
	l := newLAN(t, 1)
	l.add("alice", "pronto", 5298, "10.0.0.1/24")
	l.run(time.Second)
	m := browsing(l, "10.0.0.1")[0].msg
	if m.ID != 0 || m.Authoritative || m.Questions[0].Unicast || m.Questions[0].Class != wire.ClassIN {
		t.Errorf("query %+v", m)
	}
}

func TestRFC6762_7_1_ListsKnownAnswersAboveHalf(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	old := bob()
	old.label, old.ttl = "old@forza", 40
	l.say("10.0.0.9", old.message(t))
	l.run(25 * time.Second)
	l.forget()
	a.e.restartAsking(l.now, a.e.links[1])
	l.run(500 * time.Millisecond)
	var known []string
	for _, r := range browsing(l, "10.0.0.1")[0].msg.Answers {
		known = append(known, r.PTR.First())
		if r.Flush { // 10.2
			t.Errorf("flush bit on the known answer %v", r.PTR)
		}
		if r.PTR.First() == "bob@forza" && (r.TTL > 4475 || r.TTL < 4470) {
			t.Errorf("TTL %d, want what is left", r.TTL)
		}
	}
	if want := []string{"alice@pronto", "bob@forza"}; !slices.Equal(known, want) {
		t.Errorf("known answers %q, want %q", known, want)
	}
}

func TestRFC6762_7_1_NothingLearnedFromKnownAnswers(t *testing.T) {
	l, a := ready(t)
	m := question(service, wire.TypePTR)
	m.Answers = bob().records(t)
	l.say("10.0.0.9", m)
	l.run(10 * time.Second)
	if got := a.keys(); len(got) != 0 {
		t.Errorf("learned %q from a query", got)
	}
}

func TestRFC6762_7_2_KnownAnswersInTrains(t *testing.T) {
	l, a := ready(t)
	crowd(t, l, 300)
	l.forget()
	a.e.restartAsking(l.now, a.e.links[1])
	l.run(500 * time.Millisecond)
	got := l.queries("10.0.0.1")
	known := 0
	for i, c := range got {
		known += len(c.msg.Answers)
		if c.size > 1400 {
			t.Errorf("packet of %d octets", c.size)
		}
		if last := i == len(got)-1; c.msg.Truncated == last {
			t.Errorf("packet %d of %d: TC is %v", i, len(got), c.msg.Truncated)
		}
		if n := len(c.msg.Questions); (n == 1) != (i == 0) {
			t.Errorf("packet %d has %d questions", i, n)
		}
		if c.at != got[0].at {
			t.Errorf("packet %d comes %v late", i, c.at-got[0].at)
		}
	}
	if known != 301 || len(got) < 5 {
		t.Errorf("%d known answers in %d packets", known, len(got))
	}
}

// crowd announces n instances from n/50 addresses, some in each packet.
func crowd(t testing.TB, l *lan, n int) {
	t.Helper()
	for i := 0; i < n; i += 10 {
		var m wire.Message
		m.Response = true
		src := fmt.Sprintf("10.0.%d.%d", 1+i/50/250, 1+i/50%250)
		for j := i; j < min(i+10, n); j++ {
			c := claim{label: fmt.Sprintf("user%d@host%d", j, j), host: fmt.Sprintf("host%d", j), port: 5298, addrs: []string{src}}
			m.Answers = append(m.Answers, c.records(t)...)
		}
		l.say(src, m)
		l.run(time.Millisecond)
	}
}

func TestRFC6762_7_3_DuplicateQuestionSuppressed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known string
		want  int // questions of ours in the next half second
	}{
		{"nothing listed", "", 0},
		{"lists what we know", "bob@forza", 0},
		{"lists what we do not know", "carol@juliet", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, a := ready(t)
			l.say("10.0.0.9", bob().message(t))
			next := a.e.links[1].ask.timer.at
			l.run(next.Sub(l.now) - 100*time.Millisecond)
			l.forget()
			m := question(service, wire.TypePTR)
			if tt.known != "" {
				m.Answers = []wire.Record{{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instanceName(t, tt.known)}}
			}
			l.say("10.0.0.8", m)
			l.run(500 * time.Millisecond)
			if got := len(browsing(l, "10.0.0.1")); got != tt.want {
				t.Errorf("%d questions, want %d", got, tt.want)
			}
		})
	}
}

// TestQuestionsCannotBeStolen: queries that only we hear do not keep us from
// asking.
func TestQuestionsCannotBeStolen(t *testing.T) {
	l, _ := ready(t)
	for range 600 {
		l.say("10.0.0.66", question(service, wire.TypePTR))
		l.run(100 * time.Millisecond)
	}
	if got := len(browsing(l, "10.0.0.1")); got == 0 {
		t.Error("asked nothing in a minute")
	}
}

func TestAdaptiveBackOffInACrowd(t *testing.T) {
	l, a := ready(t)
	crowd(t, l, 300)
	a.e.restartAsking(l.now, a.e.links[1])
	l.forget()
	l.run(10 * time.Minute)
	got := browsing(l, "10.0.0.1")
	if len(got) > 4 { // 0, 1 s, 1 min, then an hour
		t.Errorf("%d questions in ten minutes in a crowd where nothing is new", len(got))
	}
}

func TestRFC6762_5_2_PTRRefreshed(t *testing.T) {
	l := newLAN(t, 8)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	a.publish("txtvers=1")
	b.publish("txtvers=1")
	l.keep = false
	l.run(24 * time.Hour)
	if a.count(Left) != 0 || b.count(Left) != 0 || len(a.keys()) != 1 {
		t.Errorf("a day of quiet: %v, %v", a.kinds(), b.kinds())
	}
}

func TestRFC6762_5_2_WatchedSRVAskedAt80_85_90_95(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	a.e.Watch(l.now, []string{"bob@forza"})
	l.forget()
	start := l.now.Sub(l.start)
	l.run(3 * time.Minute)
	var at []time.Duration
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Questions) == 1 && c.msg.Questions[0].Type == wire.TypeSRV {
			at = append(at, c.at-start)
		}
	}
	if len(at) != 4 {
		t.Fatalf("asked at %v", at)
	}
	for i, got := range at {
		want := time.Duration(80+5*i) * 120 * time.Second / 100
		if got < want || got > want+120*time.Second*2/100+time.Millisecond {
			t.Errorf("question %d after %v, want %v and at most 2 %% more", i, got, want)
		}
	}
	if ev := a.only(Left); ev.Cause != Unanswered { // mdns.md 2.6: within 120 s
		t.Errorf("left: %q", ev.Cause)
	}
}

func TestRFC6762_5_2_UnwatchedSRVNotAsked(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(0)
	l.forget()
	l.run(30 * time.Minute)
	for _, c := range l.queries("10.0.0.1") {
		if q := c.msg.Questions; len(q) > 0 && q[0].Type == wire.TypeSRV {
			t.Fatalf("asked about an instance nobody looks at: %v", c)
		}
	}
	if got := a.kinds(); len(got) != 0 {
		t.Errorf("events after the SRV's 120 s: %v", got)
	}
}

func TestWatchKeepsLivePeer(t *testing.T) {
	l := newLAN(t, 9)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	b.publish("txtvers=1")
	l.run(20 * time.Minute)
	a.e.Watch(l.now, []string{"bob@forza"}) // its SRV ran out long ago
	l.run(20 * time.Minute)
	if a.count(Left) != 0 {
		t.Errorf("lost a peer that answers: %+v", a.only(Left))
	}
	b.unplug(1)
	l.run(2 * time.Minute)
	if ev := a.only(Left); ev.Cause != Unanswered {
		t.Errorf("left: %q", ev.Cause)
	}
}

func TestWatchIsBounded(t *testing.T) {
	l, a := ready(t)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	a.e.Watch(l.now, keys)
	if n := len(a.e.cache.watched); n != maxWatch {
		t.Errorf("%d keys watched", n)
	}
}

func TestRFC6762_10_4_ReconfirmUnanswered(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(5 * time.Second)
	l.forget()
	start := l.now
	a.e.Reconfirm(l.now, "bob@forza")
	l.run(9900 * time.Millisecond)
	if len(a.events) != 0 {
		t.Errorf("gave up early: %+v", a.events)
	}
	l.run(time.Second)
	if ev := a.only(Left); ev.Cause != Unanswered {
		t.Errorf("left: %q", ev.Cause)
	}
	var asked []time.Duration
	for _, c := range l.queries("10.0.0.1") {
		if q := c.msg.Questions; len(q) == 1 && q[0].Type == wire.TypeSRV {
			asked = append(asked, c.at-start.Sub(l.start))
		}
	}
	if len(asked) != 2 || asked[1]-asked[0] < time.Second {
		t.Errorf("asked at %v, want twice", asked)
	}
}

func TestRFC6762_10_4_ReconfirmAnswered(t *testing.T) {
	l := newLAN(t, 9)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	b.publish("txtvers=1")
	l.run(time.Minute)
	l.forget()
	a.e.Reconfirm(l.now, "bob@forza")
	l.run(time.Minute)
	if len(a.events) != 0 {
		t.Errorf("events %+v", a.events)
	}
}

func Test174_11_2_ResolveAsksAfresh(t *testing.T) {
	l := newLAN(t, 10)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24", "fe80::1/64")
	b := l.add("bob", "forza", 5299, "10.0.0.2/24", "fe80::2/64")
	b.publish("txtvers=1")
	l.run(time.Hour)
	l.forget()
	start := l.now
	if !a.e.Resolve(l.now, "bob@forza") {
		t.Fatal("bob is unknown")
	}
	a.collect()
	l.run(0)
	for len(a.events) == 0 && l.now.Sub(start) < 10*time.Second {
		l.run(time.Millisecond)
	}
	ev := a.only(Resolved)
	if !ev.OK || l.now.Sub(start) > 200*time.Millisecond {
		t.Errorf("resolved %v after %v", ev.OK, l.now.Sub(start))
	}
	var got []string
	for _, ap := range ev.Peer.Addrs {
		got = append(got, ap.String())
	}
	if want := []string{"[fe80::2%eth1]:5299", "10.0.0.2:5299"}; !slices.Equal(got, want) {
		t.Errorf("addresses %q, want %q", got, want)
	}
	l.forget()
	a.e.Resolve(l.now, "bob@forza")
	a.collect()
	if a.count(Resolved) != 1 || len(l.queries("10.0.0.1")) != 0 {
		t.Error("asks again for what it has just heard")
	}
}

func TestResolveUnanswered(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Minute)
	l.forget()
	a.e.Resolve(l.now, "bob@forza")
	a.collect()
	l.run(10 * time.Second)
	if ev := a.only(Resolved); ev.OK || len(ev.Peer.Addrs) != 1 {
		t.Errorf("resolved: %+v", ev)
	}
	if got := len(l.queries("10.0.0.1")); got != 3 {
		t.Errorf("%d packets of questions, want 3", got)
	}
	if a.e.Resolve(l.now, "nobody@here") {
		t.Error("knows nobody@here")
	}
}

func Test174_4_3_PTRAloneIsFetched(t *testing.T) {
	l, a := ready(t)
	rs := bob().records(t)
	l.say("10.0.0.9", wire.Message{Response: true, Answers: rs[:1]})
	l.run(2 * time.Second)
	var asked []wire.Type
	for _, c := range l.queries("10.0.0.1") {
		for _, q := range c.msg.Questions {
			if q.Name.Equal(instanceName(t, "bob@forza")) {
				asked = append(asked, q.Type)
			}
		}
	}
	if want := []wire.Type{wire.TypeSRV, wire.TypeTXT}; !slices.Equal(asked[:2], want) { // 174-4.4: one packet
		t.Errorf("asked for %v", asked)
	}
	if a.count(Joined) != 0 {
		t.Error("joined without SRV")
	}
	l.say("10.0.0.9", wire.Message{Response: true, Answers: rs[1:]})
	l.run(0)
	if a.only(Joined).Peer.Port != 5298 {
		t.Errorf("%+v", a.events)
	}
	l.forget()
	l.run(time.Minute)
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Questions) > 0 && !c.msg.Questions[0].Name.Equal(service) {
			t.Errorf("asks on after the answer (174-4.6): %v", c)
		}
	}
}

func TestL24_FetchQuestionsAreBounded(t *testing.T) {
	l, a := ready(t)
	for i := range 2000 {
		src := fmt.Sprintf("10.0.0.%d", 10+i/50)
		l.say(src, wire.Message{Response: true, Answers: []wire.Record{
			{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instanceName(t, fmt.Sprintf("u%d@h", i))},
		}})
	}
	start := l.now.Sub(l.start)
	l.forget()
	l.run(10 * time.Second)
	packets := 0
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Questions) == 0 || c.msg.Questions[0].Name.Equal(service) {
			continue
		}
		packets++
		names := map[string]bool{}
		for _, q := range c.msg.Questions {
			names[q.Name.Key()] = true
		}
		if len(names) > maxQuestions || c.size > 1400 {
			t.Errorf("%d names in %d octets", len(names), c.size)
		}
	}
	if packets > 51 || packets < 40 {
		t.Errorf("%d packets in 10 s from %v, want 5/s", packets, start)
	}
	if len(a.keys()) != 0 {
		t.Error("joined without SRV")
	}
}

func Test174_9_2_GoodbyeCancelsQuestions(t *testing.T) {
	l, a := ready(t)
	rs := bob().records(t)
	l.say("10.0.0.9", wire.Message{Response: true, Answers: rs[:1]})
	rs[0].TTL = 0
	l.say("10.0.0.9", wire.Message{Response: true, Answers: rs[:1]})
	l.forget()
	l.run(time.Minute)
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Questions) > 0 && !c.msg.Questions[0].Name.Equal(service) {
			t.Errorf("asks about an instance that said goodbye: %v", c)
		}
	}
	if len(a.e.cache.byKey) != 0 {
		t.Error("still in the cache")
	}
}
