package engine

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// full makes an engine that knows n peers, and one announcement.
func full(b *testing.B, n int) (*lan, *node, []byte) {
	l := newLAN(b, 70)
	l.keep = false
	a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
	l.run(time.Second)
	crowd(b, l, n)
	l.run(time.Second)
	if got := len(a.keys()); got != n {
		b.Fatalf("%d of %d peers", got, n)
	}
	m := claim{label: "user77@host77", host: "host77", port: 5298, addrs: []string{"10.0.1.2"}}.message(b)
	data, _ := m.Append(nil, 0)
	return l, a, data
}

// BenchmarkAnnouncement5000 is one announcement of a known peer among 5,000.
func BenchmarkAnnouncement5000(b *testing.B) {
	l, a, data := full(b, 5000)
	now := l.now
	p := link.Packet{Link: 1, Src: netip.MustParseAddrPort("10.0.1.2:5353"), Multicast: true, Data: data}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(20 * time.Millisecond)
		a.e.Packet(now, p)
		a.e.Take()
	}
}

// BenchmarkQuestion5000 is our question with its known answers.
func BenchmarkQuestion5000(b *testing.B) {
	l, a, _ := full(b, 5000)
	b.ReportAllocs()
	octets := 0
	for b.Loop() {
		a.e.askLink(l.now, a.e.links[1])
		packets, _ := a.e.Take()
		octets = 0
		for _, p := range packets {
			octets += len(p.Data)
		}
	}
	b.ReportMetric(float64(octets), "octets/question")
}

// BenchmarkLearn5000 is a cache that fills with 5,000 peers, and what it costs.
func BenchmarkLearn5000(b *testing.B) {
	b.ReportAllocs()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, a, _ := full(b, 5000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/5000, "heap-octets/peer")
		runtime.KeepAlive(a)
	}
}

// BenchmarkFlood is hostile: full packets of new names from changing sources,
// cache full.
func BenchmarkFlood(b *testing.B) {
	l, a, _ := full(b, 8000)
	var packets [][]byte
	for i := range 100 {
		var m wire.Message
		m.Response = true
		for j := range 60 {
			m.Answers = append(m.Answers, claim{label: fmt.Sprintf("fake%d-%d@x", i, j), host: "x", port: 1}.records(b)...)
		}
		data, _ := m.Append(nil, 0)
		packets = append(packets, data)
	}
	now := l.now
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Millisecond)
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5353)
		a.e.Packet(now, link.Packet{Link: 1, Src: src, Multicast: true, Data: packets[i%100]})
		a.e.Tick(now)
		a.e.Take()
	}
	b.ReportMetric(float64(len(packets[0])), "octets/packet")
}
