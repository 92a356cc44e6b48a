package wire

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareMessages = cmp.Options{
	cmp.Comparer(func(a, b Name) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func TestParse_RoundTrip(t *testing.T) {
	for name, m := range map[string]Message{
		"announcement": announcement(),
		"probe":        probe(),
		"empty":        {},
		"flags":        {ID: 7, Response: true, Truncated: true, Opcode: 5, Rcode: 3},
		"null":         {Response: true, Answers: []Record{{Name: romeo, Type: TypeNULL, Class: ClassIN, TTL: 1, Raw: []byte("\x89PNG")}}},
		"unknown type": {Response: true, Answers: []Record{{Name: romeo, Type: 13, Class: ClassIN, TTL: 1, Raw: []byte("\x03x86")}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(m, parse(t, encode(t, m)), compareMessages); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParse_Framing(t *testing.T) {
	name, ok := "\x01a\x00", rr(TypeA, "\x01\x02\x03\x04")
	tests := []struct {
		name string
		data []byte
		bad  bool
	}{
		{"nothing", nil, true},
		{"short header", make([]byte, 11), true},
		{"header only", raw([4]int{}), false},
		{"counts promise more (miekg accepts too)", raw([4]int{1, 65535, 65535, 65535}), false},
		{"trailing octets", raw([4]int{0, 0, 0, 0}, "xyz"), false},
		{"question cut", raw([4]int{1}, name, "\x00\x01"), true},
		{"name cut", raw([4]int{1}, "\x05ab"), true},
		{"pointer cut", raw([4]int{1}, "\xc0"), true},
		{"reserved label 0x40", raw([4]int{1}, "\x41a\x00\x00\x01\x00\x01"), true},
		{"reserved label 0x80", raw([4]int{1}, "\x81a\x00\x00\x01\x00\x01"), true},
		{"record header cut", raw([4]int{0, 1}, ok[:9]), true},
		{"rdata over the end", raw([4]int{0, 1}, ok[:len(ok)-1]), true},
		{"too large", make([]byte, MaxPacket+1), true},
		{"record", raw([4]int{0, 1}, ok), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse(tt.data)
			if got := errors.Is(err, ErrFraming); got != tt.bad {
				t.Errorf("error = %v, want framing error: %v", err, tt.bad)
			}
			if err != nil && !m.Empty() {
				t.Errorf("content beside an error: %+v", m)
			}
		})
	}
}

// A bad record never harms its neighbours: between two good ones it is
// skipped and counted.
func TestParse_SkipsBadRecords(t *testing.T) {
	good := rr(TypeA, "\x01\x02\x03\x04")
	class := func(s, c string) string { return s[:3] + c + s[5:] }
	long := strings.Repeat("\x3f"+strings.Repeat("x", 63), 4) + "\x00"
	tests := []struct {
		name, record string
		skipped      int
		kept         int // good ones included
	}{
		{"A of 3 octets", rr(TypeA, "123"), 1, 2},
		{"A of 16 octets", rr(TypeA, "0123456789abcdef"), 1, 2},
		{"AAAA of 4 octets", rr(TypeAAAA, "1234"), 1, 2},
		{"A without data", rr(TypeA, ""), 1, 2},
		{"PTR empty", rr(TypePTR, ""), 1, 2},
		{"PTR with octets behind", rr(TypePTR, "\x01a\x00z"), 1, 2},
		{"PTR over its end", rr(TypePTR, "\x05abc"), 1, 2},
		{"PTR forward pointer", rr(TypePTR, "\xc0\xff"), 1, 2},
		{"PTR reserved label", rr(TypePTR, "\x40\x00"), 1, 2},
		{"SRV short", rr(TypeSRV, "\x00\x00\x00\x00\x15"), 1, 2},
		{"SRV name cut", rr(TypeSRV, "\x00\x00\x00\x00\x15\x15\x05ab"), 1, 2},
		{"SRV octets behind", rr(TypeSRV, "\x00\x00\x00\x00\x15\x15\x00z"), 1, 2},
		{"TXT string over the end", rr(TypeTXT, "\x05ab"), 1, 2},
		{"NSEC name without end", rr(TypeNSEC, "\x05ab"), 1, 2},
		{"name of 256 octets", long + good[1:], 1, 2},
		{"pointer to itself", "\xc0\x1b" + good[1:], 1, 2},
		{"class CH", class(good, "\x00\x03"), 1, 2},
		{"class ANY", class(good, "\x00\xff"), 1, 2},
		{"OPT is left out without counting", class(rr(TypeOPT, "\x00\x04\x00\x00"), "\x05\xa0"), 0, 2},
		{"TXT empty is fine", rr(TypeTXT, ""), 0, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, raw([4]int{0, 1, 1, 1}, good, tt.record, good))
			kept := len(m.Answers) + len(m.Authority) + len(m.Additional)
			if m.Skipped != tt.skipped || kept != tt.kept {
				t.Errorf("skipped %d kept %d, want %d and %d", m.Skipped, kept, tt.skipped, tt.kept)
			}
		})
	}
}

func TestParse_SkipsBadQuestions(t *testing.T) {
	m := parse(t, raw([4]int{3, 1}, "\xc0\xff\x00\x01\x00\x01", "\x01a\x00\x00\x01\x00\x03", "\x01a\x00\x00\x01\x80\xff", rr(TypeA, "1234")))
	if m.Skipped != 2 || len(m.Answers) != 1 {
		t.Errorf("skipped %d, answers %d; want 2 and 1", m.Skipped, len(m.Answers))
	}
	want := []Question{{Name: MustName("a"), Type: TypeA, Class: ClassANY, Unicast: true}}
	if diff := cmp.Diff(want, m.Questions, compareMessages); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// L-20: 64 questions, 512 records, 16 KiB of names. T-24, T-40: a hostile
// packet costs no more than that.
func TestL20_Bounds(t *testing.T) {
	t.Run("questions", func(t *testing.T) {
		m := parse(t, raw([4]int{200, 1}, strings.Repeat("\x00\x00\x01\x00\x01", 200), rr(TypeA, "1234")))
		if len(m.Questions) != MaxQuestions || m.Skipped != 200-MaxQuestions || len(m.Answers) != 1 {
			t.Errorf("%d questions, %d skipped, %d answers", len(m.Questions), m.Skipped, len(m.Answers))
		}
	})
	t.Run("question 65 cut", func(t *testing.T) {
		_, err := Parse(raw([4]int{200}, strings.Repeat("\x00\x00\x01\x00\x01", 64), "\x00\x00"))
		if !errors.Is(err, ErrFraming) {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("records", func(t *testing.T) {
		m := parse(t, raw([4]int{0, 300, 300, 1}, strings.Repeat(rr(TypeNULL, ""), 601)))
		if got := len(m.Answers) + len(m.Authority) + len(m.Additional); got != MaxRecords || m.Skipped != 1 {
			t.Errorf("%d records, %d skipped", got, m.Skipped)
		}
	})
	t.Run("fewer records are wanted", func(t *testing.T) {
		m, err := ParseFirst(raw([4]int{0, 5, 5, 5}, strings.Repeat(rr(TypeNULL, ""), 15)), 7)
		if err != nil || len(m.Answers) != 5 || len(m.Authority) != 2 || len(m.Additional) != 0 || m.Skipped != 1 {
			t.Errorf("%d, %d and %d records, %d skipped, error %v", len(m.Answers), len(m.Authority), len(m.Additional), m.Skipped, err)
		}
	})
	t.Run("names", func(t *testing.T) {
		// Each record points into a long name at another place, so that each
		// costs a new copy.
		long := strings.Repeat("\x01x", 127) + "\x00"
		var b strings.Builder
		b.WriteString(long + rr(TypeNULL, "")[1:])
		for i := range 400 {
			b.WriteString("\x01" + string([]byte{byte(i)}) + "\xc0\x0e" + rr(TypeNULL, "")[1:])
		}
		m := parse(t, raw([4]int{0, 401}, b.String()))
		total := 0
		for _, r := range m.Answers {
			total += r.Name.Len()
		}
		if total > MaxNames || total < MaxNames-300 || m.Skipped != 1 {
			t.Errorf("%d octets of names in %d records, %d skipped", total, len(m.Answers), m.Skipped)
		}
	})
	t.Run("names in data", func(t *testing.T) {
		long := strings.Repeat("\x01x", 126) + "\x00"
		var b strings.Builder
		b.WriteString(long + rr(TypeNULL, "")[1:])
		for i := range 200 {
			b.WriteString(rr(TypePTR, "\x01"+string([]byte{byte(i)})+"\xc0\x0c"))
		}
		m := parse(t, raw([4]int{0, 201}, b.String()))
		if len(m.Answers) > 66 || m.Skipped != 1 {
			t.Errorf("%d records, %d skipped", len(m.Answers), m.Skipped)
		}
	})
	t.Run("shared names are free", func(t *testing.T) {
		// A jumbo packet of known answers must not hit the bound by its owner.
		m := Message{}
		for i := range 300 {
			n, _ := presence.Child(strings.Repeat("x", 4) + string([]byte{byte(i >> 8), byte(i)}))
			m.Answers = append(m.Answers, Record{Name: presence, Type: TypePTR, Class: ClassIN, TTL: 4500, PTR: n})
		}
		if got := parse(t, encode(t, m)); len(got.Answers) != 300 || got.Skipped != 0 {
			t.Errorf("%d answers, %d skipped", len(got.Answers), got.Skipped)
		}
	})
}

// L-30: counts that lie do not make memory.
func TestL30_LyingCounts(t *testing.T) {
	data := raw([4]int{65535, 65535, 65535, 65535}, "\x00\x00\x01\x00\x01")
	var m Message
	allocs := testing.AllocsPerRun(50, func() { m, _ = Parse(data) })
	if allocs > 4 || len(m.Questions) != 1 {
		t.Errorf("%v allocations, %d questions", allocs, len(m.Questions))
	}
}

func TestParse_Pointers(t *testing.T) {
	// Two pointers deep, strictly backwards: fine.
	m := parse(t, raw([4]int{3},
		"\x05local\x00\x00\x01\x00\x01",
		"\x01b\xc0\x0c\x00\x01\x00\x01",
		"\x01a\xc0\x17\x00\x01\x00\x01"))
	if got := m.Questions[2].Name; got != MustName("a", "b", "local") {
		t.Errorf("name = %v", got)
	}
	// A long chain backwards is expanded at most once per question and ends.
	var b strings.Builder
	b.WriteString("\x00\x00\x01\x00\x01")
	for i := range 1000 {
		at := 12 + 5 + 6*(i-1)
		if i == 0 {
			at = 12
		}
		b.WriteString(string([]byte{0xc0 | byte(at>>8), byte(at)}) + "\x00\x01\x00\x01")
	}
	m = parse(t, raw([4]int{1001}, b.String()))
	if len(m.Questions) != MaxQuestions {
		t.Errorf("%d questions", len(m.Questions))
	}
}

// RFC 6762 section 18.14: compressed SRV targets must be understood.
func TestParse_CompressedSRV(t *testing.T) {
	m := parse(t, raw([4]int{1, 1}, "\x05local\x00\x00\x01\x00\x01", rr(TypeSRV, "\x00\x01\x00\x02\x14\xb2\x07orchard\xc0\x0c")))
	want := SRV{Priority: 1, Weight: 2, Port: 5298, Target: MustName("orchard", "local")}
	if got := m.Answers[0].SRV; got != want {
		t.Errorf("SRV = %+v, want %+v", got, want)
	}
}

// mdns.md 2.1: a TTL of 2^31 must not pin a peer; a goodbye stays one.
func TestT24_TTLClamp(t *testing.T) {
	for ttl, want := range map[uint32]uint32{0: 0, 1: 1, 120: 120, 4500: 4500, 4501: 4500, 1 << 31: 4500, 1<<32 - 1: 4500} {
		m := parse(t, encode(t, Message{Answers: []Record{{Type: TypePTR, TTL: ttl, PTR: romeo}}}))
		if got := m.Answers[0].TTL; got != want {
			t.Errorf("TTL %d parsed as %d, want %d", ttl, got, want)
		}
	}
}

// RFC 6762 section 6.1: an NSEC never rejects a message; miekg/dns refuses
// the marked ones and the whole packet with them.
func TestParse_NSEC(t *testing.T) {
	tests := []struct {
		name, data string
		want       []Type
	}{
		{"restricted form", "\x00\x00\x04\x40\x00\x00\x08", []Type{TypeA, TypeAAAA}},
		{"no types", "\x00", nil},
		{"padded to 32 octets", "\x00\x00\x20\x40" + strings.Repeat("\x00", 31), []Type{TypeA}},
		{"empty block (miekg refuses)", "\x00\x00\x00", nil},
		{"blocks out of order (miekg refuses)", "\x00\x01\x01\x40\x00\x01\x40", []Type{TypeA}},
		{"block twice (miekg refuses)", "\x00\x00\x01\x40\x00\x04\x00\x00\x00\x08", []Type{TypeA, TypeAAAA}},
		{"bitmap cut (miekg refuses)", "\x00\x00\x04\x40\x00", []Type{TypeA}},
		{"block too long (miekg refuses)", "\x00\x00\x21" + strings.Repeat("\xff", 33), all256()},
		{"block header cut (miekg refuses)", "\x00\x00\x01\x40\x00", []Type{TypeA}},
		{"other block only", "\x00\x01\x01\x40", nil},
		{"next name is a forward pointer", "\xc0\xff\x00\x01\x40", []Type{TypeA}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, raw([4]int{0, 1, 0, 1}, rr(TypeNSEC, tt.data), rr(TypeA, "1234")))
			if len(m.Answers) != 1 || len(m.Additional) != 1 {
				t.Fatalf("message = %+v", m)
			}
			if diff := cmp.Diff(tt.want, m.Answers[0].NSEC.Types); diff != "" {
				t.Errorf("types (-want +got)\n%s", diff)
			}
		})
	}
}

func all256() []Type {
	var out []Type
	for i := range 256 {
		out = append(out, Type(i))
	}
	return out
}

// L-21: TXT data keeps 1,300 octets in 32 strings, whole strings only.
func TestL21_TXTCut(t *testing.T) {
	s255 := "\xff" + strings.Repeat("x", 255)
	tests := []struct {
		name, data string
		want       int
	}{
		{"33 strings", strings.Repeat("\x01x", 33), 64},
		{"1,300 octets", strings.Repeat(s255, 5) + "\x13" + strings.Repeat("y", 19), 1300},
		{"1,301 octets", strings.Repeat(s255, 5) + "\x14" + strings.Repeat("y", 20), 1280},
		{"8 KiB", strings.Repeat(s255, 32), 1280},
		{"no data is one empty string (RFC 6763 6.1)", "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, raw([4]int{0, 1}, rr(TypeTXT, tt.data)))
			if got := len(m.Answers[0].TXT); got != tt.want {
				t.Errorf("kept %d octets, want %d", got, tt.want)
			}
		})
	}
}

// The link layer reads the next packet into the same memory.
func TestParse_KeepsNoReference(t *testing.T) {
	want := announcement()
	want.Answers = append(want.Answers, Record{Name: romeo, Type: TypeNULL, Class: ClassIN, Raw: []byte("picture")})
	data := encode(t, want)
	got := parse(t, data)
	for i := range data {
		data[i] = 0xff
	}
	if diff := cmp.Diff(want, got, compareMessages); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParse_Captures(t *testing.T) {
	names := map[string]bool{}
	for _, p := range captures(t) {
		m := parse(t, p)
		if m.Skipped != 0 {
			t.Errorf("%x: skipped %d", p, m.Skipped)
		}
		for _, r := range m.Answers {
			if r.Type == TypeSRV {
				names[r.Name.First()] = true
			}
		}
	}
	for _, n := range []string{"alice@h1", "bob@h2", "sally@h3"} {
		if !names[n] {
			t.Errorf("no SRV of %s in the captures: %v", n, names)
		}
	}
}
