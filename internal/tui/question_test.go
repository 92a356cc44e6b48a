package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

func TestParseQuestion(t *testing.T) {
	for line, want := range map[string]question{
		"":                             {},
		" lunch  today ":               {words: "lunch today"},
		"from:bob lunch":               {words: "lunch", filter: fromWhom, name: "bob"},
		"lunch FROM:bob today":         {words: "lunch today", filter: fromWhom, name: "bob"},
		`in:"Zoë K" a*`:                {words: "a*", filter: inWhich, name: "Zoë K"},
		`in:"Zoë K`:                    {filter: inWhich, name: "Zoë K"},
		`"from:bob" "two words"*`:      {words: `"from:bob" "two words"*`},
		`"two from:bob`:                {words: `"two from:bob`},
		"from:":                        {filter: fromWhom},
		"from: bob":                    {words: "bob", filter: fromWhom},
		"from:bob in:chloe":            {filter: inWhich, name: "chloe"},
		"within:bob \x00 \t\xff":       {words: "within:bob \x00 \xff"},
		"https://from.example/from:me": {words: "https://from.example/from:me"},
	} {
		if diff := cmp.Diff(want, parseQuestion(line), cmp.AllowUnexported(question{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

// Nothing that is typed is a crash, and all words of it are asked for.
func FuzzParseQuestion(f *testing.F) {
	for _, s := range []string{"", `from:"`, `in:"a" b`, `"a from:b" c`, "from:in:x", `""`, `"`} {
		f.Add(s)
	}
	b := newBook()
	b.replace([]chat.Peer{peerOf("bob", chat.Pinned, chat.Online), peerOf("Zoë K", chat.Pinned, chat.Online)}, nil, nil)
	f.Fuzz(func(t *testing.T, line string) {
		q := parseQuestion(line)
		if q.filter == "" && strings.Join(strings.Fields(line), "") != strings.Join(strings.Fields(q.words), "") {
			t.Fatalf("%q asks for %q", line, q.words)
		}
		for _, c := range completions(b, line) {
			if q := parseQuestion(c.insert); q.name == "" {
				t.Fatalf("%q completes to %q, which names nobody", line, c.insert)
			}
		}
	})
}

// TestSearchFrom: from: finds what somebody wrote, in: what was written with
// them, whatever conversation is open; without words the newest of it.
func TestSearchFrom(t *testing.T) {
	withPast(t, 80, 24, func(d *driver) {
		d.api.message("chloe", chat.In, "no needle here", chat.Received)
		d.keys("ctrl+f")
		for line, want := range map[string][]string{
			"needle from:chloe":    {"no needle here"},
			"needle in:chloe":      {"a needle, too", "no needle here"},
			"in:chloe":             {"a needle, too", "no needle here"},
			"from:chloe":           {"no needle here"},
			"from:bob haystack":    {"the needle of the haystack"},
			`"from:chloe" needle`:  nil,
			"from:nobody needle":   nil,
			"from:chloe from:bob ": nil,
		} {
			d.keys("ctrl+u")
			d.typing(line)
			var got []string
			for _, m := range d.m.search.found {
				got = append(got, m.Body.String())
			}
			slices.Sort(got)
			if strings.Count(line, "from:") == 2 { // the last one counts: all of bob's
				if len(got) < searchPage {
					t.Errorf("%q finds %d", line, len(got))
				}
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", line, diff)
			}
		}
		d.keys("ctrl+u")
		d.typing("from:nobody x")
		d.has("nobody here is called nobody", "in quotes it is a word")
	})
}

// What nobody finds in the first thousands is looked for further on.
func TestSearchFromGoesOn(t *testing.T) {
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
	api.message("bob", chat.In, "a needle", chat.Received)
	for range sievePage*sievePages + 1 {
		api.message("bob", chat.Out, "no needle", chat.Delivered)
	}
	inWindow(t, api, 80, 24, func(d *driver) {
		d.keys("ctrl+f")
		d.typing("from:bob needle")
		d.has("1 found", "a needle")
	})
	inLines(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		if got := l.say("/search from:bob needle"); !strings.Contains(got, "a needle") || strings.Contains(got, "no needle") {
			t.Errorf("line mode: %q", got)
		}
		if got := l.say("/search from:eve needle"); !strings.Contains(got, "nobody here is called eve") {
			t.Errorf("line mode: %q", got)
		}
	})
}

// TestSearchCompletes names behind from: and in:, with quotes where it takes
// them; two of one name by their keys.
func TestSearchCompletes(t *testing.T) {
	api := newFake()
	two := peerOf("bob", chat.Pinned, chat.Online)
	two.Fingerprint = pinOf("another")
	two.Key = two.Fingerprint.String()
	api.peers = []chat.Peer{
		peerOf("bob", chat.Pinned, chat.Online), two, peerOf("Zoë K", chat.Verified, chat.Offline),
		{Key: "~bo", Name: safetext.Name("bo"), Presence: chat.Online},
	}
	for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inWindow(t, api, size[0], size[1], func(d *driver) {
				line := func(want string) {
					t.Helper()
					if got := d.m.search.input.String(); got != want {
						t.Errorf("line is %q, want %q", got, want)
					}
				}
				d.keys("ctrl+f")
				d.has("from:NAME", "in:NAME")
				d.typing("lake from:z")
				d.has("Zoë K", "Tab complete")
				d.keys("tab")
				line(`lake from:"Zoë K" `)
				d.keys("ctrl+u")
				d.typing("in:bo")
				if n := len(d.m.search.complete); n != 2 {
					t.Errorf("%d complete in:bo, want 2: a claim has no past", n)
				}
				d.keys("down", "enter")
				if got := d.m.search.input.String(); len(got) != len("in: ")+64 {
					t.Errorf("two of a name are told apart as %q", got)
				}
				d.keys("ctrl+u")
				d.typing("in:")
				d.keys("esc")
				if d.m.screen != talking {
					t.Error("Esc does not leave")
				}
			})
		})
	}
}
