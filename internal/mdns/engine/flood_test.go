//go:build unix

package engine

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// forger makes announcements of instances that do not exist, each another one.
type forger struct {
	data []byte
	at   int // of the digits in the name
	n    int
}

func newForger(t testing.TB) *forger {
	m := claim{label: "fake0000000@evil", host: "evil", port: 5298, addrs: []string{"10.9.0.1"}}.message(t)
	data, _ := m.Append(nil, 0)
	return &forger{data: data, at: bytes.Index(data, []byte("fake")) + 4}
}

// next returns the next forgery; it is valid until the next call.
func (f *forger) next() []byte {
	f.n++
	copy(f.data[f.at:], fmt.Appendf(nil, "%07d", f.n))
	return f.data
}

// contacts are ten people without engines who answer for their SRV records.
type contacts struct {
	e      *Engine
	claims []claim
	left   int
	shed   int
}

func newContacts(t testing.TB) *contacts {
	c := &contacts{}
	for i := range 10 {
		c.claims = append(c.claims, claim{
			label: fmt.Sprintf("friend%d@desk%d", i, i), host: fmt.Sprintf("desk%d", i),
			port: 5298, addrs: []string{fmt.Sprintf("10.0.0.%d", 10+i)},
		})
	}
	e, err := New(Config{
		User: "alice", Machine: "pronto", Port: 5298, Rand: newLAN(t, 5).rand,
		Pinned: func(k string) bool {
			return slices.ContainsFunc(c.claims, func(x claim) bool { return x.label == k })
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.e = e
	e.Links(testStart, []link.Info{{ID: 1, Name: "eth0", MTU: 1500, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}}, false)
	var keys []string
	for _, x := range c.claims {
		keys = append(keys, x.label)
		c.announce(t, testStart, x)
	}
	e.Watch(testStart, keys)
	return c
}

func (c *contacts) announce(t testing.TB, now time.Time, x claim) {
	m := x.message(t)
	data, _ := m.Append(nil, 0)
	src := netip.AddrPortFrom(netip.MustParseAddr(x.addrs[0]), 5353)
	c.e.Packet(now, link.Packet{Link: 1, Src: src, Multicast: true, Data: data})
}

// serve answers what the engine asks.
func (c *contacts) serve(t testing.TB, now time.Time) {
	packets, events := c.e.Take()
	for _, p := range packets {
		m, err := wire.Parse(p.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range m.Questions {
			for _, x := range c.claims {
				if q.Type == wire.TypeSRV && q.Name.First() == x.label {
					c.announce(t, now, x)
				}
			}
		}
	}
	for _, ev := range events {
		switch {
		case ev.Kind == Left && c.e.cfg.Pinned(ev.Peer.Key):
			c.left++
		case ev.Kind == Overload:
			c.shed += ev.Shed
		}
	}
}

// TestT23_FloodOf27000 forged announcements a second for a minute, from few and
// from very many addresses: ten watched contacts, whose records need refreshing
// meanwhile, stay; memory is bounded.
func TestT23_FloodOf27000(t *testing.T) {
	for _, sources := range []int{1, 128, 60000} {
		t.Run(fmt.Sprintf("%d addresses", sources), func(t *testing.T) {
			c := newContacts(t)
			now := testStart
			for range 90 { // to the first refresh at 96 s
				now = now.Add(time.Second)
				c.e.Tick(now)
				c.serve(t, now)
			}
			before, began := heapInUse(), cpu(t)
			f := newForger(t)
			const step = time.Millisecond
			for i := range int(floodTime / step) {
				now = now.Add(step)
				for j := range 27 {
					k := (27*i + j) % sources
					src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(k >> 8), byte(k)}), 5353)
					c.e.Packet(now, link.Packet{Link: 1, Src: src, Multicast: true, Data: f.next()})
				}
				c.e.Tick(now)
				c.serve(t, now)
			}
			spent, grown := cpu(t)-began, heapInUse()-before
			for _, x := range c.claims {
				if _, ok := c.e.Peer(x.label); !ok {
					t.Errorf("%s is gone", x.label)
				}
			}
			if c.left > 0 || grown > 40<<20 || c.shed == 0 {
				t.Errorf("%d times a contact left, heap grew by %d octets, %d shed", c.left, grown, c.shed)
			}
			t.Logf("%d peers, heap +%.1f MiB, %d of %d shed, %v for %v of flood (%.2f of a core)", c.e.Stats().Peers,
				float64(grown)/(1<<20), c.shed, f.n, spent, floodTime, spent.Seconds()/floodTime.Seconds())
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpu is the time that all threads of this process have used.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestT40_LargePackets: 300 packets a second of 8.9 KB, full of records, from
// 100 addresses. Of each a few records are read (RFC 6762 17 allows one), and
// contacts are heard meanwhile. What it costs: BenchmarkT40_LargePackets.
func TestT40_LargePackets(t *testing.T) {
	c := newContacts(t)
	packets := largePackets(t)
	now := c.attack(t, testStart.Add(time.Second), packets, 100, 10)
	if got := len(c.e.cache.byKey); got > len(c.claims)+len(packets)*largeRecords {
		t.Errorf("%d instances of %d packets", got, len(packets))
	}
	x := c.claims[3]
	x.txt = text("n=1")
	c.announce(t, now, x)
	if p, ok := c.e.Peer(x.label); !ok || c.left > 0 || !bytes.Equal(p.TXT, x.txt) {
		t.Errorf("a contact says n=1, and shown is %q; %d left", p.TXT, c.left)
	}
}

// TestRFC6762_17_LargePacketOfALargeLink: where frames are large a packet of
// that size comes in one, and may hold many records.
func TestRFC6762_17_LargePacketOfALargeLink(t *testing.T) {
	for mtu, all := range map[int]bool{1500: false, 9000: true} {
		c := newContacts(t)
		i := c.e.links[1].info
		i.MTU = mtu
		c.e.Links(testStart, []link.Info{i}, false)
		c.attack(t, testStart, largePackets(t)[:1], 1, 1)
		if got := len(c.e.cache.byKey) - len(c.claims); (got > largeRecords) != all {
			t.Errorf("MTU %d: %d instances of one packet", mtu, got)
		}
	}
}

// largePackets are ten packets of nearly 8.9 KB.
func largePackets(t testing.TB) (packets [][]byte) {
	for i := range 10 {
		m := wire.Message{Response: true}
		for j := 0; len(packets) == i; j++ {
			m.Answers = append(m.Answers, claim{label: fmt.Sprintf("fake%d-%d@evil", i, j), host: "evil", port: 1, addrs: []string{"10.9.0.1"}}.records(t)...)
			if data, _ := m.Append(nil, 9000); len(data) > 8900-200 {
				packets = append(packets, data)
			}
		}
	}
	return packets
}

// attack sends 300 packets a second from that many addresses, until then.
func (c *contacts) attack(t testing.TB, now time.Time, packets [][]byte, sources, seconds int) time.Time {
	for i := range 300 * seconds {
		now = now.Add(time.Second / 300)
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i % sources >> 8), byte(i % sources)}), 5353)
		c.e.Packet(now, link.Packet{Link: 1, Src: src, Multicast: true, Data: packets[i%len(packets)]})
		c.e.Tick(now)
		c.serve(t, now)
	}
	return now
}

// BenchmarkT40_LargePackets is ten seconds of it, beside what it costs to decode
// all that comes. Issue 3: at most 300 ms of CPU.
func BenchmarkT40_LargePackets(b *testing.B) {
	for _, sources := range []int{1, 100, 3000} {
		b.Run(fmt.Sprintf("%d addresses", sources), func(b *testing.B) {
			packets := largePackets(b)
			var spent, base time.Duration
			for b.Loop() {
				c := newContacts(b)
				began := cpu(b)
				c.attack(b, testStart.Add(time.Second), packets, sources, 10)
				spent += cpu(b) - began
				began = cpu(b)
				for i := range 3000 {
					if _, err := wire.Parse(packets[i%len(packets)]); err != nil {
						b.Fatal(err)
					}
				}
				base += cpu(b) - began
			}
			b.ReportMetric(spent.Seconds()*1000/float64(b.N), "CPU-ms/10s")
			b.ReportMetric(spent.Seconds()/base.Seconds(), "of-decoding-all")
		})
	}
}

// TestT40_200QuestionsOnePacket: a packet of 200 questions about everything we
// have draws one packet.
func TestT40_200QuestionsOnePacket(t *testing.T) {
	l, _ := ready(t)
	m := wire.Message{}
	names := []wire.Question{
		{Name: service, Type: wire.TypePTR, Class: wire.ClassIN},
		{Name: instanceName(t, "alice@pronto"), Type: wire.TypeANY, Class: wire.ClassIN},
		{Name: wire.MustName("pronto", "local"), Type: wire.TypeA, Class: wire.ClassIN},
		{Name: meta, Type: wire.TypePTR, Class: wire.ClassIN},
	}
	for i := range 200 {
		m.Questions = append(m.Questions, names[i%4])
	}
	data, rest := m.Append(nil, 9000)
	if !rest.Empty() {
		t.Fatal("200 questions do not fit")
	}
	for range 100 { // a flood of them
		l.sayRaw("10.0.0.66", netip.AddrPort{}, data)
	}
	l.run(time.Second)
	if got := l.responses("10.0.0.1"); len(got) > 1 {
		t.Errorf("%d packets: %v", len(got), got)
	}
	m.Questions = m.Questions[:64] // L-20: what is answered at all
	data, _ = m.Append(nil, 9000)
	l.forget()
	l.sayRaw("10.0.0.66", netip.AddrPort{}, data)
	l.run(2 * time.Second)
	if got := l.responses("10.0.0.1"); len(got) != 1 || got[0].size > 1400 {
		t.Errorf("64 questions drew %v", got)
	}
}
