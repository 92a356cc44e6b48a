package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// 174-11.10, 174-11.11: the port is that of the SRV record; what the text says
// about one is ignored. 174-3.16: so is every key that we do not know, and
// whatever is no key at all.
func Test174_11_10_PortIsThatOfTheSRV(t *testing.T) {
	txt := slices.Concat(text("txtvers=1"), text("port.p2pj=1"), text("unknown=x"), text("flag"), text("=bad"), text("port.p2pj=2"))
	l, a := ready(t)
	c := bob()
	c.txt = txt
	l.say("10.0.0.9", c.message(t))
	l.run(0)
	p := a.only(Joined).Peer
	if p.Port != 5298 || len(p.Addrs) != 1 || p.Addrs[0].Port() != 5298 {
		t.Errorf("port %d, addresses %v", p.Port, p.Addrs)
	}
	if !slices.Equal(p.TXT, txt) {
		t.Errorf("text %q", p.TXT)
	}
}

// 174-3.15, 174-3.17: no key, no @, no nick: a peer like any other.
func Test174_3_15_NothingButAName(t *testing.T) {
	for _, label := range []string{"printer", "a b (2)", "x #2", "é"} {
		l, a := ready(t)
		c := bob()
		c.label, c.txt = label, []byte{0}
		l.say("10.0.0.9", c.message(t))
		l.run(0)
		if p := a.only(Joined).Peer; p.Instance != label || p.Port != 5298 || len(p.Addrs) != 1 {
			t.Errorf("%q became %+v", label, p)
		}
	}
}

// 174-4.2: our own announcement, heard back or repeated by somebody else, is
// no peer.
func Test174_4_2_OwnInstanceIsFiltered(t *testing.T) {
	l, a := ready(t)
	own := claim{label: "alice@pronto", host: "pronto", port: 5298, txt: text("status=avail"), addrs: []string{"10.0.0.1"}}
	l.say("10.0.0.1", own.message(t))
	l.say("10.0.0.66", own.message(t))
	l.run(time.Minute)
	if got := a.keys(); len(got) != 0 || a.count(Joined) != 0 {
		t.Errorf("peers %q, events %v", got, a.kinds())
	}
}

// 174-3.7: the advertisement follows an address that changes, and the old one
// is nowhere in it.
func Test174_3_7_AddressChange(t *testing.T) {
	l, a := ready(t)
	b := l.add("bob", "forza", 5299, "10.0.0.2/24")
	l.run(5 * time.Second)
	a.join(1, 0, "10.0.0.77/16")
	l.run(10 * time.Second)
	p := b.e.Peers()
	if len(p) != 1 || !slices.ContainsFunc(p[0].Addrs, hasAddr("10.0.0.77")) || slices.ContainsFunc(p[0].Addrs, hasAddr("10.0.0.1")) {
		t.Errorf("peers %+v", p)
	}
}

func hasAddr(ip string) func(netip.AddrPort) bool {
	return func(a netip.AddrPort) bool { return a.Addr() == netip.MustParseAddr(ip) }
}

// L-23, T-23: beyond 10,000 new instances a second the rest is not looked at,
// and the user hears of a crowd.
func TestL23_NewInstancesASecond(t *testing.T) {
	l, a := ready(t)
	const all, each = 12_000, 20 // what fits one frame
	for i := 0; i < all; i += each {
		src := fmt.Sprintf("10.0.%d.%d", 1+i/each/250, 1+i/each%250)
		m := wire.Message{Response: true}
		for j := range each {
			c := claim{label: fmt.Sprintf("u%d", i+j), host: "h", port: 5298}
			m.Answers = append(m.Answers, c.records(t)[:2]...)
		}
		l.say(src, m)
	}
	l.run(0)
	first := len(a.e.cache.byKey)
	l.run(2 * time.Second)
	shed := 0
	for _, ev := range a.events {
		if ev.Kind == Overload {
			shed += ev.Shed
		}
	}
	if first > maxPeers || shed < all-newRate {
		t.Errorf("%d instances kept, %d shed, want at most %d and at least %d", first, shed, maxPeers, all-newRate)
	}
}
