package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llchat/internal/lantest/pty"
)

// onTerminal runs alice there and returns what the terminal got.
func onTerminal(t *testing.T, work string, args ...string) string {
	t.Helper()
	ours, theirs := pty.Open(t)
	cmd := exec.Command("alice", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.Env = append(os.Environ(), "WORK="+work, "LAN="+filepath.Join(work, "lan"), "TERM=xterm-256color", "XDG_RUNTIME_DIR=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	var got bytes.Buffer
	_, _ = got.ReadFrom(ours) // ends with an error when the program has ended
	_ = cmd.Wait()
	return got.String()
}

// Commands ask the terminal nothing: one that does not answer would hold them
// up for seconds (lipgloss waits two), and what was typed ahead would be lost.
func TestNoTerminalQueries(t *testing.T) {
	work := t.TempDir()
	if err := os.Mkdir(filepath.Join(work, "lan"), 0o700); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"version":        "llchat ",
		"--help":         "Examples:",
		"send --help":    "Examples:",
		"help":           "Examples:",
		"frob":           "llchat: error: there is no command",
		"accept nobody":  "llchat: error: there is no peer",
		"status":         "no node runs",
		"completion csh": "llchat: error:",
	} {
		got := onTerminal(t, work, strings.Fields(args)...)
		if strings.Contains(got, "\x1b") || !strings.Contains(got, want) {
			t.Errorf("%s: %q; want %q and no escape", args, got, want)
		}
	}
}

// On a terminal send says after 1 s that it waits.
func TestPatienceOnTerminal(t *testing.T) {
	work := t.TempDir()
	if err := os.Mkdir(filepath.Join(work, "lan"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := onTerminal(t, work, "send", "bob", "x", "--timeout", "2s")
	if strings.Count(got, "llchat: waiting for bob ...") != 1 || !strings.Contains(got, "there is no peer") {
		t.Errorf("%q", got)
	}
}

// Budget: 50 ms (issue 2). What it costs is what packages do when they start.
func BenchmarkVersion(b *testing.B) {
	program := filepath.Join(b.TempDir(), "llchat")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		if err := exec.Command(program, "version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
