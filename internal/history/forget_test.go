package history

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"
)

// spoken gives bob and carol something of every kind, and says how much.
func spoken(t *testing.T, s *Store, n int) {
	t.Helper()
	for _, who := range []int{1, 2} {
		peer := pin(who)
		list := make([]Message, n)
		for i := range list {
			list[i] = in(peer, i, fmt.Sprintf("said by %d: %d", who, i))
		}
		addAll(t, s, list)
		add(t, s, out(peer, 10_000, "waits"))
		must[Outcome](t)(s.Correct(about(peer, In, 10_001, 0, fmt.Sprintf("corrected by %d", who))))
		must[Outcome](t)(s.React(emoji(peer, Out, 10_002, 0, "👍")))
		ask(t, s, Request{Pin: peer, Nick: "x", Last: epoch})
		if err := s.SetDraft(peer.String(), "half"); err != nil {
			t.Fatal(err)
		}
	}
}

// gone checks that nothing of bob is left anywhere, and all of carol is.
func gone(t *testing.T, s *Store, n int) {
	t.Helper()
	if page := must[[]Message](t)(s.Page(bob, 0, 9)); len(page) != 0 {
		t.Errorf("page %q", bodies(page))
	}
	if box := must[[]Message](t)(s.Outbox(bob)); len(box) != 0 {
		t.Errorf("outbox %v", box)
	}
	if hits := must[[]Message](t)(s.Search("by 1", nil, 0, 9)); len(hits) != 1 || hits[0].Peer != carol { // "said by 2: 1"
		t.Errorf("found %q", bodies(hits))
	}
	if _, waits, _ := s.Request(bob); waits {
		t.Error("the request is there")
	}
	if text, _ := s.Draft(bob.String()); text != "" {
		t.Error("the draft is there")
	}
	var left int
	for m, err := range s.All(nil) {
		if err != nil || m.Peer != carol {
			t.Fatalf("%+v, %v", m, err)
		}
		left++
	}
	if left != n+1 {
		t.Errorf("%d messages of carol, want %d", left, n+1)
	}
	for _, f := range must[[]Fact](t)(s.Since(0, maxPage)) {
		if f.Message != nil && f.Message.Peer != carol || f.Request != nil && f.Request.Pin != carol {
			t.Errorf("fact %+v", f)
		}
	}
	if pins := must[[]string](t)(names(s)); !cmp.Equal(pins, []string{carol.String()}) {
		t.Errorf("peers %v", pins)
	}
}

func names(s *Store) (list []string, err error) {
	pins, err := s.Peers()
	for _, p := range pins {
		list = append(list, p.String())
	}
	return list, err
}

// a forgotten conversation is in no view, in no table and in no log.
func TestR5_Forget(t *testing.T) {
	const n = forgetBatch + 50
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		spoken(t, s, n)
		if s.r != s.w {
			os.WriteFile(s.path+".v1", nil, 0o600)
		}
		if err := s.Forget(bob); err != nil {
			t.Fatal(err)
		}
		gone(t, s, n)
		for table, want := range map[string]int64{"message": n + 3, "detail": 3, "peer": 1} {
			if got, _, err := s.r.query("SELECT count(*) FROM " + table).number(); got != want || err != nil {
				t.Errorf("%d rows in %s, want %d, %v", got, table, want, err)
			}
		}
		consistent(t, s)
		if s.r != s.w {
			if fi, err := os.Stat(s.path + "-wal"); err != nil || fi.Size() > 20*pageSize {
				t.Errorf("the log: %v, %v", fi, err)
			}
			if _, err := os.Stat(s.path + ".v1"); err == nil {
				t.Error("the copy of the migration is there")
			}
		}
		// A new beginning with the same person.
		if m := add(t, s, in(bob, 0, "hello again")); m.Row == 0 {
			t.Error("no row")
		}
		if err := s.Forget(pin(77)); err != nil {
			t.Errorf("nobody: %v", err)
		}
	})
}

// Cut off after the first commit: gone from every view at once, and the next
// start removes the rest.
func TestForgetGoesOn(t *testing.T) {
	t.Parallel()
	const n = forgetBatch + 50
	path := dbPath(t)
	s := open(t, path)
	spoken(t, s, n)
	if err := s.write("test", func(c *conn) error { return errors.Join(drop(c, bob), s.banish(c, bob)) }); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDraft(bob.String(), ""); err != nil {
		t.Fatal(err)
	}
	gone(t, s, n)
	closeStore(t, s)
	s = open(t, path)
	gone(t, s, n)
	for done := false; !done; { // every write lets the sweeper run
		if err := s.write("test", func(c *conn) error {
			left, _, err := c.query("SELECT count(*) FROM peer WHERE gone").number()
			done = left == 0
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got, _, err := s.r.query("SELECT count(*) FROM message").number(); got != n+3 || err != nil {
		t.Errorf("%d rows, %v", got, err)
	}
	consistent(t, s)
}

// what is deleted is overwritten; only the id is left, so that it does
// not come again.
func TestR5_Delete(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		add(t, s, in(bob, 1, "delete this"))
		kept := add(t, s, in(bob, 2, "keep this"))
		must[Outcome](t)(s.Correct(about(bob, In, 3, 1, "delete that")))
		s.indexAll()
		m, err := s.Delete(bob, In, id(1))
		if err != nil || m.Kind != Deleted || m.Body != "" || m.Seq <= kept.Seq {
			t.Errorf("%+v, %v", m, err)
		}
		if diff := cmp.Diff(m, get(t, s, bob, In, 1)); diff != "" {
			t.Errorf("answered and stored (-answered +stored)\n%s", diff)
		}
		if page := bodies(must[[]Message](t)(s.Page(bob, 0, 9))); !cmp.Equal(page, []string{"keep this"}) {
			t.Errorf("page %q", page)
		}
		if hits := must[[]Message](t)(s.Search("delete", nil, 0, 9)); len(hits) != 0 {
			t.Errorf("found %q", bodies(hits))
		}
		if _, fresh, err := s.Append(in(bob, 1, "delete this")); fresh || err != nil {
			t.Errorf("it came again: %v, %v", fresh, err)
		}
		for _, c := range []struct {
			dir Direction
			n   int
		}{{Out, 1}, {In, 1}, {In, 3}, {In, 99}} {
			if _, err := s.Delete(bob, c.dir, id(c.n)); !errors.Is(err, ErrNotFound) {
				t.Errorf("%v: %v", c, err)
			}
		}
		consistent(t, s)
	})
}

// An export holds pages, not the conversation, and ends when it is told to.
func TestAll(t *testing.T) {
	s := open(t, dbPath(t))
	const n = 2*exportPage + 10
	list := make([]Message, n)
	for i := range list {
		list[i] = in(pin(i%2+1), i, fmt.Sprint(i))
	}
	addAll(t, s, list)
	must[Outcome](t)(s.Correct(about(pin(1), In, 9000, 0, "corrected")))
	next := 0
	for m, err := range s.All(nil) {
		if err != nil || m.ID != id(next) || next == 0 && m.Body != "corrected" {
			t.Fatalf("message %d: %+v, %v", next, m, err)
		}
		next++
	}
	if next != n {
		t.Errorf("%d messages, want %d", next, n)
	}
	count := 0
	for m, err := range s.All(&bob) {
		if err != nil || m.Peer != bob {
			t.Fatalf("%+v, %v", m, err)
		}
		if count++; count == n/4 {
			break
		}
	}
	closeStore(t, s)
	for _, err := range s.All(nil) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
}

// A full disk has a name of its own, and passes.
func TestErrNoSpace(t *testing.T) {
	s, faulty := openFaulty(t, dbPath(t))
	add(t, s, in(bob, 1, "before"))
	faulty.room.Store(0)
	for what, do := range map[string]func() error{
		"append":  func() error { _, _, err := s.Append(in(bob, 2, "m")); return err },
		"correct": func() error { _, err := s.Correct(about(bob, In, 3, 1, "m")); return err },
		"delete":  func() error { _, err := s.Delete(bob, In, id(1)); return err },
	} {
		var e *Error
		if err := do(); !errors.Is(err, ErrNoSpace) || errors.Is(err, ErrDamaged) || !errors.As(err, &e) || !strings.Contains(e.Hint, "room") {
			t.Errorf("%s: %v", what, err)
		}
	}
	faulty.heal()
	faulty.syncs.Store(true)
	if _, _, err := s.Append(in(bob, 4, "m")); errors.Is(err, ErrNoSpace) || !errors.Is(err, sqlite3.IOERR) {
		t.Errorf("another trouble: %v", err)
	}
	faulty.heal()
	if m := get(t, s, bob, In, 1); m.Body != "before" {
		t.Errorf("%+v", m)
	}
	add(t, s, in(bob, 5, "after"))
}
