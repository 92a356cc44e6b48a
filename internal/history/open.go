package history

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
)

// config is what tests vary.
type config struct {
	vfs   string   // file layer, encrypting
	steps []string // migrations
}

var standard = config{vfs: fileLayer, steps: migrations}

// pageSize is SQLite's default and the block that vfs/adiantum encrypts.
const pageSize = 4096

// pragmas of every connection. FULL: a commit is on the disk when it returns.
// The caches are small because a daemon with two connections has to stay
// small; the pages of a conversation's end are few.
const pragmas = `
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -256;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
PRAGMA busy_timeout = 1000;
`

// Open opens the database at path, which is made when there is none. The key
// is the one it was made with. What is wrong with the file comes as *Error;
// a file that cannot be read is never replaced and never written.
func Open(path string, key [32]byte) (*Store, error) { return standard.open(path, key) }

func (cfg config) open(path string, key [32]byte) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("history open: %w", err)
	}
	f := file{config: cfg, path: path, key: key}
	lost := f.logLost()
	if err := f.prepare(); err != nil {
		return nil, explain("open", path, err)
	}
	s, err := f.start()
	if err != nil {
		return nil, explain("open", path, err)
	}
	s.logLost = lost
	return s, nil
}

// OpenMemory opens an empty store that leaves no trace.
func OpenMemory() (*Store, error) {
	c, err := connect(":memory:", nil)
	if err != nil {
		return nil, fmt.Errorf("history open: %w", err)
	}
	if err := c.migrate(0, migrations); err != nil {
		return nil, errors.Join(fmt.Errorf("history open: %w", err), c.close())
	}
	return newStore("memory", c, c)
}

// file is a database file on its way to being opened.
type file struct {
	config
	path string
	key  [32]byte
}

// prepare sees to it that there is a database, and that the key opens it.
func (f file) prepare() error {
	switch fi, err := os.Lstat(f.path); {
	case errors.Is(err, fs.ErrNotExist):
		return f.create()
	case err != nil:
		return err
	case !fi.Mode().IsRegular():
		return &Error{Path: f.path, Problem: "is not a regular file", Hint: hintAway}
	case fi.Size() < pageSize:
		return &Error{Path: f.path, Problem: "is cut short", Hint: hintAway}
	}
	if err := f.sound(); err != nil {
		return err
	}
	return tighten(f.path)
}

// sound finds what is wrong with the first page and with the log, before SQLite
// sees them.
func (f file) sound() error {
	if err := f.verify(); err != nil {
		if errors.Is(err, sqlite3.NOTADB) && f.rightKey() {
			return &Error{Path: f.path, Problem: "is damaged on its first page", Hint: hintAway, Err: errors.Join(ErrDamaged, err)}
		}
		return err
	}
	return f.checkLog(readIndex(f.path))
}

// logLost tells a file that lost its log from one that was closed: closing
// removes the log and its index, a crash leaves both.
func (f file) logLost() bool {
	switch log, err := os.Stat(f.path + "-wal"); {
	case err == nil && log.Size() == 0:
		x := readIndex(f.path)
		return x.frames > x.stored
	case !errors.Is(err, fs.ErrNotExist):
		return false
	}
	index, err := os.Stat(f.path + "-shm")
	return err == nil && index.Size() > 0
}

// create makes a whole database under another name and then moves it into
// place, so that an empty or half-made file never passes for an empty history.
func (f file) create() error {
	if fi, err := os.Stat(f.path + "-wal"); err == nil && fi.Size() > 0 {
		return &Error{Path: f.path, Problem: "is missing, though its log " + fi.Name() + " is there", Hint: hintAway}
	}
	made := file{f.config, f.path + ".new", f.key}
	if err := made.remove(); err != nil {
		return err
	}
	if err := made.fill(); err != nil {
		return errors.Join(err, made.remove())
	}
	if err := os.Rename(made.path, f.path); err != nil {
		return err
	}
	return syncDir(f.path)
}

func (f file) fill() error {
	if err := tighten(f.path); err != nil {
		return err
	}
	c, err := f.connect()
	if err != nil {
		return err
	}
	err = c.db.Exec("PRAGMA application_id = " + strconv.Itoa(applicationID))
	if err == nil {
		err = c.migrate(0, f.steps)
	}
	return errors.Join(err, c.close())
}

func (f file) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.removeLog()
}

// removeLog removes what belongs to the file that bears the name now.
func (f file) removeLog() error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(f.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// verify reads the first page without looking at the log and without locks.
// It has to come first: SQLite would take a log that the key does not fit for
// an empty one, and delete it.
func (f file) verify() error {
	c, err := connect(f.uri("&immutable=1&mode=ro"), &f.key)
	if err != nil {
		return err
	}
	_, err = c.version()
	// After a crash the file may be shorter than it says; the log has the rest.
	if fi, e := os.Stat(f.path + "-wal"); e == nil && fi.Size() > 0 && errors.Is(err, sqlite3.CORRUPT) {
		err = nil
	}
	return errors.Join(err, c.close())
}

func (f file) start() (*Store, error) {
	w, r, err := f.connections()
	if err != nil {
		return nil, err
	}
	s, err := newStore(f.path, w, r)
	if err == nil {
		s.config, s.key = f.config, f.key
	}
	return s, err
}

// connections opens the writing and the reading connection.
func (f file) connections() (w, r *conn, err error) {
	if w, err = f.upgrade(); err != nil {
		return nil, nil, err
	}
	if r, err = f.connect(); err != nil {
		return nil, nil, errors.Join(err, w.close())
	}
	return w, r, nil
}

// upgrade opens the database, migrating an older schema, with a copy of the
// file kept beside it.
func (f file) upgrade() (*conn, error) {
	c, err := f.connect()
	if err != nil {
		return nil, err
	}
	v, err := c.version()
	if v > len(f.steps) {
		err = &Error{
			Path:    f.path,
			Problem: fmt.Sprintf("was written by a newer llchat (schema %d, this one knows %d)", v, len(f.steps)),
			Hint:    "update llchat, or use another profile",
		}
	}
	if err == nil && v == len(f.steps) {
		return c, nil
	}
	// Closing the only connection moves the log into the file.
	if err := errors.Join(err, c.close()); err != nil {
		return nil, err
	}
	if err := copyFile(f.path+".v"+strconv.Itoa(v), f.path); err != nil {
		return nil, fmt.Errorf("copy before migration: %w", err)
	}
	if c, err = f.connect(); err != nil {
		return nil, err
	}
	if err := c.migrate(v, f.steps); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (f file) connect() (*conn, error) {
	// SQLite makes these with the mode that the umask leaves.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := tighten(f.path + suffix); err != nil {
			return nil, err
		}
	}
	c, err := connect(f.uri(""), &f.key)
	if err != nil {
		return nil, err
	}
	if err := c.db.Exec("PRAGMA journal_mode = WAL"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (f file) uri(more string) string {
	path := filepath.ToSlash(f.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "vfs=" + f.vfs + more}
	return u.String()
}

func connect(name string, key *[32]byte) (*conn, error) {
	c, err := dial(name, key)
	if err != nil {
		return nil, err
	}
	if err := c.setUp(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// dial opens a connection that has read nothing yet.
func dial(name string, key *[32]byte) (*conn, error) {
	db, err := sqlite3.Open(name)
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, queries: map[string]*query{}}
	if key != nil {
		// Not in the URI, where every part of SQLite could read it.
		err = db.Exec("PRAGMA hexkey = '" + hex.EncodeToString(key[:]) + "'")
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) setUp() error {
	if err := c.db.Exec(pragmas); err != nil {
		return err
	}
	return errors.Join(fts5.Register(c.db), registerWords(c.db))
}

// tighten makes the file if need be and takes it from everybody else.
func tighten(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// copyFile copies through a temporary name, so that a copy is whole or absent.
func copyFile(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := dst + ".new"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, dst); err != nil {
		return err
	}
	return syncDir(dst)
}

// syncDir makes a rename in the folder of path durable, where folders can be
// synced at all.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && filepath.Separator == '/' {
		return err
	}
	return nil
}
