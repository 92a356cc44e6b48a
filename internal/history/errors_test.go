package history

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// What the user can act on says what is wrong and what to do; the cause stays
// within reach of errors.Is.
func TestExplain(t *testing.T) {
	own := &Error{Path: "p", Problem: "is cut short", Hint: hintAway}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"wrong key", sqlite3.NOTADB, "history /h: cannot be read with this key"},
		{"damage", sqlite3.CORRUPT, "history /h: is damaged"},
		{"disk full, in SQLite", sqlite3.FULL, "history /h: no space left on the disk"},
		{"disk full, elsewhere", &fs.PathError{Op: "open", Path: "/h", Err: syscall.ENOSPC}, "history /h: no space left on the disk"},
		{"read-only", sqlite3.READONLY_DIRECTORY, "history /h: cannot be written"},
		{"permission", &fs.PathError{Op: "open", Path: "/h", Err: fs.ErrPermission}, "history /h: cannot be written"},
		{"broken disk", sqlite3.IOERR_READ, "history /h: the disk reports an error"},
		{"in use", sqlite3.BUSY, "history /h: is in use by another program"},
		{"ours", fmt.Errorf("deep down: %w", own), "history p: is cut short"},
		{"anything else", fs.ErrNotExist, "history page: file does not exist"},
		{"a mistake of ours", sqlite3.MISUSE, "history page: sqlite3: bad parameter or other API misuse"},
	}
	for _, tt := range tests {
		got := explain("page", "/h", errors.Join(tt.err))
		if got.Error() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		var e *Error
		if errors.As(got, &e) && e.Hint == "" {
			t.Errorf("%s: no hint", tt.name)
		}
		if e != own && !errors.Is(got, tt.err) {
			t.Errorf("%s: the cause is lost", tt.name)
		}
	}
	if err := explain("page", "/h", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
