package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filesOf are the files beside a database, with their lengths.
func filesOf(t *testing.T, path string) map[string]int64 {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sizes[filepath.Base(name)] = info.Size()
	}
	return sizes
}

// A database that is closed, and one that is open and has a log, are sound;
// looking leaves nothing behind and is in nobody's way.
func TestCheckSound(t *testing.T) {
	path := dbPath(t)
	if err := Check(t.Context(), path, testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	s := open(t, path)
	for n := range 200 {
		add(t, s, in(bob, n, "a text of some words"))
	}
	before := filesOf(t, path)
	for range 2 {
		if err := Check(t.Context(), path, testKey); err != nil {
			t.Errorf("open: %v", err)
		}
	}
	if d := cmp.Diff(before, filesOf(t, path)); d != "" {
		t.Errorf("looking has changed files: %s", d)
	}
	add(t, s, in(bob, 1000, "written after"))
	closeStore(t, s)
	before = filesOf(t, path)
	if err := Check(t.Context(), path, testKey); err != nil {
		t.Errorf("closed: %v", err)
	}
	if d := cmp.Diff(before, filesOf(t, path)); d != "" {
		t.Errorf("looking has changed files: %s", d)
	}
	if err := Check(t.Context(), path, [32]byte{1}); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("another key: %v, want an error that does not say damaged", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Check(ended, path, testKey); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

// Damage anywhere is found, and the file is left as it is.
func TestCheckDamaged(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	for n := range 2000 {
		add(t, s, in(bob, n, "a text of some words"))
	}
	closeStore(t, s)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(data) / 4, len(data) / 2, len(data) - pageSize} {
		bad := append([]byte(nil), data...)
		for i := range 64 {
			bad[at&^(pageSize-1)+i] ^= 0xff
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Check(t.Context(), path, testKey); !errors.Is(err, ErrDamaged) {
			t.Errorf("damage at %d of %d: %v", at, len(data), err)
		}
		if now, _ := os.ReadFile(path); string(now) != string(bad) {
			t.Error("looking has changed the file")
		}
	}
}

// A damaged log and a damaged first page are seen, and looking leaves what the
// next start needs to see them, too.
func TestCheckClosedSeesDamagedLog(t *testing.T) {
	live, _ := five(t)
	path := killed(t, live)
	if err := CheckClosed(t.Context(), path, testKey); err != nil {
		t.Errorf("a whole log: %v", err)
	}
	noise(t, path+"-wal", size(t, path+"-wal")/2)
	before := filesOf(t, path)
	if err := CheckClosed(t.Context(), path, testKey); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged log: %v", err)
	}
	if d := cmp.Diff(before, filesOf(t, path)); d != "" {
		t.Errorf("looking has changed files: %s", d)
	}
	if s, err := Open(path, testKey); !errors.Is(err, ErrDamaged) {
		closeStore(t, s)
		t.Errorf("Open after that: %v", err)
	}
	path, _ = lived(t, 10)
	noise(t, path, 100)
	if err := CheckClosed(t.Context(), path, testKey); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged first page: %v", err)
	}
	if err := CheckClosed(t.Context(), path+"x", testKey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}
