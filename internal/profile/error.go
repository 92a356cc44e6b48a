package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ErrLocked means that another node holds the profile.
var ErrLocked = errors.New("in use by another llchat")

var errDestroyed = errors.New("the profile was destroyed")

// Error is a file or folder that cannot be used as it is, and that only the
// user can put right.
type Error struct {
	Path    string
	Problem string // "is readable by other users (mode 0644)"
	Hint    string // one command or one sentence; may be empty
}

// Error returns the path and the problem, without the hint.
func (e *Error) Error() string { return e.Path + ": " + e.Problem }

// newer is the error for a file of a later version.
func newer(path string, version int) error {
	return &Error{
		Path:    path,
		Problem: fmt.Sprintf("was written by a newer llchat (version %d)", version),
		Hint:    "start the newer llchat, or use another profile with --profile NAME",
	}
}

// damaged is the error for a file that does not hold what it must.
func damaged(path, what string) error {
	return &Error{
		Path:    path,
		Problem: "is damaged: " + what,
		Hint:    hintDamaged(filepath.Base(path)),
	}
}

// hintDamaged says what to do about a file that does not hold what it must.
func hintDamaged(name string) string {
	if under, ok := sealable(name); ok { // the files that a backup brings back
		return fmt.Sprintf("move it away, with %s%s if there is one, and take your backup in: llchat restore FILE", under, previous)
	}
	return "put a copy that you kept in its place, or move it away"
}

// checkAccess refuses what belongs to somebody else or can be used by others
//
func checkAccess(path string, info fs.FileInfo, mode fs.FileMode) error {
	if uid, ours := owner(info); !ours {
		return &Error{
			Path:    path,
			Problem: fmt.Sprintf("belongs to another user (uid %d)", uid),
			Hint:    "start llchat as the user who owns it, or use another profile with --profile NAME",
		}
	}
	if perm := info.Mode().Perm(); modesMatter && perm&0o077 != 0 {
		return &Error{
			Path:    path,
			Problem: fmt.Sprintf("is open to other users (mode %04o)", perm),
			Hint:    fmt.Sprintf("chmod %o '%s'", mode, path),
		}
	}
	return nil
}
