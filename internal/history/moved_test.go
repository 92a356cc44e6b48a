package history

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// guarded is a store that may make its file anew; told counts how often it did.
func guarded(t *testing.T) (s *Store, told *atomic.Int64) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Log("a file that is open cannot be removed here")
	}
	s, told = open(t, dbPath(t)), new(atomic.Int64)
	s.Guard(func() bool { return true }, func(err error) {
		if err != nil {
			t.Errorf("not made anew: %v", err)
		}
		told.Add(1)
	})
	add(t, s, in(bob, 1, "from before"))
	return s, told
}

func removeAll(t *testing.T, pattern string) {
	t.Helper()
	for _, name := range must[[]string](t)(filepath.Glob(pattern)) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// The file is removed while it is open: what is said to be kept is kept, and so
// is all that was there before.
func TestRemovedFileIsMadeAnew(t *testing.T) {
	for _, pattern := range []string{"", "*", "-wal", "-[ws]*"} {
		s, told := guarded(t)
		removeAll(t, s.path+pattern)
		add(t, s, out(bob, 2, "the message is kept"))
		if told.Load() != 1 {
			t.Errorf("%q: told %d times", pattern, told.Load())
		}
		add(t, s, out(bob, 3, "and this one"))
		want := []string{"from before", "the message is kept", "and this one"}
		if got := bodies(must[[]Message](t)(s.Page(bob, 0, 9))); !cmp.Equal(got, want) {
			t.Errorf("%q: %q", pattern, got)
		}
		again := open(t, killed(t, s))
		if got := bodies(must[[]Message](t)(again.Page(bob, 0, 9))); !cmp.Equal(got, want) {
			t.Errorf("%q: after a kill %q", pattern, got)
		}
		if err := again.Check(); err != nil || told.Load() != 1 {
			t.Errorf("%q: %v, told %d times", pattern, err, told.Load())
		}
		if hits := must[[]Message](t)(s.Search("message", nil, 0, 9)); len(hits) != 1 {
			t.Errorf("%q: %d hits", pattern, len(hits))
		}
		if info, err := os.Stat(s.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v", pattern, info, err)
		}
	}
}

// Nothing was written since: it is made anew when it is closed.
func TestRemovedFileIsMadeAnewAtTheEnd(t *testing.T) {
	s, told := guarded(t)
	removeAll(t, s.path+"*")
	closeStore(t, s)
	if got := bodies(must[[]Message](t)(open(t, s.path).Page(bob, 0, 9))); !cmp.Equal(got, []string{"from before"}) || told.Load() != 1 {
		t.Errorf("%q, told %d times", got, told.Load())
	}
}

// Another file is put in its place: that is kept, and not written to.
func TestReplacedFileIsKept(t *testing.T) {
	s, _ := guarded(t)
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path, []byte("a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, s, out(bob, 2, "the message is kept"))
	closeStore(t, s)
	names := must[[]string](t)(filepath.Glob(s.path + ".replaced-*"))
	if len(names) != 1 {
		t.Fatalf("%d files are kept", len(names))
	}
	if data, err := os.ReadFile(names[0]); err != nil || string(data) != "a backup" {
		t.Errorf("%q, %v", data, err)
	}
	if n := len(everything(t, open(t, s.path))); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// Where it may not be made anew, after a panic above all, or cannot be, nothing
// is said to be kept, and nothing appears on the disk.
func TestRemovedFileThatStaysAway(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		s, _ := guarded(t)
		failed := 0
		s.Guard(func() bool { return allowed }, func(err error) {
			if err != nil {
				failed++
			}
		})
		dir := filepath.Dir(s.path)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		var e *Error
		for n := range 2 {
			if _, _, err := s.Append(out(bob, 2+n, "lost")); !errors.Is(err, ErrMoved) || !errors.As(err, &e) || e.Hint == "" {
				t.Errorf("allowed %v: %v", allowed, err)
			}
		}
		if failed != 2 {
			t.Errorf("allowed %v: told %d times", allowed, failed)
		}
		if err := s.Close(); allowed != (err != nil) { // it was to stay
			t.Errorf("allowed %v: Close: %v", allowed, err)
		}
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("allowed %v: the folder is there again", allowed)
		}
		s.failed = nil // for the end of the test
	}
}

// A disk that fills up while the file is made anew: an error at the message, the
// rest stays readable, and once there is room it goes on.
func TestMadeAnewOnFullDisk(t *testing.T) {
	path := dbPath(t)
	s, faulty := openFaulty(t, path)
	add(t, s, in(bob, 1, "from before"))
	made := file{s.config, filepath.Join(t.TempDir(), "made"), testKey}
	faulty.room.Store(5)
	s.w.mu.Lock()
	err := s.writeOut(made)
	s.w.mu.Unlock()
	if err == nil {
		t.Error("no error on a full disk")
	}
	faulty.heal()
	add(t, s, in(bob, 2, "after"))
	if n := len(must[[]Message](t)(s.Page(bob, 0, 9))); n != 2 {
		t.Errorf("%d messages", n)
	}
}

func BenchmarkStay(b *testing.B) {
	s := open(b, dbPath(b))
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for b.Loop() {
		if err := s.stay(); err != nil {
			b.Fatal(err)
		}
	}
}
