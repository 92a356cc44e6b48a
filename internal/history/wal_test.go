package history

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
)

// killed returns the path of a copy of the store's files as kill -9 leaves
// them: with the index of the log.
func killed(t *testing.T, s *Store) string { return copied(t, s, "", "-wal", "-shm") }

func copyOver(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// noise overwrites 64 octets of a file.
func noise(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dice := rand.NewChaCha8([32]byte{1, 7, 4})
	b := make([]byte, 64)
	_, _ = dice.Read(b)
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// five is a store in whose log there are the last five messages only.
func five(t *testing.T) (*Store, []string) {
	t.Helper()
	s := open(t, dbPath(t))
	list := make([]Message, 100)
	for n := range list {
		list[n] = in(bob, n, body(n))
	}
	addAll(t, s, list)
	if err := s.wipeLog(); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		list = append(list, add(t, s, out(bob, 200+n, "the message is kept")))
	}
	return s, bodies(list)
}

// A log that is damaged after a kill: it is noticed, wherever the damage is,
// and all that was promised is there. Only what nothing repeats is lost.
func TestDamagedLogIsNoticed(t *testing.T) {
	t.Parallel()
	live, want := five(t)
	blocks := size(t, live.path+"-wal") / pageSize
	lost := 0
	for _, n := range faultPoints(int(blocks), 12) {
		block := int64(n)
		path := killed(t, live)
		noise(t, path+"-wal", block*pageSize+1000)
		damagedLog := must[[]byte](t)(os.ReadFile(path + "-wal"))
		if s, err := Open(path, testKey); !errors.Is(err, ErrDamaged) {
			t.Errorf("block %d: opened with %v", block, err)
			closeStore(t, s)
			continue
		}
		got, err := Salvage(t.Context(), path, testKey)
		if err != nil || !got.Cut {
			t.Fatalf("block %d: %+v, %v", block, got, err)
		}
		if kept := must[[]byte](t)(os.ReadFile(got.Aside + "-wal")); !cmp.Equal(kept, damagedLog) {
			t.Errorf("block %d: the damaged log is not kept", block)
		}
		s := open(t, path)
		if err := s.Check(); err != nil {
			t.Errorf("block %d: %v", block, err)
		}
		page := bodies(must[[]Message](t)(s.Page(bob, 0, maxPage)))
		if len(page) < len(want) {
			lost++
		}
		if len(page) < len(want)-1 {
			t.Errorf("block %d of %d: %d of %d messages", block, blocks, len(page), len(want))
		}
		if again := add(t, s, in(bob, 300, "after")); again.Body != "after" {
			t.Error("it does not go on")
		}
		closeStore(t, s)
	}
	if lost > 3 {
		t.Errorf("damage of %d of %d blocks cost a message", lost, blocks)
	}
}

// The same without the index of the log, as where the system keeps none: what
// goes on behind a commit proves that commit. The last one proves nothing.
func TestDamagedLogWithoutIndex(t *testing.T) {
	t.Parallel()
	live, want := five(t)
	blocks := size(t, live.path+"-wal") / pageSize
	for _, n := range faultPoints(int(blocks)/2, 6) {
		block := int64(n)
		path := crashed(t, live)
		noise(t, path+"-wal", block*pageSize+1000)
		if s, err := Open(path, testKey); !errors.Is(err, ErrDamaged) {
			t.Errorf("block %d: opened with %v", block, err)
			closeStore(t, s)
			continue
		}
		got, err := Salvage(t.Context(), path, testKey)
		if err != nil || !got.Cut {
			t.Fatalf("block %d: %+v, %v", block, got, err)
		}
		if page := bodies(must[[]Message](t)(open(t, path).Page(bob, 0, maxPage))); len(page) < len(want) {
			t.Errorf("block %d: %d of %d messages", block, len(page), len(want))
		}
	}
}

// A write that was cut off, by a kill or a loss of power, is no damage: nobody
// was told that it is kept.
func TestUnfinishedLogIsNoDamage(t *testing.T) {
	t.Parallel()
	live, want := five(t)
	before := size(t, live.path+"-wal")
	index := killed(t, live) + "-shm"
	add(t, live, out(bob, 400, "was never confirmed"))
	after := size(t, live.path+"-wal")
	first := before / pageSize // the block that both share stays
	for _, known := range []bool{false, true} {
		for cut := first; cut < after/pageSize; cut++ {
			for _, torn := range []bool{false, true} {
				path := crashed(t, live)
				if known { // what the power left is that of the commit before
					copyOver(t, path+"-shm", index)
				}
				if torn { // of all that was written one block is missing
					noise(t, path+"-wal", cut*pageSize)
				} else if err := os.Truncate(path+"-wal", cut*pageSize); err != nil {
					t.Fatal(err)
				}
				s, err := Open(path, testKey)
				if err != nil {
					t.Errorf("index %v, cut at %d, torn %v: %v", known, cut, torn, err)
					continue
				}
				if page := bodies(must[[]Message](t)(s.Page(bob, 0, maxPage))); len(page) < len(want) || s.LogLost() {
					t.Errorf("index %v, cut at %d, torn %v: %d messages, lost %v", known, cut, torn, len(page), s.LogLost())
				}
				closeStore(t, s)
			}
		}
	}
}

// What earlier rounds of the log left behind its end is no damage, and neither
// is what a transaction that did not come to its end left there.
func TestLeftoversInLogAreNoDamage(t *testing.T) {
	t.Parallel()
	live, want := five(t)
	live.w.mu.Lock()
	_, _, err := live.w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	live.w.mu.Unlock()
	if err != nil { // the next write begins the log anew, and leaves the rest of it
		t.Fatal(err)
	}
	add(t, live, out(bob, 500, "first of the next round"))
	big := errors.New("rolled back")
	err = live.write("test", func(c *conn) error {
		for n := range 400 { // more than the cache holds
			if _, _, _, err := live.append(c, in(carol, n, body(39))); err != nil {
				return err
			}
		}
		return big
	})
	if !errors.Is(err, big) {
		t.Fatal(err)
	}
	for _, path := range []string{killed(t, live), crashed(t, live)} {
		s := open(t, path)
		if page := must[[]Message](t)(s.Page(bob, 0, maxPage)); len(page) != len(want)+1 || s.LogLost() {
			t.Errorf("%d messages, want %d", len(page), len(want)+1)
		}
	}
}

// The log is cut to nothing after a kill.
func TestEmptiedLogIsNoticed(t *testing.T) {
	t.Parallel()
	live, want := five(t)
	path := killed(t, live)
	if err := os.Truncate(path+"-wal", 0); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if n := len(must[[]Message](t)(s.Page(bob, 0, maxPage))); n != len(want)-5 || !s.LogLost() {
		t.Errorf("%d messages, lost %v", n, s.LogLost())
	}
	if err := live.wipeLog(); err != nil {
		t.Fatal(err)
	}
	if open(t, killed(t, live)).LogLost() { // SQLite cut this one
		t.Error("a log that was written back is called lost")
	}
}

// FuzzLog: no log and no index upsets what looks at them.
func FuzzLog(f *testing.F) {
	f.Add(make([]byte, walHeader+frameSize), make([]byte, indexRead))
	f.Add([]byte{0x37, 0x7f, 6, 0x82}, []byte{1})
	f.Fuzz(func(t *testing.T, log, index []byte) {
		path := dbPath(t)
		if err := os.WriteFile(path+"-shm", index, 0o600); err != nil {
			t.Fatal(err)
		}
		x := readIndex(path)
		file := vfsutil.SliceFile(log)
		w := &wal{}
		w.read(&file, int64(len(log)), x)
		if w.valid > len(w.frames) || w.end < w.valid || !x.known && w.end > len(w.frames) {
			t.Errorf("%d frames, %d valid, %d in all", len(w.frames), w.valid, w.end)
		}
		out := vfsutil.SliceFile(nil)
		if err := w.apply(&file, &out); err != nil {
			t.Error(err)
		}
	})
}
