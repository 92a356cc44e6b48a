package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// knownAnswers is a query for presence with n answers already known.
func knownAnswers(n int) Message {
	m := Message{Questions: []Question{{Name: presence, Type: TypePTR, Class: ClassIN}}}
	for i := range n {
		peer, _ := presence.Child(fmt.Sprintf("peer%04d@machine%04d", i, i))
		m.Answers = append(m.Answers, Record{Name: presence, Type: TypePTR, Class: ClassIN, TTL: 4000, PTR: peer})
	}
	return m
}

func TestAppend_Golden(t *testing.T) {
	m := probe()
	m.ID = 0x0102
	want := "\x01\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00" +
		"\x0dromeo@orchard\x09_presence\x04_tcp\x05local\x00\x00\xff\x80\x01" +
		"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x78\x00\x15\x00\x00\x00\x00\x15\xba\x0corchard-x7q2\xc0\x29"
	if got := encode(t, m); string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAppend_Behind(t *testing.T) {
	m := announcement()
	got, rest := m.Append([]byte("before"), 0)
	if !rest.Empty() || string(got[:6]) != "before" || string(got[6:]) != string(encode(t, m)) {
		t.Errorf("got %q", got)
	}
}

// RFC 6762 18.14: legacy replies have uncompressed SRV targets; owners stay
// compressed.
func TestAppend_Legacy(t *testing.T) {
	m := announcement()
	plain := encode(t, m)
	m.Legacy = true
	legacy := encode(t, m)
	if want := len("\x05local\x00") - 2; len(legacy)-len(plain) != want {
		t.Errorf("legacy is %d octets longer, want %d", len(legacy)-len(plain), want)
	}
	if !strings.Contains(string(legacy), "\x15\xba\x0corchard-x7q2\x05local\x00") {
		t.Errorf("no plain target in %q", legacy)
	}
	m.Legacy = false
	if diff := cmp.Diff(m, parse(t, legacy), compareMessages); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAppend_KeepsCase(t *testing.T) {
	m := Message{Questions: []Question{{Name: MustName("a", "local"), Class: ClassIN}, {Name: MustName("b", "LOCAL"), Class: ClassIN}}}
	if diff := cmp.Diff(m, parse(t, encode(t, m)), compareMessages); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Whatever the limit: packet within it, nothing lost, nothing twice.
func TestAppend_Rest(t *testing.T) {
	m := announcement()
	m.Questions = probe().Questions
	m.Authority = probe().Authority
	whole := encode(t, m)
	for limit := 1; limit <= len(whole); limit++ {
		got, rest := m.Append(nil, limit)
		if len(got) > limit {
			t.Fatalf("limit %d: %d octets", limit, len(got))
		}
		if limit < headerLen {
			if got != nil || len(rest.Answers) != len(m.Answers) {
				t.Fatalf("limit %d: %x", limit, got)
			}
			continue
		}
		p := parse(t, got)
		p.Questions = append(p.Questions, rest.Questions...)
		p.Answers = append(p.Answers, rest.Answers...)
		p.Authority = append(p.Authority, rest.Authority...)
		p.Additional = append(p.Additional, rest.Additional...)
		if diff := cmp.Diff(m, p, compareMessages); diff != "" {
			t.Fatalf("limit %d (-want +got)\n%s", limit, diff)
		}
	}
}

func TestAppend_ZeroValues(t *testing.T) {
	// Nothing panics on records that make no sense; class 0 is IN.
	m := Message{Answers: []Record{
		{Type: TypeA},
		{Type: TypeAAAA},
		{Type: TypeTXT},
		{Type: TypeNSEC},
		{Type: TypeSRV},
		{Type: TypePTR},
		{Type: TypeNULL},
		{Type: TypeA, Addr: netip.MustParseAddr("fe80::1")},
		{Type: TypeNSEC, NSEC: NSEC{Types: []Type{300, TypeA}}},
	}}
	got := parse(t, encode(t, m))
	if len(got.Answers) != len(m.Answers) || got.Skipped != 0 {
		t.Errorf("got %+v", got)
	}
	if last := got.Answers[8].NSEC.Types; !slices.Equal(last, []Type{TypeA}) {
		t.Errorf("types = %v", last)
	}
}

// RFC 6762 section 7.2: questions first, TC on all but the last, no questions
// in the continuations.
func TestPackets_KnownAnswerTrain(t *testing.T) {
	m := knownAnswers(1000)
	packets, err := m.Packets(0)
	if err != nil {
		t.Fatal(err)
	}
	var got []Record
	for i, p := range packets {
		if len(p) > DefaultMTU {
			t.Errorf("packet %d: %d octets", i, len(p))
		}
		q := parse(t, p)
		if (len(q.Questions) == 1) != (i == 0) {
			t.Errorf("packet %d: %d questions", i, len(q.Questions))
		}
		if q.Truncated != (i < len(packets)-1) {
			t.Errorf("packet %d: TC %v", i, q.Truncated)
		}
		got = append(got, q.Answers...)
	}
	if diff := cmp.Diff(m.Answers, got, compareMessages); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPackets_Response(t *testing.T) {
	m := knownAnswers(100)
	m.Questions, m.Response, m.Additional = nil, true, announcement().Answers
	packets, err := m.Packets(600)
	if err != nil {
		t.Fatal(err)
	}
	answers, additional := 0, 0
	for i, p := range packets {
		r := parse(t, p)
		if r.Truncated || !r.Response || len(p) > 600 {
			t.Errorf("packet %d: TC %v, QR %v, %d octets", i, r.Truncated, r.Response, len(p))
		}
		answers += len(r.Answers)
		additional += len(r.Additional)
	}
	if answers != 100 || additional != 5 {
		t.Errorf("%d answers, %d additional records", answers, additional)
	}
}

func TestPackets_LargeRecords(t *testing.T) {
	null := func(n int) Record { return Record{Type: TypeNULL, Class: ClassIN, Raw: make([]byte, n)} }
	small := announcement().Answers[0]
	tests := []struct {
		name string
		m    Message
		want []int // entries per packet, nil: ErrTooLarge
	}{
		{"alone (section 17)", Message{Response: true, Answers: []Record{small, null(5000), small}}, []int{1, 1, 1}},
		{"additional", Message{Response: true, Answers: []Record{small}, Additional: []Record{null(5000)}}, []int{1, 1}},
		{"authority of a response", Message{Response: true, Authority: []Record{null(5000), small}}, []int{1, 1}},
		{"9,000 octets", Message{Response: true, Answers: []Record{null(MaxPacket - headerLen - 11)}}, []int{1}},
		{"9,001 octets", Message{Response: true, Answers: []Record{null(MaxPacket - headerLen - 10)}}, nil},
		{"70,000 octets", Message{Response: true, Answers: []Record{null(70000)}}, nil},
		{"probe grows", Message{Authority: []Record{small, null(5000)}}, []int{2}},
		{"probe too large", Message{Authority: []Record{small, null(9000)}}, nil},
		{"nothing", Message{}, []int{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			packets, err := tt.m.Packets(0)
			if tt.want == nil {
				if !errors.Is(err, ErrTooLarge) {
					t.Errorf("error = %v", err)
				}
				return
			}
			var got []int
			for _, p := range packets {
				m := parse(t, p)
				got = append(got, len(m.Answers)+len(m.Authority)+len(m.Additional))
			}
			if !slices.Equal(got, tt.want) || err != nil {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// Questions that fill several packets: the TC train starts with the last.
func TestPackets_ManyQuestions(t *testing.T) {
	m := knownAnswers(60)
	m.Questions = nil
	for _, r := range m.Answers[:60] {
		m.Questions = append(m.Questions, Question{Name: r.PTR, Type: TypeSRV, Class: ClassIN})
	}
	packets, err := m.Packets(1000)
	if err != nil {
		t.Fatal(err)
	}
	questions, answers := 0, 0
	for i, p := range packets {
		q := parse(t, p)
		questions, answers = questions+len(q.Questions), answers+len(q.Answers)
		if want := questions == 60 && answers < 60; q.Truncated != want {
			t.Errorf("packet %d: TC %v, want %v", i, q.Truncated, want)
		}
	}
	if questions != 60 || answers != 60 {
		t.Errorf("%d questions, %d answers", questions, answers)
	}
	huge := Message{Questions: []Question{{Name: romeo}}}
	if p, err := huge.Packets(20); err != nil || len(p) != 1 {
		t.Errorf("a question larger than the MTU: %d packets, %v", len(p), err)
	}
}

func TestSize(t *testing.T) {
	for _, r := range slices.Concat(announcement().Answers, announcement().Additional, []Record{{Type: TypeNULL, Raw: []byte("x")}, {Type: TypeTXT}}) {
		if got, want := r.Size(), len(encode(t, Message{Answers: []Record{r}}))-headerLen; got < want {
			t.Errorf("type %d: Size %d, written %d", r.Type, got, want)
		}
		if got, want := r.Size()-r.Name.Len()-10, len(r.RdataWire()); got != want {
			t.Errorf("type %d: data size %d, want %d", r.Type, got, want)
		}
	}
	q := probe().Questions[0]
	if got, want := q.Size(), len(encode(t, Message{Questions: []Question{q}}))-headerLen; got != want {
		t.Errorf("question: Size %d, written %d", got, want)
	}
}
