package engine

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

func TestRFC6762_8_3_AnnouncesAt0_1_3s(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24", "fe80::1/64")
	a.publish("txtvers=1")
	l.run(time.Hour)
	got := l.responses("10.0.0.1")
	if len(got) != 3 {
		t.Fatalf("%d announcements in an hour, want 3", len(got))
	}
	for i, want := range []time.Duration{0, time.Second, 3 * time.Second} {
		if got[i].at-got[0].at != want {
			t.Errorf("announcement %d after %v, want %v", i, got[i].at-got[0].at, want)
		}
		checkFullSet(t, got[i].msg)
	}
}

// checkFullSet wants PTR, SRV, TXT, A and AAAA, the flush bit on all but the
// PTR, and the TTLs of C-34.
func checkFullSet(t *testing.T, m wire.Message) {
	t.Helper()
	k := kindsOf(m.Answers)
	for _, typ := range []wire.Type{wire.TypePTR, wire.TypeSRV, wire.TypeTXT, wire.TypeA, wire.TypeAAAA} {
		if k[typ] != 1 {
			t.Errorf("%d records of type %d in the full set", k[typ], typ)
		}
	}
	for _, r := range m.Answers {
		if r.Flush == (r.Type == wire.TypePTR) { // 8.3, 10.2
			t.Errorf("type %d: flush bit is %v", r.Type, r.Flush)
		}
		want := uint32(120)
		if r.Type == wire.TypePTR || r.Type == wire.TypeTXT {
			want = 4500
		}
		if r.TTL != want {
			t.Errorf("type %d: TTL %d, want %d", r.Type, r.TTL, want)
		}
	}
	if !m.Authoritative || m.Truncated || m.ID != 0 || len(m.Questions) != 0 { // 18.1, 18.4, 18.5, 6
		t.Errorf("header of a response: %+v", m)
	}
}

func Test174_3_1_FourRecords(t *testing.T) {
	l := newLAN(t, 1)
	l.add("alice", "pronto", 5298, "10.0.0.1/24").publish("txtvers=1")
	l.run(2 * time.Second)
	answers := l.responses("10.0.0.1")[0].msg.Answers
	want := instanceName(t, "alice@pronto")
	ptr, _ := find(answers, wire.TypePTR)
	srv, _ := find(answers, wire.TypeSRV)
	txt, _ := find(answers, wire.TypeTXT)
	addr, _ := find(answers, wire.TypeA)
	switch {
	case !ptr.Name.Equal(service) || !ptr.PTR.Equal(want): // 174-3.2
		t.Errorf("PTR %v -> %v", ptr.Name, ptr.PTR)
	case !srv.Name.Equal(want) || srv.SRV.Port != 5298 || srv.SRV.Target.String() != "pronto.local.": // 174-3.4
		t.Errorf("SRV %v -> %+v", srv.Name, srv.SRV)
	case !txt.Name.Equal(want): // 174-3.5
		t.Errorf("TXT %v", txt.Name)
	case addr.Name.String() != "pronto.local." || addr.Addr.String() != "10.0.0.1": // 174-3.3
		t.Errorf("A %v -> %v", addr.Name, addr.Addr)
	}
}

func TestGhostSendsNoRecords(t *testing.T) {
	l := newLAN(t, 1)
	l.add("alice", "pronto", 5298, "10.0.0.1/24")
	l.run(time.Second)
	for _, n := range []wire.Name{service, meta, instanceName(t, "alice@pronto"), wire.MustName("pronto", "local")} {
		l.say("10.0.0.9", question(n, wire.TypeANY))
	}
	l.run(time.Minute)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Errorf("an unpublished node answered: %v", got)
	}
}

// TestRFC6762_8_4_StatusChangeIsFullSet at 0, 1 and 3 s among few, at 0 and 1 s
// among many.
func TestRFC6762_8_4_StatusChangeIsFullSet(t *testing.T) {
	for _, tt := range []struct {
		peers int
		want  []time.Duration
	}{
		{fewPeers, []time.Duration{0, time.Second, 3 * time.Second}},
		{fewPeers + 1, []time.Duration{0, time.Second}},
	} {
		l, a := ready(t)
		crowd(t, l, tt.peers)
		l.run(time.Minute)
		l.forget()
		start := l.now.Sub(l.start)
		a.setText("status=away")
		l.run(time.Minute)
		var at []time.Duration
		for _, c := range l.responses("10.0.0.1") {
			at = append(at, c.at-start)
			checkFullSet(t, c.msg)
			if r, _ := find(c.msg.Answers, wire.TypeTXT); !bytes.Equal(r.TXT, text("status=away")) {
				t.Errorf("TXT %q", r.TXT)
			}
		}
		if !slices.Equal(at, tt.want) {
			t.Errorf("among %d a change is announced at %v, want %v", tt.peers, at, tt.want)
		}
	}
}

func TestStatusChangeNeverWaitsForRateLimit(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", question(service, wire.TypePTR))
	l.run(500 * time.Millisecond) // answered: SRV and PTR are under the pause
	l.forget()
	at := l.now.Sub(l.start)
	a.setText("status=away")
	l.run(2 * time.Second)
	got := l.responses("10.0.0.1")
	if len(got) == 0 || got[0].at != at {
		t.Fatal("change not announced at once")
	}
	if k := kindsOf(got[0].msg.Answers); len(k) != 1 || k[wire.TypeTXT] != 1 {
		t.Errorf("records multicast twice within a second (174-5.3): %v", k)
	}
	checkFullSet(t, got[1].msg)
}

func Test174_5_3_TenUpdatesAMinute(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	l.run(5 * time.Second)
	l.forget()
	var last []byte
	for i := range 600 {
		last = text("n=" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
		a.e.SetText(l.now, last)
		a.collect()
		l.run(100 * time.Millisecond)
	}
	seen := map[string]bool{}
	for _, c := range l.responses("10.0.0.1") {
		if r, ok := find(c.msg.Answers, wire.TypeTXT); ok {
			seen[string(r.TXT)] = true
		}
	}
	if len(seen) != updatesPerMinute {
		t.Errorf("%d updates in a minute of 600 changes, want %d", len(seen), updatesPerMinute)
	}
	l.run(time.Minute)
	if p := b.e.Peers(); len(p) != 1 || !bytes.Equal(p[0].TXT, last) {
		t.Errorf("the last value did not win: %+v", p)
	}
	if n := b.count(Left); n != 0 {
		t.Errorf("%d flaps", n)
	}
}

func TestSameTextIsNoChange(t *testing.T) {
	l, a := ready(t)
	a.setText("status=avail")
	l.run(time.Minute)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Errorf("announced %d times", len(got))
	}
}

func Test174_9_1_GoodbyeTTL0(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	l.run(5 * time.Second)
	l.forget()
	at := l.now.Sub(l.start)
	a.withdraw()
	l.run(900 * time.Millisecond)
	if a.count(Withdrawn) != 0 {
		t.Error("done before the second goodbye")
	}
	l.run(time.Minute)
	got := l.responses("10.0.0.1")
	if len(got) != 2 || got[0].at != at || got[1].at != at+time.Second {
		t.Fatalf("goodbyes: %v", got)
	}
	for _, c := range got {
		k := kindsOf(c.msg.Answers)
		if k[wire.TypePTR] != 1 || k[wire.TypeSRV] != 1 || k[wire.TypeTXT] != 1 || len(c.msg.Answers) != 3 {
			t.Errorf("goodbye for %v", k) // never for addresses
		}
		for _, r := range c.msg.Answers {
			if r.TTL != 0 {
				t.Errorf("type %d: TTL %d", r.Type, r.TTL)
			}
		}
	}
	a.only(Withdrawn)
	if ev := b.only(Left); ev.Cause != Goodbye || ev.Peer.Key != "alice@pronto" {
		t.Errorf("bob saw %+v", ev)
	}
	l.forget()
	l.say("10.0.0.9", question(service, wire.TypePTR))
	l.run(time.Minute)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Error("answers after the goodbye")
	}
	if got := a.keys(); len(got) != 0 {
		t.Errorf("takes its own late packets for %q", got)
	}
}

func TestWithdrawWhileProbingSaysNothing(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.publish("txtvers=1")
	l.run(400 * time.Millisecond)
	a.withdraw()
	a.only(Withdrawn)
	l.run(time.Minute)
	if got := l.responses("10.0.0.1"); len(got) != 0 {
		t.Errorf("sent %v", got)
	}
}

func TestPublishAgainStopsGoodbye(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	l.run(5 * time.Second)
	a.withdraw()
	l.run(300 * time.Millisecond)
	a.publish("status=dnd")
	l.run(10 * time.Second)
	if got := b.e.Peers(); len(got) != 1 || !bytes.Equal(got[0].TXT, text("status=dnd")) {
		t.Errorf("bob sees %v", got)
	}
}

func TestRescueAfterForgedGoodbye(t *testing.T) { // T-24
	l, _ := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	l.run(5 * time.Second)
	l.forget()
	for range 100 {
		l.say("10.0.0.66", claim{label: "alice@pronto", host: "pronto", port: 5298, bye: true}.message(t))
		l.run(100 * time.Millisecond)
	}
	l.run(time.Minute)
	if got := b.kinds(); len(got) != 0 {
		t.Errorf("bob's roster flapped: %v", got)
	}
	if got := len(l.responses("10.0.0.1")); got < 10 || got > 25 {
		t.Errorf("%d rescues in 10 s, want one or two a second", got)
	}
}

func TestRescueAfterForeignText(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	l.run(5 * time.Second)
	n := instanceName(t, "alice@pronto")
	l.say("10.0.0.66", wire.Message{Response: true, Answers: []wire.Record{
		{Name: n, Type: wire.TypeTXT, Flush: true, TTL: 4500, TXT: text("status=evil")},
	}})
	l.run(2 * time.Second)
	if got := b.e.Peers(); len(got) != 1 || !bytes.Equal(got[0].TXT, text("status=avail")) {
		t.Errorf("bob sees %v", got)
	}
	if a.e.Name() != "alice@pronto" {
		t.Error("renamed because of a TXT record")
	}
}
