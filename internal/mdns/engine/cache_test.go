package engine

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

func TestJoinedTellsWhatWasSaid(t *testing.T) {
	l, a := ready(t)
	at := l.now
	l.say("10.0.0.9", bob().message(t))
	l.run(0)
	want := Peer{
		Key: "bob@forza", Instance: "bob@forza", TXT: text("txtvers=1"), Host: "forza.local", Port: 5298,
		Addrs: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.9:5298")}, Seen: at, Expires: at.Add(4500 * time.Second),
	}
	if d := cmp.Diff(want, a.only(Joined).Peer, cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })); d != "" {
		t.Error(d)
	}
}

// TestOrderOfRecordsDoesNotMatter: RFC 6763 12 makes additional records a help,
// not a need.
func TestOrderOfRecordsDoesNotMatter(t *testing.T) {
	rs := bob().records(t)
	slices.Reverse(rs)
	l, a := ready(t)
	l.say("10.0.0.9", wire.Message{Response: true, Answers: rs[:2], Additional: rs[2:]})
	l.run(0)
	if p := a.only(Joined).Peer; len(p.Addrs) != 1 || p.Port != 5298 {
		t.Errorf("%+v", p)
	}
}

func TestChangedOncePerPacket(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Minute)
	l.forget()
	changes := []struct {
		name   string
		change func(*claim)
		want   int
	}{
		{"nothing", func(*claim) {}, 0},
		{"text", func(c *claim) { c.txt = text("status=dnd") }, 1},
		{"port", func(c *claim) { c.port = 6000 }, 1},
		{"host", func(c *claim) { c.host = "forza-2" }, 1},
		{"one more address", func(c *claim) { c.addrs = append(c.addrs, "10.0.0.10") }, 1},
		{"everything", func(c *claim) { c.txt, c.port, c.host = text("a=b"), 7000, "forza-3" }, 1},
	}
	c := bob()
	for _, tt := range changes {
		tt.change(&c)
		a.events = nil
		l.say("10.0.0.9", c.message(t))
		l.run(100 * time.Millisecond)
		if got := a.count(Changed); got != tt.want || len(a.events) != tt.want {
			t.Errorf("%s: events %v", tt.name, a.kinds())
		}
	}
}

func TestJoinedWithoutTXTAfterAShortWait(t *testing.T) {
	l, a := ready(t)
	rs := bob().records(t)
	l.say("10.0.0.9", wire.Message{Response: true, Answers: rs[:2]})
	l.run(joinWait - time.Millisecond)
	if len(a.events) != 0 {
		t.Error("joined without waiting for TXT")
	}
	l.run(time.Second)
	if p := a.only(Joined).Peer; len(p.TXT) != 0 {
		t.Errorf("%+v", p)
	}
	l.run(time.Hour)
	if got := a.kinds(); len(got) != 1 {
		t.Errorf("events %v", got)
	}
}

func TestRFC6763_6_1_EmptyFormsAreOne(t *testing.T) {
	l, a := ready(t)
	for _, txt := range [][]byte{{0}, {}, {0}} {
		c := bob()
		c.txt = txt
		if len(txt) == 0 {
			c.txt = []byte{}
		}
		l.say("10.0.0.9", c.message(t))
		l.run(time.Second)
	}
	if got := a.kinds(); !slices.Equal(got, []Kind{Joined}) {
		t.Errorf("events %v", got)
	}
}

func TestRFC6762_10_1_GoodbyeGraceOneSecond(t *testing.T) {
	l, a := ready(t)
	bye := bob()
	bye.bye = true
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Minute)
	l.say("10.0.0.9", bye.message(t))
	l.run(999 * time.Millisecond)
	if a.count(Left) != 0 {
		t.Error("left before the second was over")
	}
	l.run(2 * time.Millisecond)
	if ev := a.only(Left); ev.Cause != Goodbye || ev.Peer.Instance != "bob@forza" {
		t.Errorf("%+v", ev)
	}
	t.Run("rescued", func(t *testing.T) {
		l.say("10.0.0.9", bob().message(t))
		l.run(time.Second)
		a.events = nil
		l.say("10.0.0.9", bye.message(t))
		l.run(900 * time.Millisecond)
		l.say("10.0.0.9", bob().message(t))
		l.run(time.Minute)
		if len(a.events) != 0 {
			t.Errorf("events %+v", a.events)
		}
	})
	t.Run("of nobody", func(t *testing.T) {
		stranger := bye
		stranger.label, stranger.host = "carol@x", "x"
		a.events = nil
		l.say("10.0.0.9", stranger.message(t))
		l.run(time.Minute)
		if len(a.events) != 0 {
			t.Errorf("events %+v", a.events)
		}
	})
}

func TestRFC6762_5_2_ExpiredPTRIsDeleted(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(4499 * time.Second)
	if a.count(Left) != 0 {
		t.Error("left before its time")
	}
	l.run(2 * time.Second)
	if ev := a.only(Left); ev.Cause != Expired {
		t.Errorf("%+v", ev)
	}
}

func TestHostileTTLDoesNotPin(t *testing.T) {
	l, a := ready(t)
	c := bob()
	c.ttl = 1 << 31
	l.say("10.0.0.9", c.message(t))
	l.run(76 * time.Minute)
	a.only(Left)
}

func TestRFC6762_10_2_FlushRule(t *testing.T) {
	l, a := ready(t)
	c := bob()
	l.say("10.0.0.9", c.message(t))
	l.run(10 * time.Second)
	addrs := func() string {
		var s []string
		for _, ap := range a.e.Peers()[0].Addrs {
			s = append(s, ap.Addr().String())
		}
		return strings.Join(s, " ")
	}
	c.addrs = []string{"10.0.0.10"}
	l.say("10.0.0.9", c.message(t))
	l.run(500 * time.Millisecond)
	if got := addrs(); got != "10.0.0.9 10.0.0.10" {
		t.Errorf("within the second: %s", got)
	}
	c.addrs = []string{"10.0.0.11"} // set of two packets: 10 is not a second old
	l.say("10.0.0.9", c.message(t))
	l.run(600 * time.Millisecond)
	if got := addrs(); got != "10.0.0.10 10.0.0.11" {
		t.Errorf("after the second: %s", got)
	}
}

func TestL25_Addresses(t *testing.T) {
	l, a := ready(t)
	c := bob()
	c.addrs = []string{
		"8.8.8.8", "127.0.0.1", "224.0.0.251", "255.255.255.255", "0.0.0.0", "2001:db8::1", "::1", "ff02::fb",
		"169.254.7.7", "fe80::9", "10.0.0.9",
	}
	l.say("10.0.0.9", c.message(t))
	l.run(0)
	var got []string
	for _, ap := range a.only(Joined).Peer.Addrs {
		got = append(got, ap.String())
	}
	if want := []string{"[fe80::9%eth1]:5298", "10.0.0.9:5298", "169.254.7.7:5298"}; !slices.Equal(got, want) {
		t.Errorf("addresses %q, want %q", got, want)
	}
	c.addrs = nil
	for i := range 100 {
		c.addrs = append(c.addrs, fmt.Sprintf("10.0.1.%d", i+1))
	}
	l.say("10.0.0.9", c.message(t))
	l.run(0)
	if n := len(a.e.Peers()[0].Addrs); n != maxAddrs {
		t.Errorf("%d addresses", n)
	}
	l.run(100 * time.Millisecond)
	l.say("10.0.0.9", bob().message(t)) // the true one comes in among eight false ones
	l.run(0)
	if got := a.e.Peers()[0].Addrs; !slices.Contains(got, netip.MustParseAddrPort("10.0.0.9:5298")) {
		t.Errorf("false addresses keep the true one out: %v", got)
	}
}

func TestC33_OnlyPort5353AndOnLink(t *testing.T) {
	m := bob().message(t)
	tests := []struct {
		name      string
		src       string
		multicast bool
		want      int
	}{
		{"neighbour", "10.0.0.9:5353", true, 1},
		{"IPv4 link-local", "169.254.1.1:5353", true, 1},
		{"IPv6 link-local", "[fe80::9]:5353", true, 1},
		{"other port", "10.0.0.9:5354", true, 0},
		{"off link", "192.0.2.1:5353", true, 0},
		{"unicast that nobody asked for (6)", "10.0.0.9:5353", false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, a := ready(t)
			data, _ := m.Append(nil, 0)
			a.e.Packet(l.now, link.Packet{Link: 1, Src: netip.MustParseAddrPort(tt.src), Multicast: tt.multicast, Data: data})
			a.collect()
			if got := a.count(Joined); got != tt.want {
				t.Errorf("%d joined, want %d", got, tt.want)
			}
		})
	}
}

func Test174_11_1_OneEntryForSeveralLinks(t *testing.T) {
	l := newLAN(t, 11)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.join(2, 1, "192.168.0.1/24")
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	b.join(2, 1, "192.168.0.2/24")
	b.publish("txtvers=1")
	l.run(10 * time.Second)
	if got := a.count(Joined); got != 1 {
		t.Fatalf("joined %d times", got)
	}
	if p := a.e.Peers(); len(p) != 1 || len(p[0].Addrs) != 2 {
		t.Fatalf("peers %+v", p)
	}
	a.events = nil
	b.unplug(2)
	a.unplug(2)
	l.run(time.Minute)
	if a.count(Left) != 0 || len(a.e.Peers()[0].Addrs) != 1 {
		t.Errorf("one link less: %v, %+v", a.kinds(), a.e.Peers())
	}
}

func TestRFC6762_10_3_LinkLost(t *testing.T) {
	l := newLAN(t, 12)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	b.publish("txtvers=1")
	l.run(10 * time.Second)
	t.Run("back in time, no flap", func(t *testing.T) {
		a.events = nil
		a.unplug(1)
		l.run(8 * time.Second)
		a.join(1, 0, "10.0.0.1/24")
		l.run(time.Minute)
		if a.count(Left) != 0 || a.count(Joined) != 0 || len(a.e.Peers()[0].Addrs) != 1 {
			t.Errorf("events %v, peers %+v", a.kinds(), a.e.Peers())
		}
	})
	t.Run("gone for longer", func(t *testing.T) {
		a.events = nil
		a.unplug(1)
		l.run(linkGrace - time.Millisecond)
		if a.count(Left) != 0 {
			t.Error("left at once")
		}
		l.run(2 * time.Millisecond)
		if ev := a.only(Left); ev.Cause != LinkLost {
			t.Errorf("%+v", ev)
		}
		a.join(1, 0, "10.0.0.1/24")
		l.run(5 * time.Second)
		a.only(Joined)
	})
}

func TestC31_ControlOctetsIgnored(t *testing.T) {
	for _, label := range []string{
		"\x1b[2J\x1b]0;owned\x07@forza", // name made of escape codes
		"bob\x00@forza", "bob\n@forza", "bob\x7f@forza", "\x01",
	} {
		l, a := ready(t)
		c := bob()
		c.label = label
		l.say("10.0.0.9", c.message(t))
		l.run(time.Minute)
		if got := len(a.e.cache.byKey); got != 0 || len(a.events) != 0 {
			t.Errorf("%q: %d instances, events %v", label, got, a.kinds())
		}
	}
}

func TestHostileNamesAreOpaque(t *testing.T) {
	for _, label := range []string{
		"🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀abc",           // 63 octets of emoji
		strings.Repeat("a.", 31) + "b", // dots
		`a\.b\046c`,                    // looks like escapes
		"\xff\xfe\xc0\x80",             // invalid UTF-8
		"\u009b31m",                    // C1 control: safetext's work, not ours
		"@", "@@@", " ", "\"&'/:<>@", "BOB@FORZA",
	} {
		l, a := ready(t)
		c := bob()
		c.label = label
		l.say("10.0.0.9", c.message(t))
		l.run(time.Minute)
		p := a.only(Joined).Peer
		if p.Instance != label || p.Key != foldASCII(label) {
			t.Errorf("%q became %q, key %q", label, p.Instance, p.Key)
		}
		a.e.Resolve(l.now, p.Key)
		a.collect()
		for _, m := range l.queries("10.0.0.1") { // README 3: repeated octet by octet
			for _, q := range m.msg.Questions {
				if q.Type == wire.TypeSRV && q.Name.First() != label {
					t.Errorf("asks for %q, want %q", q.Name.First(), label)
				}
			}
		}
	}
}

func TestEmptyNameIsNoInstance(t *testing.T) {
	l, a := ready(t)
	for _, target := range []wire.Name{
		service,
		{},
		wire.MustName("local"), meta, wire.MustName("a", "b", "_presence", "_tcp", "local"),
		wire.MustName("x", "_http", "_tcp", "local"),
	} {
		l.say("10.0.0.9", wire.Message{Response: true, Answers: []wire.Record{{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: target}}})
	}
	l.run(time.Minute)
	if n := len(a.e.cache.byKey); n != 0 {
		t.Errorf("%d instances", n)
	}
}

func TestL21_TextOf9000Octets(t *testing.T) {
	l, a := ready(t)
	c := bob()
	c.txt = nil
	for len(c.txt) < 8500 {
		c.txt = append(c.txt, text(strings.Repeat("x", 250))...)
	}
	m := c.message(t)
	l.say("10.0.0.9", m)
	l.run(time.Minute)
	if p := a.only(Joined).Peer; len(p.TXT) > 1300 || len(p.TXT) == 0 {
		t.Errorf("%d octets of text kept", len(p.TXT))
	}
	if a.count(Left) != 0 {
		t.Error("and left")
	}
}

func TestRFC6762_16_CaseDoesNotMatter(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	c := bob()
	c.label = "BOB@Forza"
	l.say("10.0.0.9", c.message(t))
	l.run(time.Minute)
	if got := a.kinds(); !slices.Equal(got, []Kind{Joined, Changed}) || len(a.e.Peers()) != 1 {
		t.Errorf("events %v", got)
	}
}

func TestRFC2782_LowestPriorityWins(t *testing.T) {
	l, a := ready(t)
	m := bob().message(t)
	second := m.Answers[1]
	second.SRV.Priority, second.SRV.Port = 10, 1
	m.Answers = append(m.Answers, second)
	l.say("10.0.0.9", m)
	l.run(0)
	if p := a.only(Joined).Peer; p.Port != 5298 {
		t.Errorf("port %d", p.Port)
	}
}

func TestRFC6762_6_1_NSECHarmsNobody(t *testing.T) {
	l, a := ready(t)
	m := bob().message(t)
	n := m.Answers[1].Name
	m.Additional = append(m.Additional, wire.Record{
		Name: n, Type: wire.TypeNSEC, Flush: true, TTL: 120,
		NSEC: wire.NSEC{Next: wire.MustName("other"), Types: []wire.Type{wire.TypeA}},
	})
	l.say("10.0.0.9", m)
	l.run(time.Minute)
	if got := a.kinds(); !slices.Equal(got, []Kind{Joined}) {
		t.Errorf("events %v", got)
	}
}

func TestSRVGoodbyeAloneIsChecked(t *testing.T) {
	l, a := ready(t)
	m := bob().message(t)
	l.say("10.0.0.9", m)
	l.run(time.Second)
	gone := m.Answers[1]
	gone.TTL = 0
	l.say("10.0.0.9", wire.Message{Response: true, Answers: []wire.Record{gone}})
	l.run(5 * time.Second)
	if a.count(Left) != 0 {
		t.Error("a forged SRV goodbye was believed at once")
	}
	l.run(6 * time.Second)
	if ev := a.only(Left); ev.Cause != Unanswered {
		t.Errorf("%+v", ev)
	}
}

func TestPeersSorted(t *testing.T) {
	l, a := ready(t)
	crowd(t, l, 50)
	got := a.keys()
	if len(got) != 50 || !slices.IsSorted(got) {
		t.Errorf("%d keys, sorted %v", len(got), slices.IsSorted(got))
	}
	if p, ok := a.e.Peer("user7@host7"); !ok || !bytes.Equal(p.TXT, text("txtvers=1")) {
		t.Errorf("%+v", p)
	}
}
