package engine

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// ask lets 10.0.0.9 ask and returns alice's answers of the next two seconds.
func ask(l *lan, m wire.Message) []capture {
	l.forget()
	l.say("10.0.0.9", m)
	l.run(2 * time.Second)
	return l.responses("10.0.0.1")
}

func TestRFC6762_6_AnswersEveryQuestionAboutOurRecords(t *testing.T) {
	instance, host := wire.MustName("alice@pronto", "_presence", "_tcp", "local"), wire.MustName("pronto", "local")
	tests := []struct {
		name string
		q    wire.Name
		typ  wire.Type
		want []wire.Type // answers, sorted
	}{
		{"PTR", service, wire.TypePTR, []wire.Type{wire.TypePTR}},
		{"PTR by ANY", service, wire.TypeANY, []wire.Type{wire.TypePTR}},
		{"service enumeration (RFC 6763 9)", meta, wire.TypePTR, []wire.Type{wire.TypePTR}},
		{"SRV", instance, wire.TypeSRV, []wire.Type{wire.TypeSRV}},
		{"TXT", instance, wire.TypeTXT, []wire.Type{wire.TypeTXT}},
		{"6.5 ANY", instance, wire.TypeANY, []wire.Type{wire.TypeTXT, wire.TypeSRV}},
		{"6.1 no such type", instance, wire.TypeNULL, []wire.Type{wire.TypeNSEC}},
		{"A", host, wire.TypeA, []wire.Type{wire.TypeA}},
		{"AAAA", host, wire.TypeAAAA, []wire.Type{wire.TypeAAAA}},
		{"6.5 ANY of the host", host, wire.TypeANY, []wire.Type{wire.TypeA, wire.TypeAAAA}},
		{"6.1 no such type of the host", host, wire.TypeTXT, []wire.Type{wire.TypeNSEC}},
		{"16 capital letters", wire.MustName("ALICE@Pronto", "_PRESENCE", "_TCP", "LOCAL"), wire.TypeSRV, []wire.Type{wire.TypeSRV}},
		{"other instance", wire.MustName("bob@pronto", "_presence", "_tcp", "local"), wire.TypeANY, nil},
		{"other service", wire.MustName("_http", "_tcp", "local"), wire.TypePTR, nil},
		{"SRV of the service", service, wire.TypeSRV, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := ready(t)
			got := ask(l, question(tt.q, tt.typ))
			if tt.want == nil {
				if len(got) != 0 {
					t.Fatalf("answered %+v", got[0].msg)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d packets, want 1", len(got))
			}
			var types []wire.Type
			for _, r := range got[0].msg.Answers {
				types = append(types, r.Type)
			}
			slices.Sort(types)
			if !slices.Equal(types, tt.want) {
				t.Errorf("answers %v, want %v", types, tt.want)
			}
		})
	}
}

func TestRFC6762_6_1_NSECOfMissingFamily(t *testing.T) {
	l := newLAN(t, 1)
	l.add("alice", "pronto", 5298, "10.0.0.1/24").publish("txtvers=1")
	l.run(10 * time.Second)
	got := ask(l, question(wire.MustName("pronto", "local"), wire.TypeAAAA))
	if len(got) != 1 {
		t.Fatalf("%d packets", len(got))
	}
	r, ok := find(got[0].msg.Answers, wire.TypeNSEC)
	if !ok || !slices.Equal(r.NSEC.Types, []wire.Type{wire.TypeA}) || !r.Flush || r.TTL != ttlHost || !r.NSEC.Next.Equal(r.Name) {
		t.Errorf("NSEC %+v", r)
	}
}

func TestRFC6763_12_AdditionalRecords(t *testing.T) {
	l, _ := ready(t)
	got := ask(l, question(service, wire.TypePTR))
	k := kindsOf(got[0].msg.Additional)
	if k[wire.TypeSRV] != 1 || k[wire.TypeTXT] != 1 || k[wire.TypeA] != 1 || k[wire.TypeAAAA] != 1 {
		t.Errorf("with PTR: %v", k) // 12.1
	}
	got = ask(l, question(wire.MustName("alice@pronto", "_presence", "_tcp", "local"), wire.TypeSRV))
	if k = kindsOf(got[0].msg.Additional); k[wire.TypeA] != 1 || k[wire.TypeAAAA] != 1 {
		t.Errorf("with SRV: %v", k) // 12.2
	}
	got = ask(l, question(wire.MustName("pronto", "local"), wire.TypeA))
	if k = kindsOf(got[0].msg.Additional); k[wire.TypeAAAA] != 1 {
		t.Errorf("with A: %v", k) // RFC 6762 6.2
	}
}

func TestRFC6762_6_UniqueAtOnceSharedDelayed(t *testing.T) {
	l, _ := ready(t)
	at := l.now.Sub(l.start)
	got := ask(l, question(wire.MustName("alice@pronto", "_presence", "_tcp", "local"), wire.TypeSRV))
	if got[0].at != at {
		t.Errorf("unique answer after %v", got[0].at-at)
	}
	var seen []time.Duration
	for range 40 {
		at = l.now.Sub(l.start)
		got = ask(l, question(service, wire.TypePTR))
		seen = append(seen, got[0].at-at)
	}
	slices.Sort(seen)
	if seen[0] < sharedMin || seen[39] >= sharedMax || seen[39]-seen[0] < 50*time.Millisecond {
		t.Errorf("shared answers after %v to %v, want 20 to 120 ms", seen[0], seen[39])
	}
}

func TestRFC6762_6_OnePerRecordAndSecond(t *testing.T) { // L-24, T-40
	l, _ := ready(t)
	for range 2000 {
		for _, n := range []wire.Name{service, instanceName(t, "alice@pronto"), wire.MustName("pronto", "local")} {
			l.say(netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + l.rand.IntN(200))}).String(), question(n, wire.TypeANY))
		}
		l.run(5 * time.Millisecond)
	}
	last := map[wire.Type]time.Duration{}
	for _, c := range l.responses("10.0.0.1") {
		for _, r := range append(c.msg.Answers, c.msg.Additional...) {
			if at, ok := last[r.Type]; ok && c.at-at < time.Second {
				t.Fatalf("type %d multicast again after %v", r.Type, c.at-at)
			}
			last[r.Type] = c.at
		}
	}
	if len(last) < 5 {
		t.Errorf("only %v was answered", last)
	}
}

func TestRFC6762_7_1_KnownAnswerSuppressed(t *testing.T) {
	tests := []struct {
		name string
		ttl  uint32
		want int
	}{{"full life", 4500, 0}, {"half of it", 2250, 0}, {"less than half", 2249, 1}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := ready(t)
			m := question(service, wire.TypePTR)
			m.Answers = []wire.Record{{Name: service, Type: wire.TypePTR, TTL: tt.ttl, PTR: instanceName(t, "alice@pronto")}}
			if got := ask(l, m); len(got) != tt.want {
				t.Errorf("%d answers, want %d", len(got), tt.want)
			}
		})
	}
}

func TestRFC6762_7_2_TrainOfKnownAnswers(t *testing.T) {
	known := wire.Message{Answers: []wire.Record{{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instanceName(t, "alice@pronto")}}}
	other := wire.Message{Answers: []wire.Record{{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instanceName(t, "bob@forza")}}}
	first := question(service, wire.TypePTR)
	first.Truncated = true
	t.Run("known in the third packet", func(t *testing.T) {
		l, _ := ready(t)
		l.say("10.0.0.9", first)
		more := other
		more.Truncated = true
		l.say("10.0.0.9", more)
		l.run(100 * time.Millisecond)
		l.say("10.0.0.9", known)
		l.run(2 * time.Second)
		if got := l.responses("10.0.0.1"); len(got) != 0 {
			t.Errorf("answered %+v", got[0].msg)
		}
	})
	t.Run("never known, last packet lost", func(t *testing.T) {
		l, _ := ready(t)
		at := l.now.Sub(l.start)
		l.say("10.0.0.9", first)
		l.run(2 * time.Second)
		got := l.responses("10.0.0.1")
		if len(got) != 1 || got[0].at-at < trainMin || got[0].at-at > trainMax {
			t.Errorf("answers %v", got)
		}
	})
	t.Run("known answers of somebody else do not count", func(t *testing.T) {
		l, _ := ready(t)
		l.say("10.0.0.9", first)
		l.say("10.0.0.8", known)
		l.run(2 * time.Second)
		if got := l.responses("10.0.0.1"); len(got) != 1 {
			t.Errorf("%d answers, want 1", len(got))
		}
	})
	t.Run("thousands of trains are bounded", func(t *testing.T) {
		l, a := ready(t)
		for i := range 1000 {
			l.say(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 250)}).String()+":5353", first)
			l.sayTo(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 250)}), 5353).String(), netip.AddrPort{}, first)
		}
		if n := len(a.e.links[1].responder.trains); n > maxTrains {
			t.Errorf("%d trains", n)
		}
	})
}

func TestRFC6762_7_4_DuplicateAnswerSuppressed(t *testing.T) {
	l, _ := ready(t)
	l.say("10.0.0.9", question(meta, wire.TypePTR))
	l.say("10.0.0.8", wire.Message{Response: true, Answers: []wire.Record{{Name: meta, Type: wire.TypePTR, TTL: 4500, PTR: service}}})
	l.run(2 * time.Second)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Error("repeated what another had said")
	}
}

// TestNobodyAnswersForUs: a copy of our record does not silence us.
func TestNobodyAnswersForUs(t *testing.T) {
	l, _ := ready(t)
	l.say("10.0.0.9", question(service, wire.TypePTR))
	l.say("10.0.0.66", wire.Message{Response: true, Answers: []wire.Record{
		{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instanceName(t, "alice@pronto")},
	}})
	l.run(2 * time.Second)
	if got := l.responses("10.0.0.1"); len(got) != 1 {
		t.Errorf("%d answers, want 1", len(got))
	}
}

func TestRFC6762_6_3_ManyQuestionsOnePacket(t *testing.T) {
	l, _ := ready(t)
	m := wire.Message{}
	for i := range 200 {
		n := []wire.Name{service, meta, instanceName(t, "alice@pronto"), wire.MustName("pronto", "local")}[i%4]
		m.Questions = append(m.Questions, question(n, wire.TypeANY).Questions...)
	}
	if got := ask(l, m); len(got) != 1 {
		t.Errorf("200 questions drew %d packets, want 1", len(got))
	}
}

func TestRFC6762_6_4_Aggregated(t *testing.T) {
	l, _ := ready(t)
	l.say("10.0.0.9", question(service, wire.TypePTR))
	l.say("10.0.0.8", question(meta, wire.TypePTR))
	l.run(2 * time.Second)
	n := 0
	for _, c := range l.responses("10.0.0.1") {
		n += len(c.msg.Answers)
	}
	if n != 2 {
		t.Errorf("%d answers, want 2", n)
	}
}

func TestRFC6762_5_4_QUAnsweredToTheAsker(t *testing.T) {
	l, _ := ready(t)
	m := question(service, wire.TypePTR)
	m.Questions[0].Unicast = true
	if got := ask(l, m); len(got) != 0 { // multicast 10 s ago: well within a quarter of its TTL
		t.Errorf("multicast %+v", got[0].msg)
	}
	if len(l.sent) != 1 || l.sent[0].dst != netip.MustParseAddrPort("10.0.0.9:5353") {
		t.Fatalf("sent %v", l.sent)
	}
	l.run(20 * time.Minute)
	if got := ask(l, m); len(got) != 1 {
		t.Errorf("not multicast although everybody's copy is old: %v", l.sent)
	}
}

func TestRFC6762_6_7_LegacyUnicast(t *testing.T) {
	l, _ := ready(t)
	m := question(instanceName(t, "alice@pronto"), wire.TypeSRV)
	m.ID = 4711
	l.say("10.0.0.9:40000", m)
	l.run(2 * time.Second)
	if len(l.sent) != 1 || l.sent[0].dst != netip.MustParseAddrPort("10.0.0.9:40000") {
		t.Fatalf("sent %v", l.sent)
	}
	got := l.sent[0].msg
	if got.ID != 4711 || len(got.Questions) != 1 || !got.Questions[0].Name.Equal(instanceName(t, "alice@pronto")) {
		t.Errorf("does not echo: %v", got)
	}
	for _, r := range append(got.Answers, got.Additional...) {
		if r.Flush || r.TTL > 10 {
			t.Errorf("type %d: flush %v, TTL %d", r.Type, r.Flush, r.TTL)
		}
	}
}

func TestLegacyRepliesAreBounded(t *testing.T) { // T-40: no amplifier
	l, _ := ready(t)
	for range 1000 {
		l.say("10.0.0.9:40000", question(service, wire.TypePTR))
		l.run(time.Millisecond)
	}
	if n := len(l.sent); n > 2*unicastRate {
		t.Errorf("%d replies in a second", n)
	}
}

func TestRFC6762_5_5_OffLinkQuestions(t *testing.T) {
	l, a := ready(t)
	packet := func(src string, multicast bool) {
		m := question(service, wire.TypePTR)
		data, _ := m.Append(nil, 0)
		a.e.Packet(l.now, link.Packet{Link: 1, Src: netip.MustParseAddrPort(src), Multicast: multicast, Data: data})
		a.collect()
		l.run(2 * time.Second)
	}
	packet("192.0.2.1:5353", false)
	packet("192.0.2.1:40000", false)
	packet("192.0.2.1:40000", true)
	for _, c := range l.sent {
		if c.msg.Response {
			t.Errorf("answered somebody off the link: %v", c)
		}
	}
	packet("192.0.2.1:5353", true) // 11: other subnet, same link
	if len(l.responses("10.0.0.1")) != 1 {
		t.Error("no multicast answer to another subnet on our link")
	}
}

func TestRFC6762_18_HeadersIgnored(t *testing.T) {
	tests := []struct {
		name   string
		change func(*wire.Message)
		want   int
	}{
		{"18.1 ID", func(m *wire.Message) { m.ID = 99 }, 1},
		{"18.4 AA in a query", func(m *wire.Message) { m.Authoritative = true }, 1},
		{"18.3 opcode", func(m *wire.Message) { m.Opcode = 2 }, 0},
		{"18.11 rcode", func(m *wire.Message) { m.Rcode = 3 }, 0},
		{"6 questions in a response", func(m *wire.Message) { m.Response = true }, 0},
		{"class ANY", func(m *wire.Message) { m.Questions[0].Class = wire.ClassANY }, 1},
		{"class CH", func(m *wire.Message) { m.Questions[0].Class = 3 }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := ready(t)
			m := question(service, wire.TypePTR)
			tt.change(&m)
			if got := ask(l, m); len(got) != tt.want {
				t.Errorf("%d answers, want %d", len(got), tt.want)
			}
		})
	}
}

func TestC35_LargeTextStaysBelowMTU(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	var txt []byte
	for range 5 {
		txt = append(txt, text("k="+string(make([]byte, 250)))...)
	}
	a.e.Publish(l.now, txt)
	l.run(5 * time.Second)
	for _, c := range l.sent {
		if c.size > 1500-28 {
			t.Errorf("packet of %d octets", c.size)
		}
	}
}
