package chat

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A draft comes back as what it was, whatever its text looks like.
func TestStoredDraft(t *testing.T) {
	for _, w := range []Writing{
		{},
		{Text: "half"},
		{Text: "/two\nlines\n"},
		{Text: about},
		{Text: about + `{"reply":"x"}` + "\nnot an answer"},
		{Text: "yes", Reply: "1"},
		{Text: "\nyes\n", Reply: "a\nb\"\x00"},
		{Text: about + about, Replaces: "2", Spoiler: true, Hint: "the end"},
		{Text: strings.Repeat("\"\n<", 1000), Replaces: "3"},
	} {
		stored, err := storedDraft(w)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(w, readDraft(stored)); d != "" {
			t.Errorf("%q: %s", stored, d)
		}
	}
	for _, s := range []string{"half", "{}\nhalf"} {
		if stored, err := storedDraft(Writing{Text: s}); stored != s || err != nil {
			t.Errorf("a mere text is kept as %q, %v", stored, err)
		}
	}
	if stored, err := storedDraft(Writing{Reply: "1"}); stored != "" || err != nil {
		t.Errorf("nothing written is kept as %q, %v", stored, err)
	}
}

// Whatever stands in the store is a draft: nothing is dropped.
func FuzzReadDraft(f *testing.F) {
	for _, s := range []string{"", "half", about, about + "{}", about + "{}\n", about + `{"reply":"1","text":"no"}` + "\nyes", about + "[\nx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		w := readDraft(stored)
		if _, text, _ := strings.Cut(stored, "\n"); w.Text != stored && w.Text != text {
			t.Fatalf("%q reads as %q", stored, w.Text)
		}
		again, err := storedDraft(w)
		if err != nil {
			t.Fatal(err)
		}
		if w.Text == "" {
			return
		}
		if d := cmp.Diff(w, readDraft(again)); d != "" {
			t.Fatal(d)
		}
	})
}
