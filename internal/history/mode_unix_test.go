//go:build unix

package history

import (
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody else may read the files, whatever the umask says, and a file
// that came with a wider mode is closed to others.
func TestR1ModesOfFiles(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := dbPath(t)
	for round := range 2 {
		s := open(t, path)
		add(t, s, in(bob, round, "m"))
		for _, suffix := range []string{"", "-wal", "-shm"} {
			fi, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if fi.Mode() != fs.FileMode(0o600) {
				t.Errorf("round %d: history.db%s has mode %v", round, suffix, fi.Mode())
			}
		}
		closeStore(t, s)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The copy of a migration.
	future := standard
	future.steps = append(future.steps[:4:4], "CREATE TABLE room (id INTEGER PRIMARY KEY)")
	s, err := future.open(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	for _, name := range []string{path, path + ".v4"} {
		if fi, err := os.Stat(name); err != nil || fi.Mode() != fs.FileMode(0o600) {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
}
