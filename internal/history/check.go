package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Check reads all of a database and reports damage, as an error that is
// ErrDamaged. It writes nothing, leaves no file behind, and holds up nobody who
// has it open, who must be of this process. It ends soon after ctx does.
func Check(ctx context.Context, path string, key [32]byte) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	f := file{config: standard, path: path, key: key}
	c, err := f.openToCheck()
	if err != nil {
		return explain("check", path, err)
	}
	c.db.SetInterrupt(ctx)
	err = c.integrity(path)
	c.db.SetInterrupt(context.Background())
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return explain("check", path, errors.Join(err, c.close()))
}

// CheckClosed is Check for a database that nobody has open. It also sees what
// opening would not be told by SQLite: a damaged log, which is looked at before
// anybody touches its index, and a damaged first page.
func CheckClosed(ctx context.Context, path string, key [32]byte) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	if err := (file{config: standard, path: path, key: key}).sound(); err != nil {
		return explain("check", path, err)
	}
	return Check(ctx, path, key)
}

// openToCheck opens the file with its log, if it has one.
func (f file) openToCheck() (*conn, error) {
	if log, err := os.Stat(f.path + "-wal"); err == nil && log.Size() > 0 {
		return f.openDamaged()
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return connect(f.uri("&immutable=1&mode=ro"), &f.key)
}

// integrity is what SQLite says of the database, in the words of ErrDamaged.
func (c *conn) integrity(path string) error {
	found := ""
	q := c.query("PRAGMA integrity_check(1)")
	if q.next() {
		found = q.stmt.ColumnText(0)
	}
	err := q.done()
	if err == nil && found != "ok" {
		err = &Error{Path: path, Problem: problemDamaged, Hint: hintAway, Err: errors.Join(ErrDamaged, errors.New(found))}
	}
	return err
}
