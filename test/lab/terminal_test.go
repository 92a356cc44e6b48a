//go:build lab && linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal. Nobody is at it: it answers no query.
type terminal struct {
	control *os.File // what a terminal emulator holds
	line    *os.File // what the program gets
}

func (h *host) terminal(t testing.TB, columns, rows uint16) *terminal {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock terminal: %v", err)
	}
	no, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("number of terminal: %v", err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", no), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	if err := unix.IoctlSetWinsize(int(control.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatalf("size of terminal: %v", err)
	}
	return &terminal{control, line}
}

// onTerminal starts a program with s as its terminal.
func onTerminal(s *terminal) as {
	return func(c *exec.Cmd) {
		c.Stdin, c.Stdout, c.Stderr = s.line, s.line, s.line
		c.SysProcAttr.Setctty = true
		c.SysProcAttr.Ctty = 0
	}
}
