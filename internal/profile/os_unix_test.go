//go:build unix

package profile

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"
)

// foreignInfo is a file of the user after us.
type foreignInfo struct{ mode fs.FileMode }

func (foreignInfo) Name() string        { return "x" }
func (foreignInfo) Size() int64         { return 0 }
func (i foreignInfo) Mode() fs.FileMode { return i.mode }
func (foreignInfo) ModTime() time.Time  { return time.Time{} }
func (foreignInfo) IsDir() bool         { return false }
func (foreignInfo) Sys() any            { return &syscall.Stat_t{Uid: uint32(os.Geteuid()) + 1} }

// TestOwner needs no root.
func TestOwner(t *testing.T) {
	err := checkAccess("/p/x", foreignInfo{0o600}, 0o600)
	wantProblem(t, err, "/p/x", "belongs to another user")
}

// TestPipeDoesNotBlock: a pipe in place of a file is refused at once.
func TestPipeDoesNotBlock(t *testing.T) {
	p := open(t)
	for _, name := range []string{"trust", "lock"} {
		if err := syscall.Mkfifo(p.Path(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.Read("trust", 10)
	wantProblem(t, err, p.Path("trust"), "is not a regular file")
	wantProblem(t, p.Lock(), p.Path("lock"), "is not a regular file")
}

// TestUmask: R-1, before anything else is made.
func TestUmask(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	open(t)
	if got := syscall.Umask(0o077); got != 0o077 {
		t.Errorf("umask %04o", got)
	}
}
