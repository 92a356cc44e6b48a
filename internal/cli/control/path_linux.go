package control

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// shorten returns another path to the same socket that fits into a socket
// address, for a profile that is deep in the tree: through the open folder.
// done closes that folder, once the path was used.
func shorten(path string) (short string, done func(), err error) {
	if len(path) < maxPath {
		return path, func() {}, nil
	}
	folder, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("open %s: %w", filepath.Dir(path), err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder, filepath.Base(path)), func() { _ = unix.Close(folder) }, nil
}
