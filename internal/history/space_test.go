package history

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// An error of the disk is called a full disk only where the disk is full.
func TestIOErrorIsNotAFullDisk(t *testing.T) {
	for _, path := range []string{dbPath(t), filepath.Join(t.TempDir(), "nowhere", "history.db")} {
		if full(path) {
			t.Errorf("%s: full", path)
		}
		err := explain("test", path, sqlite3.IOERR_WRITE)
		var e *Error
		if !errors.As(err, &e) || errors.Is(err, ErrNoSpace) || e.Problem == ErrNoSpace.Error() {
			t.Errorf("%v", err)
		}
	}
}
