package trust

import (
	"fmt"
	"testing"

	"llchat/internal/identity"
)

// Which names of an unknown key are those of a contact.
func TestJudgeNames(t *testing.T) {
	s, _ := village(t)
	must(t)(s.Rename(pin("bob"), "Robert"))
	tests := []struct {
		name   string
		claims []string
		of     string // "" = free
	}{
		{"nothing", nil, ""},
		{"empty", []string{"", "@kite", "@"}, ""},
		{"another name", []string{"zoe@kite"}, ""},
		{"machine of a contact", []string{"kite", "kite@kite"}, ""},
		{"whole instance", []string{"ada@kite"}, "ada"},
		{"user part", []string{"ada@moor"}, "ada"},
		{"nick", []string{"zoe@bay", "ada"}, "ada"},
		{"other case", []string{"ADA"}, "ada"},
		{"petname only the user knows", []string{"Robert@bay"}, "bob"},
		{"last claim of a renamed contact", []string{"bob@cape"}, "bob"},
		{"T-13 Cyrillic", []string{"\u0430da@moor"}, "ada"},
		{"T-13 zero width", []string{"a\u200bda"}, "ada"},
		{"T-13 combining", []string{"a\u0301da"}, "ada"},
		{"T-13 wide letters", []string{"\uff41\uff44\uff41"}, "ada"},
		{"T-13 right-to-left override", []string{"\u202eada"}, "ada"},
		{"T-13 spaces around", []string{"  ada  "}, "ada"},
		{"escape codes in between", []string{"a\x1bda"}, "ada"},
		{"two signs of at", []string{"ada@kite@moor"}, "ada"},
		{"longer name", []string{"adam"}, ""},
		{"name of a blocked key", []string{"carl"}, ""},
		{"ghost", []string{"x@x.invalid"}, ""},
		{"signs only", []string{"\U0001F600"}, ""},
		{"several", []string{"zoe", "bob", "ada"}, "ada"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, c := s.Judge(pin("stranger"), tt.claims)
			want, of := Unknown, identity.Pin{}
			if tt.of != "" {
				want, of = Conflict, pin(tt.of)
			}
			if state != want || c.State != want || c.Of != of || c.Pin != pin("stranger") {
				t.Errorf("got %s of %s, want %s", state, c.Of.Label(), want)
			}
		})
	}
}

// A contact keeps its state, whatever it calls itself; it gets a mark.
func TestNamesakeOfContact(t *testing.T) {
	s, _ := village(t)
	claims := []string{"bob@reef"}
	if state, c := s.Judge(pin("ada"), claims); state != Pinned || c.Petname != "ada" || !c.Of.IsZero() {
		t.Errorf("got %s %q", state, c.Petname)
	}
	if c, ok := s.Namesake(pin("ada"), claims); !ok || c.Pin != pin("bob") {
		t.Errorf("namesake %q", c.Petname)
	}
	if c, ok := s.Namesake(pin("ada"), []string{"ada@kite", "Ada"}); ok {
		t.Errorf("namesake of itself: %q", c.Petname)
	}
}

// A contact who takes the names of others does not become them: the one with
// the petname is meant.
func TestNamesOfContactsComeFirst(t *testing.T) {
	s, _ := village(t)
	if err := s.Seen(pin("ada"), []string{"bob@reef", "zoe"}, "", t1); err != nil {
		t.Fatal(err)
	}
	if _, c := s.Judge(pin("x"), []string{"bob"}); c.Of != pin("bob") {
		t.Errorf("conflict with %s", c.Of.Label())
	}
	if _, c := s.Judge(pin("x"), []string{"zoe"}); c.Of != pin("ada") {
		t.Errorf("conflict with %s", c.Of.Label())
	}
	// Among equals: the verified one, then the older one.
	must(t)(s.Accept(pin("new"), "", []string{"dan@x"}, ByAccepted, t1))
	must(t)(s.Accept(pin("newer"), "", []string{"eli@x"}, ByAccepted, t1.Add(1e9)))
	for _, word := range []string{"newer", "new", "bob"} {
		if _, c := s.Judge(pin("x"), []string{"shared"}); c.Of != (identity.Pin{}) && word == "newer" {
			t.Error("taken too early")
		}
		if err := s.Seen(pin(word), []string{"shared"}, "", t1); err != nil {
			t.Fatal(err)
		}
		if _, c := s.Judge(pin("x"), []string{"shared"}); c.Of != pin(word) {
			t.Errorf("conflict with %s, want %s", c.Of.Label(), word)
		}
	}
}

func TestRenameMovesTheConflict(t *testing.T) {
	s, _ := village(t)
	must(t)(s.Rename(pin("ada"), "Countess"))
	for _, claim := range []string{"countess", "ada"} {
		if state, c := s.Judge(pin("x"), []string{claim}); state != Conflict || c.Of != pin("ada") {
			t.Errorf("%s: %s", claim, state)
		}
	}
}

func TestRetiredTwice(t *testing.T) {
	s, _ := village(t)
	ok := must(t)
	ok(s.Replace(pin("ada"), pin("ada3"), "ada", []string{"ada@kite"}, t1))
	for word, want := range map[string]string{"ada3": "ada", "ada": "ada (old) (2)", "old-ada": "ada (old)"} {
		if c, _ := s.Get(pin(word)); c.Petname != want {
			t.Errorf("%s is %q", word, c.Petname)
		}
	}
	// Accepting a retired key makes it unknown; without the name of a contact
	// the next acceptance pins it.
	c := ok(s.Accept(pin("old-ada"), "", []string{"ann@x"}, ByAccepted, t1))
	if c.State != Unknown {
		t.Errorf("got %s", c.State)
	}
	if c = ok(s.Accept(pin("old-ada"), "", []string{"ann@x"}, ByAccepted, t1)); c.State != Pinned {
		t.Errorf("got %s", c.State)
	}
}

func TestBlockedStranger(t *testing.T) {
	s, d := village(t)
	c := must(t)(s.Block(pin("x"), t1, "mallory@pit", "\x1b[2J"))
	if c.State != Blocked || c.Petname != "" || c.By != ByBlocked || c.Names[0] != "mallory@pit" {
		t.Errorf("got %+v", c)
	}
	if c, ok := open(t, d).Get(pin("x")); !ok || c.State != Blocked {
		t.Error("not kept")
	}
	must(t)(s.Block(pin("y"), t1)) // two without a petname
	open(t, d)
}

// T-14: many namesakes are judged quickly and leave no trace.
func TestT14_ManyNamesakes(t *testing.T) {
	s, d := village(t)
	before := d.writes
	for i := range 10_000 {
		if state, _ := s.Judge(pin(fmt.Sprint("m", i)), []string{"ada@pit"}); state != Conflict {
			t.Fatal(state)
		}
	}
	if d.writes != before || len(s.All()) != 4 {
		t.Errorf("%d writes, %d keys", d.writes-before, len(s.All()))
	}
}

func BenchmarkJudge(b *testing.B) {
	s := open(b, newDisk())
	for i := range 200 {
		must(b)(s.Accept(pin(fmt.Sprint(i)), "", []string{fmt.Sprintf("user%d@kite", i)}, ByAccepted, t0))
	}
	for b.Loop() {
		s.Judge(pin("x"), []string{"user7@moor", "Someone"})
	}
}

// An edit asks the index before it changes the entries; that index must not
// serve afterwards, or a namesake of the contact just accepted is unknown.
func TestJudgeAfterEachEdit(t *testing.T) {
	s := open(t, newDisk())
	names := []string{"bob@nuc", "bob"}
	if _, err := s.Accept(pin("bob"), "bob", names, ByAccepted, t0); err != nil {
		t.Fatal(err)
	}
	if state, c := s.Judge(pin("mallory"), []string{"bob@elsewhere", "bob"}); state != Conflict || c.Of != pin("bob") {
		t.Errorf("after Accept the namesake is %s of %v, want conflict of bob", state, c.Of)
	}
	if err := s.Seen(pin("bob"), names[:1], "", t1); err != nil {
		t.Fatal(err)
	}
	if state, _ := s.Judge(pin("mallory"), names); state != Conflict {
		t.Errorf("after Seen the namesake is %s", state)
	}
	if err := s.Forget(pin("bob")); err != nil {
		t.Fatal(err)
	}
	if state, _ := s.Judge(pin("mallory"), names); state != Unknown {
		t.Errorf("after Forget the namesake is %s, want unknown", state)
	}
}

// A contact is marked for the petname of another one, which the user gave; a
// name that another one merely claimed marks neither.
func TestNamedLike(t *testing.T) {
	s, _ := village(t)
	if err := s.Seen(pin("bob"), []string{"shared@x"}, "", t1); err != nil {
		t.Fatal(err)
	}
	for claim, want := range map[string]bool{"bob@reef": true, "Bob": true, "shared@y": false, "ada@kite": false} {
		if c, ok := s.NamedLike(pin("ada"), []string{claim}); ok != want || ok && c.Pin != pin("bob") {
			t.Errorf("%s: like %q, %v; want %v", claim, c.Petname, ok, want)
		}
	}
}
