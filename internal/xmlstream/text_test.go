package xmlstream

import (
	"strings"
	"testing"
)

func TestUnescape(t *testing.T) {
	tests := []struct {
		name, in string
		text     string // as character data
		attr     string // as an attribute value
		err      string // for both
	}{
		{name: "nothing"},
		{name: "plain", in: "abc", text: "abc", attr: "abc"},
		{name: "entities", in: "&lt;&gt;&amp;&quot;&apos;", text: `<>&"'`, attr: `<>&"'`},
		{name: "no second round", in: "&amp;lt;&#38;lt;", text: "&lt;&lt;", attr: "&lt;&lt;"},
		{name: "numbers", in: "&#9;&#x9;&#65;&#x41;&#x10ffff;", text: "\t\tAA\U0010FFFF", attr: "\t\tAA\U0010FFFF"},
		{name: "many zeros", in: "&#" + strings.Repeat("0", 500) + "65;", text: "A", attr: "A"},
		{name: "line ends", in: "\r\n|\r|\n|\r\r\n", text: "\n|\n|\n|\n\n", attr: " | | |  "},
		{name: "CR by number is kept", in: "&#13;\n", text: "\r\n", attr: "\r "},
		{name: "tab", in: "a\tb", text: "a\tb", attr: "a b"},
		{name: "the edges of Char", in: "&#x20;&#xD7FF;&#xE000;&#xFFFD;&#x10000;", text: " \uD7FF\uE000\uFFFD\U00010000", attr: " \uD7FF\uE000\uFFFD\U00010000"},
		{name: "unknown", in: "&eacute;", err: RestrictedXML},
		{name: "unknown with a dot", in: "&a.b-c_1;", err: RestrictedXML},
		{name: "colon in the name", in: "&a:b;", err: NotWellFormed},
		{name: "digit first", in: "&1a;", err: NotWellFormed},
		{name: "white space", in: "& lt;", err: NotWellFormed},
		{name: "no end", in: "&lt", err: NotWellFormed},
		{name: "empty", in: "&;", err: NotWellFormed},
		{name: "nested", in: "&&lt;;", err: NotWellFormed},
		{name: "surrogate", in: "&#xDFFF;", err: NotWellFormed},
		{name: "control", in: "&#8;", err: NotWellFormed},
		{name: "not a digit", in: "&#x4G;", err: NotWellFormed},
		{name: "too large", in: "&#1114112;", err: NotWellFormed},
	}
	for _, tt := range tests {
		text, err1 := charData(tt.in)
		attr, err2 := attrValue(tt.in)
		if tt.err != "" {
			if err1 == nil || err2 == nil || err1.Condition != tt.err || err2.Condition != tt.err {
				t.Errorf("%s: got %v and %v, want %s", tt.name, err1, err2, tt.err)
			}
			continue
		}
		if err1 != nil || err2 != nil || text != tt.text || attr != tt.attr {
			t.Errorf("%s: got %q %v and %q %v, want %q and %q", tt.name, text, err1, attr, err2, tt.text, tt.attr)
		}
	}
}

// What is plain comes back without a copy.
func TestUnescapeWithoutAllocation(t *testing.T) {
	in := strings.Repeat("plain text, nothing to do ", 10)
	if n := testing.AllocsPerRun(100, func() {
		a, _ := charData(in)
		b, _ := attrValue(in)
		if a != in || b != in || newlines(in) != in {
			t.Fatal("changed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestValidChar(t *testing.T) {
	for _, tt := range []struct {
		first, last rune
		want        bool
	}{
		{0, 8, false},
		{'\t', '\n', true},
		{0x0B, 0x0C, false},
		{'\r', '\r', true},
		{0x0E, 0x1F, false},
		{0x20, 0xD7FF, true},
		{0xD800, 0xDFFF, false},
		{0xE000, 0xFFFD, true},
		{0xFFFE, 0xFFFF, false},
		{0x10000, 0x10FFFF, true},
		{0x110000, 0x110010, false},
		{-1, -1, false},
	} {
		for r := tt.first; r <= tt.last; r++ {
			if got := ValidChar(r); got != tt.want {
				t.Fatalf("U+%04X: got %v, want %v", r, got, tt.want)
			}
		}
	}
}

// Names of the fifth edition (XML 1.0 section 2.3), through the parser.
func TestNames(t *testing.T) {
	tests := []struct {
		name string
		ok   bool
	}{
		{"a", true},
		{"_", true},
		{"A-1.b", true},
		{"\u00C0", true},
		{"\u00D7", false},
		{"\u00F7", false},
		{"a\u00B7", true},
		{"\u00B7a", false},
		{"a\u0300", true},
		{"\u0370", true},
		{"\u037E", false},
		{"\u200C", true},
		{"\u2000", false},
		{"a\u203F", true},
		{"\u203F", false},
		{"\u3001", true},
		{"\u3000", false},
		{"\U00010000", true},
		{"\U000F0000", false},
		{"a b", false},
		{"a!", false},
		{"a/b", false},
		{"é", true},
		{"日本", true},
	}
	for _, tt := range tests {
		_, err := parseOne("<" + tt.name + "></" + tt.name + ">")
		if got := err == nil; got != tt.ok {
			t.Errorf("%q: got %v, want %v", tt.name, err, tt.ok)
		}
	}
}
