package xmlstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func nest(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }

func manyAttrs(n int) string {
	var b strings.Builder
	b.WriteString("<a")
	for i := range n {
		fmt.Fprintf(&b, " a%d=''", i)
	}
	return b.String() + "/>"
}

func manyDeclarations(levels, each int) string {
	var b strings.Builder
	for l := range levels {
		b.WriteString("<a")
		for i := range each {
			fmt.Fprintf(&b, " xmlns:p%d-%d='u'", l, i)
		}
		b.WriteString(">")
	}
	return b.String() + strings.Repeat("</a>", levels)
}

// sized returns a message of exactly n octets.
func sized(n int) string {
	const frame = "<message><body></body></message>"
	return "<message><body>" + strings.Repeat("x", n-len(frame)) + "</body></message>"
}

// L-08, L-09: the last value that passes and the first that does not.
func TestLimits(t *testing.T) {
	tests := []struct {
		name string
		lim  Limits
		in   string
		ok   bool
		app  string
	}{
		{"L-08 stanza", Accepted, sized(65536), true, ""},
		{"L-08 stanza over", Accepted, sized(65537), false, StanzaTooBig},
		{"L-08 stranger", Stranger, sized(10_000), true, ""},
		{"L-08 stranger over", Stranger, sized(10_001), false, StanzaTooBig},
		{"L-09 depth", Accepted, nest(31), true, ""},
		{"L-09 depth over", Accepted, nest(32), false, ""},
		{"L-09 attributes", Accepted, manyAttrs(64), true, ""},
		{"L-09 attributes over", Accepted, manyAttrs(65), false, ""},
		{"L-09 name", Accepted, "<" + strings.Repeat("a", 256) + "/>", true, ""},
		{"L-09 name over", Accepted, "<" + strings.Repeat("a", 257) + "/>", false, ""},
		{"L-09 name with prefix", Accepted, "<stream:" + strings.Repeat("a", 249) + "/>", true, ""},
		{"L-09 name with prefix over", Accepted, "<stream:" + strings.Repeat("a", 250) + "/>", false, ""},
		{"L-09 attribute name over", Accepted, "<a " + strings.Repeat("a", 257) + "=''/>", false, ""},
		{"L-09 value", Accepted, "<a b='" + strings.Repeat("x", 8192) + "'/>", true, ""},
		{"L-09 value over", Accepted, "<a b='" + strings.Repeat("x", 8193) + "'/>", false, ""},
		{"L-09 tokens", Accepted, "<a>" + strings.Repeat("<b/>", 4094) + "</a>", true, ""},
		{"L-09 tokens over", Accepted, "<a>" + strings.Repeat("<b/>", 4095) + "</a>", false, ""},
		{"L-09 tokens of text", Accepted, "<a>" + strings.Repeat("x<b/>", 2048) + "</a>", false, ""},
		{"L-09 tokens of CDATA", Accepted, "<a>" + strings.Repeat("<![CDATA[]]>", 4095) + "</a>", false, ""},
		{"declarations in force", Accepted, manyDeclarations(2, 63), true, ""},
		{"declarations in force over", Accepted, manyDeclarations(3, 63), false, ""},
		{"prelude depth", Prelude, nest(3), true, ""},
		{"prelude depth over", Prelude, nest(4), false, ""},
		{"prelude attributes", Prelude, manyAttrs(16), true, ""},
		{"prelude attributes over", Prelude, manyAttrs(17), false, ""},
		{"L-03 prelude", Prelude, sized(1024 - len(open10)), true, ""},
		{"L-03 prelude over", Prelude, sized(1025 - len(open10)), false, ""},
		{"L-03 prelude white space", Prelude, strings.Repeat(" ", 1100) + "<a/>", false, ""},
		{"no limits but the hard one", Limits{}, sized(hardStanza), true, ""},
		{"hard limit over", Limits{}, sized(hardStanza + 1), false, StanzaTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(open10 + tt.in), oneOctet(open10 + tt.in)} {
				_, err := NewReader(src, tt.lim).Next()
				if tt.ok {
					if err != nil {
						t.Fatalf("got %v, want an element", err)
					}
					continue
				}
				e, ok := errors.AsType[*Error](err)
				if !ok || e.Condition != PolicyViolation || e.AppCondition != tt.app {
					t.Fatalf("got %v, want policy-violation (%s)", err, tt.app)
				}
			}
		})
	}
}

// A peer that never ends what it began: the Reader stops at the limit, and holds no
// more than it may (L-03, L-08, L-30, S4).
func TestEndlessInput(t *testing.T) {
	tests := []struct {
		name, first, unit string
	}{
		{"text without an end", open10 + "<a>", "x"},
		{"tag without an end", open10 + "<", "x"},
		{"white space in a tag", open10 + "<a", " "},
		{"attribute without an end", open10 + "<a b='", "x"},
		{"attributes without an end", open10 + "<a", " b=''"},
		{"end tag without an end", open10 + "<a></", "x"},
		{"CDATA without an end", open10 + "<a><![CDATA[", "]"},
		{"elements without an end", open10 + "<a>", "<b/>"},
		{"depth without an end", open10, "<b>"},
		{"header without an end", "", "<stream:stream a='"},
		{"attribute of the header without an end", "<stream:stream from='", "x"},
		{"white space before the header", "", " "},
		{"declaration without an end", "<?xml ", " "},
		{"zero octets", "", "\x00"},
		{"octets above ASCII", "<", "\xE9"},
	}
	for _, tt := range tests {
		for _, lim := range []Limits{Prelude, Stranger, Accepted} {
			src := &endless{unit: tt.unit}
			r := NewReader(io.MultiReader(strings.NewReader(tt.first), src), lim)
			_, err := r.Next()
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("%s: got %v, want a stream error", tt.name, err)
			}
			if limit := 2 * lim.Stanza; src.taken > limit {
				t.Errorf("%s: took %d octets, more than %d", tt.name, src.taken, limit)
			}
			if len(r.buf) != 0 {
				t.Errorf("%s: keeps %d octets after the error", tt.name, len(r.buf))
			}
		}
	}
}

// S4: 10 MiB without '>' make the Reader allocate about the limit, not about 10 MiB.
func TestL30_MemoryBeforeTLS(t *testing.T) {
	measure := func(lim Limits) uint64 {
		var before, after runtime.MemStats
		src := io.MultiReader(strings.NewReader(open10+"<a b='"), io.LimitReader(&endless{unit: "x"}, 10<<20))
		runtime.ReadMemStats(&before)
		_, err := NewReader(src, lim).Next()
		runtime.ReadMemStats(&after)
		if condition(err) != PolicyViolation {
			t.Errorf("got %v, want policy-violation", err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	if got := measure(Prelude); got > 8<<10 {
		t.Errorf("prelude: %d octets allocated in all, want at most 8 KiB", got)
	}
	if got := measure(Stranger); got > 64<<10 {
		t.Errorf("stranger: %d octets allocated in all, want at most 64 KiB", got)
	}
}

// The worst tree that 1 KiB can describe stays far below 64 KiB.
func TestMemoryOfPreludeTree(t *testing.T) {
	in := open10 + "<a>" + strings.Repeat("<b/>", 120) + "</a>"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := NewReader(strings.NewReader(in), Prelude).Next(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 48<<10 {
		t.Errorf("%d octets allocated in all, want at most 48 KiB", got)
	}
}

// The buffer returns to its small size once a big stanza is out.
func TestL30_BufferShrinks(t *testing.T) {
	r := NewReader(strings.NewReader(open10+sized(65536)+"<a/>"), Accepted)
	for _, want := range []string{"message", "a"} {
		e, err := r.Next()
		if err != nil || e.Name.Local != want {
			t.Fatalf("got %v, %v", e, err)
		}
		if len(r.buf) > smallBuffer {
			t.Errorf("after %s the buffer has %d octets", want, len(r.buf))
		}
	}
}

// A raise of the limits applies to what comes next, a cut too, even inside a stanza.
func TestSetLimits(t *testing.T) {
	src := &scripted{steps: []step{{data: open10 + sized(9000)}, {data: sized(20_000)}, {data: sized(20_000)[:15_000]}, {err: errTimeout}}}
	r := NewReader(src, Stranger)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	r.SetLimits(Accepted)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, errTimeout) {
		t.Fatalf("got %v, want the time-out", err)
	}
	r.SetLimits(Stranger)
	if _, err := r.Next(); condition(err) != PolicyViolation {
		t.Errorf("got %v, want policy-violation", err)
	}
}

var errTimeout = errors.New("i/o timeout")

type step struct {
	data string
	err  error
}

// scripted gives its steps one after the other, data together with the error.
type scripted struct{ steps []step }

func (s *scripted) Read(b []byte) (int, error) {
	if len(s.steps) == 0 {
		return 0, io.EOF
	}
	st := &s.steps[0]
	n := copy(b, st.data)
	st.data = st.data[n:]
	if st.data != "" {
		return n, nil
	}
	err := st.err
	s.steps = s.steps[1:]
	return n, err
}

// A time-out in any place loses nothing: the next call goes on.
func TestResumesAfterTimeout(t *testing.T) {
	in := "<?xml version='1.0'?> " + open10 + " <message to='x'><body>a &amp; b<![CDATA[c]]></body></message>  " + CloseTag
	want := readAll(strings.NewReader(in), Accepted)
	for cut := range len(in) {
		r := NewReader(&scripted{steps: []step{{in[:cut], errTimeout}, {in[cut:], nil}}}, Accepted)
		var got outcome
		for !r.opened {
			if got.Header, got.Err = r.Header(); got.Err != nil && !errors.Is(got.Err, errTimeout) {
				t.Fatalf("cut at %d: %v", cut, got.Err)
			}
		}
		for {
			e, err := r.Next()
			if errors.Is(err, errTimeout) {
				continue
			}
			if got.Err = err; err != nil {
				break
			}
			got.Elements = append(got.Elements, e)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(sameError)); diff != "" {
			t.Fatalf("cut at %d: -want +got:\n%s", cut, diff)
		}
	}
}

func sameError(a, b error) bool { return condition(a) == condition(b) }

// A cut is told from a close, and a close is final whatever follows it: a second
// root is never looked at (9.3).
func TestEnds(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"clean", open10 + "<a/>" + CloseTag, "closed"},
		{"clean with space", open10 + "<a/> </stream:stream \n>", "closed"},
		{"second root", open10 + CloseTag + open10 + "<b/>", "closed"},
		{"rubbish behind", open10 + CloseTag + "<!-- \x00", "closed"},
		{"cut after the header", open10, "cut"},
		{"cut after an element", open10 + "<a/>", "cut"},
		{"cut inside an element", open10 + "<a>", "cut"},
		{"cut inside the end", open10 + "</stream:str", "cut"},
	}
	for _, tt := range tests {
		r := NewReader(strings.NewReader(tt.in), Accepted)
		var err error
		for n := 0; err == nil; n++ {
			if _, err = r.Next(); n > 1 {
				break
			}
		}
		if got := condition(err); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if _, again := r.Next(); condition(again) != tt.want {
			t.Errorf("%s: then %v", tt.name, again)
		}
	}
}

// C-4: what came in one read with the last element is visible.
func TestBuffered(t *testing.T) {
	r := NewReader(strings.NewReader(open10+"<starttls xmlns='urn:x'/>\x16\x03\x01"), Prelude)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if got := r.Buffered(); got != 3 {
		t.Errorf("Buffered = %d, want 3", got)
	}
	r = NewReader(strings.NewReader(open10+"<starttls xmlns='urn:x'/>"), Prelude)
	if _, err := r.Next(); err != nil || r.Buffered() != 0 {
		t.Errorf("Buffered = %d, %v, want 0", r.Buffered(), err)
	}
}

func TestSourceThatNeverMoves(t *testing.T) {
	if _, err := NewReader(stuck{}, Accepted).Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
	if _, err := NewReader(iotest.ErrReader(errTimeout), Accepted).Next(); !errors.Is(err, errTimeout) {
		t.Errorf("got %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// 9.2: padding is free after each element, what goes beyond has a rate.
func TestWhiteSpaceBudget(t *testing.T) {
	spaces := func(n int) string { return strings.Repeat(" ", n) }
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"padding after the header", spaces(4096) + "<a/>", true},
		{"padding after each element", strings.Repeat("<a/>"+spaces(4096), 50) + "<a/>", true},
		{"any white space", strings.Repeat("\t\r\n ", 1024) + "<a/>", true},
		{"the rate is there besides", spaces(4096+1024) + "<a/>", true},
		{"too much", spaces(4096+1025) + "<a/>", false},
		{"the rate is shared", spaces(4096+600) + "<a/>" + spaces(4096+424) + "<a/>", true},
		{"the rate is shared, too much", spaces(4096+600) + "<a/>" + spaces(4096+425) + "<a/>", false},
		{"white space inside an element is its own", "<a>" + spaces(9000) + "</a>", true},
	}
	for _, tt := range tests {
		for _, src := range []io.Reader{strings.NewReader(open10 + tt.in + CloseTag), oneOctet(open10 + tt.in + CloseTag)} {
			synctest.Test(t, func(t *testing.T) {
				want := PolicyViolation
				if tt.ok {
					want = "closed"
				}
				if got := condition(readAll(src, Stranger).Err); got != want {
					t.Errorf("%s: got %s, want %s", tt.name, got, want)
				}
			})
		}
	}
}

// An endless stream of spaces ends when the budget is used, unless it is as slow as
// keep-alives are: then it may go on for ever.
func TestWhiteSpaceRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &dripping{rest: open10, chunk: strings.Repeat(" ", 100), every: time.Second, n: 3600}
		if got := condition(readAll(slow, Accepted).Err); got != "cut" {
			t.Errorf("100 octets a second for an hour: got %s, want cut", got)
		}
		fast := &dripping{rest: open10, chunk: strings.Repeat(" ", 200), every: time.Second, n: 3600}
		start := time.Now()
		if got := condition(readAll(fast, Accepted).Err); got != PolicyViolation {
			t.Errorf("200 octets a second: got %s, want policy-violation", got)
		}
		// 4,096 free at 200 a second are 20.5 s; the window then holds 5 s more.
		if got := time.Since(start); got < 20*time.Second || got > 30*time.Second {
			t.Errorf("ended after %v", got)
		}
	})
}

// dripping gives rest, then chunk n times, one after each wait.
type dripping struct {
	rest, chunk string
	every       time.Duration
	n           int
}

func (d *dripping) Read(b []byte) (int, error) {
	if d.rest == "" {
		if d.n == 0 {
			return 0, io.EOF
		}
		d.n--
		time.Sleep(d.every)
		d.rest = d.chunk
	}
	n := copy(b, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// Many pieces of text in one element cost linear time (joinText), and so do lookups
// of namespaces (maxBindings): the worst stanza of 64 KiB takes a few times as long as
// an ordinary one of that size, 1 to 12 times measured.
func TestWorstStanzas(t *testing.T) {
	inputs := map[string]string{
		"pieces":     "<a>" + strings.Repeat("xxxxxxxxxxxxxxxxxxxxxxxx<b/>", 2000) + "</a>",
		"attributes": "<a>" + strings.Repeat(manyAttrs(63), 130) + "</a>",
		"prefixes": strings.TrimSuffix(manyDeclarations(2, 60), "</a></a>") +
			strings.Repeat("<b p0-0:a=''/>", 3500) + "</a></a>",
	}
	ordinary := fastest(t, "<a>"+strings.Repeat("<b>some words and more of them</b>", 1000)+strings.Repeat("x", 24<<10)+"</a>")
	for name, in := range inputs {
		if got := fastest(t, in); got > 100*ordinary {
			t.Errorf("%s: %v for %d octets, an ordinary stanza takes %v", name, got, len(in), ordinary)
		}
	}
}

// fastest is the shortest of several times to read a stanza: what a machine
// does besides only adds.
func fastest(t *testing.T, in string) time.Duration {
	t.Helper()
	best := time.Hour
	for range 5 {
		start := time.Now()
		if _, err := parseOne(in); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	return best
}

func TestCheckChars(t *testing.T) {
	edges := []rune{
		0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000, 0xFDD0, 0xFFFD, 0xFFFE, 0xFFFF,
		0x10000, 0x1FFFE, 0x1FFFF, 0x10FFFF, 0x110000,
	}
	for r := range rune(0x100) {
		edges = append(edges, r)
	}
	for _, r := range edges {
		want := r <= 0x10FFFF && ValidChar(r)
		b := []byte(string(r))
		if r >= 0xD800 && r < 0xE000 { // string(r) would make it U+FFFD
			b = []byte{0xED, byte(0x80 | r>>6&0x3F), byte(0x80 | r&0x3F)}
		}
		if r > 0x10FFFF {
			b = []byte{0xF4, 0x90, 0x80, 0x80}
		}
		for _, pad := range []int{0, 3, 8} {
			in := bytes.Join([][]byte{bytes.Repeat([]byte("x"), pad), b, bytes.Repeat([]byte("y"), 9)}, nil)
			if got := checkChars(in); got != want {
				t.Fatalf("U+%04X after %d: got %v, want %v", r, pad, got, want)
			}
		}
	}
}

// Release gives back what an idle reader needs not, at any time, and changes
// nothing that is read.
func TestRelease(t *testing.T) {
	in := open10 + `<a>1</a><b>2</b>` + strings.Repeat(" ", 100) + `<c/>`
	r := NewReader(oneOctet(in), Accepted)
	for _, want := range []string{"a", "b", "c"} {
		r.Release()
		e, err := r.Next()
		if err != nil || e.Name.Local != want {
			t.Fatalf("got %v, %v, want %s", e, err, want)
		}
		r.Release()
		if r.buf != nil || r.parser != nil {
			t.Error("an idle reader keeps its buffers")
		}
	}
	whole := NewReader(strings.NewReader(in), Accepted)
	if _, err := whole.Next(); err != nil {
		t.Fatal(err)
	}
	whole.Release()
	if whole.Buffered() == 0 {
		t.Error("what was read is lost")
	}
	if e, err := whole.Next(); err != nil || e.Name.Local != "b" {
		t.Errorf("got %v, %v", e, err)
	}
}
