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

// lan is a network in memory and in virtual time: engines, segments, packets on
// their way.
type lan struct {
	t       testing.TB
	now     time.Time
	start   time.Time
	rand    *rand.Rand
	nodes   []*node
	flying  []flight // sorted by time
	sent    []capture
	keep    bool                           // record sent
	loss    float64                        // probability that one copy is lost
	latency func() time.Duration           // of one copy
	drop    func(from, to netip.Addr) bool // partitions
}

// node is an engine with its links.
type node struct {
	lan    *lan
	e      *Engine
	links  map[link.ID]port
	events []Event
}

type port struct {
	segment int
	info    link.Info
}

type flight struct {
	at   time.Time
	to   *node
	link link.ID
	src  netip.AddrPort
	mc   bool
	data []byte
}

// capture is a packet as it was sent.
type capture struct {
	at   time.Duration // since the start of the LAN
	from netip.AddrPort
	dst  netip.AddrPort // zero: multicast
	msg  wire.Message
	size int
}

// String keeps failures readable.
func (c capture) String() string {
	show := func(rs []wire.Record) (out []string) {
		for _, r := range rs {
			out = append(out, fmt.Sprintf("%d:%s/%d", r.Type, r.Name.First(), r.TTL))
		}
		return out
	}
	return fmt.Sprintf("[%v %v->%v q%d an%v au%v ad%v]\n", c.at, c.from, c.dst, len(c.msg.Questions),
		show(c.msg.Answers), show(c.msg.Authority), show(c.msg.Additional))
}

var testStart = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newLAN(t testing.TB, seed uint64) *lan {
	l := &lan{t: t, now: testStart, start: testStart, rand: rand.New(rand.NewPCG(seed, 1)), keep: true}
	l.latency = func() time.Duration { return 0 }
	return l
}

// add makes a node with one link on segment 0.
func (l *lan) add(user, machine string, port uint16, addrs ...string) *node {
	l.t.Helper()
	n := l.bare(Config{User: user, Machine: machine, Port: port})
	n.join(1, 0, addrs...)
	return n
}

// bare makes a node without links.
func (l *lan) bare(c Config) *node {
	l.t.Helper()
	c.Rand = rand.New(rand.NewPCG(l.rand.Uint64(), 2))
	e, err := New(c)
	if err != nil {
		l.t.Fatal(err)
	}
	n := &node{lan: l, e: e, links: map[link.ID]port{}}
	l.nodes = append(l.nodes, n)
	return n
}

// join plugs a link in.
func (n *node) join(id link.ID, segment int, addrs ...string) {
	i := link.Info{ID: id, Name: fmt.Sprintf("eth%d", id), MTU: 1500}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
	}
	n.links[id] = port{segment, i}
	n.tell()
}

func (n *node) unplug(id link.ID) {
	delete(n.links, id)
	n.tell()
}

func (n *node) tell() {
	var infos []link.Info
	for _, p := range n.links {
		infos = append(infos, p.info)
	}
	n.e.Links(n.lan.now, infos, false)
	n.collect()
}

func (n *node) publish(txt string) {
	n.e.Publish(n.lan.now, text(txt))
	n.collect()
}

func (n *node) setText(txt string) {
	n.e.SetText(n.lan.now, text(txt))
	n.collect()
}

func (n *node) withdraw() {
	n.e.Withdraw(n.lan.now)
	n.collect()
}

// text is TXT data of one string, or the empty record.
func text(s string) []byte { return append([]byte{byte(len(s))}, s...) }

// collect puts what the engine sends on the wire.
func (n *node) collect() {
	packets, events := n.e.Take()
	n.events = append(n.events, events...)
	for _, p := range packets {
		port, ok := n.links[p.Link]
		if !ok {
			continue
		}
		for _, src := range port.sources(p.Dst) {
			n.lan.transmit(port.segment, src, p.Dst, p.Data)
		}
	}
}

// sources are the addresses a packet goes out from: one for each family.
func (p port) sources(dst netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, four := range []bool{true, false} {
		i := slices.IndexFunc(p.info.Addrs, func(a netip.Prefix) bool { return a.Addr().Is4() == four })
		if i >= 0 && (!dst.IsValid() || dst.Addr().Is4() == four) {
			out = append(out, netip.AddrPortFrom(p.info.Addrs[i].Addr(), 5353))
		}
	}
	return out
}

// transmit delivers data to everybody on the segment, the sender included.
func (l *lan) transmit(segment int, src, dst netip.AddrPort, data []byte) {
	if l.keep {
		m, err := wire.Parse(data)
		if err != nil {
			l.t.Fatalf("sent a bad packet: %v", err)
		}
		l.sent = append(l.sent, capture{l.now.Sub(l.start), src, dst, m, len(data)})
	}
	if len(data) > 9000 {
		l.t.Fatalf("packet of %d octets", len(data))
	}
	for _, n := range l.nodes {
		for id, p := range n.links {
			if p.segment == segment && p.hears(src, dst) {
				l.fly(n, id, src, dst, data)
			}
		}
	}
}

func (p port) hears(src, dst netip.AddrPort) bool {
	return slices.ContainsFunc(p.info.Addrs, func(a netip.Prefix) bool {
		if dst.IsValid() {
			return a.Addr() == dst.Addr().WithZone("") && dst.Port() == 5353
		}
		return a.Addr().Is4() == src.Addr().Is4()
	})
}

func (l *lan) fly(n *node, id link.ID, src, dst netip.AddrPort, data []byte) {
	if l.loss > 0 && l.rand.Float64() < l.loss {
		return
	}
	if l.drop != nil && l.drop(src.Addr(), n.links[id].info.Addrs[0].Addr()) {
		return
	}
	f := flight{l.now.Add(l.latency()), n, id, src, !dst.IsValid(), data}
	i, _ := slices.BinarySearchFunc(l.flying, f, func(a, b flight) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1
	})
	l.flying = slices.Insert(l.flying, i, f)
}

// run lets d pass.
func (l *lan) run(d time.Duration) {
	end := l.now.Add(d)
	for {
		at, n := end, (*node)(nil)
		for _, x := range l.nodes {
			if next := x.e.Next(); !next.IsZero() && next.Before(at) {
				at, n = next, x
			}
		}
		switch {
		case len(l.flying) > 0 && !l.flying[0].at.After(at):
			l.land()
		case n != nil:
			l.advance(at)
			n.e.Tick(l.now)
			n.collect()
		default:
			l.advance(end)
			return
		}
	}
}

// land delivers the packet that is due first.
func (l *lan) land() {
	f := l.flying[0]
	l.flying = l.flying[1:]
	l.advance(f.at)
	f.to.e.Packet(l.now, link.Packet{Link: f.link, Src: f.src, Multicast: f.mc, Data: f.data})
	f.to.collect()
}

func (l *lan) advance(to time.Time) {
	if to.After(l.now) {
		l.now = to
	}
}

// say multicasts m on segment 0 from an address without an engine.
func (l *lan) say(src string, m wire.Message) { l.sayTo(src, netip.AddrPort{}, m) }

func (l *lan) sayTo(src string, dst netip.AddrPort, m wire.Message) {
	l.t.Helper()
	packet, rest := m.Append(nil, 0)
	if !rest.Empty() {
		l.t.Fatal("message does not fit")
	}
	l.sayRaw(src, dst, packet)
}

func (l *lan) sayRaw(src string, dst netip.AddrPort, data []byte) {
	from, err := netip.ParseAddrPort(src)
	if err != nil {
		from = netip.AddrPortFrom(netip.MustParseAddr(src), 5353)
	}
	keep := l.keep
	l.keep = false
	l.transmit(0, from, dst, data)
	l.keep = keep
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// forget clears what was sent and what happened so far.
func (l *lan) forget() {
	l.sent = nil
	for _, n := range l.nodes {
		n.events = nil
	}
}

// responses returns the multicast responses sent by addr.
func (l *lan) responses(addr string) []capture {
	return l.filter(addr, func(c capture) bool { return c.msg.Response && !c.dst.IsValid() })
}

// queries returns the queries sent by addr.
func (l *lan) queries(addr string) []capture {
	return l.filter(addr, func(c capture) bool { return !c.msg.Response })
}

func (l *lan) filter(addr string, f func(capture) bool) []capture {
	var out []capture
	for _, c := range l.sent {
		if c.from.Addr().String() == addr && f(c) {
			out = append(out, c)
		}
	}
	return out
}

// kinds returns the kinds of a node's events but Published.
func (n *node) kinds() []Kind {
	var out []Kind
	for _, ev := range n.events {
		if ev.Kind != Published {
			out = append(out, ev.Kind)
		}
	}
	return out
}

func (n *node) count(k Kind) int {
	c := 0
	for _, ev := range n.events {
		if ev.Kind == k {
			c++
		}
	}
	return c
}

// only returns the one event of a kind.
func (n *node) only(k Kind) Event {
	n.lan.t.Helper()
	if c := n.count(k); c != 1 {
		n.lan.t.Fatalf("%d events of kind %d, want 1: %+v", c, k, n.events)
	}
	return n.events[slices.IndexFunc(n.events, func(ev Event) bool { return ev.Kind == k })]
}

// keys are the keys of the peers a node sees.
func (n *node) keys() []string {
	var out []string
	for _, p := range n.e.Peers() {
		out = append(out, p.Key)
	}
	return out
}

// kindsOf names the types in a list of records.
func kindsOf(rs []wire.Record) map[wire.Type]int {
	out := map[wire.Type]int{}
	for _, r := range rs {
		out[r.Type]++
	}
	return out
}

func find(rs []wire.Record, t wire.Type) (wire.Record, bool) {
	i := slices.IndexFunc(rs, func(r wire.Record) bool { return r.Type == t })
	if i < 0 {
		return wire.Record{}, false
	}
	return rs[i], true
}

func instanceName(t testing.TB, label string) wire.Name {
	t.Helper()
	n, err := service.Child(label)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// claim is the announcement of somebody else's instance.
type claim struct {
	label, host string
	port        uint16
	txt         []byte
	addrs       []string
	ttl         uint32 // of all records; 0: the usual ones
	bye         bool
}

func (c claim) records(t testing.TB) []wire.Record {
	n, h := instanceName(t, c.label), wire.MustName(c.host, "local")
	ttl := func(d uint32) uint32 {
		switch {
		case c.bye:
			return 0
		case c.ttl > 0:
			return c.ttl
		}
		return d
	}
	if c.txt == nil {
		c.txt = text("txtvers=1")
	}
	out := []wire.Record{
		{Name: service, Type: wire.TypePTR, TTL: ttl(4500), PTR: n},
		{Name: n, Type: wire.TypeSRV, Flush: true, TTL: ttl(120), SRV: wire.SRV{Port: c.port, Target: h}},
		{Name: n, Type: wire.TypeTXT, Flush: true, TTL: ttl(4500), TXT: c.txt},
	}
	for _, a := range c.addrs {
		ip := netip.MustParseAddr(a)
		out = append(out, wire.Record{Name: h, Type: addrType(ip), Flush: true, TTL: ttl(120), Addr: ip})
	}
	return out
}

func (c claim) message(t testing.TB) wire.Message {
	return wire.Message{Response: true, Authoritative: true, Answers: c.records(t)}
}

// bob is somebody without an engine.
func bob() claim {
	return claim{label: "bob@forza", host: "forza", port: 5298, addrs: []string{"10.0.0.9"}}
}

func question(n wire.Name, t wire.Type) wire.Message {
	return wire.Message{Questions: []wire.Question{{Name: n, Type: t, Class: wire.ClassIN}}}
}

// ready is a LAN with alice published; nothing of hers was multicast within the
// last second.
func ready(t testing.TB) (*lan, *node) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/16", "fe80::1/64")
	a.publish("status=avail")
	l.run(10 * time.Second)
	l.forget()
	return l, a
}
