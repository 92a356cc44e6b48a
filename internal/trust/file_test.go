package trust

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The form of the file is a contract with later versions, and for people.
func TestGoldenFile(t *testing.T) {
	s, d := village(t)
	if err := s.Seen(pin("bob"), []string{`"Bob" <b&b>`, "bob@reef"}, "10.0.0.7:5298", t1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secured(pin("bob"), hybrid); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "trust-2.golden")
	if *update {
		if err := os.WriteFile(path, d.files["trust"], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(d.files["trust"])); diff != "" {
		t.Error(diff)
	}
	table, err := decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := encode(table); err != nil || !bytes.Equal(again, want) {
		t.Errorf("not the same again: %v", err)
	}
}

// one is a file with one contact of these fields.
func one(fields string) string {
	return fmt.Sprintf(`{"version": 1, "contacts": [{%s}]}`, fields)
}

func TestDecode(t *testing.T) {
	fp := `"fingerprint": "` + pin("ada").String() + `"`
	good := fp + `, "petname": "ada", "state": "pinned", "how": "accepted", "since": "2026-11-24T12:00:00Z"`
	change := func(old, new string) string { return one(strings.Replace(good, old, new, 1)) }
	other := `"fingerprint": "` + pin("bob").String() + `", "petname": "bob", "state": "pinned", "how": "", "since": "2026-11-24T12:00:00Z"`
	names := func(n int) string { return `, "names": [` + strings.Repeat(`"a", `, n-1) + `"a"]` }
	by := func(word string) string { return `, "replacedBy": "` + pin(word).String() + `"` }
	tests := []struct{ name, text, hint string }{
		{"good", one(good), ""},
		{"no contacts", `{"version": 1, "contacts": []}`, ""},
		{"two", one(good + "}, {" + other), ""},
		{"blocked without a petname", one(fp + `, "state": "blocked", "how": "", "since": "2026-11-24T12:00:00Z"`), ""},
		{"offset", change("12:00:00Z", "12:00:00+02:00"), ""},
		{"eight names", one(good + names(8)), ""},
		{"empty", "", hintCorrupt},
		{"space", " \n", hintCorrupt},
		{"cut", one(good)[:60], hintCorrupt},
		{"not JSON", "pins", hintCorrupt},
		{"array", "[]", hintCorrupt},
		{"null", "null", hintCorrupt},
		{"more at the end", one(good) + "{}", hintCorrupt},
		{"no version", `{"contacts": []}`, hintCorrupt},
		{"version 0", `{"version": 0, "contacts": []}`, hintCorrupt},
		{"version as text", `{"version": "1", "contacts": []}`, hintCorrupt},
		{"what protects", one(good + `, "tls": "1.3", "group": "X25519MLKEM768"`), ""},
		{"TLS of another day", one(good + `, "tls": "1.2"`), hintCorrupt},
		{"a group that nobody knows", one(good + `, "group": "P-256"`), hintCorrupt},
		{"replaced", one(strings.Replace(good, "pinned", "retired", 1) + by("y")), ""},
		{"replaced by itself", one(strings.Replace(good, "pinned", "retired", 1) + by("ada")), hintCorrupt},
		{"replaced and not retired", one(good + by("y")), hintCorrupt},
		{"newer version", `{"version": 3, "people": 7}`, hintNewer},
		{"contacts missing", `{"version": 1}`, hintCorrupt},
		{"contacts null", `{"version": 1, "contacts": null}`, hintCorrupt},
		{"unknown field", one(good + `, "note": "x"`), hintCorrupt},
		{"unknown field at the top", `{"version": 1, "contacts": [], "x": 1}`, hintCorrupt},
		{"version twice", `{"version": 1, "version": 1, "contacts": []}`, hintCorrupt},
		{"state twice", one(good + `, "state": "verified"`), hintCorrupt},
		{"state in capitals", one(good + `, "STATE": "verified"`), hintCorrupt},
		{"field of another level", one(good + `, "contacts": []`), hintCorrupt},
		{"no fingerprint", change(fp+", ", ""), hintCorrupt},
		{"empty fingerprint", change(pin("ada").String(), ""), hintCorrupt},
		{"short fingerprint", change(pin("ada").String(), pin("ada").Label()), hintCorrupt},
		{"fingerprint in capitals", change(pin("ada").String(), strings.ToUpper(pin("ada").String())), hintCorrupt},
		{"same pin twice", one(good + "}, {" + strings.Replace(good, `"ada"`, `"eve"`, 1)), hintCorrupt},
		{"same petname twice", one(good + "}, {" + strings.Replace(other, `"bob"`, `"ada"`, 1)), hintCorrupt},
		{"no petname", change(`"petname": "ada", `, ""), hintCorrupt},
		{"state unknown", change("pinned", "unknown"), hintCorrupt},
		{"state conflict", change("pinned", "conflict"), hintCorrupt},
		{"state safe", change("pinned", "safe"), hintCorrupt},
		{"no state", change(`"state": "pinned", `, ""), hintCorrupt},
		{"control in a petname", change(`"ada"`, `"a\u001bda"`), hintCorrupt},
		{"long petname", change(`"ada"`, `"`+strings.Repeat("a", 256)+`"`), hintCorrupt},
		{"long how", change("accepted", strings.Repeat("a", 256)), hintCorrupt},
		{"nine names", one(good + names(9)), hintCorrupt},
		{"empty name", one(good + `, "names": [""]`), hintCorrupt},
		{"control in a name", one(good + `, "names": ["a\nb"]`), hintCorrupt},
		{"five addresses", one(good + `, "addresses": ["10.0.0.1","10.0.0.2","10.0.0.3","10.0.0.4","10.0.0.5"]`), hintCorrupt},
		{"host name as address", one(good + `, "addresses": ["example.org:5298"]`), hintCorrupt},
		{"address in another form", one(good + `, "addresses": ["FE80::1"]`), hintCorrupt},
		{"bad time", change("2026-11-24", "2026-13-24"), hintCorrupt},
		{"time beyond JSON", change("2026-11-24T12:00:00Z", "9999-12-31T23:59:59-01:00"), hintCorrupt},
		{"deep", `{"version": 1, "contacts": [{"names": [[[[[]]]]]}]}`, hintCorrupt},
		{"too many", `{"version": 1, "contacts": [` + strings.Repeat("{},", maxContacts) + `{}]}`, hintCorrupt},
		{"too long", one(good) + strings.Repeat(" ", maxFile), hintCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := decode([]byte(tt.text))
			if tt.hint == "" {
				if err != nil || table == nil {
					t.Fatal(err)
				}
				return
			}
			var e *FileError
			if table != nil || !errors.As(err, &e) || e.Hint != tt.hint || !strings.HasPrefix(err.Error(), "trust file: "+e.Problem) {
				t.Errorf("got %v, %v", table, err)
			}
		})
	}
}

func TestFileErrorKeepsTheCause(t *testing.T) {
	_, err := decode([]byte("{"))
	if errors.Unwrap(err) == nil || !strings.HasSuffix(err.Error(), errors.Unwrap(err).Error()) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	_, d := village(f)
	f.Add(d.files["trust"])
	f.Add([]byte(`{"version": 1, "contacts": []}`))
	f.Add([]byte(`{"version": 3}`))
	f.Add([]byte(`{"Version": 1, "contacts": [{"state": "pinned", "names": ["a"]}]}`))
	// An empty list of names is written as none: found by fuzzing.
	f.Add([]byte(`{"version": 1, "contacts": [{"fingerprint": "` + strings.Repeat("0", 63) + `1", "petname": "000", "state": "pinned",
		"how": "accepted", "since": "0001-01-01T00:00:00Z", "firstSeen": "0001-01-01T00:00:00Z", "lastSeen": "0001-01-01T00:00:00Z", "names": []}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := decode(data)
		if err != nil {
			return
		}
		text, err := encode(table)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := decode(text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(table.all(), again.all(), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if twice, err := encode(again); err != nil || !bytes.Equal(twice, text) {
			t.Errorf("not the same again: %v", err)
		}
	})
}

// Whatever a peer calls itself, the store stays readable and its petnames
// unique.
func FuzzNames(f *testing.F) {
	f.Add("ada@kite", "\u0430da", "ada (2)")
	f.Add("", "\u202e", strings.Repeat("\U0001F600", 20))
	f.Add("x@x.invalid", "@", "a\x1b]0;b\x07")
	f.Fuzz(func(t *testing.T, a, b, petname string) {
		s, d := village(t)
		for i, claim := range []string{a, b} {
			p := pin(fmt.Sprint("f", i))
			if _, err := s.Accept(p, petname, []string{claim}, ByAccepted, t1); err != nil {
				_, _ = s.AcceptAs(p, petname, []string{claim}, ByAccepted, t1)
			}
			if err := s.Seen(p, []string{b, a, petname}, a, t1); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for _, c := range open(t, d).All() {
			if c.Petname == "" || seen[c.Petname] || clean(c.Petname) != c.Petname {
				t.Errorf("petname %q", c.Petname)
			}
			seen[c.Petname] = true
		}
	})
}
