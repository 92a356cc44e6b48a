package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// Rows of docs/mdns-checklist.md that no other file has a test for. BCT is
// Apple's Bonjour Conformance Test, whose names its published results show.

// TestRFC6762_18_6_BitsIgnored: RD, RA, Z, AD and CD are zero in what we send
// and change nothing in what we hear.
func TestRFC6762_18_6_BitsIgnored(t *testing.T) {
	m := question(service, wire.TypePTR)
	plain, _ := m.Append(nil, 0)
	said := bob().message(t)
	heard, _ := said.Append(nil, 0)
	for name, bits := range map[string][2]byte{
		"18.6 RD": {0x01, 0}, "18.7 RA": {0, 0x80}, "18.8 Z": {0, 0x40}, "18.9 AD": {0, 0x20}, "18.10 CD": {0, 0x10},
	} {
		t.Run(name, func(t *testing.T) {
			l, a := ready(t)
			for _, data := range [][]byte{slices.Clone(plain), slices.Clone(heard)} {
				data[2] |= bits[0]
				data[3] |= bits[1]
				l.sayRaw("10.0.0.9", netip.AddrPort{}, data)
			}
			l.run(2 * time.Second)
			if got := l.responses("10.0.0.1"); len(got) != 1 || a.count(Joined) != 1 {
				t.Errorf("%d answers, %d joined, want 1 and 1", len(got), a.count(Joined))
			}
			a.e.restartAsking(l.now, a.e.links[1])
			a.setText("status=away")
			a.e.Tick(l.now.Add(time.Second))
			packets, _ := a.e.Take()
			for _, p := range packets {
				if p.Data[2]&0x01 != 0 || p.Data[3] != 0 {
					t.Errorf("sends header %x", p.Data[:4])
				}
			}
			if len(packets) == 0 {
				t.Error("nothing sent")
			}
		})
	}
}

// TestRFC6762_8_1_AnswersBeforeTheFirstProbe are to nobody's question, and no
// conflict.
func TestRFC6762_8_1_AnswersBeforeTheFirstProbe(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.say("10.0.0.9", claim{label: "alice@pronto", host: "pronto", port: 1, addrs: []string{"10.0.0.9"}}.message(t))
	l.run(5 * time.Second)
	if got := a.e.Name(); got != "alice@pronto" {
		t.Errorf("called %q", got)
	}
}

// TestRFC6762_8_1_AnyRecordIsAConflict while probing, of whatever type, and
// says nothing once the name is ours.
func TestRFC6762_8_1_AnyRecordIsAConflict(t *testing.T) {
	n, h := instanceName(t, "alice@pronto"), wire.MustName("pronto", "local")
	for _, tt := range []struct {
		name string
		r    wire.Record
	}{
		{"NULL of the instance", wire.Record{Name: n, Type: wire.TypeNULL, TTL: 120, Raw: []byte("x")}},
		{"TXT of the instance", wire.Record{Name: n, Type: wire.TypeTXT, TTL: 120, TXT: text("other")}},
		{"HINFO of the host", wire.Record{Name: h, Type: 13, TTL: 120, Raw: []byte("\x01x\x01y")}},
		{"NSEC of the host", wire.Record{Name: h, Type: wire.TypeNSEC, TTL: 120, NSEC: wire.NSEC{Next: h, Types: []wire.Type{wire.TypeA}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLAN(t, 1)
			a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
			a.publish("txtvers=1")
			l.run(400 * time.Millisecond)
			l.say("10.0.0.9", wire.Message{Response: true, Answers: []wire.Record{tt.r}})
			l.run(5 * time.Second)
			if got := a.e.Name(); got != "alice@pronto-1" {
				t.Errorf("called %q", got)
			}
			l, a = ready(t)
			l.say("10.0.0.9", wire.Message{Response: true, Answers: []wire.Record{tt.r}})
			l.run(5 * time.Second)
			if got := a.e.Name(); got != "alice@pronto" {
				t.Errorf("one of another type takes an announced name away: %q", got)
			}
		})
	}
}

// TestRFC6762_14_ConflictOnOneLink gives a name up on all: two names for one
// instance would be two people.
func TestRFC6762_14_ConflictOnOneLink(t *testing.T) {
	l, a := ready(t)
	a.join(2, 1, "10.1.0.1/24")
	l.run(10 * time.Second)
	b := l.bare(Config{User: "alice", Machine: "pronto", Port: 65000}) // later data wins: it has port and address
	b.join(1, 1, "10.1.0.9/24")
	b.e.Publish(l.now, text("y"))
	b.e.own.established = true
	b.e.links[1].pub.phase = live // a neighbour that never heard of probing
	for range 8 {
		b.e.announce(l.now, b.e.links[1], nil)
		b.e.rescue(l.now, b.e.links[1])
		b.collect()
		l.run(1200 * time.Millisecond)
	}
	l.run(5 * time.Second)
	if got := a.e.Name(); got != "alice@pronto-1" || a.count(Renamed) != 1 {
		t.Errorf("called %q, %d times renamed", got, a.count(Renamed))
	}
	l.forget()
	l.say("10.0.0.8", question(service, wire.TypePTR))
	l.run(2 * time.Second)
	got := l.responses("10.0.0.1")
	if len(got) != 1 || !got[0].msg.Answers[0].PTR.Equal(instanceName(t, "alice@pronto-1")) {
		t.Errorf("the other link hears %v", got)
	}
}

// TestRFC2782_WeightsAreDrawn: of equal priority each is chosen as often as its
// weight says, by one engine always the same one.
func TestRFC2782_WeightsAreDrawn(t *testing.T) {
	const engines = 2000
	m := bob().message(t)
	m.Answers[1].SRV.Weight, m.Answers[1].SRV.Port = 1, 1
	second, third := m.Answers[1], m.Answers[1]
	second.SRV.Weight, second.SRV.Port = 3, 2
	third.SRV.Weight, third.SRV.Port = 0, 3
	m.Answers = append(m.Answers, second, third)
	data, _ := m.Append(nil, 0)
	chosen := map[uint16]int{}
	for i := range uint64(engines) {
		e, err := New(Config{User: "alice", Machine: "pronto", Port: 1, Rand: rand.New(rand.NewPCG(i, 9))})
		if err != nil {
			t.Fatal(err)
		}
		now := testStart
		e.Links(now, []link.Info{{ID: 1, Name: "eth0", MTU: 1500, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}}, false)
		var first uint16
		for range 3 {
			now = now.Add(5 * time.Second)
			e.Packet(now, link.Packet{Link: 1, Src: addrPort("10.0.0.9:5353"), Multicast: true, Data: data})
			got := e.Peers()[0].Port
			if first == 0 {
				first = got
				chosen[got]++
			} else if got != first {
				t.Fatalf("port %d after port %d", got, first)
			}
		}
	}
	// A quarter of 2,000 is 500, with a deviation of 19.
	if n := chosen[1]; n < 400 || n > 600 || chosen[2]+n+chosen[3] != engines || chosen[3] > 40 {
		t.Errorf("weights 1, 3 and 0 were chosen %v times", chosen)
	}
}

// TestRFC6762_6_2_NSECForTheOtherFamily goes along with SRV and A, where there
// is none.
func TestRFC6762_6_2_NSECForTheOtherFamily(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    wire.Message
	}{
		{"SRV", question(instanceName(t, "alice@pronto"), wire.TypeSRV)},
		{"A", question(wire.MustName("pronto", "local"), wire.TypeA)},
	} {
		l := newLAN(t, 1)
		l.add("alice", "pronto", 5298, "10.0.0.1/24").publish("txtvers=1")
		l.run(10 * time.Second)
		got := ask(l, tt.q)
		if r, ok := find(got[0].msg.Additional, wire.TypeNSEC); !ok || !slices.Equal(r.NSEC.Types, []wire.Type{wire.TypeA}) {
			t.Errorf("with %s: %v", tt.name, got)
		}
	}
}

// TestBCT_ReplyAggregation: what is asked while an answer waits goes out with
// it, and neither sooner than 20 ms nor later than 500 (RFC 6762 6.4).
func TestBCT_ReplyAggregation(t *testing.T) {
	together := 0
	for seed := range uint64(50) {
		l := newLAN(t, seed)
		l.add("alice", "pronto", 5298, "10.0.0.1/16").publish("x")
		l.run(10 * time.Second)
		l.forget()
		asked := map[wire.Type]time.Duration{}
		at := l.now.Sub(l.start)
		l.say("10.0.0.9", question(service, wire.TypePTR))
		l.run(10 * time.Millisecond)
		l.say("10.0.0.8", question(meta, wire.TypePTR))
		second := l.now.Sub(l.start)
		l.run(2 * time.Second)
		got := l.responses("10.0.0.1")
		for _, c := range got {
			for _, r := range c.msg.Answers {
				from := at
				if r.Name.Equal(meta) {
					from = second
				}
				if d := c.at - from; d < sharedMin || d > 500*time.Millisecond {
					t.Errorf("seed %d: %v answered after %v", seed, r.Name, d)
				}
				asked[r.Type]++
			}
		}
		if len(got) == 1 {
			together++
		}
	}
	if together < 40 { // unless the first is due in less than 20 ms
		t.Errorf("%d of 50 in one packet", together)
	}
}

// several asks for the service and the enumeration in one packet.
func several() wire.Message {
	m := question(service, wire.TypePTR)
	m.Questions = append(m.Questions, question(meta, wire.TypePTR).Questions...)
	return m
}

// TestBCT_MultipleQuestionsSharedReplyTiming: 20 to 120 ms, evenly spread.
func TestBCT_MultipleQuestionsSharedReplyTiming(t *testing.T) {
	l, _ := ready(t)
	var seen []time.Duration
	for range 200 {
		at := l.now.Sub(l.start)
		got := ask(l, several())
		if len(got) != 1 || len(got[0].msg.Answers) != 2 {
			t.Fatalf("answers %v", got)
		}
		seen = append(seen, got[0].at-at)
	}
	slices.Sort(seen)
	if seen[0] < sharedMin || seen[199] >= sharedMax || seen[50] > 55*time.Millisecond || seen[150] < 85*time.Millisecond {
		t.Errorf("after %v, %v, %v, %v, %v", seen[0], seen[50], seen[100], seen[150], seen[199])
	}
}

// TestBCT_MultipleQuestionsDuplicateSuppression: of two questions the one whose
// answer is known is left out.
func TestBCT_MultipleQuestionsDuplicateSuppression(t *testing.T) {
	l, _ := ready(t)
	m := several()
	m.Answers = []wire.Record{{Name: meta, Type: wire.TypePTR, TTL: 4500, PTR: service}}
	got := ask(l, m)
	if len(got) != 1 || len(got[0].msg.Answers) != 1 || !got[0].msg.Answers[0].Name.Equal(service) {
		t.Errorf("answers %v", got)
	}
}

// TestBCT_MultipleQuestionsDistributedDuplicateSuppression: somebody else gave
// one of the two answers meanwhile.
func TestBCT_MultipleQuestionsDistributedDuplicateSuppression(t *testing.T) {
	l, _ := ready(t)
	l.say("10.0.0.9", several())
	l.say("10.0.0.8", wire.Message{Response: true, Answers: []wire.Record{{Name: meta, Type: wire.TypePTR, TTL: 4500, PTR: service}}})
	l.run(2 * time.Second)
	got := l.responses("10.0.0.1")
	if len(got) != 1 || len(got[0].msg.Answers) != 1 || !got[0].msg.Answers[0].Name.Equal(service) {
		t.Errorf("answers %v", got)
	}
}

// TestBCT_SubsequentConflict: somebody who has our host name, or our instance,
// and answers our probes takes it; each time we come back under the next name.
func TestBCT_SubsequentConflict(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    wire.Record
	}{
		{"A", wire.Record{Name: wire.MustName("pronto", "local"), Type: wire.TypeA, Flush: true, TTL: 120, Addr: netip.MustParseAddr("10.0.0.66")}},
		{"SRV", claim{label: "alice@pronto", host: "other", port: 9}.records(t)[1]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, a := ready(t)
			for range 4 {
				l.say("10.0.0.66", wire.Message{Response: true, Answers: []wire.Record{tt.r}})
				l.run(300 * time.Millisecond)
			}
			l.run(10 * time.Second)
			if got := a.e.Name(); got != "alice@pronto-1" || a.only(Renamed).Name != got {
				t.Errorf("called %q", got)
			}
			if got := ask(l, question(tt.r.Name, tt.r.Type)); len(got) != 0 {
				t.Errorf("answers for the name it lost: %v", got)
			}
		})
	}
}

// TestBCT_HotPlugging: a cable pulled and put back: three probes, and the same
// name.
func TestBCT_HotPlugging(t *testing.T) {
	for _, out := range []time.Duration{2 * time.Second, 30 * time.Second} {
		l, a := ready(t)
		i := a.links[1].info
		a.unplug(1)
		l.run(out)
		l.forget()
		a.links[1] = port{0, i}
		a.tell()
		l.run(10 * time.Second)
		probes := l.filter("10.0.0.1", func(c capture) bool { return len(c.msg.Authority) > 0 })
		if len(probes) != 3 || len(l.responses("10.0.0.1")) != 3 || a.e.Name() != "alice@pronto" || a.count(Renamed) != 0 {
			t.Errorf("after %v: %d probes, %d announcements, %q", out, len(probes), len(l.responses("10.0.0.1")), a.e.Name())
		}
	}
}

// TestBCT_NoDuplicateRecords: no packet says a record twice, whatever is asked.
func TestBCT_NoDuplicateRecords(t *testing.T) {
	l, a := ready(t)
	names := []wire.Name{service, meta, instanceName(t, "alice@pronto"), wire.MustName("pronto", "local")}
	types := []wire.Type{wire.TypePTR, wire.TypeSRV, wire.TypeTXT, wire.TypeA, wire.TypeAAAA, wire.TypeANY, wire.TypeNSEC}
	for i := range 300 {
		var m wire.Message
		for range 1 + l.rand.IntN(8) {
			q := question(names[l.rand.IntN(len(names))], types[l.rand.IntN(len(types))]).Questions[0]
			q.Unicast = l.rand.IntN(4) == 0
			m.Questions = append(m.Questions, q)
		}
		src := "10.0.0.9"
		if i%5 == 0 {
			src = "10.0.0.9:40000" // legacy
		}
		l.say(src, m)
		l.run(time.Duration(l.rand.IntN(400)) * time.Millisecond)
		if i%50 == 0 {
			a.setText(fmt.Sprintf("n=%d", i))
		}
	}
	l.run(10 * time.Second)
	if len(l.sent) < 50 {
		t.Fatalf("%d packets only", len(l.sent))
	}
	for _, c := range l.sent {
		seen := map[string]bool{}
		for _, r := range slices.Concat(c.msg.Answers, c.msg.Authority, c.msg.Additional) {
			key := fmt.Sprintf("%d %q %x", r.Type, r.Name.Key(), r.RdataWire())
			if seen[key] {
				t.Fatalf("type %d of %v twice in %v", r.Type, r.Name, c)
			}
			seen[key] = true
		}
	}
}

// TestBCT_LegalCharacters: any UTF-8 in an instance, letters, digits and hyphens
// in a host, heard by others as it is.
func TestBCT_LegalCharacters(t *testing.T) {
	for i, user := range []string{"Älice 🦀", "a.b@c", `back\slash`, "a b", "日本語", "{}|~^`"} {
		l := newLAN(t, uint64(i))
		a := l.add(user, "pronto-7", 5298, "10.0.0.1/24")
		b := l.add("bob", "forza", 5298, "10.0.0.2/24")
		a.publish("x")
		l.run(5 * time.Second)
		if p := b.e.Peers(); len(p) != 1 || p[0].Instance != user+"@pronto-7" || p[0].Host != "pronto-7.local" {
			t.Errorf("%q is heard as %+v", user, p)
		}
	}
}
