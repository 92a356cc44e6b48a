package wire

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

var (
	presence = MustName("_presence", "_tcp", "local")
	romeo    = MustName("romeo@orchard", "_presence", "_tcp", "local")
	orchard  = MustName("orchard-x7q2", "local")
)

// announcement is what one XEP-0174 peer sends when it comes (RFC 6762 8.3).
func announcement() Message {
	return Message{
		Response: true, Authoritative: true,
		Answers: []Record{
			{Name: presence, Type: TypePTR, Class: ClassIN, TTL: 4500, PTR: romeo},
			{Name: romeo, Type: TypeSRV, Class: ClassIN, Flush: true, TTL: 120, SRV: SRV{Port: 5562, Target: orchard}},
			{Name: romeo, Type: TypeTXT, Class: ClassIN, Flush: true, TTL: 4500, TXT: []byte("\x09txtvers=1\x0cstatus=avail")},
			{Name: orchard, Type: TypeA, Class: ClassIN, Flush: true, TTL: 120, Addr: netip.MustParseAddr("192.0.2.7")},
			{Name: orchard, Type: TypeAAAA, Class: ClassIN, Flush: true, TTL: 120, Addr: netip.MustParseAddr("fe80::7")},
		},
		Additional: []Record{
			{Name: orchard, Type: TypeNSEC, Class: ClassIN, Flush: true, TTL: 120, NSEC: NSEC{Next: orchard, Types: []Type{TypeA, TypeAAAA}}},
		},
	}
}

// probe is the question of RFC 6762 8.1.
func probe() Message {
	return Message{
		Questions: []Question{{Name: romeo, Type: TypeANY, Class: ClassIN, Unicast: true}},
		Authority: []Record{{Name: romeo, Type: TypeSRV, Class: ClassIN, TTL: 120, SRV: SRV{Port: 5562, Target: orchard}}},
	}
}

func encode(t testing.TB, m Message) []byte {
	t.Helper()
	data, rest := m.Append(nil, 0)
	if !rest.Empty() {
		t.Fatalf("Append left %+v", rest)
	}
	return data
}

func parse(t testing.TB, data []byte) Message {
	t.Helper()
	m, err := Parse(data)
	if err != nil {
		t.Fatalf("Parse of %d octets %.100x: %v", len(data), data, err)
	}
	return m
}

// captures returns the packets of all testdata files: what libpurple (Pidgin)
// and telepathy-salut sent through Avahi in the lab, one packet in hex a line.
func captures(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	var out [][]byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			p, err := hex.DecodeString(string(bytes.TrimSpace(line)))
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			out = append(out, p)
		}
	}
	return out
}

// raw builds hostile packets: the header with counts, then the octets given.
func raw(counts [4]int, body ...string) []byte {
	b := make([]byte, headerLen)
	for i, c := range counts {
		b[4+2*i], b[5+2*i] = byte(c>>8), byte(c)
	}
	for _, s := range body {
		b = append(b, s...)
	}
	return b
}

// rr is a record with a root owner: type, class IN, TTL 120 and data.
func rr(t Type, data string) string {
	return "\x00" + string([]byte{byte(t >> 8), byte(t), 0, 1, 0, 0, 0, 120, byte(len(data) >> 8), byte(len(data))}) + data
}
