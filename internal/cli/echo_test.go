//go:build linux

package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"llchat/internal/lantest/pty"
)

// echoed reads what the terminal shows until word is among it.
func echoed(t *testing.T, keyboard *os.File, word string) string {
	t.Helper()
	var all strings.Builder
	buf := make([]byte, 256)
	for !strings.Contains(all.String(), word) {
		n, err := keyboard.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(buf[:n])
	}
	return all.String()
}

// waiting is how many typed octets nobody has read.
func waiting(t *testing.T, screen *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A passphrase that is typed while the one before is still being tried was
// shown on the screen, and read by whatever came next.
func TestG6_TypedAheadIsNeitherShownNorKept(t *testing.T) {
	keyboard, screen := pty.Open(t)
	end, err := hush(screen)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyboard.WriteString("secret\n"); err != nil {
		t.Fatal(err)
	}
	for waiting(t, screen) < len("secret\n") { // it takes its way through the kernel
		time.Sleep(time.Millisecond)
	}
	end()
	if n := waiting(t, screen); n != 0 {
		t.Errorf("%d octets wait for the next reader", n)
	}
	if _, err := keyboard.WriteString("again"); err != nil {
		t.Fatal(err)
	}
	if got := echoed(t, keyboard, "again"); got != "again" { // the echo is back
		t.Errorf("the terminal shows %q", got)
	}
}

// What is tried out is tried in silence, between two prompts as well.
func TestG6_TryOutIsSilent(t *testing.T) {
	_, screen := pty.Open(t)
	tries := 0
	a := &app{Program: Program{Stdin: screen, Stderr: screen}, isTTY: func(any) bool { return true }}
	echoes := func() bool {
		s, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
		return err != nil || s.Lflag&unix.ECHO != 0
	}
	if !echoes() {
		t.Fatal("a new terminal is silent: this proves nothing")
	}
	err := a.tryOut(t.Context(), func([]byte) error {
		tries++
		if echoes() {
			t.Error("keys are shown while a passphrase is tried")
		}
		return nil
	})
	if err != nil || tries != 1 || !echoes() {
		t.Errorf("%v, %d tries, echo is back: %t", err, tries, echoes())
	}
}
