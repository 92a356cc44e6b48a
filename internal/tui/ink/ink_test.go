package ink

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/safetext"
)

// sgr is the only sequence that a row may hold.
var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func themes() []*Theme {
	return []*Theme{
		Dark(), Light(), Contrast(), Sixteen(), Mono(), Dark().InAscii(), Sixteen().InAscii(),
		Dark().In256(), Light().In256(), Contrast().In256(),
	}
}

// checkRow fails when a row is not w cells of printable text and our own SGR.
func checkRow(t *testing.T, row string, w int, m Method) {
	t.Helper()
	text := sgr.ReplaceAllString(row, "")
	if got := width(m, text); got != w {
		t.Errorf("row %q is %d cells wide, want %d", text, got, w)
	}
	if !utf8.ValidString(text) {
		t.Errorf("row %q is not UTF-8", text)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			t.Errorf("row %q holds the control character %U", text, r)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		w    int
		want []string
	}{
		{"empty", "", 5, []string{""}},
		{"fits", "hello", 5, []string{"hello"}},
		{"at a space", "hello big world", 9, []string{"hello big", "world"}},
		{"space at the end of a full row", "hello world", 5, []string{"hello", "world"}},
		{"long word", "abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{"word after text", "ab cdefghij", 4, []string{"ab", "cdef", "ghij"}},
		{"line feeds", "a\n\nb", 4, []string{"a", "", "b"}},
		{"last line feed", "a\n", 4, []string{"a", ""}},
		{"between wide clusters", "漢字漢字", 5, []string{"漢字", "漢字"}},
		{"wide after latin", "abc漢字", 4, []string{"abc", "漢字"}},
		{"combining mark stays", "e\u0301e\u0301e\u0301", 2, []string{"e\u0301e\u0301", "e\u0301"}},
		{"wider than the row", "漢字", 1, []string{"漢", "字"}},
		{"no room at all", "ab", 0, []string{"a", "b"}},
		{"spaces at the start are kept", "  a", 5, []string{"  a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, s := range Wrap(GraphemeWidth, T(Fg, safetext.Body(tt.in)), tt.w) {
				got = append(got, s.s)
			}
			want := make([]string, len(tt.want))
			for i, s := range tt.want {
				want[i] = safetext.Body(s).String()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Wrap(%q, %d) (-want +got):\n%s", tt.in, tt.w, diff)
			}
		})
	}
}

// TestFlow: pieces in a row break where their words do, not where they meet.
func TestFlow(t *testing.T) {
	segs := []Seg{L(Err, "no command "), L(Fg, "/nope"), L(Mut, " · did you mean /nick? To send")}
	var got []string
	for _, row := range Flow(WcWidth, segs, 16) {
		var r strings.Builder
		for _, s := range row {
			r.WriteString(s.s)
		}
		got = append(got, r.String())
	}
	if diff := cmp.Diff([]string{"no command /nope", "· did you mean", "/nick? To send"}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	first := Flow(WcWidth, segs, 16)[0]
	if diff := cmp.Diff([]Style{Err, Fg}, []Style{first[0].st, first[1].st}); diff != "" {
		t.Errorf("styles (-want +got):\n%s", diff)
	}
	if rows := Flow(WcWidth, nil, 16); len(rows) != 1 || len(rows[0]) != 0 {
		t.Errorf("nothing flows into %d rows", len(rows))
	}
}

// TestBreaks: what is typed is parted without losing an octet.
func TestBreaks(t *testing.T) {
	for _, line := range []string{"", "a", "hello big world ", "\t\tx", "\x1b[31mred", "漢字漢字", strings.Repeat("x", 100)} {
		for w := range 12 {
			var got strings.Builder
			end := 0
			for _, s := range Breaks(WcWidth, line, w) {
				if s.Start != end {
					t.Fatalf("Breaks(%q, %d): row starts at %d, the one before ended at %d", line, w, s.Start, end)
				}
				end = s.End
				got.WriteString(line[s.Start:s.End])
			}
			if got.String() != line {
				t.Errorf("Breaks(%q, %d) holds %q", line, w, got.String())
			}
		}
	}
}

func TestPut(t *testing.T) {
	for _, tt := range []struct {
		name string
		w    int
		draw func(f *Frame)
		want string
	}{
		{"padded", 8, func(f *Frame) { f.Put(L(Fg, "ab")) }, "ab      "},
		{"exact", 2, func(f *Frame) { f.Put(L(Fg, "ab")) }, "ab"},
		{"cut", 4, func(f *Frame) { f.Put(L(Fg, "abcdef")) }, "abc…"},
		{"wide does not fit", 4, func(f *Frame) { f.Put(L(Fg, "abc漢")) }, "abc…"},
		{"wide cut early", 4, func(f *Frame) { f.Put(L(Fg, "ab漢字")) }, "ab… "},
		{"one cell", 1, func(f *Frame) { f.Put(L(Fg, "abc")) }, "…"},
		{"right", 8, func(f *Frame) { f.Put(L(Fg, "ab")); f.PutRight(Fg, L(Fg, "cd")) }, "ab    cd"},
		{"right has no room", 4, func(f *Frame) { f.Put(L(Fg, "ab")); f.PutRight(Fg, L(Fg, "cd")) }, "ab  "},
		{"limit", 8, func(f *Frame) { f.Limit(3); f.Put(L(Fg, "abcdef")); f.Limit(8); f.Put(L(Fg, "xy")) }, "ab…xy   "},
		{"cut piece", 8, func(f *Frame) { f.PutCut(L(Fg, "abcdef"), 3); f.Put(L(Fg, "xy")) }, "ab…xy   "},
		{"rule", 4, func(f *Frame) { f.Rule(HLine, 3, Rule) }, "─── "},
		{"sign at the end", 2, func(f *Frame) { f.Put(L(Fg, "ab")); f.Sign(HLine, Fg) }, "ab"},
		{"typed control", 8, func(f *Frame) { f.Put(Typed(Fg, "a\tb")) }, "a    b  "},
		{"bar ends in a space that is not cleared", 4, func(f *Frame) { f.Put(L(OnBar, "a")); f.End(OnBar) }, "a  \u00a0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &Frame{Theme: Dark()}
			f.Begin(tt.w)
			f.Row()
			tt.draw(f)
			f.End(Fg)
			got := sgr.ReplaceAllString(f.String(), "")
			if got != tt.want {
				t.Errorf("row is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSegs(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.Local)
	for _, tt := range []struct {
		got  Seg
		want string
	}{
		{N(Fg, 0), "0"},
		{N(Fg, 999), "999"},
		{N(Fg, 3412), "3,412"},
		{N(Fg, 1000000), "1,000,000"},
		{N(Fg, -1234), "-1,234"},
		{Clock(Fg, now), "09:00"},
		{Day(Fg, now, now), "Today"},
		{Day(Fg, now.AddDate(0, 0, -1), now), "Yesterday"},
		{Day(Fg, now.AddDate(0, 0, -5), now), "Wednesday 18 November"},
		{Day(Fg, now.AddDate(-1, 0, 0), now), "Sunday 23 November 2025"},
		{Ago(Fg, time.Second), "now"},
		{Ago(Fg, 12*time.Minute), "12m"},
		{Ago(Fg, 3*time.Hour), "3h"},
		{Ago(Fg, 50*time.Hour), "2d"},
		{Dark().Cut(WcWidth, L(Fg, "abcdef"), 4), "abc…"},
		{Dark().Cut(WcWidth, L(Fg, "abcd"), 4), "abcd"},
		{Dark().Cut(WcWidth, L(Fg, "漢字漢"), 4), "漢…"},
	} {
		if tt.got.s != tt.want {
			t.Errorf("got %q, want %q", tt.got.s, tt.want)
		}
	}
}

// TestSigns: every sign is one cell in both sets.
func TestSigns(t *testing.T) {
	for _, th := range []*Theme{Dark(), Dark().InAscii()} {
		for g := range glyphs {
			s := th.glyph(g)
			if w := width(WcWidth, s); w != 1 || width(GraphemeWidth, s) != 1 {
				t.Errorf("%s sign %d %q is %d cells wide", th.Name, g, s, w)
			}
			if th.Ascii && (len(s) != 1 || s[0] < 0x20 || s[0] > 0x7e) {
				t.Errorf("sign %d %q is not ASCII", g, s)
			}
		}
	}
}

// TestContrast computes every pair of letters and ground (ui/README.md 6.3).
func TestContrast(t *testing.T) {
	for _, th := range []*Theme{Dark(), Light(), Contrast(), Dark().In256(), Light().In256(), Contrast().In256()} {
		least := 4.5
		if th.Name == "contrast" {
			least = 7
		}
		for tok := range Style(tokens + hues) {
			if tok >= Rule && tok < tokens {
				continue // lines carry no text
			}
			for _, g := range []Style{0, OnBar, OnSel, OnBad} {
				fg, bg := th.pair(tok | g)
				if c := contrast(fg, bg); c < least {
					t.Errorf("%s %d token %d on %d: %v on %v is %.1f, want at least %.1f", th.Name, th.mode, tok, g>>6, fg, bg, c, least)
				}
			}
		}
	}
}

// TestNoColour: NO_COLOR and the console theme keep shape, not colour.
func TestNoColour(t *testing.T) {
	colour := regexp.MustCompile(`[;\[](3[0-9]|4[0-9]|9[0-7]|10[0-7])[;m]`)
	th := Mono()
	for st := range Style(styles) {
		if s := th.prefix(st); colour.MatchString(s) {
			t.Errorf("style %b of %s is %q", st, th.Name, s)
		}
	}
	ground := regexp.MustCompile(`[;\[](4[0-9]|10[0-7])[;m]`)
	for st := range Style(styles) {
		if s := Sixteen().prefix(st); ground.MatchString(s) {
			t.Errorf("style %b of the console theme has the ground %q", st, s)
		}
	}
}

// TestHue: the whole circle is used, and the same key has the same colour.
// XEP-0392 13.2 gives angles for these.
func TestXEP0392_Hue(t *testing.T) {
	for input, want := range map[string]float64{"Romeo": 327.255249, "juliet@capulet.lit": 209.410400, "😺": 331.199341, "council": 359.994507, "Board": 171.430664} {
		if got := angle([]byte(input)) * 360; math.Abs(got-want) > 1e-5 {
			t.Errorf("%s: %f, want %f", input, got, want)
		}
		if h := Hue([]byte(input)); h < tokens || h >= tokens+hues {
			t.Errorf("%s: token %d", input, h)
		}
	}
}

// FuzzRow: whatever a peer says and however narrow the place, a row is as wide
// as it must be and holds no byte that is not ours.
func FuzzRow(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 20, true)
	}
	all := themes()
	f.Fuzz(func(t *testing.T, s string, w int, clusters bool) {
		w = 1 + (w%200+200)%200
		m := WcWidth
		if clusters {
			m = GraphemeWidth
		}
		fr := &Frame{Theme: all[len(s)%len(all)], Method: m}
		fr.Begin(w)
		for _, text := range []safetext.Text{safetext.Name(s), safetext.Line(s), safetext.Error(s)} {
			fr.Row()
			fr.Put(L(Acc, "x"), T(Fg, text), T(Fg|OnBad, text))
			fr.PutRight(Fg, T(Mut, text))
			fr.End(OnBar)
		}
		for _, part := range Wrap(m, T(Fg, safetext.Body(s)), w) {
			fr.Row()
			fr.Put(part)
			fr.End(Fg)
		}
		line := strings.SplitN(s, "\n", 2)[0]
		for _, row := range Flow(m, []Seg{T(Fg, safetext.Line(line)), T(Mut, safetext.Line(line))}, w) {
			if got := Width(m, row...); got > max(w, 2) {
				t.Errorf("Flow: a row of %d cells, want %d", got, w)
			}
		}
		for _, b := range Breaks(m, line, w) {
			fr.Row()
			fr.Put(Typed(Fg, line[b.Start:b.End]))
			fr.End(Fg)
		}
		for row := range strings.SplitSeq(fr.String(), "\n") {
			checkRow(t, row, w, m)
		}
	})
}

// hostile are the things that got through Bubble Tea v2 (ui/README.md).
var hostile = []string{
	"", "plain", "\u009b31mred", "\x1b[31mred", "\x1b]0;title\a", "\x1bPq#0;2;0;0;0\x1b\\", "\x1b_Gi=1\x1b\\",
	"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c",
	"\u202eevil\u202c", "\U000e0041\U000e007f", "a\rb", "a\tb", "\xff\xfe", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "漢字漢字", "e\u0301", "\u0301x", "السلام عليكم", "❤️1️⃣", "\u200d\u200d",
}

// TestWrapAll: pieces break as one text would, and keep their styles.
func TestWrapAll(t *testing.T) {
	for _, in := range [][]string{
		{""},
		{"a"},
		{"hello ", "*big*", " world"},
		{"a\n", "\nb"},
		{"ab", "cd", "efghij kl"},
		{"漢字", "漢", "字 x"},
		{"one\ntwo", " three\n"},
		{"x", "", "y"},
	} {
		var segs []Seg
		for i, s := range in {
			segs = append(segs, T(Style(i), safetext.Body(s)))
		}
		for w := range 12 {
			var got, want []string
			for _, row := range WrapAll(WcWidth, segs, w) {
				var r strings.Builder
				for _, s := range row {
					r.WriteString(s.s)
				}
				got = append(got, r.String())
			}
			for _, s := range Wrap(WcWidth, T(Fg, safetext.Body(strings.Join(in, ""))), w) {
				want = append(want, s.s)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("WrapAll(%q, %d) (-want +got):\n%s", in, w, diff)
			}
		}
	}
	row := WrapAll(WcWidth, []Seg{L(Fg, "a "), L(Err|Bold, "red"), L(Fg, " b")}, 5)
	if diff := cmp.Diff([][]Style{{Fg, Err | Bold}, {Fg}}, [][]Style{{row[0][0].st, row[0][1].st}, {row[1][0].st}}); diff != "" {
		t.Errorf("styles (-want +got):\n%s", diff)
	}
}
