package styling

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// show writes each span as letters of its forms and its text.
func show(text string) string {
	var out []string
	for _, s := range Parse(text) {
		var f strings.Builder
		for i, letter := range "SETCQ." {
			if s.Form&(1<<i) != 0 {
				f.WriteRune(letter)
			}
		}
		out = append(out, f.String()+"["+text[s.Start:s.End]+"]")
	}
	return strings.Join(out, " ")
}

// The examples of XEP-0393 and its rules, one a line.
func TestParse(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"plain", "[plain]"},
		{"*strong*", "S.[*] S[strong] S.[*]"},
		{"_emphasis_ and ~strike~", "E.[_] E[emphasis] E.[_] [ and ] T.[~] T[strike] T.[~]"},
		{"`*code*`", "C.[`] C[*code*] C.[`]"},
		{"*_both_*", "S.[*] SE.[_] SE[both] SE.[_] S.[*]"},
		{"*strong*plain*", "S.[*] S[strong] S.[*] [plain*]"},
		{"*strong *plain", "[*strong *plain]"},
		{"not *strong", "[not *strong]"},
		{"not* strong*", "[not* strong*]"},
		{"* plain *", "[* plain *]"},
		{"**", "[**]"},
		{"***", "[***]"},
		{"2*3*4", "[2*3*4]"},
		{"*this cannot\nspan lines*", "[*this cannot\nspan lines*]"},
		{"_this cannot *be_ strong*", "E.[_] E[this cannot *be] E.[_] [ strong*]"},
		{"a *b* c", "[a ] S.[*] S[b] S.[*] [ c]"},
		{"*é*", "S.[*] S[é] S.[*]"},
		{"> quoted *so*\nplain", "Q.[> ] Q[quoted ] SQ.[*] SQ[so] SQ.[*] Q[\n] [plain]"},
		{">> twice", "Q.[>> ] Q[twice]"},
		{"a > b", "[a > b]"},
		{"```\nx *y*\n```\nz", "C.[```\n] C[x *y*\n] C.[```\n] [z]"},
		{"```go\nnever closed", "C.[```go\n] C[never closed]"},
		{"```\n``` no\n```", "C.[```\n] C[``` no\n] C.[```]"},
		{" ```\nplain", "[ ```\nplain]"},
	}
	for _, tt := range tests {
		if got := show(tt.text); got != tt.want {
			t.Errorf("%q\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// FuzzParse: spans cover the text without gap or overlap and cut no character.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"*a _b_ ~c~ `d`*", "> > x\n```\ny\n```", "é*_~`\n>", "*\u00a0a*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := 0
		for _, s := range Parse(text) {
			if s.Start != at || s.End <= s.Start {
				t.Fatalf("span %+v after %d", s, at)
			}
			if utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
				t.Fatalf("span %+v cuts a character", s)
			}
			at = s.End
		}
		if at != len(text) {
			t.Fatalf("covered %d of %d", at, len(text))
		}
	})
}

// Texts made to be slow cost as much as their length (L-12: 32 KiB).
func BenchmarkHostile(b *testing.B) {
	const size = 32 << 10
	for name, part := range map[string]string{
		"baseline": "word ", "opening": "*a ", "mixed": "*a _b ~c `d ", "nested": "*_~a ", "quotes": ">", "lines": "*\n",
	} {
		text := strings.Repeat(part, size/len(part))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Parse(text)
			}
		})
	}
}

// Whatever a peer wrote, its window goes on at once: a wrong algorithm takes
// minutes for these.
func TestHostileTextIsQuick(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, part := range []string{"*a ", "*a _b ~c `d ", "*_~`a ", ">", "*\n", "```\n"} {
			Parse(strings.Repeat(part, 1<<20/len(part)))
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("still parsing")
	}
}
