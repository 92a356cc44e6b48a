package profile

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// from the first profile on, this process leaves no core file and shows
// its memory to no other.
func TestR6_NoCoreFile(t *testing.T) {
	p, err := Open(filepath.Join(t.TempDir(), "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core.Cur != 0 || core.Max != 0 {
		t.Errorf("core limit %+v, %v; want 0", core, err)
	}
	if on, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || on != 0 {
		t.Errorf("dumpable %d, %v; want 0", on, err)
	}
}
