package wire

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// miekg/dns is the oracle: what it accepts we accept with equal content. It
// never decodes anything outside of tests (mdns.md 1).

// fromOracle turns presentation format back into label octets.
func fromOracle(t testing.TB, s string) Name {
	t.Helper()
	var labels [][]byte
	var label []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '.':
			if len(label) > 0 {
				labels = append(labels, label)
			}
			label = nil
		case s[i] == '\\':
			c, n := unescape(s[i:])
			label = append(label, c)
			i += n - 1
		default:
			label = append(label, s[i])
		}
	}
	n, err := NewName(labels...)
	if err != nil {
		t.Fatalf("oracle's name %q: %v", s, err)
	}
	return n
}

func unescape(s string) (c byte, n int) {
	if len(s) >= 4 && '0' <= s[1] && s[1] <= '9' {
		return (s[1]-'0')*100 + (s[2]-'0')*10 + s[3] - '0', 4
	}
	return s[1], 2
}

func textFromOracle(txt []string) []byte {
	var out []byte
	for _, s := range txt {
		var b []byte
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' {
				c, n := unescape(s[i:])
				b, i = append(b, c), i+n-1
				continue
			}
			b = append(b, s[i])
		}
		out = append(append(out, byte(len(b))), b...)
	}
	return out
}

// sameAsOracle compares one record. Where we cut on purpose (TTL, TXT, NSEC
// types above 255), the cut is applied to the oracle's record.
func sameAsOracle(t testing.TB, r Record, o dns.RR) error {
	t.Helper()
	h := o.Header()
	if r.Name != fromOracle(t, h.Name) || uint16(r.Type) != h.Rrtype || uint16(r.Class) != h.Class&^topBit ||
		r.Flush != (h.Class&topBit != 0) || r.TTL != min(h.Ttl, MaxTTL) {
		return fmt.Errorf("header %+v, oracle %+v", r, h)
	}
	ok := true
	switch o := o.(type) {
	case *dns.A:
		ok = net.IP(r.Addr.AsSlice()).Equal(o.A)
	case *dns.AAAA:
		ok = bytes.Equal(r.Addr.AsSlice(), o.AAAA.To16())
	case *dns.PTR:
		ok = r.PTR == fromOracle(t, o.Ptr)
	case *dns.SRV:
		ok = r.SRV == SRV{o.Priority, o.Weight, o.Port, fromOracle(t, o.Target)}
	case *dns.TXT:
		ok = sameText(r.TXT, textFromOracle(o.Txt))
	case *dns.NULL:
		ok = string(r.Raw) == o.Data
	case *dns.NSEC:
		want := slices.DeleteFunc(slices.Clone(o.TypeBitMap), func(t uint16) bool { return t > 255 })
		ok = r.NSEC.Next == fromOracle(t, o.NextDomain) &&
			slices.EqualFunc(r.NSEC.Types, want, func(a Type, b uint16) bool { return uint16(a) == b })
	}
	if !ok {
		return fmt.Errorf("data %+v, oracle %v", r, o)
	}
	return nil
}

func sameText(ours, oracle []byte) bool {
	if len(oracle) == 0 {
		return bytes.Equal(ours, []byte{0})
	}
	if len(ours) < len(oracle) {
		return bytes.HasPrefix(oracle, ours) && (len(oracle) > MaxTXT || slices.Collect(Strings(oracle))[MaxStrings] != nil)
	}
	return bytes.Equal(ours, oracle)
}

// matchOracle checks that our records are the oracle's, in order; we may have
// skipped some of its records only when skipped allows it.
func matchOracle(t testing.TB, ours []Record, oracle []dns.RR, skipped int) {
	t.Helper()
	i := 0
	for _, o := range oracle {
		if o.Header().Rrtype == dns.TypeOPT {
			continue
		}
		if i < len(ours) {
			err := sameAsOracle(t, ours[i], o)
			if err == nil {
				i++
				continue
			}
			if skipped == 0 {
				t.Fatal(err)
			}
		} else if skipped == 0 {
			t.Fatalf("the oracle has one more: %v", o)
		}
	}
	if i < len(ours) {
		t.Fatalf("the oracle has no %+v", ours[i])
	}
}

// cutShort reports whether the oracle let a message pass that ends in the
// middle of its last entry, which we call broken framing.
func cutShort(d *dns.Msg, data []byte) bool {
	for _, q := range d.Question {
		if q.Qtype == 0 || q.Qclass == 0 {
			return true
		}
	}
	for _, r := range slices.Concat(d.Answer, d.Ns, d.Extra) {
		if r.Header().Rdlength == 0 {
			return true
		}
	}
	return len(data) > MaxPacket || len(data) < headerLen
}

// checkOracle is the property of the differential test.
func checkOracle(t testing.TB, data []byte) {
	t.Helper()
	var d dns.Msg
	if d.Unpack(data) != nil {
		return
	}
	m, err := Parse(data)
	if err != nil {
		if !cutShort(&d, data) {
			t.Fatalf("the oracle accepts %x: %v", data, err)
		}
		return
	}
	if m.ID != d.Id || m.Response != d.Response || m.Authoritative != d.Authoritative ||
		m.Truncated != d.Truncated || int(m.Opcode) != d.Opcode || int(m.Rcode) != d.Rcode&0x0f {
		t.Fatalf("header %+v, oracle %+v", m, d.MsgHdr)
	}
	if m.Skipped == 0 {
		if len(m.Questions) != len(d.Question) {
			t.Fatalf("%d questions, oracle %d", len(m.Questions), len(d.Question))
		}
		for i, q := range m.Questions {
			o := d.Question[i]
			if q.Name != fromOracle(t, o.Name) || uint16(q.Type) != o.Qtype || withTop(q.Class, q.Unicast) != o.Qclass {
				t.Fatalf("question %+v, oracle %+v", q, o)
			}
		}
	}
	matchOracle(t, m.Answers, d.Answer, m.Skipped)
	matchOracle(t, m.Authority, d.Ns, m.Skipped)
	matchOracle(t, m.Additional, d.Extra, m.Skipped)
}

func TestOracle_Captures(t *testing.T) {
	for _, p := range captures(t) {
		if err := new(dns.Msg).Unpack(p); err != nil {
			t.Errorf("the oracle refuses %x: %v", p, err)
		}
		checkOracle(t, p)
	}
}

// What we write the oracle reads, and what it writes we read.
func TestOracle_BothWays(t *testing.T) {
	legacy := announcement()
	legacy.Legacy = true
	for _, m := range []Message{announcement(), probe(), knownAnswers(90), legacy} {
		data := encode(t, m)
		var d dns.Msg
		if err := d.Unpack(data); err != nil {
			t.Fatalf("the oracle refuses %x: %v", data, err)
		}
		checkOracle(t, data)
		for _, compress := range []bool{false, true} {
			d.Compress = compress
			theirs, err := d.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if m := parse(t, theirs); m.Skipped != 0 {
				t.Errorf("skipped %d", m.Skipped)
			}
			checkOracle(t, theirs)
		}
	}
}

// Known tolerated: packets that the oracle refuses as a whole over one NSEC,
// as Debian's python3-zeroconf 0.47.3 sends them.
func TestOracle_TolerantNSEC(t *testing.T) {
	for _, nsec := range []string{"\x00\x00\x00", "\x00\x00\x21" + strings.Repeat("\xff", 33), "\x00\x00\x04\x40"} {
		data := raw([4]int{0, 2}, rr(TypeNSEC, nsec), rr(TypeA, "1234"))
		if new(dns.Msg).Unpack(data) == nil {
			t.Errorf("the oracle accepts %x by now: drop it here", data)
		}
		if m := parse(t, data); len(m.Answers) != 2 || m.Skipped != 0 {
			t.Errorf("%x: %+v", data, m)
		}
	}
}
