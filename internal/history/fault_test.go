package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"
)

// disk is a file layer below the encryption that can be made to fail.
type disk struct {
	vfs.VFS
	room  atomic.Int64 // writes that still succeed
	syncs atomic.Bool  // fsync fails
}

var disks atomic.Int64

// newDisk makes a disk for one test, and says what opens a store on it.
func newDisk(t *testing.T) (*disk, config) {
	t.Helper()
	d := &disk{VFS: vfs.Find("")}
	d.heal()
	name := fmt.Sprint("faulty", disks.Add(1))
	vfs.Register(name, adiantum.Wrap(blocks{d}, nil))
	t.Cleanup(func() { vfs.Unregister(name) })
	return d, config{vfs: name, steps: migrations}
}

// faultEnv makes tests fail at every point in place of a sample: any value.
const faultEnv = "LLCHAT_SOAK_FAULTS"

// faultPoints picks few of n points at which something is to fail, always the
// same ones, the first and the last among them.
func faultPoints(n, few int) []int {
	points := rand.New(rand.NewPCG(174, uint64(n))).Perm(n)
	if os.Getenv(faultEnv) == "" && few < n {
		points = append(slices.DeleteFunc(points, func(p int) bool { return p == 0 || p == n-1 })[:few-2], 0, n-1)
	}
	slices.Sort(points)
	return points
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &diskFile{f, d}, flags, nil
}

type diskFile struct {
	vfs.File
	disk *disk
}

func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.room.Add(-1) < 0 {
		return 0, vfs.SystemError(syscall.ENOSPC, sqlite3.FULL)
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	if f.disk.syncs.Load() {
		return vfs.SystemError(syscall.EIO, sqlite3.IOERR_FSYNC)
	}
	return f.File.Sync(flags)
}

func (d *disk) heal() {
	d.room.Store(1 << 40)
	d.syncs.Store(false)
}

func openFaulty(t *testing.T, path string) (*Store, *disk) {
	t.Helper()
	faulty, cfg := newDisk(t)
	s, err := cfg.open(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { faulty.heal(); closeStore(t, s) })
	return s, faulty
}

// The disk is full after any number of writes: the message that does not fit
// is an error that says so, all stored before stays, and once there is room
// the same message can be sent.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcdef", 1<<10)
	for _, room := range faultPoints(40, 12) {
		path := dbPath(t)
		s, faulty := openFaulty(t, path)
		add(t, s, out(bob, 0, "before"))
		stored := []string{"before"}
		faulty.room.Store(int64(room))
		var full *Error
		failed, n := "", 1
		for ; n < 50; n++ {
			m := out(bob, n, fmt.Sprint(n)+big)
			_, _, err := s.Append(m)
			if err == nil {
				stored = append(stored, m.Body)
				continue
			}
			if !errors.As(err, &full) || !errors.Is(err, sqlite3.FULL) || !strings.Contains(full.Problem, "no space left") {
				t.Fatalf("room for %d writes: %v", room, err)
			}
			failed = m.Body
			break
		}
		if full == nil {
			t.Fatalf("room for %d writes: the disk never filled", room)
		}
		if got := bodies(must[[]Message](t)(s.Outbox(bob))); len(got) != len(stored) {
			t.Errorf("room for %d writes: %d messages, want %d", room, len(got), len(stored))
		}
		if room%2 == 0 { // half of the runs crash here
			faulty.heal()
			add(t, s, out(bob, n, "after"))
			stored = append(stored, "after")
			failed = "" // the next commit took its place in the log
		}
		again := open(t, crashed(t, s))
		got := bodies(must[[]Message](t)(again.Page(bob, 0, maxPage)))
		// SQLite repeats the last page of a commit up to a whole block. When
		// only that fails, a crash right then may bring the message back.
		if len(got) == len(stored)+1 && got[len(got)-1] == failed {
			got = got[:len(stored)]
		}
		if strings.Join(got, "|") != strings.Join(stored, "|") {
			t.Errorf("room for %d writes: %d messages after the crash, want %d", room, len(got), len(stored))
		}
		if err := again.Check(); err != nil {
			t.Errorf("room for %d writes: %v", room, err)
		}
		faulty.heal()
		closeStore(t, s)
	}
}

// A call whose commit could not be synced is not told that it is stored; the
// store goes on when the disk does.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	path := dbPath(t)
	s, faulty := openFaulty(t, path)
	add(t, s, out(bob, 1, "before"))
	faulty.syncs.Store(true)
	var e *Error
	if _, _, err := s.Append(out(bob, 2, "unsynced")); !errors.As(err, &e) || !errors.Is(err, sqlite3.IOERR) {
		t.Errorf("Append: %v", err)
	}
	faulty.heal()
	add(t, s, out(bob, 3, "after"))
	if got := bodies(must[[]Message](t)(s.Page(bob, 0, 9))); got[0] != "before" || got[len(got)-1] != "after" {
		t.Errorf("Page = %q", got)
	}
}

// One call of a group that fails does not take the others with it.
func TestGroupWithOneBadCall(t *testing.T) {
	s := open(t, dbPath(t))
	bad := errors.New("bad")
	s.w.mu.Lock() // holds the writer in its first commit while the rest queue up
	var group sync.WaitGroup
	var stored atomic.Int64
	for n := range 40 {
		group.Go(func() {
			if n%10 == 3 {
				if err := s.write("test", func(c *conn) error { return bad }); !errors.Is(err, bad) {
					t.Errorf("the bad call got %v", err)
				}
				return
			}
			if _, fresh, err := s.Append(out(bob, n, "m")); err != nil || !fresh {
				t.Errorf("call %d: fresh %v, %v", n, fresh, err)
			}
			stored.Add(1)
		})
	}
	s.w.mu.Unlock()
	group.Wait()
	list := must[[]Message](t)(s.Outbox(bob))
	if int64(len(list)) != stored.Load() || stored.Load() != 36 {
		t.Errorf("%d stored, %d said to be", len(list), stored.Load())
	}
}

// What a failed transaction had remembered must not count (L-14).
func TestRollbackForgets(t *testing.T) {
	t.Parallel()
	path := dbPath(t)
	s, faulty := openFaulty(t, path)
	list := make([]Message, 999)
	for n := range list {
		list[n] = out(bob, n, "m")
	}
	addAll(t, s, list)
	faulty.room.Store(0)
	for n := range 5 {
		if _, _, err := s.Append(out(bob, 2000+n, "m")); !errors.Is(err, sqlite3.FULL) {
			t.Fatalf("Append on a full disk: %v", err)
		}
	}
	faulty.heal()
	add(t, s, out(bob, 1000, "m"))
	if _, _, err := s.Append(out(bob, 1001, "m")); !errors.Is(err, ErrFull) {
		t.Errorf("message 1,001: %v", err)
	}
}

// No first database on a full disk: an error, and no half-made file.
func TestCreateOnFullDisk(t *testing.T) {
	t.Parallel()
	for _, room := range faultPoints(30, 10) {
		path := dbPath(t)
		faulty, cfg := newDisk(t)
		faulty.room.Store(int64(room))
		s, err := cfg.open(path, testKey)
		if err == nil {
			faulty.heal()
			closeStore(t, s)
			continue
		}
		if !errors.Is(err, sqlite3.FULL) {
			t.Fatalf("room for %d writes: %v", room, err)
		}
		faulty.heal()
		if _, err := os.Stat(path); err == nil {
			continue // made before the disk was full
		}
		if got := folder(t, path); len(got) != 0 {
			t.Errorf("room for %d writes: files are left", room)
		}
		add(t, open(t, path), in(bob, 1, "m"))
	}
}
