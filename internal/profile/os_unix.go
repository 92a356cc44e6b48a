//go:build unix

package profile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// modesMatter: permission bits say who may use a file.
	modesMatter = true
	// noWait keeps the opening of a pipe from waiting for its other end.
	noWait = unix.O_NONBLOCK
)

// maxSocketPath is what fits into sun_path with its final NUL: 108 octets on
// Linux, 104 elsewhere.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

// setUmask makes everything that this process creates private.
func setUmask() { unix.Umask(0o077) }

// owner returns whose the file is, and whether that is us.
func owner(info fs.FileInfo) (uid int, ours bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, false
	}
	return int(st.Uid), int(st.Uid) == os.Geteuid()
}

// tryLock takes the lock of f without waiting, ErrLocked if another holds it.
// The kernel releases it when the last copy of f is closed, so also when the
// process is killed.
func tryLock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		}
		return err
	}
}

// syncDir brings the names in a folder to the disk. Some file systems cannot
// and say so; they have no better way.
func syncDir(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
