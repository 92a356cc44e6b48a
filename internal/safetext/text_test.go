package safetext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// TestClasses goes through the table of security.md 10.3 class by class: what
// becomes of each code point between two letters, in a name and in a body.
func TestClasses(t *testing.T) {
	type span struct{ lo, hi rune }
	const (
		gone  = "ab"
		mark  = "a" + Mark + "b"
		fffd  = "a\ufffdb"
		lines = "a\nb"
	)
	tests := []struct {
		class      string
		spans      []span
		name, body string
	}{
		{"C0 below TAB", []span{{0x00, 0x08}}, gone, mark},
		{"C0 above LF, with ESC", []span{{0x0b, 0x1f}}, gone, mark},
		{"TAB", []span{{'\t', '\t'}}, gone, "a    b"},
		{"LF", []span{{'\n', '\n'}}, gone, lines},
		{"DEL and C1, with U+009B and NEL", []span{{0x7f, 0x9f}}, gone, mark},
		{"separators", []span{{0x2028, 0x2029}}, gone, lines},
		{"bidi controls", []span{{0x061c, 0x061c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}}, gone, mark},
		{"invisible", []span{
			{0x00ad, 0x00ad},
			{0x034f, 0x034f},
			{0x115f, 0x1160},
			{0x17b4, 0x17b5},
			{0x180b, 0x180f},
			{0x200b, 0x200b},
			{0x2060, 0x2065},
			{0x206a, 0x206f},
			{0x3164, 0x3164},
			{0xfe00, 0xfe0e},
			{0xfeff, 0xfeff},
			{0xffa0, 0xffa0},
			{0xfff9, 0xfffb},
			{0x1d173, 0x1d17a},
			{0x1bca0, 0x1bca3},
		}, gone, mark},
		{"tags and variation selectors", []span{{0xe0000, 0xe0fff}}, gone, mark},
		{"empty Braille cell", []span{{0x2800, 0x2800}}, gone, "a\u2800b"},
		{"selector 16 without emoji", []span{{0xfe0f, 0xfe0f}}, gone, mark},
		{"joiners between Latin letters", []span{{0x200c, 0x200d}}, gone, mark},
		{"private use", []span{{0xe000, 0xf8ff}, {0xf0000, 0xf00ff}, {0x10fff0, 0x10fffd}}, fffd, fffd},
		{"noncharacters", []span{{0xfdd0, 0xfdef}, {0xfffe, 0xffff}, {0x1fffe, 0x1ffff}, {0x10fffe, 0x10ffff}}, fffd, fffd},
		{"unassigned", []span{{0x0378, 0x0379}, {0x2fe0, 0x2fef}, {0x323b0, 0x323ff}, {0xe1000, 0xe10ff}}, fffd, fffd},
		{"our sign", []span{{'¦', '¦'}}, gone, mark},
	}
	for _, tt := range tests {
		for _, s := range tt.spans {
			for r := s.lo; r <= s.hi; r++ {
				in := "a" + string(r) + "b"
				if got := Name(in).String(); got != tt.name {
					t.Errorf("%s: Name(%+q) = %+q, want %+q", tt.class, in, got, tt.name)
				}
				if got := Body(in).String(); got != tt.body {
					t.Errorf("%s: Body(%+q) = %+q, want %+q", tt.class, in, got, tt.body)
				}
			}
		}
	}
}

// TestT21_EscapeSequences: what a terminal would obey loses the octets that
// make it so. U+009B alone is CSI, and passes XML and "strip ANSI" functions.
func TestT21_EscapeSequences(t *testing.T) {
	tests := []struct{ what, in, name, body string }{
		{"CSI colour", "\x1b[31mred", "[31mred", Mark + "[31mred"},
		{"CSI as C1", "\u009b31mred", "31mred", Mark + "31mred"},
		{"C1 as a raw octet", "\x9b31mred", "\ufffd31mred", "\ufffd31mred"},
		{"OSC title", "\x1b]0;x\a", "]0;x", Mark + "]0;x" + Mark},
		{
			"OSC 8 link", "\x1b]8;;http://x\x1b\\y\x1b]8;;\x1b\\", `]8;;http://x\y]8;;\`,
			Mark + "]8;;http://x" + Mark + `\y` + Mark + "]8;;" + Mark + `\`,
		},
		{"OSC 52 clipboard", "\x1b]52;c;YQ==\x1b\\", `]52;c;YQ==\`, Mark + "]52;c;YQ==" + Mark + `\`},
		{"DCS", "\x1bP0;1|17/ab\x1b\\", `P0;1|17/ab\`, Mark + "P0;1|17/ab" + Mark + `\`},
		{"DCS as C1", "\u0090q\u009c", "q", Mark + "q" + Mark},
		{"APC", "\x1b_Gf=32;AAAA\x1b\\", `_Gf=32;AAAA\`, Mark + "_Gf=32;AAAA" + Mark + `\`},
		{"PM and SOS", "\x1b^x\x1bXy", "^xXy", Mark + "^x" + Mark + "Xy"},
		{"reset", "\x1bcx", "cx", Mark + "cx"},
		{"backspaces in one run", "pw\b\b\bok", "pwok", "pw" + Mark + "ok"},
		{"carriage return", "safe\revil", "safeevil", "safe" + Mark + "evil"},
		{"CRLF", "a\r\nb", "ab", "a\nb"},
		{"shift out", "\x0elq\x0f", "lq", Mark + "lq" + Mark},
	}
	for _, tt := range tests {
		if got := Name(tt.in).String(); got != tt.name {
			t.Errorf("%s: Name = %+q, want %+q", tt.what, got, tt.name)
		}
		if got := Body(tt.in).String(); got != tt.body {
			t.Errorf("%s: Body = %+q, want %+q", tt.what, got, tt.body)
		}
	}
}

// TestT22_MarksAndJoiners: combining marks, joiners, selectors.
func TestT22_MarksAndJoiners(t *testing.T) {
	const man, woman, girl = "👨", "👩", "👧"
	family := func(n int) string { return strings.TrimSuffix(strings.Repeat(man+"\u200d", n), "\u200d") }
	tests := []struct{ what, in, name, body string }{
		{"4 marks stay", "q" + strings.Repeat("\u0323", 4), "q\u0323\u0323\u0323\u0323", "q\u0323\u0323\u0323\u0323"},
		{"13 marks", "q" + strings.Repeat("\u0323", 13) + "x", "q\u0323\u0323\u0323\u0323x", "q\u0323\u0323\u0323\u0323" + Mark + "x"},
		{"40 marks, more than a normaliser keeps together", "q" + strings.Repeat("\u0323", 40), "q\u0323\u0323\u0323\u0323", "q\u0323\u0323\u0323\u0323" + Mark},
		{"a mark without a base", "\u0301x", "x", Mark + "x"},
		{"a mark at the beginning of a line", "x\n\u0301y", "x\u0301y", "x\n" + Mark + "y"},
		{"composed", "e\u0301", "é", "é"},
		{"Persian with ZWNJ", "می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
		{"two ZWNJ", "می\u200c\u200cخواهم", "می\u200cخواهم", "می" + Mark + "خواهم"},
		{"Sinhala with ZWJ behind a virama", "ශ\u0dca\u200dර", "ශ\u0dca\u200dර", "ශ\u0dca\u200dර"},
		{"Cyrillic with ZWJ", "при\u200dвет", "привет", "при" + Mark + "вет"},
		{"ZWNJ between two scripts", "م\u200cक", "مक", "م" + Mark + "क"},
		{"ZWJ at the end", "م\u200d", "م", "م" + Mark},
		{"family", man + "\u200d" + woman + "\u200d" + girl, man + "\u200d" + woman + "\u200d" + girl, man + "\u200d" + woman + "\u200d" + girl},
		{"skin tones", "👩🏽\u200d🤝\u200d👨🏿", "👩🏽\u200d🤝\u200d👨🏿", "👩🏽\u200d🤝\u200d👨🏿"},
		{"rainbow flag", "🏳️\u200d🌈", "🏳️\u200d🌈", "🏳️\u200d🌈"},
		{"8 parts", family(8), family(8), family(8)},
		{"9 parts", family(9), family(8) + man, family(8) + Mark + man},
		{"ZWJ between emoji and letter", man + "\u200dx", man + "x", man + Mark + "x"},
		{"emoji style once", "❤\ufe0f\ufe0f", "❤\ufe0f", "❤\ufe0f" + Mark},
		{"text style", "❤\ufe0e", "❤", "❤" + Mark},
		{"keycap", "1\ufe0f\u20e3", "1\ufe0f\u20e3", "1\ufe0f\u20e3"},
		{"digit with emoji style", "1\ufe0f", "1", "1" + Mark},
		{"flag", "🇩🇪", "🇩🇪", "🇩🇪"},
		{"flag of tags", "🏴\U000e0067\U000e0062\U000e007f", "🏴", "🏴" + Mark},
		{"Hangul, decomposed", "\u1112\u1161\u11ab", "한", "한"},
		{"Arabic number sign, no cell for it and what follows", "\u0600x", "x", Mark + "x"},
		{"leading jamo in a row", "\u1112\u1112\u1112", "\u1112", "\u1112" + Mark},
		{"Thai", "ที่นี่", "ที่นี่", "ที่นี่"},
		{"bidi override in a word", "abc\u202etxt.exe", "abctxt.exe", "abc" + Mark + "txt.exe"},
	}
	for _, tt := range tests {
		if got := Name(tt.in).String(); got != tt.name {
			t.Errorf("%s: Name = %+q, want %+q", tt.what, got, tt.name)
		}
		if got := Body(tt.in).String(); got != tt.body {
			t.Errorf("%s: Body = %+q, want %+q", tt.what, got, tt.body)
		}
	}
}

func TestName(t *testing.T) {
	tests := []struct{ what, in, want string }{
		{"empty", "", ""},
		{"plain", "Juliet Capulet@Pronto Mac", "Juliet Capulet@Pronto Mac"},
		{"conflict name", "bob (2)", "bob (2)"},
		{"case stays", "Bob", "Bob"},
		{"RFC 8266: spaces outside", "  Foo  ", "Foo"},
		{"RFC 8266: spaces inside", "Foo   Bar", "Foo Bar"},
		{"RFC 8266: other spaces", "Foo\u00a0\u3000Bar", "Foo Bar"},
		{"RFC 8266: NFKC", "Henry \u2163", "Henry IV"},
		{"full width", "ｂｏｂ", "bob"},
		{"all invisible", "\u200b\u200d\u2060\u00ad\u3164\u2800\ufeff", ""},
		{"all spaces", " \u00a0 \t\n", ""},
		{"only marks", "\u0301\u0302", ""},
		{"invalid UTF-8", "b\xff\xfeb", "b\ufffdb"},
		{"surrogate halves", "b\xed\xa0\x80b", "b\ufffdb"},
		{"state sign", "✓ bob", "bob"},
		{"window border", "│bob┃", "bob"},
		{"dots stay", "bob.", "bob."},
		{"diaeresis alone is a space and a mark", "\u00a8x", "x"},
	}
	for _, tt := range tests {
		if got := Name(tt.in); got.String() != tt.want || got.IsEmpty() != (tt.want == "") {
			t.Errorf("%s: Name(%+q) = %+q, want %+q", tt.what, tt.in, got, tt.want)
		}
	}
}

// TestL27_NameBounds: 63 octets in, 32 cells out, never through a character.
func TestL27_NameBounds(t *testing.T) {
	tests := []struct{ what, in, want string }{
		{"63 octets of ASCII", strings.Repeat("x", 63), strings.Repeat("x", 32)},
		{"spaces at the cut", strings.Repeat("x", 31) + " yyy", strings.Repeat("x", 31)},
		{"wide letters", strings.Repeat("語", 21), strings.Repeat("語", 16)},
		{"a wide letter at the cut", "x" + strings.Repeat("語", 20), "x" + strings.Repeat("語", 15)},
		{"63 octets of emoji", strings.Repeat("😀", 15) + "abc", strings.Repeat("😀", 15) + "ab"},
		{"a letter across octet 63", strings.Repeat("é", 40), strings.Repeat("é", 31)},
		{"marks", strings.Repeat("q\u0323\u0323\u0323\u0323", 10), strings.Repeat("q\u0323\u0323\u0323\u0323", 7)},
		{"a ligature of 18 letters", "\ufdfa\ufdfa\ufdfa", "صلى الله عليه وسلمصلى الله عليه"},
	}
	for _, tt := range tests {
		got := Name(tt.in).String()
		if got != tt.want {
			t.Errorf("%s: Name = %q, want %q", tt.what, got, tt.want)
		}
		if w := Width(got); w > 32 || len(got) > 63 {
			t.Errorf("%s: %d cells, %d octets", tt.what, w, len(got))
		}
	}
}

// TestNameLikePrecis: what the nickname profile of RFC 8266 accepts, Name
// gives the same form, as long as it is short and holds none of the things
// that we take out on top.
func TestNameLikePrecis(t *testing.T) {
	for r := rune(0x20); r <= 0x1ffff; r++ {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Zs, r) {
			continue
		}
		in := " x  " + string(r) + "  y "
		want, err := precis.Nickname.String(in)
		if err != nil || jamo(r) != 0 || len(want) > maxNameOctets || Width(want) > maxNameCells {
			continue
		}
		if got := Name(in).String(); got != want {
			t.Errorf("Name(%+q) = %+q, precis %+q", in, got, want)
		}
	}
}

func TestLineAndError(t *testing.T) {
	tests := []struct{ what, in, want string }{
		{"plain", "back at ten", "back at ten"},
		{"line breaks are spaces", "a\r\nb\u2028c\td\n", "a b c d"},
		{"runs of spaces", "  a   b  ", "a b"},
		{"escapes", "\x1b[2Jx", "[2Jx"},
		{"compatibility letters stay", "Ⅳ", "Ⅳ"},
		{"signs stay", "✓ done", "✓ done"},
		{"invisible", "a\u200bb", "ab"},
	}
	for _, tt := range tests {
		if got := Line(tt.in).String(); got != tt.want {
			t.Errorf("%s: Line(%q) = %q, want %q", tt.what, tt.in, got, tt.want)
		}
		if got := Error(tt.in).String(); got != tt.want {
			t.Errorf("%s: Error(%q) = %q, want %q", tt.what, tt.in, got, tt.want)
		}
	}
	long := strings.Repeat("語", 1000)
	if got, want := Line(long).String(), strings.Repeat("語", 85); got != want {
		t.Errorf("Line: %d octets, want %d", len(got), len(want))
	}
	if got, want := Error(long).String(), strings.Repeat("語", 66); got != want {
		t.Errorf("Error: %d octets, want %d", len(got), len(want))
	}
}

// TestBodyIsNeverCut: L-12 is kept elsewhere.
func TestBodyIsNeverCut(t *testing.T) {
	for _, unit := range []string{"word ", "wörter ", "語", "a\n"} {
		in := strings.Repeat(unit, 40_000/len(unit))
		if got := Body(in).String(); got != in {
			t.Errorf("%d octets of %q became %d", len(in), unit, len(got))
		}
	}
}

// TestT26_FileNames is the corpus of F-2.
func TestT26_FileNames(t *testing.T) {
	tests := []struct{ in, want string }{
		{"report.pdf", "report.pdf"},
		{"../../etc/passwd", "passwd"},
		{`..\..\windows\system.ini`, "system.ini"},
		{"/etc/", "file"},
		{"", "file"},
		{".", "file"},
		{"..", "file"},
		{"- .", "file"},
		{".bashrc", "bashrc"},
		{"-rf", "rf"},
		{"  x  ", "x"},
		{"x. . ", "x"},
		{"a<b>c:d\"e|f?g*h", "a_b_c_d_e_f_g_h"},
		{"a\nb\tc\x1bd\u009be", "a_b_c_d_e"},
		{"photo\u202egpj.exe", "photogpj.exe"},
		{"\u200b.profile", "profile"},
		{"CON", "_CON"},
		{"con.txt", "_con.txt"},
		{"Com1", "_Com1"},
		{"COM¹.log", "_COM¹.log"},
		{"nul .txt", "_nul .txt"},
		{"COM10", "COM10"},
		{"lpt9.tar.gz", "_lpt9.tar.gz"},
		{"CONsole", "CONsole"},
		{strings.Repeat("x", 200) + ".tar", strings.Repeat("x", 116) + ".tar"},
		{strings.Repeat("語", 60) + ".txt", strings.Repeat("語", 38) + ".txt"},
		{strings.Repeat("x", 118) + ".this is no extension", strings.Repeat("x", 118) + ".t"},
		{"naïve\u0301.txt", "naïvé.txt"},
	}
	for _, tt := range tests {
		got := File(tt.in).String()
		if got != tt.want {
			t.Errorf("File(%+q) = %+q, want %+q", tt.in, got, tt.want)
		}
		if len(got) > maxFileOctets {
			t.Errorf("File(%+q): %d octets", tt.in, len(got))
		}
	}
}

func TestWidthAndCut(t *testing.T) {
	tests := []struct {
		in    string
		width int
		cells int
		cut   string
	}{
		{"", 0, 3, ""},
		{"abc", 3, 2, "ab"},
		{"語語", 4, 3, "語"},
		{"e\u0323\u0302x", 2, 1, "ệ"},
		{"👨\u200d👩\u200d👧x", 3, 2, "👨\u200d👩\u200d👧"},
		{"❤\ufe0fx", 3, 1, ""},
	}
	for _, tt := range tests {
		text := Body(tt.in)
		if got := text.Width(); got != tt.width {
			t.Errorf("Width(%+q) = %d, want %d", tt.in, got, tt.width)
		}
		if got := text.Cut(tt.cells).String(); got != tt.cut {
			t.Errorf("Cut(%+q, %d) = %+q, want %+q", tt.in, tt.cells, got, tt.cut)
		}
	}
}

func TestTextMarshal(t *testing.T) {
	type row struct {
		Name Text `json:"name"`
		Note Text `json:"note,omitzero"`
	}
	out, err := json.Marshal(row{Name: Name("bob")})
	if err != nil || string(out) != `{"name":"bob"}` {
		t.Errorf("Marshal = %s, %v", out, err)
	}
	var got row
	if err := json.Unmarshal([]byte(`{"name":"\u001b[31mbob","note":"a\nb"}`), &got); err != nil {
		t.Fatal(err)
	}
	if want := (row{Name: Body("\x1b[31mbob"), Note: Body("a\nb")}); got != want {
		t.Errorf("Unmarshal = %+v, want %+v", got, want)
	}
}

// TestSignsAreSafe: our own signs are one cell wide, and the Mark is a text
// like any other.
func TestSignsAreSafe(t *testing.T) {
	for _, s := range []string{Mark, SystemSign} {
		if Width(s) != 1 {
			t.Errorf("%q is %d cells wide", s, Width(s))
		}
	}
	if Body(Mark).String() != Mark {
		t.Error("Body removes the Mark")
	}
	for _, f := range constructors {
		if got := f.make("x" + SystemSign + "y").String(); strings.Contains(got, SystemSign) {
			t.Errorf("%s lets the system sign through", f.name)
		}
	}
}

// TestPictographs compares our table with the one of the cluster finder: a
// code point begins an emoji sequence when a joiner glues a heart to it.
func TestPictographs(t *testing.T) {
	for r := rune(0); r <= 0x1ffff; r++ { // no pictograph lies above
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r) + "\u200d❤"
		g := graphemes.FromString(s)
		g.Next()
		if got, want := pictograph(r), g.Value() == s; got != want {
			t.Errorf("pictograph(%U) = %v, want %v", r, got, want)
		}
	}
}

var constructors = []struct {
	name string
	make func(string) Text
}{{"Name", Name}, {"Line", Line}, {"Body", Body}, {"File", File}, {"Error", Error}}

// checkText reports what security.md 10 forbids in a Text.
func checkText(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) || !norm.NFC.IsNormalString(s) {
		t.Fatalf("%s: %+q is not valid NFC", what, s)
	}
	marks, prev := 0, rune(0)
	for _, r := range s {
		switch {
		case r == '\n' && what == "Body":
		case r < 0x20, r >= 0x7f && r < 0xa0, unicode.Is(hiddenTable, r), r == 0x2028, r == 0x2029,
			r == systemSign, unicode.In(r, unicode.Co, unicode.Cn, unicode.Bidi_Control):
			t.Fatalf("%s: %U in %+q", what, r, s)
		case r == emojiStyle && prev == emojiStyle, r == zwj && prev == zwj, r == zwnj && prev == zwnj:
			t.Fatalf("%s: %U twice in %+q", what, r, s)
		}
		if unicode.Is(unicode.M, r) && r != emojiStyle {
			if marks++; marks > maxMarks {
				t.Fatalf("%s: more than %d marks in %+q", what, maxMarks, s)
			}
		} else if r != emojiStyle {
			marks = 0
		}
		prev = r
	}
	for g := graphemes.FromString(s); g.Next(); {
		v := g.Value()
		if n := utf8.RuneCountInString(v); n > maxEmoji {
			t.Fatalf("%s: a cluster of %d code points in %+q", what, n, s)
		}
		if v != "\n" && Width(v) < 1 {
			t.Fatalf("%s: cluster %+q of %+q has no width", what, v, s)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "bob", "Juliet Capulet@Pronto Mac", "\x1b]8;;http://x\x1b\\y", "\u009b31m", "\x9b", "a\r\nb\tc",
		"q" + strings.Repeat("\u0323", 40), "👨\u200d👩\u200d👧\ufe0f\ufe0f", "می\u200cخواهم", "ශ\u0dca\u200dර",
		"1\ufe0f\u200b\u20e3", "\ufdfa\ufdfa", "\u1112\u1112\u1161", "<\u200b\u0338", "COM¹. .", "\u0600\u0600\u0600x",
		"\u00a8\u0301", "🏽🏽🏽", "👍🏽🏽🏽", "\U000e0041", "क\u094dक\u094dक\u094dक\u094dक\u094dक", "\u202e✓ ¦", "👩\u200d✔",
		"\u09c7\u0323\u09be", "a\u2028\u0301",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for _, c := range constructors {
			text := c.make(in)
			s := text.String()
			checkText(t, c.name, s)
			if again := c.make(s); again != text {
				t.Fatalf("%s is not idempotent: %+q, %+q", c.name, s, again)
			}
			if again := Body(s); again != text {
				t.Fatalf("Body changes %s: %+q, %+q", c.name, s, again)
			}
			if c.name != "Body" && strings.ContainsRune(s, '\n') {
				t.Fatalf("%s has lines: %+q", c.name, s)
			}
		}
		if s := Name(in).String(); len(s) > maxNameOctets || Width(s) > maxNameCells {
			t.Fatalf("Name(%+q) is too long", in)
		}
		if len(Line(in).s) > maxLineOctets || len(Error(in).s) > maxErrorOctets || len(File(in).s) > maxFileOctets {
			t.Fatalf("%+q: bound broken", in)
		}
		if name := File(in).s; strings.ContainsAny(name, `/\<>:"|?*`) || strings.HasPrefix(name, ".") || name == "" {
			t.Fatalf("File(%+q) = %q", in, name)
		}
	})
}

// TestCleanASCIIDoesNotAllocate: nearly all text is clean and ASCII.
func TestCleanASCIIDoesNotAllocate(t *testing.T) {
	body := strings.Repeat("the quick brown fox\n", 20)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"Name", func() { Name("Juliet Capulet@Pronto Mac") }},
		{"Line", func() { Line("back at ten") }},
		{"Body", func() { Body(body) }},
	} {
		if n := testing.AllocsPerRun(100, c.run); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// TestQuickClasses: the blocks that classOf does not look up hold nothing else.
func TestQuickClasses(t *testing.T) {
	for r := rune(0xa0); r < 0xd7a4; r++ {
		if classOf(r) != plain || r == 0xad {
			continue
		}
		if unicode.In(r, hiddenTable, unicode.Cf, unicode.M, unicode.Co, unicode.Cn, unicode.Zl, unicode.Zp) {
			t.Errorf("%U is plain", r)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"ascii", strings.Repeat("the quick brown fox jumps over it ", 10)},
		{"german", strings.Repeat("zwölf Boxkämpfer jagen Viktor quer ", 10)},
		{"emoji", strings.Repeat("👨\u200d👩\u200d👧 語語 ", 15)},
		{"hostile", strings.Repeat("\x1b[31m\u202eq\u0323\u0323\u0323\u0323\u0323", 20)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				Body(bb.text)
			}
		})
	}
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Name("Juliet Capulet@Pronto Mac")
	}
}
