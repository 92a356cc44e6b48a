package safetext

import (
	"strings"
	"testing"
)

// TestT13_LookAlikes: twins of a contact's name have its skeleton.
func TestT13_LookAlikes(t *testing.T) {
	tests := []struct{ what, name, twin string }{
		{"same", "bob", "bob"},
		{"case", "Bob", "bOB"},
		{"Cyrillic o", "bob", "bоb"},
		{"all Cyrillic", "соре", "cope"},
		{"all Cyrillic capitals", "ВОВ", "BOB"},
		{"Greek capitals", "ΝΙΚΟ", "NIKO"},
		{"Greek capital eta", "ΗΕΝ", "HEN"},
		{"Greek small letters among Latin", "ηick", "nick"},
		{"Greek omicron", "bοb", "bob"},
		{"case in Greek", "Ηλίας", "ΗΛΙΑΣ"},
		{"final sigma", "νικος", "νικοσ"},
		{"zero width", "b\u200bob", "bob"},
		{"joiner", "bo\u200db", "bob"},
		{"tags", "bob\U000e0041", "bob"},
		{"bidi", "\u202ebob\u202c", "bob"},
		{"trailing dot", "bob.", "bob"},
		{"spaces", " bob  smith ", "bob smith"},
		{"separators", "bob-smith", "Bob Smith"},
		{"no-break space", "bob\u00a0smith", "bob_smith"},
		{"full width", "ｂｏｂ", "bob"},
		{"mathematical", "𝒃𝒐𝒃", "bob"},
		{"accents", "Jörg", "jorg"},
		{"stroke", "bøb", "bob"},
		{"dotless i", "kıng", "king"},
		{"digit for o", "b0b", "bob"},
		{"digit for l", "a1ice", "alice"},
		{"capital I for l", "aIice", "alice"},
		{"bar for l", "a|ice", "alice"},
		{"capital and small l", "BILL", "BlLL"},
		{"rn for m", "arnanda", "amanda"},
		{"vv for w", "vvei", "wei"},
		{"Arabic digits", "room٤٢", "room42"},
		{"sharp s", "strauß", "STRAUSS"},
		{"small capitals", "ʙᴏʙ", "bob"},
		{"Cherokee", "ᎪᏢᎬ", "apꭼ"},
		{"Armenian", "bօb", "bob"},
		{"Lisu", "ꓐꓳꓐ", "bob"},
		{"invalid UTF-8", "b\xffb", "b\ufffdb"},
	}
	for _, tt := range tests {
		if a, b := Skeleton(tt.name), Skeleton(tt.twin); a != b || a == "" {
			t.Errorf("%s: %q has skeleton %q, %q has %q", tt.what, tt.name, a, tt.twin, b)
		}
	}
}

// TestSkeletonsDiffer: names that nobody confuses stay apart.
func TestSkeletonsDiffer(t *testing.T) {
	names := []string{
		"bob", "rob", "alice", "bob2", "bob3", "bob smith", "bobsmith", "иван", "ольга", "νικος", "ηλιας",
		"राम", "रमा", "かに", "がに", "語", "김", "이", "한", "!", "...", "-", "😀", "😁", "שלום", "سلام",
	}
	seen := make(map[string]string)
	for _, n := range names {
		s := Skeleton(n)
		if s == "" {
			t.Errorf("%q has no skeleton", n)
		}
		if other, ok := seen[s]; ok {
			t.Errorf("%q and %q share skeleton %q", n, other, s)
		}
		seen[s] = n
	}
	for _, n := range []string{"", "\u200b\u2060", " \t", "\u0301"} {
		if s := Skeleton(n); s != "" {
			t.Errorf("Skeleton(%+q) = %+q", n, s)
		}
	}
}

func TestMixed(t *testing.T) {
	tests := []struct {
		name string
		want bool
	}{
		{"", false},
		{"bob", false},
		{"bob 42 😀 (2)", false},
		{"Jörg", false},
		{"иван", false},
		{"bоb", true},
		{"νick", true},
		{"иванiv", true},
		{"bob語", true},
		{"山田たろうタロー", false},
		{"김山", false},
		{"राम", false},
		{"سلام", false},
		{"𐍈", false},
	}
	for _, tt := range tests {
		if got := Mixed(tt.name); got != tt.want {
			t.Errorf("Mixed(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestLooksAreWhole: the strings of pairs have no odd end, and end at letters
// that the last step folds.
func TestLooksAreWhole(t *testing.T) {
	for _, list := range []string{latinLooks, cyrillicLooks, greekCapitals, greekSmall, otherLooks} {
		runes := []rune(list)
		if len(runes)%2 != 0 {
			t.Errorf("%q is odd", list)
		}
		for i := 0; i+1 < len(runes); i += 2 {
			from, to := runes[i], runes[i+1]
			if from < 0x80 || to >= 0x80 {
				t.Errorf("pair %c%c", from, to)
			}
		}
	}
}

func FuzzSkeleton(f *testing.F) {
	for _, seed := range []string{"bob", "bоb", "...", "\u0301", "ηick", "b\xff", "\u00a8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s := Skeleton(in)
		if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\n' }) {
			t.Fatalf("Skeleton(%+q) = %+q", in, s)
		}
		if strings.Trim(strings.Map(separator, s), "-") == "" {
			return // all punctuation: its own skeleton, dots and all
		}
		if got := Skeleton(" " + in + "\u200b."); got != s {
			t.Fatalf("Skeleton(%+q) = %+q, with an invisible end %+q", in, s, got)
		}
		Mixed(in)
	})
}

// separator maps every separator to a hyphen.
func separator(r rune) rune {
	if separates(r) {
		return '-'
	}
	return r
}

func TestUnescapeDNS(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"bob@nuc", "bob@nuc"},
		{`bob\.x`, "bob.x"},
		{`Bob\ Smith@Mac\ Book`, "Bob Smith@Mac Book"},
		{`J\195\182rg`, "Jörg"},
		{`\027[31m`, "\x1b[31m"},
		{`\\`, `\`},
		{`end\`, `end\`},
		{`\25`, `\25`},
		{`\999`, `\999`},
		{`\256`, `\256`},
		{`\255`, "\xff"},
		{`\0651`, "A1"},
		{`\"`, `"`},
	}
	for _, tt := range tests {
		if got := UnescapeDNS(tt.in); got != tt.want {
			t.Errorf("UnescapeDNS(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := Name(UnescapeDNS(`\155[31m`)).String(); strings.ContainsRune(got, '\x9b') {
		t.Errorf("an escaped CSI came through: %+q", got)
	}
}

func FuzzUnescapeDNS(f *testing.F) {
	for _, seed := range []string{`\`, `\0`, `\27`, `\027`, `a\.b`, `\999`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got := UnescapeDNS(in); len(got) > len(in) {
			t.Fatalf("UnescapeDNS(%q) grew to %q", in, got)
		}
	})
}

func BenchmarkSkeleton(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Skeleton("Juliet Capulet")
	}
}
