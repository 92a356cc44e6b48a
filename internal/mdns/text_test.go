package mdns

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func entry(key, value string) TextEntry {
	return TextEntry{Key: key, Value: []byte(value), HasValue: true}
}

func TestPresenceText(t *testing.T) {
	tests := []struct {
		name              string
		nick, status, msg string
		want              Text
	}{
		{"quiet", "", "", "", Text{entry("txtvers", "1")}},
		{"open", "Alice", "away", "back soon", Text{
			entry("txtvers", "1"), entry("nick", "Alice"), entry("status", "away"), entry("msg", "back soon"),
		}},
		{"msg cut at a rune (README 3)", "", "", strings.Repeat("é", 60), Text{
			entry("txtvers", "1"), entry("msg", strings.Repeat("é", 40)),
		}},
		{"msg cut before a rune", "", "", "x" + strings.Repeat("é", 60), Text{
			entry("txtvers", "1"), entry("msg", "x"+strings.Repeat("é", 39)),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := PresenceText(tt.nick, tt.status, tt.msg)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			txt, err := got.wire()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, parseText(txt)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPresenceTextAlwaysFits(t *testing.T) {
	long := strings.Repeat("🦀", 300)
	if _, err := PresenceText(long, long, long).wire(); err != nil {
		t.Error(err)
	}
}

// TestRFC6763_6_4_OurKeys: all that we publish has short keys of printable
// ASCII, and txtvers comes first (6.7).
func TestRFC6763_6_4_OurKeys(t *testing.T) {
	for i, e := range PresenceText("Alice", "away", "back soon") {
		if (e.Key == "txtvers") != (i == 0) || len(e.Key) > 9 || strings.ContainsFunc(e.Key, func(r rune) bool { return r <= ' ' || r > '~' || r == '=' }) {
			t.Errorf("key %d is %q", i, e.Key)
		}
	}
}

func TestTextErrors(t *testing.T) {
	many := Text{}
	for i := range 33 {
		many = append(many, entry("k"+string(rune('a'+i)), "v"))
	}
	big := Text{}
	for i := range 6 {
		big = append(big, entry("k"+string(rune('a'+i)), strings.Repeat("x", 250)))
	}
	tests := []struct {
		name string
		text Text
		ok   bool
	}{
		{"empty (174-3.5)", nil, true},
		{"twice (174-3.13)", Text{entry("nick", "a"), entry("NICK", "b")}, false},
		{"no key", Text{entry("", "a")}, false},
		{"key with =", Text{entry("a=b", "c")}, false},
		{"key with control", Text{entry("a\n", "c")}, false},
		{"string too long", Text{entry("a", strings.Repeat("x", 255))}, false},
		{"33 strings (L-21)", many, false},
		{"more than 1300 octets (174-3.12)", big, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			txt, err := tt.text.wire()
			var te *TextError
			if (err == nil) != tt.ok || err != nil && !errors.As(err, &te) {
				t.Errorf("error %v", err)
			}
			if tt.ok && len(txt) == 0 {
				t.Error("TXT data of no octets (RFC 6763 6.1)")
			}
		})
	}
}

func TestTextGet(t *testing.T) {
	text := parseText([]byte("\x05A=one\x05a=two\x04flag\x05none=\x02=x"))
	tests := []struct {
		key, want string
		ok        bool
	}{
		{"a", "one", true}, // RFC 6763 6.4: the first wins
		{"A", "one", true},
		{"flag", "", true},
		{"none", "", true},
		{"", "", false},
		{"other", "", false},
	}
	for _, tt := range tests {
		if got, ok := text.Get(tt.key); got != tt.want || ok != tt.ok {
			t.Errorf("Get(%q) = %q, %v", tt.key, got, ok)
		}
	}
	if text[1].HasValue || !text[2].HasValue {
		t.Errorf("flag and empty value are mixed up: %+v", text)
	}
}
