package wire

import (
	"net/netip"
	"testing"
)

func addr(t Type, s string) Record {
	return Record{Type: t, Class: ClassIN, Addr: netip.MustParseAddr(s)}
}

// RFC 6762 section 8.2 and its example in 8.2: 169.254.200.50 wins over
// 169.254.99.200; octets compare unsigned.
func TestCompare_TieBreak(t *testing.T) {
	srv := func(port uint16, host string) Record {
		return Record{Type: TypeSRV, Class: ClassIN, SRV: SRV{Port: port, Target: MustName(host, "local")}}
	}
	tests := []struct {
		name string
		a, b Record
		want int
	}{
		{"example", addr(TypeA, "169.254.99.200"), addr(TypeA, "169.254.200.50"), -1},
		{"equal", srv(1, "a"), srv(1, "a"), 0},
		{"class 0 is IN", Record{Type: TypeA}, Record{Type: TypeA, Class: ClassIN}, 0},
		{"class before type", Record{Type: TypeSRV, Class: ClassIN}, Record{Type: TypeA, Class: 3}, -1},
		{"type before data", addr(TypeA, "255.255.255.255"), addr(TypeAAAA, "::"), -1},
		{"port", srv(5299, "a"), srv(5298, "b"), 1},
		{"uncompressed names, length octet first", srv(1, "zz"), srv(1, "aaa"), -1},
		{"case counts in the tie-break", srv(1, "A"), srv(1, "a"), -1},
		{"shorter data loses", Record{Type: TypeTXT, TXT: []byte("\x01a")}, Record{Type: TypeTXT, TXT: []byte("\x01a\x00")}, -1},
		{"TTL and flush bit do not count", Record{Type: TypeA, TTL: 1, Flush: true}, Record{Type: TypeA}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Compare(tt.a, tt.b); got != tt.want {
				t.Errorf("Compare = %d, want %d", got, tt.want)
			}
			if got := Compare(tt.b, tt.a); got != -tt.want {
				t.Errorf("turned round = %d, want %d", got, -tt.want)
			}
		})
	}
}

func TestSameData(t *testing.T) {
	ptr := func(l string) Record { return Record{Type: TypePTR, PTR: MustName(l, "local")} }
	srv := func(port uint16, l string) Record {
		return Record{Type: TypeSRV, SRV: SRV{Port: port, Target: MustName(l)}}
	}
	nsec := func(l string, types ...Type) Record {
		return Record{Type: TypeNSEC, NSEC: NSEC{Next: MustName(l), Types: types}}
	}
	tests := []struct {
		name string
		a, b Record
		want bool
	}{
		{"PTR case", ptr("Romeo"), ptr("romeo"), true},
		{"PTR other", ptr("romeo"), ptr("juliet"), false},
		{"SRV case", srv(1, "A"), srv(1, "a"), true},
		{"SRV port", srv(1, "a"), srv(2, "a"), false},
		{"TXT case", Record{Type: TypeTXT, TXT: []byte("\x01a")}, Record{Type: TypeTXT, TXT: []byte("\x01A")}, false},
		{"empty TXT forms", Record{Type: TypeTXT}, Record{Type: TypeTXT, TXT: []byte{0}}, true},
		{"NSEC", nsec("A", 1, 28), nsec("a", 1, 28), true},
		{"NSEC types", nsec("a", 1), nsec("a", 28), false},
		{"type", addr(TypeA, "1.2.3.4"), addr(TypeAAAA, "::1"), false},
		{"class", Record{Type: TypeA, Class: ClassIN}, Record{Type: TypeA, Class: 3}, false},
		{"A", addr(TypeA, "1.2.3.4"), addr(TypeA, "1.2.3.4"), true},
		{"owner and TTL aside", Record{Name: romeo, Type: TypeNULL, TTL: 3, Flush: true}, Record{Type: TypeNULL}, true},
		{"NULL", Record{Type: TypeNULL, Raw: []byte("a")}, Record{Type: TypeNULL, Raw: []byte("b")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := SameData(tt.a, tt.b); got != tt.want {
				t.Errorf("SameData = %v, want %v", got, tt.want)
			}
		})
	}
}
