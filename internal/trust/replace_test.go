package trust

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"llchat/internal/identity"
)

// T-13: a second person gets a name that nobody takes for that of another key,
// or none: it is said whose name it would have been.
func TestT13_AnotherPersonsPetname(t *testing.T) {
	tests := []struct {
		name    string
		petname string
		of      string // "" = it may be used
	}{
		{"a name of its own", "Ada B", ""},
		{"longer than a contact's", "adam", ""},
		{"the contact's", "ada", "ada"},
		{"in another case", "ADA", "ada"},
		{"with spaces around", "  ada ", "ada"},
		{"Cyrillic", "\u0430da", "ada"},
		{"zero width", "a\u200bda", "ada"},
		{"with a machine", "ada@home", "ada"},
		{"how a contact is announced", "bob@reef", "bob"},
		{"of a blocked key", "carl", "carl"},
		{"of a retired key", "ada (old)", "old-ada"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := village(t)
			c, err := s.AcceptAs(pin("x"), tt.petname, []string{"ada@moor"}, ByAccepted, t1)
			if tt.of == "" {
				if err != nil || c.Petname != tt.petname || c.State != Pinned {
					t.Errorf("got %+v, %v", c, err)
				}
				return
			}
			taken, ok := errors.AsType[*TakenError](err)
			if !ok || taken.Pin != pin(tt.of) || taken.Petname == "" {
				t.Errorf("error %+v, want the name of %s", err, tt.of)
			}
			if ok && bytes.Contains([]byte(taken.Error()), []byte(taken.Petname)) {
				t.Errorf("G-1: the text %q holds a name", taken)
			}
			if _, ok := s.Get(pin("x")); ok {
				t.Error("the key is kept")
			}
		})
	}
}

// A person with a petname of its own stays one whatever it calls itself, and
// the contact whose name it bears stays the one that others are held against.
func TestT13_SecondPersonChangesNobody(t *testing.T) {
	s, _ := village(t)
	claims := []string{"ada@moor", "ada"}
	must(t)(s.AcceptAs(pin("x"), "Ada B", claims, ByAccepted, t1))
	for word, want := range map[string]string{"x": "Ada B", "ada": "ada"} {
		if state, c := s.Judge(pin(word), claims); state != Pinned || c.Petname != want {
			t.Errorf("%s is %s %q, want %q", word, state, c.Petname, want)
		}
	}
	if state, c := s.Judge(pin("y"), claims); state != Conflict || c.Of != pin("ada") {
		t.Errorf("the next one is %s of %s", state, c.Of.Label())
	}
}

// A retired key knows which key took its place, over any number of steps and
// over a restart.
func TestSuccessor(t *testing.T) {
	s, d := village(t)
	ok := must(t)
	ok(s.Replace(pin("ada"), pin("ada3"), "ada", []string{"ada"}, t1))
	s = open(t, d)
	for word, want := range map[string]string{"old-ada": "ada3", "ada": "ada3", "ada3": "ada3", "bob": "bob", "carl": "", "x": ""} {
		c, found := s.Successor(pin(word))
		if found != (want != "") || found && c.Pin != pin(want) {
			t.Errorf("%s: %q %v, want %q", word, c.Petname, found, want)
		}
	}
	if c, _ := s.Get(pin("ada")); c.State != Retired || c.ReplacedBy != pin("ada3") {
		t.Errorf("the old key is %+v", c)
	}
	ok(s.Block(pin("ada3"), t1))
	if _, found := s.Successor(pin("old-ada")); found {
		t.Error("a blocked key has taken somebody's place")
	}
	ok(s.Block(pin("ada"), t1))
	if c, _ := s.Get(pin("ada")); !c.ReplacedBy.IsZero() {
		t.Error("a blocked key is still replaced")
	}
	open(t, d)
}

// A file that somebody edited into a circle has no successor, and no end of
// looking for one.
func TestSuccessorInACircle(t *testing.T) {
	record := func(a, b string) string {
		return fmt.Sprintf(`{"fingerprint": %q, "petname": %q, "state": "retired", "how": "x", "since": "2026-01-01T00:00:00Z", "replacedBy": %q}`,
			pin(a), a, pin(b))
	}
	text := `{"version": 2, "contacts": [` + record("a", "b") + "," + record("b", "c") + "," + record("c", "a") + `]}`
	s := open(t, &disk{files: map[string][]byte{fileName: []byte(text)}})
	if c, ok := s.Successor(pin("a")); ok {
		t.Errorf("found %q", c.Petname)
	}
}

// P-03: of two keys that would be the new one of a contact the second finds the
// name of the first.
func TestReplaceOnlyOnce(t *testing.T) {
	s, _ := village(t)
	must(t)(s.Replace(pin("ada"), pin("x"), "ada", []string{"ada"}, t1))
	_, err := s.Replace(pin("ada"), pin("y"), "ada", []string{"ada"}, t1)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.State != Retired {
		t.Errorf("error %v, want that the key is retired", err)
	}
	if state, c := s.Judge(pin("y"), []string{"ada"}); state != Conflict || c.Of != pin("x") {
		t.Errorf("the second is %s of %s", state, c.Of.Label())
	}
	if _, err := s.Replace(pin("x"), pin("y"), "ada", []string{"ada"}, t1); err != nil {
		t.Errorf("replaced again: %v", err)
	}
	if c, ok := s.Successor(pin("ada")); !ok || c.Pin != pin("y") {
		t.Errorf("the successor is %v", c.Pin.Label())
	}
	if _, ok := s.Get(identity.Pin{}); ok {
		t.Error("something is kept of no key")
	}
}
