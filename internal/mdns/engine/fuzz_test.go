package engine

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// FuzzPacket feeds two packets to a live engine. Whatever they are: no panic,
// bounded state, time goes on, and what is sent can be parsed.
func FuzzPacket(f *testing.F) {
	seed := func(m wire.Message) {
		p, _ := m.Append(nil, 0)
		f.Add(p, []byte{}, uint16(5353), true)
		f.Add(p, p, uint16(40000), false)
	}
	bye := bob()
	bye.bye = true
	seed(bob().message(f))
	seed(bye.message(f))
	seed(question(service, wire.TypePTR))
	seed(question(instanceName(f, "alice@pronto"), wire.TypeANY))
	seed(wire.Message{
		Questions: question(instanceName(f, "alice@pronto"), wire.TypeANY).Questions,
		Authority: claim{label: "alice@pronto", host: "pronto", port: 1}.records(f)[1:],
	})
	seed(claim{label: "alice@pronto", host: "pronto", port: 1, addrs: []string{"10.0.0.66"}}.message(f))
	seed(wire.Message{Truncated: true, Questions: question(meta, wire.TypePTR).Questions})
	seed(claim{label: "\x1b[31m", host: "x", port: 0}.message(f))
	f.Fuzz(func(t *testing.T, first, second []byte, port uint16, multicast bool) {
		e, err := New(Config{User: "alice", Machine: "pronto", Port: 5298, Peers: 8, Rand: rand.New(rand.NewPCG(1, 2))})
		if err != nil {
			t.Fatal(err)
		}
		now := testStart
		e.Links(now, []link.Info{{ID: 1, Name: "eth0", MTU: 1500, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}}, true)
		e.Publish(now, text("txtvers=1"))
		now = drive(t, e, now, 300*time.Millisecond)
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 66}), port)
		for _, data := range [][]byte{first, second, first} {
			e.Packet(now, link.Packet{Link: 1, Src: src, Multicast: multicast, Data: data})
			now = drive(t, e, now, 2*time.Second)
		}
		now = drive(t, e, now, 3*time.Hour)
		if n := len(e.cache.byKey); n != 0 {
			t.Errorf("%d instances three hours later", n)
		}
		if n := len(e.links[1].hosts); n != 0 {
			t.Errorf("%d hosts three hours later", n)
		}
		e.Links(now, nil, true)
		if n := len(e.timers.list); n > 1 { // a change may wait for its time
			t.Errorf("%d timers run without a link", n)
		}
	})
}

// drive ticks e for d and checks all that it sends.
func drive(t *testing.T, e *Engine, now time.Time, d time.Duration) time.Time {
	t.Helper()
	end := now.Add(d)
	for n := 0; ; n++ {
		packets, _ := e.Take()
		for _, p := range packets {
			if _, err := wire.Parse(p.Data); err != nil || len(p.Data) > wire.MaxPacket {
				t.Fatalf("sends %x: %v", p.Data, err)
			}
		}
		next := e.Next()
		if next.IsZero() || next.After(end) {
			return end
		}
		if n > 20000 {
			t.Fatal("the engine spins")
		}
		if next.After(now) {
			now = next
		}
		e.Tick(now)
	}
}
