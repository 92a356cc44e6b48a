//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
)

const horse = "correct horse"

// secretFile is a file with a passphrase.
func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// person is an app whose user sits at a terminal and answers in turn.
type person struct {
	out, errs bytes.Buffer
	answers   []string
	asked     []string
	window    Window
}

func (p *person) app(dir string) *app {
	prog := program(dir, &p.out, &p.errs)
	if p.window != nil {
		prog.Window = p.window
	}
	a := newApp(prog)
	a.isTTY = func(any) bool { return true }
	a.prompt = func(prompt string) ([]byte, error) {
		p.asked = append(p.asked, prompt)
		if len(p.answers) == 0 {
			return nil, errors.New("asked too often")
		}
		answer := p.answers[0]
		p.answers = p.answers[1:]
		return []byte(answer), nil
	}
	return a
}

func (p *person) runs(t *testing.T, dir string, code int, args string) {
	t.Helper()
	if got := p.app(dir).run(t.Context(), strings.Fields(args)); got != code {
		t.Errorf("%s: exit %d, want %d\n%s%s", args, got, code, &p.out, &p.errs)
	}
}

func (p *person) wasAsked(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(p.asked, want) {
		t.Errorf("asked %q, want %q", p.asked, want)
	}
	if len(p.answers) > 0 {
		t.Errorf("not asked for: %q", p.answers)
	}
}

// protect puts the default profile under a passphrase.
func protect(t *testing.T, dir, passphrase string) {
	t.Helper()
	p := &person{answers: []string{passphrase, passphrase}}
	p.runs(t, dir, 0, "passphrase set")
	p.wasAsked(t, "New passphrase", "The same again")
}

// A person is asked once, again after a wrong answer, three times in all.
func TestPassphraseIsAsked(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	p := &person{answers: []string{horse}}
	p.runs(t, dir, 0, "status")
	p.wasAsked(t, "Passphrase")
	p = &person{answers: []string{"horse", horse}}
	p.runs(t, dir, 0, "whoami")
	p.wasAsked(t, "Passphrase", "Passphrase")
	if !strings.Contains(p.errs.String(), "llchat: the passphrase is wrong\n") {
		t.Errorf("said: %q", &p.errs)
	}
	p = &person{answers: []string{"a", "b", "c"}}
	p.runs(t, dir, chat.CodeRefused, "peers")
	p.wasAsked(t, "Passphrase", "Passphrase", "Passphrase")
	p = &person{answers: []string{horse, "x", "y"}}
	p.runs(t, dir, chat.CodeUsage, "passphrase change")
	p.wasAsked(t, "Present passphrase", "New passphrase", "The same again")
	p = &person{answers: []string{horse, "battery", "battery"}}
	p.runs(t, dir, 0, "passphrase change")
	p = &person{answers: []string{"battery"}}
	p.runs(t, dir, 0, "passphrase remove")
	p = &person{}
	p.runs(t, dir, 0, "status")
	p.wasAsked(t)
}

// Scripts and services give it without a person: a file, a pipe, standard
// input, or what systemd keeps.
func TestPassphraseForScripts(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	run := func(stdin string, args ...string) (int, string) {
		var out, errs bytes.Buffer
		prog := program(dir, &out, &errs)
		prog.Stdin = strings.NewReader(stdin)
		return newApp(prog).run(t.Context(), args), errs.String()
	}
	fd, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fd.Close() }()
	_, _ = w.WriteString(horse + "\n")
	_ = w.Close()
	for _, c := range []struct {
		name, stdin, file string
		code              int
		says              string
	}{
		{"a file", "", secretFile(t, horse+"\r\nmore\n", 0o600), 0, ""},
		{"a file without a line end", "", secretFile(t, horse, 0o400), 0, ""},
		{"standard input", horse + "\n", "-", 0, ""},
		{"a pipe", "", fmt.Sprintf("/dev/fd/%d", fd.Fd()), 0, ""},
		{"others can read it", "", secretFile(t, horse, 0o644), chat.CodeRefused, "chmod 600"},
		{"empty", "", secretFile(t, "\n", 0o600), chat.CodeUsage, "empty"},
		{"too long", "", secretFile(t, strings.Repeat("x", 5000), 0o600), chat.CodeUsage, "too long"},
		{"not there", "", filepath.Join(dir, "none"), chat.CodeError, "no such file"},
		{"wrong", "", secretFile(t, "horse", 0o600), chat.CodeRefused, "wrong"},
		{"none", "", "", chat.CodeRefused, "--passphrase-file"},
	} {
		args := []string{"whoami"}
		if c.file != "" {
			args = append(args, "--passphrase-file", c.file)
		}
		if code, says := run(c.stdin, args...); code != c.code || !strings.Contains(says, c.says) || strings.Contains(says, horse) {
			t.Errorf("%s: exit %d, %s", c.name, code, says)
		}
	}
	credentials := t.TempDir()
	if err := os.WriteFile(filepath.Join(credentials, credential), []byte(horse), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	if code, says := run("", "whoami"); code != 0 {
		t.Errorf("a credential: exit %d, %s", code, says)
	}
	// Two lines of standard input: the present one, then the new one.
	if code, says := run(horse+"\nbattery\n", "passphrase", "change", "--passphrase-file", "-", "--new-passphrase-file", "-"); code != 0 {
		t.Errorf("two lines: exit %d, %s", code, says)
	}
	if code, _ := run("battery\n", "whoami", "--passphrase-file", "-"); code != 0 {
		t.Error("the new one does not open it")
	}
}

// shown is a window that tells when it comes and goes.
type shown struct {
	came chan chat.API
	gone chan struct{}
}

func newShown() *shown { return &shown{make(chan chat.API, 4), make(chan struct{}, 4)} }

func (s *shown) window(ctx context.Context, api chat.API, _ WindowOptions) error {
	feed, err := api.Subscribe(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	s.came <- api
	for err == nil {
		_, err = feed.Next(ctx)
	}
	<-ctx.Done() // as the window does: it waits for the node to come back
	s.gone <- struct{}{}
	return nil
}

// soon receives, or fails the test.
func soon[T any](t *testing.T, what string, c <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-c:
	case <-time.After(time.Minute):
		t.Fatalf("not soon: %s", what)
	}
	return got
}

// started runs llchat beside the test until stop.
func started(t *testing.T, p *person, dir, args string) (stop context.CancelFunc, code chan int) {
	t.Helper()
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("LLCHAT_PLAIN", "")
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	code = make(chan int, 1)
	a := p.app(dir)
	go func() { code <- a.run(ctx, strings.Fields(args)) }()
	return stop, code
}

// Locked by another command, the window is gone from the screen before the
// lock is told, asks for the passphrase, and comes back.
func TestLockBlanksTheWindow(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	w := newShown()
	p := &person{answers: []string{horse, "wrong", horse}, window: w.window}
	stop, code := started(t, p, dir, "--nick alice")
	soon(t, "the window", w.came)
	other := &person{}
	other.runs(t, dir, 0, "lock")
	select {
	case <-w.gone:
	default:
		t.Error("the lock was told while the window was there")
	}
	api := soon(t, "the window again", w.came)
	if s, err := api.Status(t.Context()); err != nil || s.Locked || s.Nick.String() != "alice" {
		t.Errorf("status %+v, %v", s, err)
	}
	stop()
	if got := soon(t, "the end", code); got != 0 {
		t.Errorf("exit %d: %s", got, &p.errs)
	}
	p.wasAsked(t, "Passphrase", "Locked. Passphrase", "Passphrase")
}

// A window of a daemon goes, too, and its passphrase unlocks the daemon. One
// that is opened while the daemon is locked asks first.
func TestLockBlanksTheAttachedWindow(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	d := &person{answers: []string{horse}}
	stopDaemon, ended := started(t, d, dir, "daemon --nick alice")
	runsNow(t, dir)
	(&person{}).runs(t, dir, 0, "lock")
	w := newShown()
	p := &person{answers: []string{horse, horse}, window: w.window}
	stop, code := started(t, p, dir, "")
	soon(t, "the window", w.came)
	(&person{}).runs(t, dir, 0, "lock")
	soon(t, "the window goes", w.gone)
	soon(t, "the window again", w.came)
	stop()
	if got := soon(t, "the end", code); got != 0 {
		t.Errorf("exit %d: %s", got, &p.errs)
	}
	p.wasAsked(t, "Passphrase", "Locked. Passphrase")
	(&person{}).runs(t, dir, 0, "whoami") // the daemon is open
	stopDaemon()
	soon(t, "the daemon ends", ended)
}

// runsNow waits until the node of the default profile answers.
func runsNow(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var out, errs bytes.Buffer
		if newApp(program(dir, &out, &errs)).run(t.Context(), []string{"status", "--json"}); strings.Contains(out.String(), `"ready":true`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no node: %s%s", &out, &errs)
		}
	}
}

// In line mode, where somebody may still read the lines, nothing is asked.
func TestLockEndsLineMode(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	w := newShown()
	p := &person{answers: []string{horse}, window: w.window}
	_, code := started(t, p, dir, "--plain --nick alice")
	soon(t, "line mode", w.came)
	(&person{}).runs(t, dir, 0, "lock")
	if got := soon(t, "the end", code); got != chat.CodeRefused {
		t.Errorf("exit %d: %s", got, &p.errs)
	}
	p.wasAsked(t, "Passphrase")
}

// P-21: a panic ends the node and its window, whatever they are at, locked or
// not, without a word.
func TestP21_PanicEndsTheNode(t *testing.T) {
	for _, locked := range []bool{false, true} {
		dir := home(t)
		protect(t, dir, horse)
		d := &person{answers: []string{horse}}
		_, code := started(t, d, dir, "daemon --nick alice")
		runsNow(t, dir)
		if locked {
			(&person{}).runs(t, dir, 0, "lock")
		}
		p := &person{}
		p.runs(t, dir, 0, "panic")
		if got := soon(t, "the daemon ends", code); got != 0 || d.errs.Len() > 0 {
			t.Errorf("locked %v: exit %d: %s", locked, got, &d.errs)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "home", "default")); err == nil && len(left) > 0 {
			t.Errorf("locked %v: left %v", locked, left)
		}
	}
	dir := home(t)
	w := newShown()
	p := &person{window: w.window}
	_, code := started(t, p, dir, "--nick alice")
	soon(t, "the window", w.came)
	(&person{}).runs(t, dir, 0, "panic")
	soon(t, "the window goes", w.gone)
	if got := soon(t, "the end", code); got != 0 {
		t.Errorf("exit %d: %s", got, &p.errs)
	}
}

// A node that does not answer keeps nobody from destroying the files; what it
// has in memory is told.
func TestP21_PanicBesideADeadNode(t *testing.T) {
	dir := home(t)
	(&person{}).runs(t, dir, 0, "whoami")
	l, err := net.Listen("unix", filepath.Join(dir, "home", "default", "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p := &person{}
	a := p.app(dir)
	a.panicTime = 50 * time.Millisecond
	if code := a.run(t.Context(), []string{"panic"}); code != chat.CodeError || !strings.Contains(p.errs.String(), "destroyed, but") {
		t.Errorf("exit %d: %s", code, &p.errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "home", "default")); err == nil {
		t.Error("the profile is there")
	}
}

// Without a node or a passphrase there is nothing to lock.
func TestNothingToLock(t *testing.T) {
	dir := home(t)
	p := &person{}
	p.runs(t, dir, 0, "lock")
	p.runs(t, dir, 0, "unlock")
	p.runs(t, dir, chat.CodeNoSuch, "panic --profile none")
	if !strings.Contains(p.out.String(), "nothing to lock") || !strings.Contains(p.out.String(), "nothing to unlock") {
		t.Errorf("said %q", &p.out)
	}
	if _, err := os.Stat(filepath.Join(dir, "home", "none")); err == nil {
		t.Error("a panic made a profile")
	}
}

// A command that mends a damaged history says so, where no health is shown.
func TestMendedHistoryIsTold(t *testing.T) {
	dir := home(t)
	p := &person{}
	p.runs(t, dir, 0, "peers")
	if p.errs.Len() > 0 && strings.Contains(p.errs.String(), "warning") {
		t.Errorf("of a sound profile: %s", &p.errs)
	}
	mark := filepath.Join(dir, "home", "default", "history.db.mend")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p = &person{}
	p.runs(t, dir, 0, "export")
	if says := p.errs.String(); !strings.Contains(says, "llchat: warning: the history was damaged: 0 messages could be read") ||
		!strings.Contains(says, "llchat: hint: the damaged file is kept as ") {
		t.Errorf("said %q", says)
	}
	p = &person{}
	p.runs(t, dir, 0, "export")
	if p.errs.Len() > 0 {
		t.Errorf("said again: %s", &p.errs)
	}
}
