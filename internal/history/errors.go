package history

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

const (
	problemDamaged = "is damaged"

	hintAway = "put a backup in its place, or move it away to begin with an empty history"
	hintKey  = `the file "key" of the profile has to be the one it was made with: restore that, or move the history away to begin with an empty one`
	hintFull = "make room on the disk and send again; nothing stored is lost"
)

// explain turns an error of SQLite into one that tells the user what to do.
func explain(op, path string, err error) error {
	var known *Error
	problem, hint := "", ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.IOERR) && full(path):
		// Not every layer says which error of the disk it was.
		err = errors.Join(ErrNoSpace, err)
		problem, hint = ErrNoSpace.Error(), hintFull
	case errors.As(err, &known):
		return known
	case errors.Is(err, sqlite3.NOTADB):
		problem, hint = "cannot be read with this key", hintKey
	case errors.Is(err, sqlite3.CORRUPT):
		err = errors.Join(ErrDamaged, err)
		problem, hint = problemDamaged, hintAway
	case errors.Is(err, sqlite3.FULL), errors.Is(err, syscall.ENOSPC), quota(err):
		err = errors.Join(ErrNoSpace, err)
		problem, hint = ErrNoSpace.Error(), hintFull
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.PERM), errors.Is(err, fs.ErrPermission):
		problem, hint = "cannot be written", "check the owner and the mode of the file and its folder"
	case errors.Is(err, sqlite3.IOERR):
		problem, hint = "the disk reports an error", "check the disk, then start again; nothing stored was given up"
	case errors.Is(err, sqlite3.BUSY):
		problem, hint = "is in use by another program", "close the other llchat of this profile"
	default:
		return fmt.Errorf("history %s: %w", op, err)
	}
	return &Error{Path: path, Problem: problem, Hint: hint, Err: err}
}
