package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
)

// lived makes a database with something in every table, and returns its
// messages by id.
func lived(t *testing.T, messages int) (path string, all map[string]Message) {
	t.Helper()
	path = dbPath(t)
	s := open(t, path)
	list := make([]Message, messages)
	for n := range list {
		list[n] = in(pin(n%7), n, body(n))
		if n%50 == 0 {
			list[n].Body = strings.Repeat(line, 120) // over several pages
		}
	}
	addAll(t, s, list)
	must[Outcome](t)(s.Correct(about(pin(1), In, 9000, 1, "corrected")))
	add(t, s, out(bob, 9001, "still waits"))
	ask(t, s, Request{Pin: pin(50), Nick: "eve", Last: epoch})
	if _, _, err := s.AddRequestMessage(pin(50), RequestMessage{id(1), "let me in", epoch}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetDraft("bob", "half"); err != nil {
		t.Fatal(err)
	}
	all = everything(t, s)
	closeStore(t, s)
	return path, all
}

func everything(t *testing.T, s *Store) map[string]Message {
	t.Helper()
	all := map[string]Message{}
	for m, err := range s.All(nil) {
		if err != nil {
			t.Fatal(err)
		}
		all[m.ID] = m
	}
	return all
}

func spoil(t *testing.T, path string, pages ...int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, page := range pages {
		if _, err := f.WriteAt([]byte("damage damage damage"), int64(page)*pageSize+100); err != nil {
			t.Fatal(err)
		}
	}
}

func pages(t *testing.T, path string) int {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(fi.Size() / pageSize)
}

// salvaged salvages, and checks what holds in any case: the damaged file is
// kept as it was, the new one is sound and says nothing that was not said.
func salvaged(t *testing.T, path string, all map[string]Message) (*Store, Salvaged) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Salvage(t.Context(), path, testKey)
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	if aside, err := os.ReadFile(got.Aside); err != nil || string(aside) != string(before) {
		t.Errorf("the damaged file was changed: %v", err)
	}
	s := open(t, path)
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	for id, m := range everything(t, s) {
		// A page of a long text has no sum: what was in it cannot be known.
		if want := all[id]; len(m.Body) < pageSize/2 && m.Body != want.Body || m.Row != want.Row || m.Peer != want.Peer {
			t.Errorf("made up: %+v, was %+v", m, want)
		}
	}
	return s, got
}

// One page after another is damaged: at most what lies on it is lost.
func TestSalvageAnyDamagedPage(t *testing.T) {
	t.Parallel()
	path, all := lived(t, 400)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	last := pages(t, path) - 1
	for _, page := range faultPoints(last, 8) {
		page++ // the first one is the schema
		path := dbPath(t)
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
		spoil(t, path, page)
		s, got := salvaged(t, path, all)
		n := len(everything(t, s))
		// An inner page takes all below it along, a root everything.
		if n < len(all) && got.Gaps == 0 {
			t.Errorf("page %d: %d of %d messages, and no gap", page, n, len(all))
		}
		if n < len(all)-100 {
			lost++
		}
		closeStore(t, s)
	}
	if lost > 2 {
		t.Errorf("%d pages cost more than 100 messages", lost)
	}
}

// A third of all pages is damaged.
func TestSalvageHeavyDamage(t *testing.T) {
	t.Parallel()
	path, all := lived(t, 1000)
	dice := rand.New(rand.NewPCG(174, 26))
	for page := 40; page < pages(t, path); page++ {
		if dice.IntN(10) == 0 {
			spoil(t, path, page)
		}
	}
	var e *Error
	if err := open(t, path).Check(); !errors.As(err, &e) || !errors.Is(err, ErrDamaged) {
		t.Errorf("Check: %v", err)
	}
	s, got := salvaged(t, path, all)
	t.Logf("%d of %d messages, %d gaps", got.Messages, len(all), got.Gaps)
	if got.Gaps == 0 || got.Messages < len(all)/2 {
		t.Errorf("%+v of %d", got, len(all))
	}
	// It goes on: new numbers, search, outbox.
	m := add(t, s, in(bob, 100_000, "a new beginning"))
	for _, old := range all {
		if old.Seq >= m.Seq {
			t.Fatalf("number %d was given out before", m.Seq)
		}
	}
	if hits := must[[]Message](t)(s.Search("beginning", nil, 0, 9)); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
}

// A file that is cut off is refused, and carried over up to there.
func TestSalvageTruncated(t *testing.T) {
	t.Parallel()
	path, all := lived(t, 500)
	if err := os.Truncate(path, int64(pages(t, path)/2)*pageSize); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, testKey); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open: %v", err)
	}
	s, got := salvaged(t, path, all)
	if got.Messages < len(all)/4 || got.Gaps == 0 {
		t.Errorf("%+v of %d", got, len(all))
	}
	if text, err := s.Draft("bob"); text != "half" || err != nil {
		t.Errorf("draft %q, %v", text, err)
	}
}

// What is only in the log is carried over, too, and the log stays beside the
// file that it belongs to.
func TestSalvageWithLog(t *testing.T) {
	t.Parallel()
	live := open(t, dbPath(t))
	list := make([]Message, 400)
	for n := range list {
		list[n] = in(bob, n, body(n))
	}
	addAll(t, live, list)
	live.wipeLog()
	add(t, live, in(bob, 1000, "in the log only"))
	path := crashed(t, live)
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, path, pages(t, path)/2)
	got, err := Salvage(t.Context(), path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(got.Aside + "-wal"); err != nil || string(now) != string(log) {
		t.Errorf("the log was changed: %v", err)
	}
	s := open(t, path)
	if m, ok, err := s.Get(bob, id(1000)); !ok || m.Body != "in the log only" || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
	if names := must[[]string](t)(filepath.Glob(path + "*")); len(names) != 5 { // file, log, index; aside with log
		t.Errorf("files %v", names)
	}
}

// Cut off after the log lost its first name: the next one takes it from where
// it was set aside.
func TestSalvageAgainAfterCrash(t *testing.T) {
	live := open(t, dbPath(t))
	add(t, live, in(bob, 1, "in the log only"))
	path := crashed(t, live)
	f := file{standard, path, testKey}
	aside, err := f.setAside()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	got, err := Salvage(t.Context(), path, testKey)
	if err != nil || got.Aside != aside || got.Messages != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if page := bodies(must[[]Message](t)(open(t, path).Page(bob, 0, 9))); !cmp.Equal(page, []string{"in the log only"}) {
		t.Errorf("%q", page)
	}
}

// Inner pages of the tree are damaged, all of them: the messages below them
// are found all the same, long ones too.
func TestSalvageInnerPages(t *testing.T) {
	t.Parallel()
	path, all := lived(t, 2000)
	c, err := connect((file{standard, path, testKey}).uri(""), &testKey)
	if err != nil {
		t.Fatal(err)
	}
	l, ok := openLeaves(c)
	if !ok {
		t.Fatal("no file")
	}
	var inner []int
	page := make([]byte, pageSize)
	for n := 1; n < pages(t, path); n++ {
		if _, err := l.file.ReadAt(page, int64(n)*pageSize); err != nil {
			t.Fatal(err)
		}
		if page[0] == 0x05 { // inner page of a table
			inner = append(inner, n)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, path, inner...)
	s, got := salvaged(t, path, all)
	if n := len(everything(t, s)); len(inner) == 0 || n != len(all) || got.Gaps == 0 {
		t.Errorf("%d of %d messages, %d pages, %+v", n, len(all), len(inner), got)
	}
}

// FuzzLeaves: no page upsets the search for messages.
func FuzzLeaves(f *testing.F) {
	f.Add([]byte{leafOfTable, 0, 0, 0, 1, 0, 0, 0, 0, 10, 5, 1, 3, 0, 1, 1, 1})
	f.Add([]byte{leafOfTable, 0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		file := vfsutil.SliceFile(make([]byte, 2*pageSize))
		copy(file[pageSize:], data)
		err := leaves{&file}.each(shapes, func(s *shape, row int64, columns []value) error {
			if !s.of(s.index, row, columns) {
				t.Errorf("%d: %v", row, columns)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// With the wrong key nothing is salvaged and nothing is changed but for the
// second name.
func TestSalvageWrongKey(t *testing.T) {
	path, _ := lived(t, 10)
	before := folder(t, path)["history.db"]
	wrong := testKey
	wrong[0] ^= 1
	var e *Error
	if _, err := Salvage(t.Context(), path, wrong); !errors.As(err, &e) {
		t.Errorf("%v", err)
	}
	if after := folder(t, path)["history.db"]; after != before {
		t.Error("the file was changed")
	}
	if got := everything(t, open(t, path)); len(got) != 11 {
		t.Errorf("%d messages", len(got))
	}
}

// An older file is carried over as what it is, and then migrated.
func TestSalvageSchema1(t *testing.T) {
	path := released(t, "schema1.db")
	spoil(t, path, pages(t, path)-1)
	got, err := Salvage(t.Context(), path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if n := len(everything(t, s)); n != got.Messages || n < 40 {
		t.Errorf("%d messages, %+v", n, got)
	}
}

// The log is lost after a crash: everything older is there, and it is said.
func TestLogLost(t *testing.T) {
	live := open(t, dbPath(t))
	add(t, live, in(bob, 1, "old"))
	live.wipeLog()
	add(t, live, in(bob, 2, "in the log only"))
	for _, lost := range []bool{false, true} {
		path := crashed(t, live)
		if err := os.WriteFile(path+"-shm", make([]byte, 32<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		want := []string{"old", "in the log only"}
		if lost {
			want = want[:1]
			if err := os.Remove(path + "-wal"); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, path)
		if s.LogLost() != lost {
			t.Errorf("lost %v: LogLost = %v", lost, s.LogLost())
		}
		if got := bodies(must[[]Message](t)(s.Page(bob, 0, 9))); !cmp.Equal(got, want) {
			t.Errorf("lost %v: %q", lost, got)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		closeStore(t, s)
		if open(t, path).LogLost() {
			t.Error("said twice")
		}
	}
}

func BenchmarkSalvage(b *testing.B) {
	path := dbPath(b)
	s := open(b, path)
	fill(b, s, 20_000)
	closeStore(b, s)
	for n := 0; b.Loop(); n++ {
		if _, err := Salvage(b.Context(), path, testKey); err != nil {
			b.Fatal(err, fmt.Sprint(n))
		}
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
