package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

const (
	myName = "Anna@kite"
	myPort = 41873
)

var (
	mine   = []netip.Addr{netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("fe80::1")}
	marked = wire.MustName("marker", "local")
)

// lan is an ear on a link in memory.
type lan struct {
	bus   *link.Bus
	alice *link.Host
	ear   *ear
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	l := &lan{bus: link.NewBus(), ear: newEar(mine, myName, myPort, marked)}
	l.alice = l.bus.Attach(prefix("10.77.0.1/16"), prefix("fe80::1/64"))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.alice.Run(ctx, l.ear) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	<-l.ear.ready
	return l
}

// says sends records from an address, to all and from the right port.
func (l *lan) says(t *testing.T, from string, records ...wire.Record) {
	t.Helper()
	l.sends(t, from, wire.Message{Response: true, Answers: records})
}

func (l *lan) sends(t *testing.T, from string, m wire.Message) {
	t.Helper()
	data, rest := m.Append(nil, 0)
	if !rest.Empty() {
		t.Fatal("too much for a packet")
	}
	src := netip.MustParseAddrPort(from)
	l.bus.Inject(src, netip.AddrPort{}, data)
	synctest.Wait()
}

func instance(label string) wire.Name { return wire.MustName(label, "_presence", "_tcp", "local") }

func ptr(label string) wire.Record {
	return wire.Record{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instance(label)}
}

func srv(label, host string, port uint16) wire.Record {
	return wire.Record{Name: instance(label), Type: wire.TypeSRV, TTL: 120, SRV: wire.SRV{Port: port, Target: wire.MustName(host, "local")}}
}

func addr(host, a string) wire.Record {
	ip := netip.MustParseAddr(a)
	kind := wire.TypeA
	if ip.Is6() {
		kind = wire.TypeAAAA
	}
	return wire.Record{Name: wire.MustName(host, "local"), Type: kind, TTL: 120, Addr: ip}
}

// only returns the one link of the ear.
func (l *lan) only() *heardLink { return l.ear.list()[0] }

// We know our own questions again, on both families, and nobody else's.
func TestEar_Echo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		begin := time.Now()
		l.sends(t, "10.77.0.9:5353", wire.Message{Questions: []wire.Question{{Name: marked, Type: wire.TypeTXT}}})
		if h := l.only(); h.echo4 || h.echo6 || len(h.sources) != 1 {
			t.Errorf("somebody else's question taken for ours: %+v", h)
		}
		l.ear.ask(t.Context(), l.alice)
		synctest.Wait()
		if h := l.only(); !h.echo4 || !h.echo6 || len(h.sources) != 1 {
			t.Errorf("after our questions: %+v", h)
		}
		if took := time.Since(begin); took != askAt[len(askAt)-1] {
			t.Errorf("asked for %v", took)
		}
	})
}

// What is asked: who is here, a second apart and then less often; and about
// people of whom an address is missing.
func TestEar_Ask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		var asked []string
		begin := time.Now()
		l.bus.SetTap(func(s link.Sent) {
			m, err := wire.Parse(s.Data)
			if err != nil || !s.To.Addr().Is4() {
				return
			}
			var what strings.Builder
			what.WriteString(time.Since(begin).String())
			for _, q := range m.Questions {
				what.WriteString(fmt.Sprintf(" %d:%s", q.Type, q.Name.First()))
			}
			asked = append(asked, what.String())
		})
		var wg sync.WaitGroup
		wg.Go(func() { l.ear.ask(t.Context(), l.alice) })
		time.Sleep(1200 * time.Millisecond)
		l.bus.SetTap(nil)
		l.says(t, "10.77.0.2:5353", ptr("bob@nuc"), ptr("carol@owl"), srv("carol@owl", "owl", 7))
		var later []string
		l.bus.SetTap(func(s link.Sent) {
			if m, err := wire.Parse(s.Data); err == nil && s.To.Addr().Is4() && len(m.Questions) > 0 {
				var what strings.Builder
				what.WriteString(time.Since(begin).String())
				for _, q := range m.Questions {
					what.WriteString(fmt.Sprintf(" %d:%s", q.Type, q.Name.First()))
				}
				later = append(later, what.String())
			}
		})
		wg.Wait()
		synctest.Wait()
		want := []string{"0s 12:_presence 12:_services 16:marker", "1s 12:_presence 12:_services 16:marker"}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("first (-want +got)\n%s", diff)
		}
		missing := " 33:bob@nuc 1:owl 28:owl"
		want = []string{"1.5s" + missing, "3s 12:_presence 12:_services 16:marker", "3s" + missing}
		if diff := cmp.Diff(want, later); diff != "" {
			t.Errorf("then (-want +got)\n%s", diff)
		}
	})
}

// Who is counted and who could be dialled.
func TestEar_People(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		l.says(t, "10.77.0.2:5353", ptr("bob@nuc"), srv("bob@nuc", "nuc", 5298),
			addr("nuc", "10.77.0.2"), addr("nuc", "fe80::2"), addr("nuc", "198.51.100.9"))
		l.says(t, "[fe80::3]:5353", ptr("carol@owl")) // no address: cannot be dialled
		l.says(t, "10.77.0.1:5353", ptr(myName), srv(myName, "kite", myPort), addr("kite", "10.77.0.1"))
		l.says(t, "10.77.0.1:5353", ptr("other@here"), srv("other@here", "here", 9), addr("here", "10.77.0.1")) // another node of this machine
		l.says(t, "198.51.100.7:5353", ptr("far@away"))                                                         // not of this link
		l.says(t, "10.77.0.4:40000", ptr("port@odd"))                                                           // not from the port
		l.says(t, "10.77.0.5:5353", wire.Record{Name: service, Type: wire.TypePTR, PTR: instance("gone@by")})   // a goodbye
		l.says(t, "10.77.0.6:5353", wire.Record{Name: service, Type: wire.TypePTR, TTL: 9, PTR: wire.MustName("x", "_http", "_tcp", "local")})
		h := l.only()
		if !h.announced || l.ear.fight(h) {
			t.Errorf("announced %v, fight %v", h.announced, l.ear.fight(h))
		}
		var names []string
		for _, p := range l.ear.others(h) {
			names = append(names, p.name.First())
		}
		if diff := cmp.Diff([]string{"bob@nuc", "carol@owl"}, names); diff != "" {
			t.Errorf("people (-want +got)\n%s", diff)
		}
		got := fmt.Sprint(l.ear.dialable(h, 3))
		if want := "[[10.77.0.2:5298 [fe80::2%mem1]:5298]]"; got != want {
			t.Errorf("to dial: %s, want %s", got, want)
		}
		if len(h.sources) != 4 || l.ear.silent(h) || l.ear.everybody() != 2 {
			t.Errorf("sources %v, everybody %d", h.sources, l.ear.everybody())
		}
	})
}

// A machine that was heard on two links is one, and so are its people.
func TestEar_TwoLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		l.alice.Join(l.bus, prefix("10.77.0.11/16"))
		synctest.Wait()
		l.says(t, "10.77.0.2:5353", ptr("bob@nuc"))
		if n, all := len(l.ear.list()), l.ear.everybody(); n != 2 || all != 1 {
			t.Errorf("%d links, %d people", n, all)
		}
	})
}

func TestEar_Fight(t *testing.T) {
	own := []wire.Record{srv(myName, "kite", myPort), addr("kite", "10.77.0.1"), addr("kite", "fe80::1")}
	tests := []struct {
		name   string
		theirs wire.Record
		want   bool
	}{
		{"another port", srv("anna@KITE", "kite", 1), true},
		{"another host", srv(myName, "crow", myPort), true},
		{"our host elsewhere", addr("kite", "10.77.0.66"), true},
		{"the very same, said again by a proxy", srv(myName, "kite", myPort), false},
		{"our host's address, said by another", addr("kite", "10.77.0.1"), false},
		{"only a pointer", ptr(myName), false},
		{"a goodbye for us", wire.Record{Name: instance(myName), Type: wire.TypeSRV, SRV: wire.SRV{Port: 1}}, false},
		{"another name", srv("bob@nuc", "crow", 1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLAN(t)
				l.says(t, "10.77.0.1:5353", own...)
				l.says(t, "10.77.0.66:5353", tt.theirs)
				if got := l.ear.fight(l.only()); got != tt.want {
					t.Errorf("fight = %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// A flood of names costs what the bound allows.
func TestEar_Flood(t *testing.T) {
	l := &heardLink{sources: map[netip.Addr]bool{}, people: map[string]*person{}, hosts: map[string][]netip.Addr{}}
	e := newEar(mine, myName, myPort, marked)
	for n := range 2 * maxPeople {
		e.learn(l, ptr(fmt.Sprintf("fake-%d", n)), false)
		e.learn(l, addr(fmt.Sprintf("fake-%d", n), "10.77.9.9"), false)
		e.learn(l, addr("one", netip.AddrFrom4([4]byte{10, 77, byte(n >> 8), byte(n)}).String()), false)
		e.learn(l, srv(myName, fmt.Sprintf("fake-%d", n), 1), false)
	}
	if len(l.people) != maxPeople || len(l.hosts) > maxPeople || len(l.hosts["\x03one\x05local"]) > maxAddrs || len(l.srvs) != maxAddrs {
		t.Errorf("%d people, %d hosts, %d claims", len(l.people), len(l.hosts), len(l.srvs))
	}
	if n := len(e.missing(l)); n < maxAsk || n > maxAsk+1 {
		t.Errorf("%d questions", n)
	}
}

func TestEar_BadPackets(t *testing.T) {
	e := newEar(mine, "", 0, marked)
	e.Links([]link.Info{{ID: 1, Name: "mem1", Addrs: []netip.Prefix{prefix("10.77.0.1/16")}}})
	src := netip.MustParseAddrPort("10.77.0.2:5353")
	for _, p := range []link.Packet{
		{Link: 1, Src: src, Multicast: true, Data: []byte("junk")},
		{Link: 1, Src: src, Multicast: false, Data: question(marked)},
		{Link: 2, Src: src, Multicast: true, Data: question(marked)},
	} {
		e.Packet(p)
	}
	if !e.silent(e.list()[0]) {
		t.Errorf("heard %v", e.list()[0].sources)
	}
}

func TestMarker(t *testing.T) {
	if a, b := newMarker(), newMarker(); a.Equal(b) || len(a.First()) != 32 {
		t.Errorf("%s and %s", a, b)
	}
	m, err := wire.Parse(question(marked))
	if err != nil || m.Response || !slices.ContainsFunc(m.Questions, func(q wire.Question) bool { return q.Name.Equal(marked) && !q.Unicast }) {
		t.Errorf("question: %+v, %v", m, err)
	}
}

// Machines are counted, not their addresses.
func TestEar_Machines(t *testing.T) {
	bob := []wire.Record{addr("nuc", "10.77.0.2"), addr("nuc", "fe80::2")}
	again := addr("nuc-llchat", "10.77.0.2") // another name of the same machine
	carol := []wire.Record{addr("owl", "10.77.0.3"), addr("owl", "fe80::3")}
	tests := []struct {
		name    string
		records []wire.Record
		spoke   string
		want    int
	}{
		{"nobody", nil, "", 0},
		{"both families of each", slices.Concat(bob, carol), "10.77.0.2 fe80::2 10.77.0.3 fe80::3", 2},
		{"one family each", slices.Concat(bob, carol), "10.77.0.2 fe80::3", 2},
		{"two names", append(bob, again), "10.77.0.2 fe80::2", 1},
		{"of whom nothing is known", nil, "10.77.0.2 fe80::2 10.77.0.3 fe80::3 10.77.0.4", 3},
		{"one known, one not", bob, "10.77.0.2 fe80::2 10.77.0.3 fe80::3", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &heardLink{people: map[string]*person{}, hosts: map[string][]netip.Addr{}}
			e := newEar(mine, "", 0, marked)
			for _, r := range tt.records {
				e.learn(l, r, false)
			}
			spoke := map[netip.Addr]bool{}
			for a := range strings.FieldsSeq(tt.spoke) {
				spoke[netip.MustParseAddr(a)] = true
			}
			if got := l.machines(spoke); got != tt.want {
				t.Errorf("%d machines, want %d", got, tt.want)
			}
		})
	}
}

// The other nodes of this machine prove nothing of the network: that the other
// stack sees them is no fault of ours.
func TestEar_Strangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		l.says(t, "10.77.0.1:5353", ptr("Other@here"))
		l.says(t, "10.77.0.2:5353", ptr("bob@nuc"))
		at := func(a string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(a)} }
		seen := []sighting{
			{sameName("other@here"), nil},             // heard from an address of ours
			{sameName("third@here"), at("10.77.0.1")}, // with our address only
			{sameName("bob@nuc"), at("10.77.0.2")},    // somebody else
			{sameName("bob@nuc"), at("fe80::2")},      // the same
			{sameName("dan@fig"), nil},                // of whom nothing is known
			{sameName("eve@ox"), append(at("10.77.0.1"), at("10.77.0.6")...)},
		}
		if got := l.ear.strangers(seen); got != 3 {
			t.Errorf("%d strangers, want 3: bob, dan and eve", got)
		}
	})
}
