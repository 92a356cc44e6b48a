package dnssd

import (
	"testing"

	"github.com/miekg/dns"

	"llchat/internal/mdns/wire"
)

// FuzzAnswer gives a reply of any octets to each question we ask. Nothing
// panics, and what comes out keeps to the limits.
func FuzzAnswer(f *testing.F) {
	z := newZone(f)
	z.person("romeo", "montague", "203.0.113.7", 60)
	const name = `romeo\@montague._presence._tcp.example.org.`
	kinds := []uint16{dns.TypePTR, dns.TypeSRV, dns.TypeTXT, dns.TypeA}
	names := []string{service + theDomain, name, name, "montague.example.org."}
	questions := make([]*dns.Msg, len(kinds))
	for i := range kinds {
		questions[i] = question(names[i], kinds[i], true)
		questions[i].Id = 0x4c4c
		packed, err := questions[i].Pack()
		if err != nil {
			f.Fatal(err)
		}
		for _, reply := range z.serve("udp", packed) {
			f.Add(reply)
			f.Add(reply[:len(reply)-3])
			cut := append([]byte(nil), reply...)
			cut[2] |= 2 // TC
			f.Add(cut[:len(cut)/2])
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for i, q := range questions {
			m, ok := parseReply(raw, q)
			if !ok {
				continue
			}
			a, err := newAnswer(m)
			if err != nil {
				continue
			}
			checkAnswer(t, a, names[i])
		}
	})
}

func checkAnswer(t *testing.T, a *answer, name string) {
	t.Helper()
	list, ttl := a.instances(name)
	for _, n := range list {
		if n.raw == "" || len(n.raw) > maxLabel || fold(n.raw) != n.key {
			t.Errorf("instance %+v", n)
		}
	}
	if s, _, ok := a.service(name); ok && (s.port == 0 || s.host == "" || s.host == ".") {
		t.Errorf("service %+v", s)
	}
	text, _ := a.text(name)
	size := 0
	for _, e := range text {
		size += 1 + len(e.Key) + len(e.Value)
		if e.Key == "" || len(e.Key) > wire.MaxKey {
			t.Errorf("entry %q", e.Key)
		}
	}
	if size > wire.MaxTXT || len(text) > wire.MaxStrings {
		t.Errorf("%d entries, %d octets", len(text), size)
	}
	addrs, _ := a.addresses(nil, name, dns.TypeA, dns.TypeAAAA)
	for _, x := range addrs {
		if !usable(x) {
			t.Errorf("address %v", x)
		}
	}
	if len(addrs) > maxAddrs || ttl < 0 || a.negative < 0 {
		t.Errorf("%d addresses, ttl %v, negative %v", len(addrs), ttl, a.negative)
	}
}
