package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// ErrMoved: the file that is open is not the one at its path any more. What is
// written to it would be gone with the program.
var ErrMoved = errors.New("the file was moved or removed while it is open")

const (
	problemMoved = "is gone from the disk while it is in use"
	hintMoved    = "nothing is kept or sent before it is back where it was; what is only in memory is lost when llchat ends"
)

// guard says what becomes of a file that is gone while it is open.
type guard struct {
	allowed func() bool
	told    func(error)
}

// Guard lets the store make its file anew, from what is open, when somebody
// moved or removed it: at the next write, and at the latest when it is closed.
// allowed is asked each time, and told hears how it went; neither may call the
// store. Without Guard, or when it is not allowed, each write is an error that
// wraps ErrMoved. A file that lies in its place by then is kept beside it.
func (s *Store) Guard(allowed func() bool, told func(error)) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.guard = guard{allowed, told}
}

// stay sees to it that what is committed next is on the disk. The writing
// connection is locked.
func (s *Store) stay() error {
	if s.config.vfs == "" {
		return nil // in memory
	}
	var db, log bool
	if s.w.db != nil {
		if db, log = s.w.moved(sqlite3.FCNTL_FILE_POINTER), s.w.moved(sqlite3.FCNTL_JOURNAL_POINTER); !db && !log {
			return nil
		}
	}
	err := fs.ErrPermission
	if s.mayRenew() {
		err = s.renewFile(db, log)
	}
	if s.guard.told != nil {
		s.guard.told(err)
	}
	if err != nil {
		return &Error{Path: s.path, Problem: problemMoved, Hint: hintMoved, Err: errors.Join(ErrMoved, err)}
	}
	return nil
}

func (s *Store) mayRenew() bool { return s.guard.allowed != nil && s.guard.allowed() }

// stayAtLast is stay before the file is closed, for one that is to stay.
func (s *Store) stayAtLast() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if !s.mayRenew() {
		return nil
	}
	return s.stay()
}

// moved reports whether a file of the connection is not at its path any more. A
// system that cannot tell says no.
func (c *conn) moved(which sqlite3.FcntlOpcode) bool {
	p, err := c.db.FileControl("main", which)
	f, ok := p.(vfs.File)
	if err != nil || !ok {
		return false
	}
	b, ok := vfsutil.UnwrapFile[blockFile](f) // not every layer above passes it on
	if !ok {
		return false
	}
	moved, err := b.HasMoved()
	return moved && err == nil
}

// renewFile writes what is open to the path, and goes on with that file. It is
// told which of the two that are open, if any, are not there any more.
func (s *Store) renewFile(db, log bool) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	f := file{s.config, s.path, s.key}
	if s.w.db != nil {
		made := file{s.config, s.path + ".new", s.key}
		if err := s.writeOut(made); err != nil {
			return errors.Join(err, made.remove())
		}
		if db {
			if err := f.moveAside(log); err != nil {
				return errors.Join(err, made.remove())
			}
		}
		_ = s.r.end() // all of it is in the other file
		_ = s.w.end()
		s.logPages = 0
		if err := errors.Join(f.removeLog(), os.Rename(made.path, s.path), syncDir(s.path)); err != nil {
			return err
		}
	}
	w, r, err := f.connections()
	if err != nil {
		return err
	}
	s.w.db, s.w.queries = w.db, w.queries
	s.r.db, s.r.queries = r.db, r.queries
	s.forget()
	s.watchLog()
	return nil
}

// writeOut makes a whole database of what is open.
func (s *Store) writeOut(to file) error {
	if err := to.remove(); err != nil {
		return err
	}
	_, left, err := s.w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	if err != nil {
		return fmt.Errorf("write back %d pages: %w", left, err)
	}
	if err := tighten(to.path); err != nil {
		return err
	}
	c, err := dial(to.uri(""), &to.key)
	if err != nil {
		return err
	}
	from, ok := openLeaves(s.w)
	made, fine := openLeaves(c)
	if !ok || !fine {
		return errors.Join(errNoFile, c.close())
	}
	return errors.Join(copyPages(made.file, from.file), c.close())
}

func copyPages(dst, src vfs.File) error {
	size, err := src.Size()
	if err != nil {
		return err
	}
	page := make([]byte, pageSize)
	for off := int64(0); off < size; off += pageSize {
		if _, err := src.ReadAt(page, off); err != nil {
			return err
		}
		if _, err := dst.WriteAt(page, off); err != nil {
			return err
		}
	}
	return dst.Sync(vfs.SYNC_FULL)
}

// moveAside keeps what somebody put in the place of the file, and of the log.
func (f file) moveAside(log bool) error {
	if _, err := os.Lstat(f.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside := freeName(f.path + time.Now().UTC().Format(".replaced-20060102-150405"))
	if log {
		if err := os.Rename(f.path+"-wal", aside+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(f.path, aside)
}
