//go:build linux || darwin || freebsd || netbsd || openbsd

package cli

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// hush lets a terminal show nothing of what is typed until end is called, which
// throws away what nobody read. Keys that interrupt go on to do so.
func hush(f *os.File) (end func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("hush terminal: %w", err)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, setTermios, &silent); err != nil {
		return nil, fmt.Errorf("hush terminal: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermiosFlush, before) }, nil
}
