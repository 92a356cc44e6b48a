//go:build lab && linux

package lab

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"llchat/internal/lantest/pty"
)

// terminal is a pseudo-terminal. Nobody is at it: it answers no query.
type terminal struct {
	control *os.File // what a terminal emulator holds
	line    *os.File // what the program gets
}

func (h *host) terminal(t testing.TB, columns, rows uint16) *terminal {
	t.Helper()
	control, line := pty.Open(t)
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
