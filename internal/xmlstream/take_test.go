package xmlstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	takeBefore = "<a xmlns='urn:x' h='"
	takeBehind = "'/>"
)

func TestTake(t *testing.T) {
	const whole = takeBefore + "4294967295" + takeBehind
	for _, tt := range []struct {
		name, in string
		digits   string
		ok       bool
	}{
		{"as written", whole, "4294967295", true},
		{"behind padding", strings.Repeat(" ", 300) + "\n\t" + whole, "4294967295", true},
		{"no digits", takeBefore + takeBehind, "", true},
		{"eleven digits", takeBefore + "12345678901" + takeBehind, "", false},
		{"no digit", takeBefore + "-1" + takeBehind, "", false},
		{"other quotes", strings.ReplaceAll(whole, "'", `"`), "", false},
		{"other order", "<a h='1' xmlns='urn:x'/>", "", false},
		{"with a child", takeBefore + "1'><b/></a>", "", false},
		{"another element", "<b/>", "", false},
		{"half of it", whole[:len(whole)-1], "", false},
		{"nothing", "", "", false},
		{"too much white space", strings.Repeat(" ", 8000) + whole, "", false},
	} {
		r := NewReader(strings.NewReader(open10+"<x/>"+tt.in), Accepted)
		if _, ok := r.Take("<x/>", ""); ok {
			t.Errorf("%s: taken before the header", tt.name)
		}
		if _, err := r.Next(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		before := r.Buffered()
		digits, ok := r.Take(takeBefore, takeBehind)
		if string(digits) != tt.digits || ok != tt.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, digits, ok, tt.digits, tt.ok)
		}
		if want := map[bool]int{true: 0, false: before}[ok]; r.Buffered() != want {
			t.Errorf("%s: %d octets left, want %d", tt.name, r.Buffered(), want)
		}
	}
}

// What Take leaves, and what it took, is what Next gives: elements, limits and
// errors are the same with it and without.
func FuzzTake(f *testing.F) {
	addSeeds(f)
	one := takeBefore + "1" + takeBehind
	f.Add("<x/>" + one + " " + one + "<x/> " + takeBefore + "'/></stream:stream>")
	f.Add(strings.Repeat(" ", 5000) + one + strings.Repeat(" ", 500) + one)
	f.Fuzz(func(t *testing.T, s string) {
		want := readAll(strings.NewReader(open10+s), Accepted)
		if diff := cmp.Diff(want, readTaking(open10+s), cmp.Comparer(sameErrorText)); diff != "" {
			t.Fatalf("-Next +Take:\n%s", diff)
		}
	})
}

// readTaking is readAll with Take before each Next.
func readTaking(s string) (out outcome) {
	r := NewReader(strings.NewReader(s), Accepted)
	if out.Header, out.Err = r.Header(); out.Err != nil {
		return out
	}
	for {
		if digits, ok := r.Take(takeBefore, takeBehind); ok {
			out.Elements = append(out.Elements, &Element{
				Name:  Name{Space: "urn:x", Local: "a"},
				Attrs: []Attr{{Name: Name{Local: "h"}, Value: string(digits)}},
			})
			continue
		}
		e, err := r.Next()
		if err != nil {
			out.Err = err
			return out
		}
		out.Elements = append(out.Elements, e)
	}
}
