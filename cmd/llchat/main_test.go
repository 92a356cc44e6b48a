//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"llchat/internal/chat"
	"llchat/internal/lantest/loop"
)

// people are the commands of the scripts: llchat on a machine of its own, in
// a process of its own, on a LAN that does not leave this machine.
var people = map[string]byte{"alice": 2, "bob": 3, "mallory": 4, "parrot": 5}

func TestMain(m *testing.M) {
	commands := map[string]func(){
		"before":   before,
		"exits":    exits,
		"hidden":   hidden,
		"ready":    ready,
		"together": together,
		"until":    until,
	}
	for name := range people {
		commands[name] = func() { os.Exit(person(name)) }
	}
	// Built with -race, every process would sleep 1 s at its end.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	testscript.Main(m, commands)
}

func person(name string) int {
	home := filepath.Join(os.Getenv("WORK"), name)
	_ = os.Setenv("LLCHAT_HOME", home)
	network := func() (*chat.Network, error) {
		return loop.Network(os.Getenv("LAN"), people[name]), nil
	}
	return run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, network)
}

// exits runs a command and wants this exit code: exits 3 alice send bob hi.
func exits() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail("exits: %v", err)
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		fail("exits: %v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		fail("exits: %q gave %d, want %d", os.Args[2:], got, want)
	}
}

// before prints the history of a person before the message in a file of JSON:
// before alice bob FILE.
func before() {
	line, err := os.ReadFile(os.Args[3])
	if err != nil {
		fail("before: %v", err)
	}
	var m struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(line, &m); err != nil || m.ID == "" {
		fail("before: no id in %s: %v", line, err)
	}
	cmd := exec.Command(os.Args[1], "history", os.Args[2], "--before", m.ID)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fail("before: %v", err)
	}
}

// hidden wants none of these words in any file of a person's profiles, logs
// included: hidden alice canary.
func hidden() {
	err := filepath.WalkDir(filepath.Join(os.Getenv("WORK"), os.Args[1]), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, word := range os.Args[2:] {
			if strings.Contains(string(data), word) {
				fail("hidden: %s holds %q", path, word)
			}
		}
		return err
	})
	if err != nil {
		fail("hidden: %v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// patience is how long a script waits for what takes a moment: machines that
// test are slow.
const patience = time.Minute

// until runs a command over and over until its output holds a match, and stops
// it if it would go on: until 'lunch' bob watch --since 0.
func until() {
	want := regexp.MustCompile("(?m)" + os.Args[1])
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := once(want, deadline, os.Args[2:])
		if want.Match(out) && err == nil {
			_, _ = os.Stdout.Write(out)
			return
		}
		if time.Now().After(deadline) {
			fail("until: no %q: %v\n%s", want, err, out)
		}
	}
}

// once runs a command until its output holds a match, it ends or time is up.
func once(want *regexp.Regexp, deadline time.Time, args []string) (got []byte, err error) {
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		fail("until: %v", err)
	}
	if err := cmd.Start(); err != nil {
		fail("until: %v", err)
	}
	stop := func() { _ = cmd.Process.Signal(syscall.SIGINT) }
	late := time.AfterFunc(time.Until(deadline), stop)
	defer late.Stop()
	for b := make([]byte, 32<<10); err == nil; {
		var n int
		n, err = out.Read(b)
		if got = append(got, b[:n]...); want.Match(got) {
			stop()
		}
	}
	return got, cmd.Wait()
}

// ready waits until the nodes of these people can be found: ready alice bob.
func ready() {
	for _, name := range os.Args[1:] {
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			out, err := exec.Command(name, "status", "--json").CombinedOutput()
			if err == nil && strings.Contains(string(out), `"ready":true`) {
				break
			}
			if time.Now().After(deadline) {
				fail("ready: %s: %v\n%s", name, err, out)
			}
		}
	}
}

// together starts a command twice at the same moment: one must run until it
// is stopped and end with 0, the other must end with 1 and say why.
func together() {
	var cmds [2]*exec.Cmd
	ended := make(chan int, len(cmds))
	var errs [2]strings.Builder
	for i := range cmds {
		cmds[i] = exec.Command(os.Args[1], os.Args[2:]...)
		cmds[i].Stderr = &errs[i]
		if err := cmds[i].Start(); err != nil {
			fail("together: %v", err)
		}
	}
	for i, c := range cmds {
		go func() {
			_ = c.Wait()
			ended <- i
		}()
	}
	loser := <-ended
	if code := cmds[loser].ProcessState.ExitCode(); code != 1 || !strings.Contains(errs[loser].String(), "llchat: hint:") {
		fail("together: the second ended with %d: %s", code, &errs[loser])
	}
	if err := cmds[1-loser].Process.Signal(syscall.SIGTERM); err != nil {
		fail("together: %v", err)
	}
	<-ended
	if code := cmds[1-loser].ProcessState.ExitCode(); code != 0 {
		fail("together: the first ended with %d: %s", code, &errs[1-loser])
	}
	fmt.Print(errs[loser].String())
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("LAN", filepath.Join(e.WorkDir, "lan"))
			e.Setenv("XDG_RUNTIME_DIR", "")
			e.Setenv("TERM", "dumb")
			e.Setenv("GORACE", os.Getenv("GORACE"))
			return os.Mkdir(filepath.Join(e.WorkDir, "lan"), 0o700)
		},
	})
}
