package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"llchat/internal/lantest/pty"
)

// shownOn reads what the terminal shows for good, and says when it was word.
func shownOn(keys io.Reader, word string) <-chan struct{} {
	shown := make(chan struct{}, 1)
	go func() {
		var tail []byte
		buf := make([]byte, 4096)
		for {
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			tail = append(tail, buf[:n]...)
			if bytes.Contains(tail, []byte(word)) {
				tail = tail[:0]
				select {
				case shown <- struct{}{}:
				default:
				}
			}
			tail = tail[max(0, len(tail)-len(word)):]
		}
	}()
	return shown
}

// within waits for a moment that comes, however slow the machine is.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	select {
	case v := <-c:
		return v
	case <-late.C:
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// A window that a lock ended left a reader behind, which took octets of the
// passphrase that was asked for next.
func TestG6_EndedWindowReadsNoPassphrase(t *testing.T) {
	keys, screen := pty.Open(t)
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	shown := shownOn(keys, "bob")
	for cycle := range 20 {
		select { // of the window before
		case <-shown:
		default:
		}
		ctx, lock := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- Run(ctx, meetingAt(noon), Options{In: screen, Out: screen, Env: darkEnv})
		}()
		within(t, "window", shown)
		lock()
		if err := within(t, "end of the window", ended); err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		go func() {
			secret, err := term.ReadPassword(int(screen.Fd()))
			got <- fmt.Sprintf("%s %v", secret, err)
		}()
		for _, c := range "correct horse\n" { // a person types one key after another
			if _, err := keys.WriteString(string(c)); err != nil {
				t.Fatal(err)
			}
		}
		if line := within(t, "passphrase", got); line != "correct horse <nil>" {
			t.Fatalf("cycle %d: the prompt read %q", cycle, line)
		}
	}
}

// A reader that wakes when its window is gone gets an end and takes nothing.
func TestG6_KeyboardTakenReadsNothing(t *testing.T) {
	keys, screen := pty.Open(t)
	in, end := inputOf(Options{In: screen})
	buf := make([]byte, 64)
	if _, err := keys.WriteString("key\n"); err != nil {
		t.Fatal(err)
	}
	if n, err := in.Read(buf); err != nil || string(buf[:n]) != "key\n" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	end()
	if _, err := keys.WriteString("secret\n"); err != nil {
		t.Fatal(err)
	}
	if n, err := in.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v after the end", buf[:n], err)
	}
	if n, err := screen.Read(buf); err != nil || string(buf[:n]) != "secret\n" {
		t.Errorf("the next reader gets %q, %v", buf[:n], err)
	}
}
