package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"llchat/internal/lantest/pty"
)

// seen is what a terminal shows, read as it comes.
type seen struct {
	t    *testing.T
	more chan []byte
	all  []byte
}

func watch(t *testing.T, keys *os.File) *seen {
	t.Helper()
	s := &seen{t: t, more: make(chan []byte, 1)}
	go func() {
		defer close(s.more)
		for {
			buf := make([]byte, 32<<10)
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			select {
			case s.more <- buf[:n]:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return s
}

// until reads to the end of one of these words and says which it was.
func (s *seen) until(words ...string) string {
	s.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		for _, w := range words {
			if _, after, ok := bytes.Cut(s.all, []byte(w)); ok {
				s.all = after
				return w
			}
		}
		select {
		case b, ok := <-s.more:
			if !ok {
				s.t.Fatalf("the window ended before %q: %q", words, s.all)
			}
			s.all = append(s.all, b...)
		case <-late.C:
			s.t.Fatalf("no %q: %q", words, s.all)
		}
	}
}

// A right passphrase was refused: the window that had ended still read the
// terminal, and took letters of it.
func TestG6_EveryUnlockTakesTheFirstPassphrase(t *testing.T) {
	work := t.TempDir()
	if err := os.Mkdir(filepath.Join(work, "lan"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(work, "passphrase")
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	alice := func(args ...string) *exec.Cmd {
		cmd := exec.Command("alice", args...)
		cmd.Env = append(os.Environ(), "WORK="+work, "LAN="+filepath.Join(work, "lan"), "TERM=xterm-256color", "XDG_RUNTIME_DIR=")
		return cmd
	}
	do := func(args ...string) {
		t.Helper()
		if out, err := alice(args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	start := func(cmd *exec.Cmd) {
		t.Helper()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		})
	}
	do("passphrase", "set", "--new-passphrase-file", file)
	start(alice("daemon", "--nick", "alice", "--passphrase-file", file))
	ready := exec.Command("ready", "alice")
	ready.Env = alice().Env
	if out, err := ready.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	const altScreen = "\x1b[?1049h"
	keys, screen := pty.Open(t)
	window := alice()
	window.Stdin, window.Stdout, window.Stderr = screen, screen, screen
	start(window)
	s := watch(t, keys)
	for cycle := range 20 {
		s.until(altScreen)
		do("lock")
		s.until("Passphrase: ")
		for _, c := range "correct horse\n" { // a person types one key after another
			if _, err := keys.WriteString(string(c)); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.until(altScreen, "passphrase is wrong"); got != altScreen {
			t.Fatalf("unlock %d: %s", cycle, got)
		}
		s.all = append([]byte(altScreen), s.all...) // the next round begins with this window
	}
}
