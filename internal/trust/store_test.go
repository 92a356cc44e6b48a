package trust

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
)

func TestOpenEmpty(t *testing.T) {
	d := newDisk()
	s := open(t, d)
	if len(s.All()) != 0 || d.writes != 0 {
		t.Errorf("%d contacts, %d writes", len(s.All()), d.writes)
	}
	if state, c := s.Judge(pin("x"), []string{"ada@kite", ""}); state != Unknown ||
		!cmp.Equal(c, Contact{Pin: pin("x"), State: Unknown, Names: []string{"ada@kite"}}) {
		t.Errorf("got %v %+v", state, c)
	}
}

// P-26: no networking without the pin store that was there before.
func TestP26_LostStoreIsNotEmpty(t *testing.T) {
	cause := errors.New("wrong owner")
	tests := []struct {
		name string
		d    disk
	}{
		{"previous version only", disk{files: map[string][]byte{"trust.1": []byte("{}")}}},
		{"unreadable", disk{readErr: map[string]error{"trust": cause}}},
		{"previous unreadable", disk{readErr: map[string]error{"trust.1": cause}}},
		{"empty file", disk{files: map[string][]byte{"trust": {}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := Open(&tt.d); s != nil || err == nil {
				t.Errorf("got %v, %v", s, err)
			} else if len(tt.d.readErr) > 0 && !errors.Is(err, cause) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

func TestSurvivesRestart(t *testing.T) {
	s, d := village(t)
	if err := s.Seen(pin("ada"), []string{"ada@moor", "Ada L."}, "[fe80::1%eth0]:5298", t1); err != nil {
		t.Fatal(err)
	}
	again := open(t, d)
	if diff := cmp.Diff(s.All(), again.All()); diff != "" {
		t.Error(diff)
	}
	want := Contact{
		Pin: pin("ada"), Petname: "ada", State: Pinned, By: ByReplaced, Since: t0, FirstSeen: t0, LastSeen: t1,
		Names: []string{"ada@moor", "Ada L.", "ada@kite"}, LastAddrs: []string{"[fe80::1%eth0]:5298"},
	}
	got, ok := again.Get(pin("ada"))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(diff)
	}
}

func TestAcceptKeepsWhatItWasGiven(t *testing.T) {
	d := newDisk()
	s := open(t, d)
	got := must(t)(s.Accept(pin("ada"), "", []string{"ada@kite", "Ada L.", "ada@kite"}, BySent, t0.Add(7*time.Nanosecond)))
	want := Contact{
		Pin: pin("ada"), Petname: "ada", State: Pinned, By: BySent, Since: t0, FirstSeen: t0, LastSeen: t0,
		Names: []string{"ada@kite", "Ada L."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(open(t, d).All()) != 1 {
		t.Error("not on disk when Accept returned")
	}
	again := must(t)(s.Accept(pin("ada"), "other", nil, ByAccepted, t1))
	if diff := cmp.Diff(want, again); diff != "" || d.writes != 1 {
		t.Errorf("the second time changed it: %s", diff)
	}
}

func TestPetnames(t *testing.T) {
	s, _ := village(t)
	ok := must(t)
	tests := []struct {
		name, key, petname string
		claims             []string
		want               string
	}{
		{"given", "k1", "Dora", []string{"d@x"}, "Dora"},
		{"from the instance", "k2", "", []string{"eve@x", "Eva"}, "eve"},
		{"from the nick", "k3", "", []string{"", "x@x.invalid", "@cape", "Fay"}, "Fay"},
		{"from nothing", "k4", "", nil, "peer " + pin("k4").Label()},
		{"controls only", "k5", "\x1b\x07", []string{"\u200b@x"}, "peer " + pin("k5").Label()},
		{"of a blocked key", "k6", "", []string{"carl@x"}, "carl (2)"},
		{"of a blocked key, again", "k7", "carl", []string{"gus@x"}, "carl (3)"},
		{"look-alike", "k8", "c\u0430rl", []string{"hal@x"}, "c\u0430rl (4)"},
		{"signs only", "k11", "", []string{"\u263a@x"}, "\u263a"},
		{"at the limit", "k9", strings.Repeat("w", 32), []string{"ida@x"}, strings.Repeat("w", 32)},
		{"numbered at the limit", "k10", strings.Repeat("w", 32), []string{"jim@x"}, strings.Repeat("w", 28) + " (2)"},
	}
	for _, tt := range tests {
		got := ok(s.Accept(pin(tt.key), tt.petname, tt.claims, ByAccepted, t1))
		if got.Petname != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got.Petname, tt.want)
		}
		if found, ok := s.ByPetname(tt.want); !ok || found.Pin != pin(tt.key) {
			t.Errorf("%s: ByPetname finds %v", tt.name, found.Petname)
		}
	}
	if state, c := s.Judge(pin("x"), []string{"\u263a"}); state != Conflict || c.Of != pin("k11") {
		t.Errorf("signs only: %s", state)
	}
	if c := ok(s.Rename(pin("k1"), "EVE")); c.Petname != "EVE (2)" {
		t.Errorf("renamed to %q", c.Petname)
	}
	if c := ok(s.Rename(pin("k2"), "Eve")); c.Petname != "Eve" {
		t.Errorf("own name in another form became %q", c.Petname)
	}
	if _, err := s.Rename(pin("k2"), "\u202e"); !errors.Is(err, ErrPetname) {
		t.Errorf("got %v", err)
	}
	if old, _ := s.Get(pin("old-ada")); old.Petname != "ada (old)" {
		t.Errorf("the retired key is %q", old.Petname)
	}
}

func TestByPetname(t *testing.T) {
	s, d := village(t)
	for name, want := range map[string]string{"ada": "ada", "ADA": "ada", "carl": "carl", "ada (old)": "old-ada"} {
		if c, ok := s.ByPetname(name); !ok || c.Pin != pin(want) {
			t.Errorf("%q finds %q", name, c.Petname)
		}
	}
	for _, name := range []string{"", "\u0430da", "ad", "ada@kite", "zoe"} {
		if c, ok := s.ByPetname(name); ok {
			t.Errorf("%q finds %q", name, c.Petname)
		}
	}
	// A file that was edited may hold both; neither is guessed.
	text := bytes.Replace(d.files["trust"], []byte(`"carl"`), []byte(`"BOB"`), 1)
	s = open(t, &disk{files: map[string][]byte{"trust": text}})
	if c, ok := s.ByPetname("Bob"); ok {
		t.Errorf("guessed %q", c.Petname)
	}
	if c, ok := s.ByPetname("BOB"); !ok || c.Pin != pin("carl") {
		t.Errorf("exact spelling finds %q", c.Petname)
	}
}

// P-03: nothing but the user's actions touches the file, and what Seen writes
// is no pin, petname or state.
func TestP03_OnlyTheUserChangesPins(t *testing.T) {
	s, d := village(t)
	before := bytes.Clone(d.files["trust"])
	names := []string{"ada@kite", "bob", "zoe@bay", "carl", "\u0430da"}
	for _, word := range []string{"ada", "bob", "carl", "old-ada", "x", "y"} {
		s.Judge(pin(word), names)
		s.Namesake(pin(word), names)
		s.Get(pin(word))
		s.ByPetname(word)
	}
	for _, c := range s.All() {
		c.Petname = "changed"
		if len(c.Names) > 0 {
			c.Names[0] = "changed"
		}
	}
	for _, word := range []string{"carl", "old-ada", "x"} {
		if err := s.Seen(pin(word), names, "10.0.0.7:5298", t1.Add(9*time.Hour)); err != nil {
			t.Error(err)
		}
	}
	for name, act := range actions {
		for _, who := range []string{"ada2", "bob2"} {
			if strings.HasPrefix(name, "accept") || name == "send" || name == "policy" || name == "verify" || name == "rename" {
				if err := act(s, pin(who), claimsOf[who]); err == nil {
					t.Errorf("%s of %s went through", name, who)
				}
			}
		}
	}
	if !bytes.Equal(before, d.files["trust"]) {
		t.Error(cmp.Diff(string(before), string(d.files["trust"])))
	}

	if err := s.Seen(pin("ada"), names, "10.0.0.7:5298", t1); err != nil {
		t.Fatal(err)
	}
	type fixed struct {
		Pin          identity.Pin
		Petname, By  string
		State        State
		Since, First time.Time
	}
	view := func(s *Store) (out []fixed) {
		for _, c := range s.All() {
			out = append(out, fixed{c.Pin, c.Petname, c.By, c.State, c.Since, c.FirstSeen})
		}
		return out
	}
	was := open(t, &disk{files: map[string][]byte{"trust": before}})
	if diff := cmp.Diff(view(was), view(open(t, d))); diff != "" {
		t.Error(diff)
	}
}

func TestSeenIsLazy(t *testing.T) {
	steps := []struct {
		name  string
		names []string
		addr  string
		after time.Duration
		write bool
	}{
		{"nothing new", []string{"ada@kite"}, "", time.Minute, false},
		{"no names", nil, "", 2 * time.Minute, false},
		{"first address", nil, "10.0.0.7:5298", 3 * time.Minute, true},
		{"same address", nil, "10.0.0.7:5298", 4 * time.Minute, false},
		{"no address", nil, "router.example", 5 * time.Minute, false},
		{"new name", []string{"ada@moor"}, "", 6 * time.Minute, true},
		{"old name first", []string{"ada@kite"}, "", 7 * time.Minute, false},
		{"ghost", []string{"x@x.invalid"}, "", 8 * time.Minute, false},
		{"just before the hour", nil, "", time.Hour + 6*time.Minute - time.Second, false},
		{"after the hour", nil, "", time.Hour + 6*time.Minute, true},
		{"and again", nil, "", time.Hour + 7*time.Minute, false},
		{"clock went back", nil, "", -time.Hour, true},
	}
	s, d := village(t)
	for _, step := range steps {
		writes, at := d.writes, t0.Add(step.after)
		if err := s.Seen(pin("ada"), step.names, step.addr, at); err != nil {
			t.Fatal(err)
		}
		if got := d.writes > writes; got != step.write {
			t.Errorf("%s: written %v, want %v", step.name, got, step.write)
		}
		if c, _ := s.Get(pin("ada")); !c.LastSeen.Equal(at) {
			t.Errorf("%s: last seen %v", step.name, c.LastSeen)
		}
	}
}

func TestSeenIsBounded(t *testing.T) {
	s, _ := village(t)
	for i := range 20 {
		names := []string{fmt.Sprintf("ada%d@kite", i), strings.Repeat("long ", 99)}
		if err := s.Seen(pin("ada"), names, fmt.Sprintf("10.0.0.%d", i), t1); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := s.Get(pin("ada"))
	if len(c.Names) != 8 || c.Names[0] != "ada19@kite" {
		t.Errorf("names %q", c.Names)
	}
	if want := []string{"10.0.0.19", "10.0.0.18", "10.0.0.17", "10.0.0.16"}; !cmp.Equal(c.LastAddrs, want) {
		t.Errorf("addresses %q", c.LastAddrs)
	}
}

func TestWriteFailureChangesNothing(t *testing.T) {
	s, d := village(t)
	before := s.All()
	d.writeErr = errors.New("disk full")
	for name, act := range actions {
		for who, names := range claimsOf {
			writes := d.writes
			if err := act(s, pin(who), names); err == nil && d.writes != writes {
				t.Errorf("%s of %s: no error", name, who)
			}
		}
	}
	after := s.All()
	for i := range after { // Seen keeps LastSeen in memory when it need not write
		after[i].LastSeen = before[i].LastSeen
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Block(pin("ada"), t1); !errors.Is(err, d.writeErr) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// Strangers who are let in by policy do not take the room of contacts.
func TestRoom(t *testing.T) {
	entries := map[identity.Pin]*entry{}
	add := func(n int) {
		for len(entries) < n {
			p := pin(fmt.Sprint(len(entries)))
			entries[p] = &entry{Contact: Contact{Pin: p, Petname: p.Label() + fmt.Sprint(len(entries)), State: Pinned}}
		}
	}
	s := open(t, newDisk())
	add(maxByPolicy)
	s.current.Store(tableOf(entries))
	if _, err := s.Accept(pin("x"), "", nil, ByPolicy, t1); !errors.Is(err, ErrFull) {
		t.Errorf("by policy: %v", err)
	}
	must(t)(s.Accept(pin("x"), "", nil, ByAccepted, t1))
	add(maxContacts)
	s.current.Store(tableOf(entries))
	for _, by := range []string{ByPolicy, ByAccepted} {
		if _, err := s.Accept(pin("x"), "", nil, by, t1); !errors.Is(err, ErrFull) {
			t.Errorf("%s: %v", by, err)
		}
	}
	if _, err := s.Block(pin("x"), t1); !errors.Is(err, ErrFull) {
		t.Errorf("block: %v", err)
	}
}

// A store full of the longest names still fits the file that Open reads.
func TestFullStoreFitsTheFile(t *testing.T) {
	entries := map[identity.Pin]*entry{}
	long := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat(`"`, 28)) }
	for i := range maxContacts {
		c := Contact{Pin: pin(fmt.Sprint(i)), Petname: long(i), State: Verified, By: ByAccepted, Since: t0, FirstSeen: t0, LastSeen: t0}
		for j := range maxNames {
			c.Names = append(c.Names, clean(fmt.Sprint(j)+long(i)))
		}
		for j := range maxAddrs {
			c.LastAddrs = append(c.LastAddrs, fmt.Sprintf("[fe80::ffff:ffff:ffff:%d%%enp0s31f6]:65535", j))
		}
		entries[c.Pin] = &entry{Contact: c}
	}
	data, err := encode(tableOf(entries))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(data); err != nil {
		t.Error(err)
	}
	t.Logf("%d octets", len(data))
}

func TestZeroPin(t *testing.T) {
	s, d := village(t)
	writes := d.writes
	_, e1 := s.Accept(identity.Pin{}, "x", nil, ByAccepted, t1)
	_, e2 := s.Block(identity.Pin{}, t1)
	_, e3 := s.Verify(identity.Pin{}, nil, "code", t1)
	for _, err := range []error{e1, e2, e3} {
		if !errors.Is(err, ErrPin) {
			t.Errorf("got %v", err)
		}
	}
	if d.writes != writes {
		t.Error("written")
	}
}

// What the file could not hold is refused before it is written.
func TestWritesOnlyWhatOpenReads(t *testing.T) {
	s, d := village(t)
	before := bytes.Clone(d.files["trust"])
	if _, err := s.Accept(pin("x"), "", nil, strings.Repeat("x", 300), t1); err == nil {
		t.Error("taken")
	}
	if !bytes.Equal(before, d.files["trust"]) {
		t.Error("written")
	}
	must(t)(s.Accept(pin("y"), "", nil, ByAccepted, time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)))
	open(t, d)
}

// G-1: no petname, no whole pin.
func TestG1_ContactInLogs(t *testing.T) {
	s, _ := village(t)
	var b strings.Builder
	c, _ := s.Get(pin("ada"))
	slog.New(slog.NewTextHandler(&b, nil)).Info("Contact", "contact", c)
	if strings.Contains(b.String(), "ada") || strings.Contains(b.String(), c.Pin.String()) || !strings.Contains(b.String(), c.Pin.Label()) {
		t.Error(b.String())
	}
}

func TestConcurrentUse(t *testing.T) {
	s, d := village(t)
	var wg sync.WaitGroup
	for i := range 8 {
		me := pin(fmt.Sprint("c", i))
		wg.Go(func() {
			for j := range 10 {
				names := []string{fmt.Sprintf("n%d@kite", i)}
				_, _ = s.Accept(me, "", names, ByAccepted, t1)
				s.Judge(pin("x"), names)
				_ = s.Seen(me, names, fmt.Sprintf("10.0.%d.%d", i, j), t1)
				_, _ = s.Rename(me, fmt.Sprintf("name %d", j))
				s.All()
				s.ByPetname("ada")
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(s.All(), open(t, d).All()); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{}
	for _, c := range s.All() {
		if seen[c.Petname] {
			t.Errorf("petname %q twice", c.Petname)
		}
		seen[c.Petname] = true
	}
}
