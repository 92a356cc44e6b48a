package edit

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// run applies keys: letters insert themselves, names in brackets are methods.
func run(b *Buffer, keys string) {
	named := map[string]func(){
		"left": b.Left, "right": b.Right, "up": func() { b.Up() }, "down": func() { b.Down() },
		"home": b.Home, "end": b.End, "wl": b.WordLeft, "wr": b.WordRight, "bs": b.Backspace, "del": b.Delete,
		"ke": b.KillEnd, "kh": b.KillHome, "kwl": b.KillWordLeft, "kwr": b.KillWordRight, "yank": b.Yank, "clear": b.Clear,
	}
	for keys != "" {
		if keys[0] == '<' {
			end := strings.IndexByte(keys, '>')
			named[keys[1:end]]()
			keys = keys[end+1:]
			continue
		}
		_, n := utf8.DecodeRuneInString(keys)
		b.Insert(keys[:n])
		keys = keys[n:]
	}
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		name, keys, want string
	}{
		{"typing", "hello", "hello"},
		{"lines", "a\nb", "a\nb"},
		{"insert before", "b<left>a", "ab"},
		{"left over a line end", "a\nb<left><left>x", "ax\nb"},
		{"right over a line end", "a\nb<home><left><right>x", "a\nxb"},
		{"backspace", "ab<bs>", "a"},
		{"backspace at the start", "<bs>a", "a"},
		{"backspace joins", "a\nb<home><bs>", "ab"},
		{"backspace takes a cluster", "x👩‍🚀<bs>", "x"},
		{"backspace takes a mark with its letter", "xe\u0301<bs>", "x"},
		{"delete", "ab<left><del>", "a"},
		{"delete joins", "a\nb<left><left><del>", "ab"},
		{"delete at the end", "a<del>", "a"},
		{"kill to the end", "hello world<wl><ke>", "hello "},
		{"kill the line feed", "a\nb<left><left><ke>", "ab"},
		{"kill to the start", "hello world<wl><kh>", "world"},
		{"kill a word back", "one two<kwl>", "one "},
		{"kill a word ahead", "one two<home><kwr>", " two"},
		{"yank", "one two<kwl><yank><yank>", "one twotwo"},
		{"clear and yank", "one\ntwo<clear><yank>", "one\ntwo"},
		{"clear nothing keeps what was cut", "a<clear><clear><yank>", "a"},
		{"words", "one, two<wl><wl>x", "xone, two"},
		{"words ahead", "one, two<home><wr>x", "onex, two"},
		{"word over a line end", "a\nb<home><wl>x", "ax\nb"},
		{"up keeps the column", "abc\nx\ndef<up><up>-", "a-bc\nx\ndef"},
		{"up at the top", "a<up>b", "ab"},
		{"down", "abc\nd<up><down>x", "abc\ndx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b Buffer
			run(&b, tt.keys)
			if got := b.String(); got != tt.want {
				t.Errorf("%s makes %q, want %q", tt.keys, got, tt.want)
			}
			if b.Len() != len(tt.want) {
				t.Errorf("Len is %d, want %d", b.Len(), len(tt.want))
			}
		})
	}
}

// TestPaste: a paste stays as it was, but for the line ends of other systems.
func TestPaste(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"bytes", "a\x00\x1b[31m\xffb", "a\x00\x1b[31m\xffb"},
		{"dos", "a\r\nb\r\n", "a\nb\n"},
		{"mac and terminals", "a\rb", "a\nb"},
		{"blank lines", "\n\n", "\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b Buffer
			b.Paste(tt.in)
			if got := b.String(); got != tt.want {
				t.Errorf("paste of %q is %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestPasteInTheMiddle(t *testing.T) {
	var b Buffer
	run(&b, "start end<left><left><left>")
	b.Paste("1\n2\n3 ")
	run(&b, "!")
	if got, want := b.String(), "start 1\n2\n3 !end"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	y, x := b.Cursor()
	if y != 2 || x != 3 {
		t.Errorf("cursor at %d, %d, want 2, 3", y, x)
	}
}

func TestVersion(t *testing.T) {
	var b Buffer
	run(&b, "ab")
	v := b.Version()
	run(&b, "<left><right><home><end><up>")
	if b.Version() != v {
		t.Error("moving the cursor changed the version")
	}
	run(&b, "<bs>")
	if b.Version() == v {
		t.Error("a change kept the version")
	}
}

func TestBefore(t *testing.T) {
	var b Buffer
	run(&b, "/msg bob<left>")
	if got, ok := b.Before(); got != "/msg bo" || !ok {
		t.Errorf("Before is %q, %v", got, ok)
	}
	run(&b, "<end>\nx")
	if _, ok := b.Before(); ok {
		t.Error("Before says yes in the second line")
	}
}

// FuzzBuffer: no sequence of keys leaves the cursor outside the text or
// inside a rune, or loses count.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5}, "a\nb")
	f.Add([]byte{15, 15, 8, 9, 10, 11, 12}, "one two\n👩‍🚀 e\u0301")
	f.Add([]byte{3, 2, 8, 8, 8, 9}, "\xff\xfe\r\n")
	f.Fuzz(func(t *testing.T, keys []byte, text string) {
		var b Buffer
		acts := []func(){
			b.Left, b.Right, func() { b.Up() }, func() { b.Down() }, b.Home, b.End, b.WordLeft, b.WordRight, b.Backspace, b.Delete,
			b.KillEnd, b.KillHome, b.KillWordLeft, b.KillWordRight, b.Yank, func() { b.Insert(text) }, b.Clear,
			func() { b.Paste(text) }, func() { b.Insert("\n") },
		}
		for _, k := range keys[:min(len(keys), 40)] {
			if b.Len() > 1<<16 {
				b.Clear()
			}
			acts[int(k)%len(acts)]()
			y, x := b.Cursor()
			if y < 0 || y >= b.Lines() || x < 0 || x > len(b.Line(y)) {
				t.Fatalf("cursor %d, %d is outside %q", y, x, b.String())
			}
			if got := len(b.String()); got != b.Len() {
				t.Fatalf("Len is %d, the text has %d octets", b.Len(), got)
			}
			if x < len(b.Line(y)) && utf8.ValidString(text) && !utf8.RuneStart(b.Line(y)[x]) {
				t.Fatalf("cursor %d is inside a rune of %q", x, b.Line(y))
			}
		}
	})
}

func BenchmarkTyping(b *testing.B) {
	var buf Buffer
	buf.Paste(strings.Repeat("a line of some text\n", 10000))
	b.ReportAllocs()
	for b.Loop() {
		buf.Insert("x")
		buf.Backspace()
	}
}
