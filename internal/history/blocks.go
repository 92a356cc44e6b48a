package history

import (
	"sync"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"
)

// fileLayer is the name of the file layer that every database goes through:
// vfs/adiantum over blocks over the files of the system.
const fileLayer = "llchat"

func init() { vfs.Register(fileLayer, adiantum.Wrap(blocks{vfs.Find("")}, nil)) }

// blocks makes the reading and the writing of a block exclude each other. In
// the clear, a writer that appends to the log leaves the octets before alone.
// Under encryption it changes the whole block they share, and the kernel may
// hand a reader half of the old block and half of the new one, which decrypt
// to noise: a sound database that reads as damaged. The encryption asks for
// one whole block at a time, and all connections to a database are of this
// process, because the profile is locked.
type blocks struct{ vfs.VFS }

// OpenFilename opens a file of the layer below.
func (b blocks) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(b.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return blockFile{f}, flags, nil
}

// turns are the locks of blocks, by their place in their files: that two
// blocks share one costs the time of a copy in memory, now and then.
var turns [64]sync.RWMutex

func turn(off int64) *sync.RWMutex { return &turns[uint64(off)/pageSize%uint64(len(turns))] }

type blockFile struct{ vfs.File }

func (f blockFile) ReadAt(p []byte, off int64) (int, error) {
	t := turn(off)
	t.RLock()
	defer t.RUnlock()
	return f.File.ReadAt(p, off)
}

func (f blockFile) WriteAt(p []byte, off int64) (int, error) {
	t := turn(off)
	t.Lock()
	defer t.Unlock()
	return f.File.WriteAt(p, off)
}

// What a file can do beyond reading and writing is that of the layer below.

func (f blockFile) Unwrap() vfs.File                { return f.File }
func (f blockFile) SharedMemory() vfs.SharedMemory  { return vfsutil.WrapSharedMemory(f.File) }
func (f blockFile) LockState() vfs.LockLevel        { return vfsutil.WrapLockState(f.File) }
func (f blockFile) PersistWAL() bool                { return vfsutil.WrapPersistWAL(f.File) }
func (f blockFile) SetPersistWAL(keep bool)         { vfsutil.WrapSetPersistWAL(f.File, keep) }
func (f blockFile) ChunkSize(size int)              { vfsutil.WrapChunkSize(f.File, size) }
func (f blockFile) SizeHint(size int64) error       { return vfsutil.WrapSizeHint(f.File, size) }
func (f blockFile) HasMoved() (bool, error)         { return vfsutil.WrapHasMoved(f.File) }
func (f blockFile) Overwrite() error                { return vfsutil.WrapOverwrite(f.File) }
func (f blockFile) SyncSuper(super string) error    { return vfsutil.WrapSyncSuper(f.File, super) }
func (f blockFile) CommitPhaseTwo() error           { return vfsutil.WrapCommitPhaseTwo(f.File) }
func (f blockFile) BusyHandler(handler func() bool) { vfsutil.WrapBusyHandler(f.File, handler) }
