//go:build windows

package profile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

const (
	// modesMatter: permission bits say nothing on Windows. The data folder of
	// a user is closed to other users by its access list, which files below
	// it inherit; a folder chosen elsewhere is as private as the user made it.
	modesMatter = false
	noWait      = 0
	// maxSocketPath is what fits into sun_path of Windows with its final NUL.
	maxSocketPath = 107
)

// setUmask has nothing to do: access lists are inherited.
func setUmask() {}

// owner cannot tell: see modesMatter.
func owner(fs.FileInfo) (uid int, ours bool) { return 0, true }

// tryLock takes the lock of f without waiting, ErrLocked if another holds it.
// It locks an octet far behind the end, so that others can read the process id.
func tryLock(f *os.File) error {
	const far = 1 << 30 // high half of the offset
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: far})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

// syncDir has nothing to do: NTFS keeps names in a journal of its own, and
// folders cannot be flushed.
func syncDir(*os.File) error { return nil }
