package history

import (
	"runtime"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"
)

// torn is a file layer that shows every block half written for a while, as
// the kernel may.
type torn struct{ vfs.VFS }

func (l torn) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(l.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return tornFile{f}, flags, nil
}

type tornFile struct{ vfs.File }

func (f tornFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func (f tornFile) WriteAt(p []byte, off int64) (int, error) {
	half := len(p) / 2
	n, err := f.File.WriteAt(p[:half], off)
	if err != nil {
		return n, err
	}
	for range 100 {
		runtime.Gosched()
	}
	m, err := f.File.WriteAt(p[half:], off+int64(half))
	return n + m, err
}

func init() { vfs.Register("torn", adiantum.Wrap(blocks{torn{vfs.Find("")}}, nil)) }

// A reader beside a writer took a sound store for a damaged one, three times
// in four, because it read blocks of the log that were half written.
func TestReadBesideWriteIsNotDamage(t *testing.T) {
	s, err := config{vfs: "torn", steps: migrations}.open(dbPath(t), testKey)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	add(t, s, in(bob, 0, line))
	var reading sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		reading.Go(func() {
			for {
				if _, err := s.Page(bob, 0, 20); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for n := range 300 {
		add(t, s, in(bob, 1+n, line))
	}
	close(stop)
	reading.Wait()
}
