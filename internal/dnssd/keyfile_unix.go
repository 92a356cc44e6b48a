//go:build unix

package dnssd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkKeyFile wants a regular file that is ours, or root's, and that nobody
// else may read.
func checkKeyFile(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("others may read it: its mode is %04o", mode)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("it belongs to somebody else")
	}
	return nil
}
