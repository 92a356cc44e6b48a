package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseText(t *testing.T) {
	tests := []struct {
		name, txt string
		want      []Pair
	}{
		{"value, empty value, no value", "\x03a=1\x02b=\x01c", []Pair{{"a", []byte("1"), true}, {"b", nil, true}, {"c", nil, false}}},
		{"first key wins, case aside", "\x03a=1\x03A=2\x01a", []Pair{{"a", []byte("1"), true}}},
		{"missing key", "\x02=x\x00\x01=\x03b=1", []Pair{{"b", []byte("1"), true}}},
		{"= in the value", "\x05a=b=c", []Pair{{"a", []byte("b=c"), true}}},
		{"binary value", "\x04a=\x00\xff", []Pair{{"a", []byte("\x00\xff"), true}}},
		{"control octet in the key", "\x04a\x1b=1\x03b=1", []Pair{{"b", []byte("1"), true}}},
		{"UTF-8 key", "\x04\xc3\xa9=1", nil},
		{"string cut", "\x03a=1\x09b=", []Pair{{"a", []byte("1"), true}}},
		{"empty forms", "\x00", nil},
		{"no data", "", nil},
		{"key of 33 octets (L-21)", "\x23" + strings.Repeat("k", 33) + "=1\x03b=1", []Pair{{"b", []byte("1"), true}}},
		{"33rd string (L-21)", strings.Repeat("\x00", 32) + "\x03a=1", nil},
		{"beyond 1,300 octets (L-21)", strings.Repeat("\xff"+strings.Repeat("\x01", 255), 5) + "\x03a=1\x13b=" + strings.Repeat("y", 17), []Pair{{"a", []byte("1"), true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ParseText([]byte(tt.txt))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAppendText(t *testing.T) {
	pairs := []Pair{{"txtvers", []byte("1"), true}, {"msg", nil, true}, {"flag", nil, false}}
	got, err := AppendText([]byte("x"), pairs)
	if want := "x\x09txtvers=1\x04msg=\x04flag"; string(got) != want || err != nil {
		t.Errorf("AppendText = %q, %v; want %q", got, err, want)
	}
	if diff := cmp.Diff(pairs, ParseText(got[1:])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := AppendText(nil, nil); string(got) != "\x00" || err != nil {
		t.Errorf("no pairs: %q, %v", got, err)
	}
}

func TestAppendText_Refuses(t *testing.T) {
	many := make([]Pair, 33)
	for i := range many {
		many[i].Key = strings.Repeat("k", i/10+1) + string(rune('0'+i%10))
	}
	big := make([]Pair, 6)
	for i := range big {
		big[i] = Pair{Key: string(rune('a' + i)), Value: make([]byte, 250), HasValue: true}
	}
	for name, pairs := range map[string][]Pair{
		"no key":      {{}},
		"= in key":    {{Key: "a=b"}},
		"control":     {{Key: "a\n"}},
		"long key":    {{Key: strings.Repeat("k", 33)}},
		"twice":       {{Key: "a"}, {Key: "A"}},
		"256 octets":  {{Key: "a", Value: make([]byte, 254), HasValue: true}},
		"33 strings":  many,
		"1,301 total": big,
	} {
		if got, err := AppendText([]byte("x"), pairs); !errors.Is(err, ErrText) || string(got) != "x" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestStrings_Stops(t *testing.T) {
	n := 0
	for range Strings([]byte("\x01a\x01b\x01c")) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d strings", n)
	}
}
