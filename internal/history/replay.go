package history

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3/vfs"
)

// errNoFile: the layer below gave none.
var errNoFile = errors.New("no file to write to")

// checkLog refuses a database whose log was damaged: opened, SQLite would leave
// out what comes behind the damage, and soon overwrite it.
func (f file) checkLog(x walIndex) error {
	w, err := f.readLog(x)
	if err == nil && len(w.frames) > 0 && w.damaged() {
		err = &Error{
			Path: f.path, Problem: "is damaged in its log", Hint: hintAway,
			Err: fmt.Errorf("%w: %d of %d pages in the log are read", ErrDamaged, w.valid, w.end),
		}
	}
	return err
}

// replay writes what is whole of the log into a copy of the database, also what
// is behind a damaged place. A page whose newest state is lost there has an
// older one, so the copy may not be of one piece: it is something to salvage.
// It tells whether something that was committed is missing.
func (f file) replay(to file, x walIndex) (cut bool, err error) {
	w, err := f.readLog(x)
	if err != nil {
		return false, err
	}
	if err := copyFile(to.path, f.path); err != nil {
		return false, err
	}
	if len(w.frames) == 0 {
		return w.end > w.stored, nil
	}
	c, err := dial(to.uri(""), &f.key)
	if err != nil {
		return false, err
	}
	db, ok := openLeaves(c)
	if !ok {
		return false, errors.Join(errNoFile, c.close())
	}
	err = f.withLog(func(log vfs.File, _ int64) error { return w.apply(log, db.file) })
	return w.damaged(), errors.Join(err, c.close())
}

// apply writes the pages of the log where they belong.
func (w *wal) apply(log, db vfs.File) error {
	size, err := db.Size()
	if err != nil {
		return err
	}
	most := size/pageSize + int64(len(w.frames)) // each frame adds one at most
	page := make([]byte, pageSize)
	for i := w.stored; i < min(w.end, len(w.frames)); i++ {
		if !w.whole(i) || int64(w.frames[i].page) > most {
			continue
		}
		if n, _ := log.ReadAt(page, walHeader+int64(i)*frameSize+frameHeader); n < pageSize {
			continue
		}
		if _, err := db.WriteAt(page, int64(w.frames[i].page-1)*pageSize); err != nil {
			return err
		}
	}
	return nil
}
