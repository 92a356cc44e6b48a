package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Salvaged tells what Salvage has done.
type Salvaged struct {
	Aside    string // where the damaged file is now, with its log beside it
	Messages int    // carried over
	Gaps     int    // places that could not be read
	Cut      bool   // what was written last may be missing: the log was damaged
}

// Salvage makes a new database of what can be read in a damaged one that is
// not open: every row of every table that does not lie on a damaged page. The
// damaged file keeps all it has, under another name, and is never removed.
// When Salvage fails or is cut off, the file is where it was, and Salvage can
// be called again. A file of which not even the first page can be read is an
// error; it may be the key that is wrong. Open the result with Open.
//
// It ends soon after ctx does.
func Salvage(ctx context.Context, path string, key [32]byte) (Salvaged, error) {
	return standard.salvage(ctx, path, key)
}

func (cfg config) salvage(ctx context.Context, path string, key [32]byte) (Salvaged, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Salvaged{}, fmt.Errorf("history salvage: %w", err)
	}
	f := file{config: cfg, path: path, key: key}
	index := readIndex(path) // before somebody opens the file anew
	aside, err := f.setAside()
	if err != nil {
		return Salvaged{}, explain("salvage", path, err)
	}
	out := Salvaged{Aside: aside}
	made := file{cfg, path + ".new", key}
	if err := made.remove(); err != nil {
		return Salvaged{}, explain("salvage", path, err)
	}
	// A copy is read, with its log in it: so the damaged file stays as it is.
	image := file{cfg, path + ".new.copy", key}
	if err = image.remove(); err == nil {
		out.Cut, err = file{cfg, aside, key}.replay(image, index)
	}
	if err == nil {
		err = made.carry(ctx, image, &out)
	}
	if err = errors.Join(err, image.remove()); err != nil {
		return Salvaged{}, explain("salvage", path, errors.Join(err, made.remove()))
	}
	// Before the rename: a log belongs to the file that bears its name.
	if err := f.removeLog(); err != nil {
		return Salvaged{}, explain("salvage", path, err)
	}
	if err := os.Rename(made.path, path); err != nil {
		return Salvaged{}, explain("salvage", path, err)
	}
	return out, explain("salvage", path, syncDir(path))
}

// setAside gives the damaged file and its log a second name. One that was cut
// off has done so already, and may have removed the log under its first name.
func (f file) setAside() (string, error) {
	info, err := os.Lstat(f.path)
	if err != nil {
		return "", err
	}
	names, err := filepath.Glob(f.path + ".damaged-*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if other, err := os.Lstat(name); err == nil && os.SameFile(info, other) {
			return name, nil
		}
	}
	aside := freeName(f.path + time.Now().UTC().Format(".damaged-20060102-150405"))
	// The log first: a name for the file says that both are there.
	for _, suffix := range []string{"-wal", ""} {
		err := linkOrCopy(aside+suffix, f.path+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", err
		}
	}
	return aside, syncDir(aside)
}

func freeName(name string) string {
	for n, try := 2, name; ; n++ {
		if _, err := os.Lstat(try); errors.Is(err, fs.ErrNotExist) {
			return try
		}
		try = fmt.Sprintf("%s-%d", name, n)
	}
}

func linkOrCopy(dst, src string) error {
	err := os.Link(src, dst)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return err
	}
	return copyFile(dst, src) // a file system without links
}

// carry fills a new database with what can be read in from.
func (f file) carry(ctx context.Context, from file, out *Salvaged) error {
	if from.headless() {
		return f.gather(ctx, from, out)
	}
	src, err := from.openDamaged()
	if err != nil {
		return err
	}
	v, err := src.version()
	if err == nil && (v < 1 || v > len(f.steps)) {
		err = fmt.Errorf("schema %d is not known", v)
	}
	if err == nil {
		f.steps = f.steps[:v] // Open migrates it
		err = f.fill()
	}
	if err == nil {
		err = f.refill(ctx, src, out)
	}
	return errors.Join(err, src.close())
}

// openDamaged opens a file for reading, although it may be shorter than it says.
func (f file) openDamaged() (*conn, error) {
	c, err := dial(f.uri(""), &f.key)
	if err != nil {
		return nil, err
	}
	_, err = c.db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	if err == nil {
		_, err = c.db.Config(sqlite3.DBCONFIG_DEFENSIVE, false) // or the next line does nothing
	}
	if err == nil {
		err = c.db.Exec("PRAGMA writable_schema = ON; PRAGMA query_only = ON")
	}
	if err == nil {
		err = c.setUp()
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (f file) refill(ctx context.Context, src *conn, out *Salvaged) error {
	dst, err := f.connect()
	if err != nil {
		return err
	}
	// A row may come before the one it refers to, or without it.
	if err := dst.db.Exec("PRAGMA foreign_keys = OFF"); err != nil {
		return errors.Join(err, dst.close())
	}
	err = dst.transact("BEGIN IMMEDIATE", func(dst *conn) error {
		tables, err := dst.tables()
		if err != nil {
			return err
		}
		s := salvage{ctx: ctx, src: src, dst: dst, out: out}
		for _, table := range tables {
			if err := s.table(table); err != nil {
				return fmt.Errorf("carry over %s: %w", table, err)
			}
		}
		if out.Gaps > 0 || out.Cut {
			if err := s.strays(); err != nil {
				return fmt.Errorf("carry over message: %w", err)
			}
		}
		return s.mend()
	})
	return errors.Join(err, dst.close())
}

// tables lists those that hold something of their own.
func (c *conn) tables() (names []string, err error) {
	q := c.query(`SELECT name FROM sqlite_schema WHERE type = 'table'
		AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'search%' ORDER BY rowid`)
	for q.next() {
		names = append(names, q.stmt.ColumnText(0))
	}
	return names, q.done()
}

// salvage carries rows from one database into another, as long as ctx lasts.
type salvage struct {
	ctx      context.Context //nolint:containedctx // of this one call
	src, dst *conn
	out      *Salvaged
	broken   error // of writing, which is no damage of the source
}

// isDamage tells errors of what is read from those that end the work.
func isDamage(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.NOTADB)
}

func (s *salvage) table(name string) error {
	if err := s.dst.db.Exec("DELETE FROM " + name); err != nil { // what a new file begins with
		return err
	}
	if _, _, err := s.dst.query("SELECT rowid FROM " + name + " LIMIT 1").number(); err != nil {
		return s.withoutRowid(name)
	}
	last := s.last(name)
	rest := "SELECT rowid, * FROM " + name + " NOT INDEXED WHERE rowid >= ? ORDER BY rowid"
	one := "SELECT rowid, * FROM " + name + " NOT INDEXED WHERE rowid = ?"
	for next := int64(0); ; {
		at, err := s.rows(name, s.src.query(rest).int(next), 1)
		next = max(next, at+1)
		if err == nil || !isDamage(err) {
			return err
		}
		s.out.Gaps++
		// Row by row until one can be read.
		for found := false; !found; next++ {
			if next > last {
				return nil
			}
			if err := s.ctx.Err(); err != nil {
				return err
			}
			at, err := s.rows(name, s.src.query(one).int(next), 1)
			if found = at == next; err != nil && !isDamage(err) {
				return err
			}
		}
	}
}

// strays carries over the messages on pages that no tree leads to. What is
// there already stays as it is: it may be newer.
func (s *salvage) strays() error { return s.leaves(shapes[:1]) }

// leaves carries over what is recognised without any tree.
func (s *salvage) leaves(shapes []shape) error {
	l, ok := openLeaves(s.src)
	if !ok {
		return nil
	}
	return l.each(shapes, func(of *shape, row int64, columns []value) error {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		names := strings.Join(strings.Split(of.names, ", ")[:len(columns)], ", ")
		if !of.index {
			columns[0] = row
		}
		insert := s.dst.query("INSERT OR IGNORE INTO " + of.table + " (" + names + ") VALUES (?" + strings.Repeat(", ?", len(columns)-1) + ")")
		for _, v := range columns {
			insert.value(v)
		}
		return insert.exec()
	})
}

func (q *query) value(v value) {
	switch v := v.(type) {
	case int64:
		q.int(v)
	case string:
		q.text(v)
	case []byte:
		q.blob(v)
	default:
		q.null()
	}
}

// last returns a row behind which there are none.
func (s *salvage) last(table string) int64 {
	n, ok, err := s.src.query("SELECT rowid FROM " + table + " NOT INDEXED ORDER BY rowid DESC LIMIT 1").number()
	if err == nil && ok {
		return n
	}
	n, _, _ = s.src.query("SELECT value FROM meta WHERE name = 'seq'").number()
	return n
}

// withoutRowid carries a small table over from both ends.
func (s *salvage) withoutRowid(table string) error {
	_, err := s.rows(table, s.src.query("SELECT * FROM "+table+" ORDER BY 1"), 0)
	if isDamage(err) && s.broken == nil {
		s.out.Gaps++
		_, err = s.rows(table, s.src.query("SELECT * FROM "+table+" ORDER BY 1 DESC"), 0)
	}
	if isDamage(err) && s.broken == nil {
		return nil
	}
	return err
}

// rows carries over what a query gives, without its first columns, and
// returns the first column of the last row that arrived.
func (s *salvage) rows(table string, q *query, skip int) (last int64, err error) {
	last = -1
	for q.next() {
		if err := s.row(table, q, skip); err != nil {
			s.broken = err
			return last, errors.Join(fmt.Errorf("write: %v", err), q.done())
		}
		last = q.stmt.ColumnInt64(0)
	}
	return last, q.done()
}

func (s *salvage) row(table string, q *query, skip int) error {
	n := q.stmt.ColumnCount() - skip
	if err := s.ctx.Err(); err != nil {
		return err
	}
	insert := s.dst.query("INSERT OR IGNORE INTO " + table + " VALUES (?" + strings.Repeat(", ?", n-1) + ")")
	for col := skip; col < skip+n; col++ {
		switch q.stmt.ColumnType(col) {
		case sqlite3.INTEGER:
			insert.int(q.stmt.ColumnInt64(col))
		case sqlite3.TEXT:
			insert.text(q.stmt.ColumnText(col))
		case sqlite3.BLOB:
			insert.blob(q.stmt.ColumnRawBlob(col))
		default:
			insert.null()
		}
	}
	return insert.exec()
}

// mend puts right what hangs together: peers are kept twice, a message of
// which nobody knows whose it is goes, numbers go on behind the highest.
func (s *salvage) mend() error {
	q := s.src.query("SELECT pin, id FROM peer INDEXED BY sqlite_autoindex_peer_1 ORDER BY pin")
	for q.next() {
		err := s.dst.query("INSERT OR IGNORE INTO peer (id, pin) VALUES (?, ?)").
			int(q.stmt.ColumnInt64(1)).blob(q.stmt.ColumnRawBlob(0)).exec()
		if err != nil {
			return errors.Join(err, q.done())
		}
	}
	if err := q.done(); err != nil && !isDamage(err) {
		return err
	}
	for _, sql := range []string{
		"DELETE FROM message WHERE peer NOT IN (SELECT id FROM peer)",
		"DELETE FROM waiting WHERE request NOT IN (SELECT id FROM request)",
		"INSERT OR IGNORE INTO meta VALUES ('seq', 1)",
		"INSERT OR REPLACE INTO meta VALUES ('indexed', 0)",
	} {
		if err := s.dst.query(sql).exec(); err != nil {
			return err
		}
	}
	err := s.dst.query(`UPDATE meta SET value = ? + max(value, (SELECT coalesce(max(row), 0) FROM message),
		(SELECT coalesce(max(seq), 0) FROM message), (SELECT coalesce(max(seq), 0) FROM request)) WHERE name = 'seq'`).
		int(seqBlock).exec()
	if err != nil {
		return err
	}
	n, _, err := s.dst.query("SELECT count(*) FROM message").number()
	s.out.Messages = int(n)
	return err // Open indexes them
}
