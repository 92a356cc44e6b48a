package trust

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"testing"
	"time"

	"llchat/internal/identity"
)

var (
	t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	t1 = t0.Add(time.Minute)
)

// pin makes a key's pin out of a word.
func pin(word string) identity.Pin { return identity.Pin(sha256.Sum256([]byte(word))) }

// disk is Files in memory.
type disk struct {
	files    map[string][]byte
	writes   int
	readErr  map[string]error
	writeErr error
}

func newDisk() *disk { return &disk{files: map[string][]byte{}} }

func (d *disk) Read(name string, max int) ([]byte, error) {
	if err := d.readErr[name]; err != nil {
		return nil, err
	}
	data, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if len(data) > max {
		return nil, errors.New("too long")
	}
	return bytes.Clone(data), nil
}

func (d *disk) Write(name string, data []byte) error {
	if d.writeErr != nil {
		return d.writeErr
	}
	d.writes++
	if old, ok := d.files[name]; ok {
		d.files[name+".1"] = old
	}
	d.files[name] = bytes.Clone(data)
	return nil
}

func open(t testing.TB, d *disk) *Store {
	t.Helper()
	s, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// must unwraps results in tests where trouble is a mistake of the test.
func must(t testing.TB) func(Contact, error) Contact {
	return func(c Contact, err error) Contact {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// village has one key in each state that is kept:
//
//	ada   pinned, claims ada@kite     old-ada retired
//	bob   verified, claims bob@reef   carl    blocked
func village(t testing.TB) (*Store, *disk) {
	t.Helper()
	d := newDisk()
	s := open(t, d)
	ok := must(t)
	ok(s.Accept(pin("old-ada"), "ada", []string{"ada@kite"}, ByAccepted, t0))
	ok(s.Replace(pin("old-ada"), pin("ada"), "ada", []string{"ada@kite"}, t0))
	ok(s.Verify(pin("bob"), []string{"bob@reef"}, "code", t0))
	ok(s.Accept(pin("carl"), "carl", []string{"carl@cape"}, ByAccepted, t0))
	ok(s.Block(pin("carl"), t0))
	return s, d
}

// claimsOf are the names that each key of the table test comes with.
var claimsOf = map[string][]string{
	"zoe":     {"zoe@bay"},
	"ada2":    {"ada@moor"},      // in conflict with the pinned ada
	"ada3":    {"\u0430d\u0430"}, // so is a look-alike
	"bob2":    {"Bob"},           // in conflict with the verified bob
	"ada":     {"ada@kite"},
	"bob":     {"bob@reef"},
	"carl":    {"carl@cape"},
	"old-ada": {"ada@kite"},
}

// action is one thing that can be asked of a Store about a key.
type action func(s *Store, p identity.Pin, names []string) error

func only(_ Contact, err error) error { return err }

var actions = map[string]action{
	"accept":    func(s *Store, p identity.Pin, n []string) error { return only(s.Accept(p, "", n, ByAccepted, t1)) },
	"send":      func(s *Store, p identity.Pin, n []string) error { return only(s.Accept(p, "", n, BySent, t1)) },
	"policy":    func(s *Store, p identity.Pin, n []string) error { return only(s.Accept(p, "", n, ByPolicy, t1)) },
	"accept as": func(s *Store, p identity.Pin, n []string) error { return only(s.Accept(p, "new", n, ByAccepted, t1)) },
	"other": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, "new", n, ByAccepted, t1))
	},
	"other, same": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, "ADA", n, ByAccepted, t1))
	},
	"other, none": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, " ", n, ByAccepted, t1))
	},
	"other, look-alike": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, "\u0430da", n, ByAccepted, t1))
	},
	"other, as a contact is announced": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, "bob@reef", n, ByAccepted, t1))
	},
	"other, as a blocked key": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, "Carl", n, ByAccepted, t1))
	},
	"other, as a retired key": func(s *Store, p identity.Pin, n []string) error {
		return only(s.AcceptAs(p, "ada (old)", n, ByAccepted, t1))
	},
	"verify":     func(s *Store, p identity.Pin, n []string) error { return only(s.Verify(p, n, "code", t1)) },
	"new of ada": func(s *Store, p identity.Pin, n []string) error { return only(s.Replace(pin("ada"), p, "ada", n, t1)) },
	"new of ada, typo": func(s *Store, p identity.Pin, n []string) error {
		return only(s.Replace(pin("ada"), p, "adda", n, t1))
	},
	"new of ada, other case": func(s *Store, p identity.Pin, n []string) error {
		return only(s.Replace(pin("ada"), p, "Ada", n, t1))
	},
	"new of old-ada": func(s *Store, p identity.Pin, n []string) error {
		return only(s.Replace(pin("old-ada"), p, "ada (old)", n, t1))
	},
	"new of old-ada, verified": func(s *Store, p identity.Pin, n []string) error {
		return only(s.ReplaceVerified(pin("old-ada"), p, n, "code", t1))
	},
	"new of bob": func(s *Store, p identity.Pin, n []string) error { return only(s.Replace(pin("bob"), p, "bob", n, t1)) },
	"new of bob, verified": func(s *Store, p identity.Pin, n []string) error {
		return only(s.ReplaceVerified(pin("bob"), p, n, "code", t1))
	},
	"new of ada, verified": func(s *Store, p identity.Pin, n []string) error {
		return only(s.ReplaceVerified(pin("ada"), p, n, "code", t1))
	},
	"new of carl": func(s *Store, p identity.Pin, n []string) error {
		return only(s.Replace(pin("carl"), p, "carl", n, t1))
	},
	"new of nobody": func(s *Store, p identity.Pin, n []string) error {
		return only(s.ReplaceVerified(pin("nobody"), p, n, "code", t1))
	},
	"block":   func(s *Store, p identity.Pin, n []string) error { return only(s.Block(p, t1, n...)) },
	"unblock": func(s *Store, p identity.Pin, _ []string) error { return s.Unblock(p) },
	"forget":  func(s *Store, p identity.Pin, _ []string) error { return s.Forget(p) },
	"rename":  func(s *Store, p identity.Pin, _ []string) error { return only(s.Rename(p, "new")) },
	"seen":    func(s *Store, p identity.Pin, n []string) error { return s.Seen(p, n, "10.0.0.7:5298", t1) },
	"seen as ada": func(s *Store, p identity.Pin, _ []string) error {
		return s.Seen(p, []string{"ada", "bob", "zoe"}, "", t1)
	},
}

// The transition table of security.md 6.2. An action that is not listed for a
// key must be refused or change no state of any key.
func TestTransitions_6_2(t *testing.T) {
	start := map[string]State{
		"zoe": Unknown, "ada2": Conflict, "ada3": Conflict, "bob2": Conflict,
		"ada": Pinned, "bob": Verified, "carl": Blocked, "old-ada": Retired,
	}
	type move struct{ key, action string }
	allowed := map[move]map[string]State{
		{"zoe", "accept"}:    {"zoe": Pinned},
		{"zoe", "accept as"}: {"zoe": Pinned},
		{"zoe", "send"}:      {"zoe": Pinned},
		{"zoe", "policy"}:    {"zoe": Pinned},
		{"zoe", "verify"}:    {"zoe": Verified},
		{"zoe", "other"}:     {"zoe": Pinned}, // a petname of the user's, without a conflict
		{"ada", "verify"}:    {"ada": Verified},

		{"ada2", "other"}:                {"ada2": Pinned},
		{"ada3", "other"}:                {"ada3": Pinned},
		{"bob2", "other"}:                {"bob2": Pinned},
		{"ada2", "new of ada"}:           {"ada2": Pinned, "ada": Retired},
		{"ada3", "new of ada"}:           {"ada3": Pinned, "ada": Retired}, // ada2: in conflict with that
		{"ada2", "new of ada, verified"}: {"ada2": Verified, "ada": Retired},
		{"ada3", "new of ada, verified"}: {"ada3": Verified, "ada": Retired},
		{"bob2", "new of bob, verified"}: {"bob2": Verified, "bob": Retired},

		{"old-ada", "accept"}:    {"old-ada": Conflict}, // unknown, but with ada's name
		{"old-ada", "accept as"}: {"old-ada": Conflict},
		{"carl", "unblock"}:      {"carl": Unknown},

		{"zoe", "block"}: {"zoe": Blocked}, {"ada2", "block"}: {"ada2": Blocked}, {"ada3", "block"}: {"ada3": Blocked},
		{"bob2", "block"}: {"bob2": Blocked}, {"old-ada", "block"}: {"old-ada": Blocked},
		{"ada", "block"}:   {"ada": Blocked, "ada2": Unknown, "ada3": Unknown}, // its name is free
		{"bob", "block"}:   {"bob": Blocked, "bob2": Unknown},
		{"ada", "forget"}:  {"ada": Unknown, "ada2": Unknown, "ada3": Unknown},
		{"bob", "forget"}:  {"bob": Unknown, "bob2": Unknown},
		{"carl", "forget"}: {"carl": Unknown}, {"old-ada", "forget"}: {"old-ada": Conflict},
		// A contact's claims are its names, too: strangers may then not use them.
		{"ada", "seen as ada"}: {"zoe": Conflict}, {"bob", "seen as ada"}: {"zoe": Conflict},
	}
	for who := range start {
		for name, act := range actions {
			t.Run(who+" "+name, func(t *testing.T) {
				s, _ := village(t)
				err := act(s, pin(who), claimsOf[who])
				changed, ok := allowed[move{who, name}]
				if ok && err != nil {
					t.Fatal(err)
				}
				for other, was := range start {
					want := was
					if to, ok := changed[other]; ok {
						want = to
					}
					if got, _ := s.Judge(pin(other), claimsOf[other]); got != want {
						t.Errorf("%s is %s, want %s (error %v)", other, got, want, err)
					}
				}
			})
		}
	}
}

// Refusals say what the key is.
func TestErrorTellsStates(t *testing.T) {
	s, _ := village(t)
	tests := []struct {
		name string
		err  error
		want Error
	}{
		{"conflict", only(s.Accept(pin("x"), "", []string{"ada@moor"}, ByAccepted, t1)), Error{pin("x"), Conflict, pin("ada"), "ada"}},
		{"conflict under another petname", only(s.Accept(pin("x"), "new", []string{"ada"}, ByAccepted, t1)), Error{pin("x"), Conflict, pin("ada"), "ada"}},
		{"retired, by sending", only(s.Accept(pin("old-ada"), "", nil, BySent, t1)), Error{pin("old-ada"), Retired, identity.Pin{}, "ada (old)"}},
		{"retired, by policy", only(s.Accept(pin("old-ada"), "", nil, ByPolicy, t1)), Error{pin("old-ada"), Retired, identity.Pin{}, "ada (old)"}},
		{"another person who is one already", only(s.AcceptAs(pin("ada"), "new", nil, ByAccepted, t1)), Error{pin("ada"), Pinned, identity.Pin{}, "ada"}},
		{"another person, of a retired key", only(s.AcceptAs(pin("old-ada"), "new", nil, ByAccepted, t1)), Error{pin("old-ada"), Retired, identity.Pin{}, "ada (old)"}},
		{"retired replaced", only(s.Replace(pin("old-ada"), pin("x"), "ada (old)", []string{"ada"}, t1)), Error{pin("old-ada"), Retired, identity.Pin{}, "ada (old)"}},
		{"verify conflict", only(s.Verify(pin("x"), []string{"bob"}, "code", t1)), Error{pin("x"), Conflict, pin("bob"), "bob"}},
		{"blocked", only(s.Accept(pin("carl"), "", nil, ByAccepted, t1)), Error{pin("carl"), Blocked, identity.Pin{}, "carl"}},
		{"unknown", s.Forget(pin("x")), Error{pin("x"), Unknown, identity.Pin{}, ""}},
		{"unknown unblocked", s.Unblock(pin("x")), Error{pin("x"), Unknown, identity.Pin{}, ""}},
		{"pinned unblocked", s.Unblock(pin("ada")), Error{pin("ada"), Pinned, identity.Pin{}, "ada"}},
		{"unknown renamed", only(s.Rename(pin("x"), "y")), Error{pin("x"), Unknown, identity.Pin{}, ""}},
		{"verified replaced without verification", only(s.Replace(pin("bob"), pin("x"), "bob", []string{"bob"}, t1)), Error{pin("bob"), Verified, identity.Pin{}, "bob"}},
		{"replaced by a key without conflict", only(s.Replace(pin("ada"), pin("x"), "ada", []string{"zoe"}, t1)), Error{pin("x"), Unknown, identity.Pin{}, ""}},
		{"replaced by a key in conflict with another", only(s.Replace(pin("ada"), pin("x"), "ada", []string{"bob"}, t1)), Error{pin("x"), Conflict, pin("bob"), "bob"}},
		{"replaced by a contact", only(s.ReplaceVerified(pin("ada"), pin("bob"), []string{"ada"}, "code", t1)), Error{pin("bob"), Verified, identity.Pin{}, "bob"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *Error
			if !errors.As(tt.err, &got) || *got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			for _, name := range []string{"ada", "bob", "carl", pin("x").String()} {
				if bytes.Contains([]byte(tt.err.Error()), []byte(name)) {
					t.Errorf("G-1: the text %q holds a name or a whole pin", tt.err)
				}
			}
		})
	}
}
