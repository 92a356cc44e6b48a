//go:build linux || darwin || freebsd || dragonfly

package history

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// roomForCommit is less than what the log, its index and the file may grow by
// in one step: a write-ahead index grows by 32 KiB.
const roomForCommit = 64 << 10

// full reports whether the disk under path has no room for a commit.
func full(path string) bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &fs); err != nil {
		return false
	}
	return uint64(fs.Bavail) < roomForCommit/uint64(max(fs.Bsize, 1))+1
}

// quota reports whether the user may not store more.
func quota(err error) bool { return errors.Is(err, unix.EDQUOT) }
