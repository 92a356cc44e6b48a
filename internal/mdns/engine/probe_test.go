package engine

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

func TestRFC6762_8_1_ThreeProbes250msApart(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(5 * time.Second)
	var probes []capture
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Authority) > 0 {
			probes = append(probes, c)
		}
	}
	if len(probes) != 3 {
		t.Fatalf("%d probes, want 3", len(probes))
	}
	if probes[0].at >= 250*time.Millisecond {
		t.Errorf("first probe after %v", probes[0].at)
	}
	for i, p := range probes {
		if want := probes[0].at + time.Duration(i)*250*time.Millisecond; p.at != want {
			t.Errorf("probe %d at %v, want %v", i, p.at, want)
		}
		if len(p.msg.Questions) != 2 || p.msg.Questions[0].Type != wire.TypeANY {
			t.Errorf("questions: %+v", p.msg.Questions)
		}
		got := kindsOf(p.msg.Authority)
		if got[wire.TypeSRV] != 1 || got[wire.TypeTXT] != 1 || got[wire.TypeA] != 1 {
			t.Errorf("authority: %v", got)
		}
		for _, r := range p.msg.Authority {
			if r.Flush {
				t.Errorf("flush bit in a proposed answer: %v", r.Type) // BCT: no flush bit in proposed answers
			}
		}
	}
	announced := l.responses("10.0.0.1")
	if len(announced) == 0 || announced[0].at != probes[2].at+250*time.Millisecond {
		t.Errorf("announced at %v", announced)
	}
}

func TestRFC6762_8_1_NothingAnsweredWhileProbing(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(300 * time.Millisecond)
	l.say("10.0.0.9", question(service, wire.TypePTR))
	l.run(300 * time.Millisecond)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Errorf("answered before the names were won: %+v", got)
	}
}

func TestRFC6762_5_4_QUProbeOnlyWhenUnicastReachesUs(t *testing.T) {
	for _, unicast := range []bool{false, true} {
		l := newLAN(t, 1)
		a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
		a.e.Links(l.now, []link.Info{a.links[1].info}, unicast)
		a.publish("txtvers=1")
		l.run(2 * time.Second)
		for _, c := range l.queries("10.0.0.1") {
			for _, q := range c.msg.Questions {
				if q.Unicast != (unicast && q.Type == wire.TypeANY) {
					t.Errorf("unicast %v: %+v", unicast, q)
				}
			}
		}
	}
}

func Test174_3_8_MachineRenamedWhenAnotherHasIt(t *testing.T) {
	l := newLAN(t, 2)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(5 * time.Second)
	b := l.add("bob", "pronto", 5298, "10.0.0.2/24")
	b.publish("txtvers=1")
	l.run(5 * time.Second)
	if got := b.e.Name(); got != "bob@pronto-1" {
		t.Errorf("second machine is called %q", got)
	}
	if ev := b.only(Renamed); ev.Name != "bob@pronto-1" {
		t.Errorf("told the user %q", ev.Name)
	}
	if got := a.e.Name(); got != "alice@pronto" || a.count(Renamed) != 0 {
		t.Errorf("the first is called %q", got)
	}
	c := l.add("bob", "pronto", 5298, "10.0.0.3/24")
	c.publish("txtvers=1")
	l.run(5 * time.Second)
	if got := c.e.Name(); got != "bob@pronto-2" {
		t.Errorf("third machine is called %q", got)
	}
}

func Test174_3_9_UserRenamedWhenThisMachineHasIt(t *testing.T) {
	l := newLAN(t, 3)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(5 * time.Second)
	b := l.add("alice", "pronto", 5299, "10.0.0.1/24")
	b.publish("txtvers=1")
	l.run(5 * time.Second)
	c := l.add("alice", "pronto", 5300, "10.0.0.1/24")
	c.publish("txtvers=1")
	l.run(5 * time.Second)
	got := []string{a.e.Name(), b.e.Name(), c.e.Name()}
	if want := []string{"alice@pronto", "alice-1@pronto", "alice-2@pronto"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if got := a.keys(); !slices.Equal(got, []string{"alice-1@pronto", "alice-2@pronto"}) {
		t.Errorf("the first sees %q", got)
	}
	if got := c.keys(); !slices.Equal(got, []string{"alice-1@pronto", "alice@pronto"}) {
		t.Errorf("the third sees %q", got)
	}
}

func TestRenameKeepsLabelWithin63Octets(t *testing.T) {
	var o own
	e := &Engine{own: own{}}
	if !o.name(strings.Repeat("é", 31), strings.Repeat("m", 20)) {
		t.Fatal("name refused")
	}
	for range counted {
		o.next(e, machinePart)
		o.next(e, userPart)
		if len(o.label) > 63 || !strings.HasSuffix(o.label, "@"+strings.Repeat("m", 20)+o.machineAdd) {
			t.Fatalf("label %q", o.label)
		}
		if o.tries >= counted {
			break
		}
	}
}

func TestNamesRefused(t *testing.T) {
	tests := []struct {
		name, user, machine string
		want                bool
	}{
		{"plain", "alice", "pronto", true},
		{"unicode user", "Älice 🦀", "pronto-a2b3", true},
		{"user with dots and at", "a.b@c", "pronto", true},
		{"no user", "", "pronto", false},
		{"no machine", "alice", "", false},
		{"machine with dot", "alice", "pronto.local", false},
		{"machine not ASCII (174-12.1)", "alice", "prönto", false},
		{"control octet (C-31)", "ali\x1bce", "pronto", false},
		{"invalid UTF-8", "ali\xffce", "pronto", false},
		{"machine too long", "alice", strings.Repeat("m", 41), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o own
			if got := o.name(tt.user, tt.machine); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestRFC6762_8_2_TieBreakOneWinsOneRenames(t *testing.T) {
	for seed := range uint64(20) {
		l := newLAN(t, seed)
		a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
		b := l.add("alice", "pronto", 5299, "10.0.0.2/24")
		a.publish("txtvers=1")
		b.publish("txtvers=1")
		l.run(10 * time.Second)
		// 8.2: the later data wins. Both SRV and address of b are greater.
		if a.e.Name() != "alice@pronto-1" || b.e.Name() != "alice@pronto" {
			t.Errorf("seed %d: a is %q, b is %q", seed, a.e.Name(), b.e.Name())
		}
		if got := a.keys(); !slices.Equal(got, []string{"alice@pronto"}) {
			t.Errorf("seed %d: a sees %q", seed, got)
		}
	}
}

func TestRFC6762_8_2_LoserWaitsOneSecond(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(400 * time.Millisecond)
	at := l.now.Sub(l.start)
	theirs := claim{label: "alice@pronto", host: "zzz", port: 65535}.records(t)[1:3]
	l.say("10.0.0.9", wire.Message{
		Questions: question(instanceName(t, "alice@pronto"), wire.TypeANY).Questions, Authority: theirs,
	})
	l.sent = nil
	l.run(5 * time.Second)
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Authority) == 0 {
			continue
		}
		if c.at != at+time.Second {
			t.Errorf("probes again after %v, want 1s", c.at-at)
		}
		break
	}
	// The other one never came back: the name is ours, no rename (8.2).
	if got := a.e.Name(); got != "alice@pronto" {
		t.Errorf("name is %q", got)
	}
}

func TestRFC6762_8_1_DefendsAtOnce(t *testing.T) {
	l, a := ready(t)
	at := l.now.Sub(l.start)
	theirs := claim{label: "alice@pronto", host: "other", port: 1}.records(t)[1:3]
	l.say("10.0.0.9", wire.Message{
		Questions: question(instanceName(t, "alice@pronto"), wire.TypeANY).Questions, Authority: theirs,
	})
	l.run(time.Second)
	got := l.responses("10.0.0.1")
	if len(got) != 1 || got[0].at != at {
		t.Fatalf("defence: %+v", got)
	}
	if k := kindsOf(got[0].msg.Answers); k[wire.TypeSRV] != 1 || k[wire.TypeTXT] != 1 {
		t.Errorf("defends with %v", k)
	}
	if a.e.Name() != "alice@pronto" {
		t.Error("gave the name away")
	}
}

func TestRFC6762_6_ProbeDefenceEvery250ms(t *testing.T) {
	l, _ := ready(t)
	theirs := claim{label: "alice@pronto", host: "other", port: 1}.records(t)[1:3]
	for range 100 {
		l.say("10.0.0.9", wire.Message{
			Questions: question(instanceName(t, "alice@pronto"), wire.TypeANY).Questions, Authority: theirs,
		})
		l.run(10 * time.Millisecond)
	}
	if got := len(l.responses("10.0.0.1")); got < 4 || got > 5 {
		t.Errorf("%d defences in a second, want 4 or 5", got)
	}
}

func TestRFC6762_9_ConflictGoesBackToProbing(t *testing.T) {
	l, a := ready(t)
	other := claim{label: "alice@pronto", host: "other", port: 1}
	l.say("10.0.0.9", other.message(t))
	l.run(5 * time.Second)
	probes := 0
	for _, c := range l.queries("10.0.0.1") {
		if len(c.msg.Authority) > 0 {
			probes++
		}
	}
	if probes != 3 {
		t.Errorf("%d probes after a conflict, want 3", probes)
	}
	if got := a.e.Name(); got != "alice@pronto" {
		t.Errorf("nobody answered the probes, yet the name is %q", got)
	}
	if a.count(Left) != 0 || a.count(Renamed) != 0 {
		t.Errorf("events: %+v", a.events)
	}
}

func TestRFC6762_9_ConflictLoserRenames(t *testing.T) {
	l := newLAN(t, 4)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	b := l.add("alice", "pronto", 5299, "10.0.0.2/24")
	cut := true
	l.drop = func(from, to netip.Addr) bool { return cut && from != to }
	a.publish("txtvers=1")
	b.publish("txtvers=1")
	l.run(10 * time.Second)
	if a.e.Name() != b.e.Name() {
		t.Fatal("the partition leaks")
	}
	cut = false
	a.setText("txtvers=1\x00") // anything that makes a speak
	l.run(10 * time.Second)
	names := []string{a.e.Name(), b.e.Name()}
	slices.Sort(names)
	if want := []string{"alice@pronto", "alice@pronto-1"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
}

func TestOwnPacketsAreNoConflict(t *testing.T) {
	// Cable and Wi-Fi on one network (mdns.md 2.3).
	l := newLAN(t, 5)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.join(2, 0, "10.0.0.2/24")
	l.latency = func() time.Duration { return time.Duration(l.rand.Int64N(int64(300 * time.Millisecond))) }
	a.publish("status=avail")
	for i := range 20 {
		l.run(1500 * time.Millisecond)
		a.setText("n=" + string(rune('a'+i)))
	}
	l.run(time.Minute)
	if got := a.e.Name(); got != "alice@pronto" {
		t.Errorf("renamed itself to %q", got)
	}
	if got := a.keys(); len(got) != 0 {
		t.Errorf("sees itself: %q", got) // 174-4.2
	}
}

func TestSquatterDoesNotSilence(t *testing.T) {
	l := newLAN(t, 6)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	for l.now.Sub(l.start) < 2*time.Minute && a.e.Name() == "" {
		before := len(l.sent)
		l.run(10 * time.Millisecond)
		for _, c := range l.sent[before:] {
			for _, q := range c.msg.Questions {
				if q.Type == wire.TypeANY && q.Name.Parent().Equal(service) {
					l.say("10.0.0.66", claim{label: q.Name.First(), host: "mallory", port: 666}.message(t))
				}
			}
		}
	}
	if a.e.Name() == "" {
		t.Fatal("a squatter kept us off the link for two minutes")
	}
	t.Logf("published as %q after %v", a.e.Name(), l.now.Sub(l.start))
	l.forget()
	l.say("10.0.0.66", question(service, wire.TypePTR))
	l.run(time.Second)
	if len(l.responses("10.0.0.1")) == 0 {
		t.Error("does not answer")
	}
}

// TestTieBreakAttack: somebody always probes with better data, and never comes.
func TestTieBreakAttack(t *testing.T) {
	l := newLAN(t, 8)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	theirs := claim{label: "alice@pronto", host: "zzz", port: 65535}.records(t)[1:3]
	for range 100 {
		l.run(100 * time.Millisecond)
		l.say("10.0.0.66", wire.Message{
			Questions: question(instanceName(t, "alice@pronto"), wire.TypeANY).Questions, Authority: theirs,
		})
	}
	if a.e.Name() != "alice@pronto" {
		t.Errorf("kept off the link: %q", a.e.Name())
	}
}

func TestRFC6762_8_1_FifteenConflictsPause(t *testing.T) {
	l := newLAN(t, 7)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(time.Second)
	for range conflictLimit {
		a.e.own.conflicts = append(a.e.own.conflicts, l.now)
	}
	if got := a.e.conflictDelay(l.now); got != conflictPause {
		t.Errorf("pause %v, want %v", got, conflictPause)
	}
	if got := a.e.conflictDelay(l.now.Add(11 * time.Second)); got != 0 {
		t.Errorf("pause %v when the conflicts are old", got)
	}
}

func TestRFC6762_8_ProbesAgainOnNewLinkAndAddress(t *testing.T) {
	l, a := ready(t)
	a.join(2, 1, "192.168.7.1/24")
	l.run(5 * time.Second)
	second := l.responses("192.168.7.1")
	if len(second) < 2 {
		t.Fatalf("%d announcements on the new link", len(second))
	}
	for _, r := range second[0].msg.Answers {
		if r.Type == wire.TypeA && r.Addr.String() != "192.168.7.1" {
			t.Errorf("address %v on a foreign link (6.2)", r.Addr)
		}
	}
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Errorf("announced on the old link: %d", len(got))
	}
	l.forget()
	a.join(1, 0, "10.0.0.77/24")
	l.run(5 * time.Second)
	got := l.responses("10.0.0.77")
	if len(got) < 2 {
		t.Fatalf("%d announcements with the new address (174-3.7)", len(got))
	}
	if r, ok := find(got[0].msg.Answers, wire.TypeA); !ok || r.Addr.String() != "10.0.0.77" {
		t.Errorf("announced %v", r.Addr)
	}
}
