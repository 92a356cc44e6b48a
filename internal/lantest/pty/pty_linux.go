// Package pty opens terminals for tests. Nobody sits at them: they answer no
// query.
package pty

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Open opens one until the test ends. What is written to keys is typed, and
// what the terminal shows is read there; screen is what a program gets.
func Open(t testing.TB) (keys, screen *os.File) {
	t.Helper()
	keys = open(t, "/dev/ptmx")
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock terminal: %v", err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("number of terminal: %v", err)
	}
	return keys, open(t, fmt.Sprintf("/dev/pts/%d", number))
}

func open(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0) // the terminal of nobody but the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
