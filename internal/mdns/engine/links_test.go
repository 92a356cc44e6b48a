package engine

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

func TestRFC6762_6_2_OnlyAddressesOfThatLink(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24", "10.0.0.2/24")
	a.join(2, 1, "192.168.0.1/24")
	a.publish("txtvers=1")
	l.run(10 * time.Second)
	l.forget()
	l.say("10.0.0.9", question(wire.MustName("pronto", "local"), wire.TypeANY))
	l.run(2 * time.Second)
	var got []string
	for _, r := range l.responses("10.0.0.1")[0].msg.Answers {
		got = append(got, r.Addr.String())
	}
	if want := []string{"10.0.0.1", "10.0.0.2"}; !slices.Equal(got, want) { // all and only
		t.Errorf("addresses %q, want %q", got, want)
	}
	if n := len(l.responses("192.168.0.1")); n != 0 {
		t.Errorf("answered on the other link: %d", n)
	}
}

func TestHostConflictSaysGoodbyeToOurOldInstance(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/16")
	l.run(5 * time.Second)
	host := wire.MustName("pronto", "local")
	other := wire.Message{Response: true, Answers: []wire.Record{
		{Name: host, Type: wire.TypeA, Flush: true, TTL: 120, Addr: netip.MustParseAddr("10.0.0.66")},
	}}
	l.forget()
	for range 3 { // it answers our probes too
		l.say("10.0.0.66", other)
		l.run(300 * time.Millisecond)
	}
	l.run(10 * time.Second)
	if got := a.e.Name(); got != "alice@pronto-1" {
		t.Fatalf("called %q", got)
	}
	if ev := b.only(Left); ev.Peer.Key != "alice@pronto" || ev.Cause != Goodbye {
		t.Errorf("left: %+v", ev)
	}
	if ev := b.only(Joined); ev.Peer.Key != "alice@pronto-1" || ev.Peer.Host != "pronto-1.local" {
		t.Errorf("joined: %+v", ev)
	}
	if got := a.keys(); len(got) != 0 {
		t.Errorf("takes itself for %q", got)
	}
}

func TestRFC6762_6_UnicastResponseOnlyAfterQU(t *testing.T) {
	for _, tt := range []struct {
		name    string
		unicast bool
		wait    time.Duration
		want    int
	}{
		{"just asked", true, 300 * time.Millisecond, 1},
		{"asked long ago", true, 10 * time.Second, 0},
		{"never asked for unicast", false, 300 * time.Millisecond, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLAN(t, 1)
			a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
			a.e.Links(l.now, []link.Info{a.links[1].info}, tt.unicast)
			a.publish("txtvers=1")
			l.run(tt.wait)
			l.sayTo("10.0.0.9:5353", netip.MustParseAddrPort("10.0.0.1:5353"), bob().message(t))
			l.run(0)
			if got := a.count(Joined); got != tt.want {
				t.Errorf("%d joined, want %d", got, tt.want)
			}
		})
	}
}

func TestSmallMTU(t *testing.T) {
	for _, mtu := range []int{0, 576, 1280, 9000} {
		l := newLAN(t, 1)
		a := l.bare(Config{User: "alice", Machine: "pronto", Port: 1})
		a.links[1] = port{0, link.Info{ID: 1, Name: "x", MTU: mtu, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/16")}}}
		a.tell()
		a.publish("txtvers=1")
		l.run(5 * time.Second)
		crowd(t, l, 200)
		a.e.restartAsking(l.now, a.e.links[1])
		l.run(5 * time.Second)
		limit := 1400
		if mtu > 0 {
			limit = min(limit, mtu-headers)
		}
		for _, c := range l.sent {
			if c.size > limit {
				t.Errorf("MTU %d: packet of %d octets", mtu, c.size)
			}
		}
	}
}

func TestLinkLocalOnly(t *testing.T) {
	for _, addrs := range [][2]string{{"169.254.3.1/16", "169.254.7.2/16"}, {"fe80::1/64", "fe80::2/64"}} {
		l := newLAN(t, 1)
		a := l.add("alice", "pronto", 5298, addrs[0])
		b := l.add("bob", "forza", 5299, addrs[1])
		b.publish("txtvers=1")
		l.run(5 * time.Second)
		p := a.only(Joined).Peer
		if len(p.Addrs) != 1 || p.Addrs[0].Addr().Is6() != (p.Addrs[0].Addr().Zone() == "eth1") {
			t.Errorf("%s: %v", addrs[1], p.Addrs)
		}
	}
}

func TestRFC6762_7_3_OthersAskForSRV(t *testing.T) {
	l, a := ready(t)
	l.say("10.0.0.9", wire.Message{Response: true, Answers: bob().records(t)[:1]})
	l.run(0)
	v := a.e.cache.byKey["bob@forza"].views[0]
	a.e.want(l.now.Add(50*time.Millisecond), v, wants{srv: true, txt: true})
	l.say("10.0.0.8", question(v.in.name, wire.TypeSRV))
	l.say("10.0.0.8", question(v.in.name, wire.TypeTXT))
	l.run(0)
	if v.wants.any() {
		t.Errorf("still wants %+v", v.wants)
	}
}

func TestAddressesSurviveTheirTTL(t *testing.T) {
	// Nobody asks for 120 s records of peers nobody looks at (174-4.5): what was
	// heard stays as a hint, and Resolve asks before it is used.
	l, a := ready(t)
	l.say("10.0.0.9", bob().message(t))
	l.run(10 * time.Minute)
	if p := a.e.Peers(); len(p) != 1 || len(p[0].Addrs) != 1 {
		t.Errorf("%+v", p)
	}
	l.forget()
	a.e.Resolve(l.now, "bob@forza")
	a.collect()
	l.run(100 * time.Millisecond)
	if len(l.queries("10.0.0.1")) == 0 {
		t.Error("stale addresses are used without a question")
	}
}

// TestRFC6762_14_DefendsOnAllLinks: a name is ours on each link, and a probe for
// it on any is answered there, by records of that link.
func TestRFC6762_14_DefendsOnAllLinks(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
	a.join(2, 1, "10.1.0.1/24")
	a.publish("x")
	l.run(10 * time.Second)
	for segment, names := range map[int][2]string{0: {"10.0.0.1", "10.0.0.9/24"}, 1: {"10.1.0.1", "10.1.0.9/24"}} {
		l.forget()
		b := l.bare(Config{User: "alice", Machine: "pronto", Port: 7000})
		b.join(1, segment, names[1])
		b.publish("y")
		l.run(10 * time.Second)
		if got := b.e.Name(); got == "alice@pronto" || a.e.Name() != "alice@pronto" {
			t.Errorf("segment %d: the newcomer is %q, alice %q", segment, got, a.e.Name())
		}
		if len(l.responses(names[0])) == 0 {
			t.Errorf("segment %d: no defence", segment)
		}
	}
}

// TestRFC6762_18_5_NoTruncatedResponses: what does not fit goes into a packet of
// its own, without TC.
func TestRFC6762_18_5_NoTruncatedResponses(t *testing.T) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/24", "fe80::1/64")
	a.e.Publish(l.now, bytes.Repeat(append([]byte{99}, bytes.Repeat([]byte("x"), 99)...), 13))
	a.collect()
	l.run(5 * time.Second)
	if len(l.responses("10.0.0.1")) < 4 {
		t.Fatalf("the set fits one packet: %v", l.sent)
	}
	for _, c := range l.responses("10.0.0.1") {
		if c.msg.Truncated {
			t.Errorf("truncated: %v", c)
		}
	}
}
