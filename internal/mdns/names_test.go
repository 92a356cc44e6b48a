package mdns

import (
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

func TestUserPart(t *testing.T) {
	tests := []struct{ name, nick, want string }{
		{"plain", "Alice", "alice"},
		{"spaces", "  Alice   Liddell ", "alice-liddell"},
		{"excluded by RFC 7622", `a"b&c'd/e:f<g>h@i`, "a-b-c-d-e-f-g-h-i"},
		{"runs merged", "a -- b", "a-b"},
		{"controls", "a\x1b[31mb\x00", "a-[31mb"},
		{"composed", "A\u030Angstro\u0308m", "ångström"},
		{"capital sigma", "ΣΑΣ", "σασ"},
		{"emoji only", "🦀🦀", ""},
		{"emoji and text", "🦀crab🦀", "crab"},
		{"bidi override", "a\u202Eb", "a-b"},
		{"full width", "ＡＢＣ", ""},
		{"invalid UTF-8", "a\xffb", "a-b"},
		{"nothing", "", ""},
		{"only dashes", "---", ""},
		{"cut at a rune", strings.Repeat("é", 30), strings.Repeat("é", 20)},
		{"cut behind a dash", strings.Repeat("a", 39) + " b", strings.Repeat("a", 39)},
		{"CJK", "山田 太郎", "山田-太郎"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := UserPart(tt.nick); got != tt.want {
				t.Errorf("UserPart(%q) = %q, want %q", tt.nick, got, tt.want)
			}
		})
	}
}

func FuzzUserPart(f *testing.F) {
	for _, s := range []string{"Alice Liddell", "\u0130", "ß", "ﬀ", "\u0345a", "a\u0300\u0301", "Ⅷ", "\u200d", "ǅ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, nick string) {
		got := UserPart(nick)
		switch {
		case len(got) > maxUser || !utf8.ValidString(got) || !norm.NFC.IsNormalString(got):
			t.Errorf("UserPart(%q) = %q", nick, got)
		case strings.ContainsAny(got, "\"&'/:<>@ ") || strings.Contains(got, "--"):
			t.Errorf("UserPart(%q) = %q", nick, got)
		case UserPart(got) != got:
			t.Errorf("UserPart(%q) = %q, and of that %q", nick, got, UserPart(got))
		}
	})
}

// TestUserPartIsLocalpart: README 3 wants it to be a valid localpart of RFC
// 7622 too.
func TestUserPartIsLocalpart(t *testing.T) {
	for _, nick := range []string{
		"Alice Liddell", "J\u0640ack", "a\uFE0Fb\u034Fc", "\u1100\u1161 gag", "o\u00B7clock", "Ⅷ ﬁn", "İstanbul", "Straße", "山田・太郎",
	} {
		got := UserPart(nick)
		if want, err := precis.UsernameCaseMapped.String(got); err != nil || want != got {
			t.Errorf("UserPart(%q) = %q: %q, %v", nick, got, want, err)
		}
	}
}

func TestSplitInstance(t *testing.T) {
	tests := []struct{ in, user, machine string }{
		{"alice@pronto", "alice", "pronto"},
		{"a@b@c", "a@b", "c"}, // README 3: the last one
		{"printer", "printer", ""},
		{"@x", "", "x"},
		{"", "", ""},
	}
	for _, tt := range tests {
		if u, m := SplitInstance(tt.in); u != tt.user || m != tt.machine {
			t.Errorf("SplitInstance(%q) = %q, %q", tt.in, u, m)
		}
		if tt.machine != "" && InstanceName(tt.user, tt.machine) != tt.in {
			t.Errorf("InstanceName(%q, %q) is not %q", tt.user, tt.machine, tt.in)
		}
	}
}

func TestWordAndMachine(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		m := Machine(rand.Reader)
		if !regexp.MustCompile(`^[a-z]{3,10}-[a-z2-7]{4}$`).MatchString(m) {
			t.Errorf("machine %q", m)
		}
		seen[m] = true
	}
	if len(seen) < 199 {
		t.Errorf("%d different machines of 200", len(seen))
	}
	words := map[string]bool{}
	for i := range 256 {
		w := Word(strings.NewReader(string([]byte{byte(i)})))
		if UserPart(w) != w {
			t.Errorf("word %q is no user part", w)
		}
		words[w] = true
	}
	if len(words) != 256 {
		t.Errorf("%d different words", len(words))
	}
	if w := Word(failing{}); w == "" {
		t.Error("a broken source of randomness leaves us without a name")
	}
	if w := Word(nil); w == "" {
		t.Error("no word from crypto/rand")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

var _ io.Reader = failing{}
