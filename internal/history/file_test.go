package history

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
)

// crashed returns the path of a copy of the store's files as a crash would
// leave them: what was committed last is only in the log.
func crashed(t *testing.T, s *Store) string { return copied(t, s, "", "-wal") }

// copied copies files of a store at one moment: it indexes by itself when
// nobody writes.
func copied(t *testing.T, s *Store, suffixes ...string) string {
	t.Helper()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	to := dbPath(t)
	for _, suffix := range suffixes {
		copyOver(t, to+suffix, s.path+suffix)
	}
	return to
}

// folder reads all files beside path, to see that nothing was changed.
func folder(t *testing.T, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(filepath.Dir(path)), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// refused opens what has to be refused, and returns the error.
func refused(t *testing.T, path string, key [32]byte) *Error {
	t.Helper()
	before := folder(t, path)
	s, err := Open(path, key)
	if err == nil {
		closeStore(t, s)
		t.Fatal("opened")
	}
	var e *Error
	if !errors.As(err, &e) || e.Path != path || e.Problem == "" || e.Hint == "" {
		t.Fatalf("error %#v (%v), want a complete *Error", err, err)
	}
	if diff := cmp.Diff(before, folder(t, path)); diff != "" {
		t.Error("the files were changed")
	}
	return e
}

// P-26 for the history: the wrong key changes nothing, above all not the log,
// which holds what was said last.
func TestWrongKey(t *testing.T) {
	s := open(t, dbPath(t))
	add(t, s, in(bob, 1, "in the log only"))
	path := crashed(t, s)
	wrong := testKey
	wrong[31] ^= 1
	if e := refused(t, path, wrong); !strings.Contains(e.Problem, "this key") {
		t.Errorf("problem %q", e.Problem)
	}
	got := open(t, path)
	if page := bodies(must[[]Message](t)(got.Page(bob, 0, 9))); !cmp.Equal(page, []string{"in the log only"}) {
		t.Errorf("with the right key: %q", page)
	}
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	original := dbPath(t)
	s := open(t, original)
	list := make([]Message, 300)
	for n := range list {
		list[n] = in(bob, n, line)
	}
	addAll(t, s, list)
	closeStore(t, s)
	data, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 100, 4095, 4096, 8192, len(data) / 2, len(data) - 4096} {
		path := dbPath(t)
		if err := os.WriteFile(path, data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, path, testKey)
	}
	// Short of a few octets: found by reading, at the latest by Check.
	path := dbPath(t)
	if err := os.WriteFile(path, data[:len(data)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := open(t, path).Check(); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("Check of a file short of one octet: %v", err)
	}
}

func TestDamagedPage(t *testing.T) {
	t.Parallel()
	path := dbPath(t)
	s := open(t, path)
	list := make([]Message, 2000)
	for n := range list {
		list[n] = in(bob, n, line)
	}
	addAll(t, s, list)
	if err := errors.Join(s.indexAll(), s.Check()); err != nil {
		t.Fatalf("Check of a sound store: %v", err)
	}
	closeStore(t, s)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(data) / 4 / pageSize * pageSize; at < len(data)/3; at += pageSize {
		data[at] ^= 0x40
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	var e *Error
	if err := s.Check(); !errors.As(err, &e) || e.Problem != "is damaged" {
		t.Errorf("Check: %v", err)
	}
	for _, err = range s.All(&bob) {
		continue // the last one is the error
	}
	if !errors.As(err, &e) || e.Problem != "is damaged" {
		t.Errorf("All: %v", err)
	}
}

func TestOddPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, path, testKey)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	// A log whose database is gone is no reason to begin anew.
	if err := os.WriteFile(path+"-wal", []byte("something"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, testKey)
	if _, err := Open(filepath.Join(dir, "nowhere", "history.db"), testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder that is not there: %v", err)
	}
	// Characters that mean something in a URI.
	for _, name := range []string{"a b", "50%", "q?x=1&vfs=unix", "#1", "ü"} {
		path := filepath.Join(dir, name)
		s := open(t, path)
		add(t, s, in(bob, 1, "m"))
		closeStore(t, s)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// A crash while the first database is made leaves nothing to trip over.
func TestLeftOverOfCreation(t *testing.T) {
	path := dbPath(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.WriteFile(path+".new"+suffix, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, path)
	add(t, s, in(bob, 1, "m"))
	closeStore(t, s)
	if got := folder(t, path); len(got) != 1 {
		t.Errorf("%d files in the folder, want history.db alone", len(got))
	}
}

// P-20: nothing of what is stored stands in any file, while it is open, after
// a crash, after Close.
func TestP20NoCanaryOnDisk(t *testing.T) {
	const canary = "zxcanaryqv"
	path := dbPath(t)
	s := open(t, path)
	var peer identity.Pin
	copy(peer[:], canary+"-key")
	m := out(peer, 1, canary+" body")
	m.Reason = canary
	add(t, s, m)
	add(t, s, Message{ID: canary, Peer: carol, Direction: In, Body: strings.Repeat(canary+" ", 2900), Time: epoch})
	ask(t, s, Request{Pin: pin(5), Names: []string{canary}, Nick: canary, Addr: canary, Last: epoch})
	if _, stored, err := s.AddRequestMessage(pin(5), RequestMessage{canary, canary, epoch}); !stored {
		t.Fatal(err)
	}
	if err := s.SetDraft(canary, canary); err != nil {
		t.Fatal(err)
	}
	for n := range 2 * indexAfter { // the index, too
		add(t, s, in(bob, n, canary))
	}
	if got := found(t, s, canary); len(got) < indexAfter {
		t.Fatalf("%d hits", len(got))
	}
	needles := []string{canary, strings.ToUpper(canary), "SQLite format", "CREATE TABLE"}
	for _, when := range []string{"open", "closed"} {
		files := folder(t, path)
		if when == "open" && len(files["history.db-wal"]) == 0 {
			t.Error("there is no log to look into")
		}
		for name, data := range files {
			for _, needle := range needles {
				if strings.Contains(data, needle) {
					t.Errorf("%s: %s holds %q", when, name, needle)
				}
			}
			if bytes.Contains([]byte(data), testKey[:]) {
				t.Errorf("%s: %s holds the key", when, name)
			}
		}
		closeStore(t, s)
	}
}

func TestPragmas(t *testing.T) {
	s := open(t, dbPath(t))
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "temp_store": "2",
		"page_size": "4096", "application_id": "1819042664", "user_version": strconv.Itoa(len(migrations)),
	}
	for name, c := range map[string]*conn{"writer": s.w, "reader": s.r} {
		for pragma, want := range want {
			q := c.query("PRAGMA " + pragma)
			if !q.next() || q.stmt.ColumnText(0) != want {
				t.Errorf("%s: %s = %s, want %s", name, pragma, q.stmt.ColumnText(0), want)
			}
			_ = q.done()
		}
	}
}

// setVersion makes a file of the future.
func setVersion(t *testing.T, path, version string) {
	t.Helper()
	s := open(t, path)
	add(t, s, in(bob, 1, "kept"))
	s.w.mu.Lock()
	err := s.w.db.Exec("PRAGMA user_version = " + version)
	s.w.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
}

func TestNewerSchemaRefused(t *testing.T) {
	path := dbPath(t)
	setVersion(t, path, "5")
	e := refused(t, path, testKey)
	if !strings.Contains(e.Problem, "newer llchat (schema 5, this one knows 4)") || !strings.Contains(e.Hint, "update llchat") {
		t.Errorf("%q, hint %q", e.Problem, e.Hint)
	}
}

func TestMigration(t *testing.T) {
	future := standard
	future.steps = append(future.steps[:4:4], "ALTER TABLE message ADD COLUMN replaces", "CREATE TABLE room (id INTEGER PRIMARY KEY)")
	path := dbPath(t)
	s := open(t, path)
	add(t, s, in(bob, 1, "from before"))
	closeStore(t, s)
	for range 2 { // the second finds nothing to do
		s, err := future.open(path, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.w.version(); v != 6 || err != nil {
			t.Errorf("version %d, %v", v, err)
		}
		if _, _, err := s.Append(in(bob, 2, "after")); err != nil {
			t.Error(err)
		}
		if page := bodies(must[[]Message](t)(s.Page(bob, 0, 9))); !cmp.Equal(page, []string{"from before", "after"}) {
			t.Errorf("page %q", page)
		}
		closeStore(t, s)
	}
	refused(t, path, testKey)
	copied := open(t, path+".v4")
	if page := bodies(must[[]Message](t)(copied.Page(bob, 0, 9))); !cmp.Equal(page, []string{"from before"}) {
		t.Errorf("copy of the old file: %q", page)
	}
}

func TestMigrationFailsWhole(t *testing.T) {
	future := standard
	future.steps = append(future.steps[:4:4], "CREATE TABLE room (id INTEGER PRIMARY KEY)", "INSERT INTO nowhere VALUES (1)")
	path := dbPath(t)
	closeStore(t, open(t, path))
	if s, err := future.open(path, testKey); err == nil {
		closeStore(t, s)
		t.Fatal("opened")
	} else if !strings.Contains(err.Error(), "schema 6") {
		t.Errorf("error %v does not say which step failed", err)
	}
	s := open(t, path) // still of schema 4
	if n, _, err := s.w.query("SELECT count(*) FROM sqlite_schema WHERE name = 'room'").number(); n != 0 || err != nil {
		t.Errorf("half a migration is left: %d, %v", n, err)
	}
}
