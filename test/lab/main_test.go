//go:build lab && linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// roleVariable makes this binary play a part in place of running tests: it is
// the first process of a host, or a peer inside one.
const roleVariable = "LLCHAT_LAB_ROLE"

// roles are the parts that this binary can play.
var roles = map[string]func(args []string) error{
	"host":     hostMain,
	"zeroconf": zeroconfMain,
}

// binaryVariable names an llchat to test in place of one built here.
const binaryVariable = "LLCHAT_LAB_BINARY"

// llchat is the program under test, built once.
var llchat = os.Getenv(binaryVariable)

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		if err := role(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "the lab makes network namespaces: run it as root")
		return 1
	}
	if llchat != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "llchat-lab")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Another user runs it too (TestT36_P23_SecondUser).
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	llchat = filepath.Join(dir, "llchat")
	build := exec.Command("go", "build", "-o", llchat, "llchat/cmd/llchat")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// pollEvery is how often a condition is looked at that nothing announces.
const pollEvery = 10 * time.Millisecond

// eventually waits until ok holds.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	if !poll(t.Context(), within, ok) {
		t.Fatalf("not within %v: %s", within, what)
	}
}

// poll reports whether ok came to hold in time.
func poll(ctx context.Context, within time.Duration, ok func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
