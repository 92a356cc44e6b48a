package history

import (
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"llchat/internal/identity"
)

// conn is one database connection with its prepared statements.
type conn struct {
	mu      sync.Mutex    // held while the connection is in use; guards the following
	db      *sqlite3.Conn // nil once closed
	queries map[string]*query
}

// query returns the statement for sql, prepared once, ready for its
// arguments. One statement runs once at a time.
func (c *conn) query(sql string) *query {
	if c.db == nil {
		return &query{err: ErrClosed}
	}
	q := c.queries[sql]
	if q == nil {
		stmt, _, err := c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return &query{err: err}
		}
		q = &query{stmt: stmt}
		c.queries[sql] = q
	}
	q.args, q.err = 0, nil
	return q
}

// transact runs do between BEGIN and COMMIT. With an error nothing of it
// remains.
func (c *conn) transact(begin string, do func(*conn) error) error {
	if err := c.query(begin).exec(); err != nil {
		return err
	}
	err := do(c)
	if err == nil {
		err = c.query("COMMIT").exec()
	}
	// SQLite itself rolls back on some errors, a full disk among them.
	if err != nil && !c.db.GetAutocommit() {
		_ = c.query("ROLLBACK").exec()
	}
	return err
}

func (c *conn) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end()
}

// end is close, for who has locked it.
func (c *conn) end() error {
	if c.db == nil {
		return nil
	}
	for _, q := range c.queries {
		_ = q.stmt.Close() // repeats the error of its last run
	}
	err := c.db.Close()
	c.db, c.queries = nil, nil
	return err
}

// query is a prepared statement while it gets its arguments and gives its
// rows. The first error sticks and comes out of exec or done.
type query struct {
	stmt *sqlite3.Stmt
	args int
	err  error
}

func (q *query) int(v int64) *query {
	if q.args++; q.err == nil {
		q.err = q.stmt.BindInt64(q.args, v)
	}
	return q
}

func (q *query) text(v string) *query {
	if q.args++; q.err == nil {
		q.err = q.stmt.BindText(q.args, v)
	}
	return q
}

func (q *query) blob(v []byte) *query {
	if q.args++; q.err == nil {
		q.err = q.stmt.BindBlob(q.args, v)
	}
	return q
}

func (q *query) flag(v bool) *query {
	if v {
		return q.int(1)
	}
	return q.int(0)
}

func (q *query) pin(p identity.Pin) *query { return q.blob(p[:]) }

// time binds milliseconds, or NULL for no time at all.
func (q *query) time(t time.Time) *query {
	if !t.IsZero() {
		return q.int(t.UnixMilli())
	}
	return q.null()
}

func (q *query) null() *query {
	if q.args++; q.err == nil {
		q.err = q.stmt.BindNull(q.args)
	}
	return q
}

// ref binds the id of another message, or NULL for none.
func (q *query) ref(id string) *query {
	if id == "" {
		return q.null()
	}
	return q.id(id)
}

// id binds an id of a message. Ids as llchat makes them are kept as 16 octets
// in place of 32 digits; a blob never equals a text, so none can be taken for
// the other.
func (q *query) id(id string) *query {
	var raw [idLen / 2]byte
	if unhex(&raw, id) {
		return q.blob(raw[:])
	}
	return q.text(id)
}

func (q *query) exec() error {
	if q.err != nil {
		return q.err
	}
	return q.stmt.Exec()
}

// next steps to the next row. After the last one, or when no more rows are
// wanted, done must be called.
func (q *query) next() bool { return q.err == nil && q.stmt.Step() }

func (q *query) done() error {
	if q.err != nil {
		return q.err
	}
	return q.stmt.Reset()
}

// number is the query of one number: the value, or none.
func (q *query) number() (v int64, ok bool, err error) {
	if ok = q.next(); ok {
		v = q.stmt.ColumnInt64(0)
	}
	return v, ok, q.done()
}

func (q *query) columnPin(col int) (p identity.Pin) {
	copy(p[:], q.stmt.ColumnRawBlob(col))
	return p
}

func (q *query) columnTime(col int) time.Time {
	if q.stmt.ColumnType(col) == sqlite3.NULL {
		return time.Time{}
	}
	return time.UnixMilli(q.stmt.ColumnInt64(col)).UTC()
}

func (q *query) columnID(col int) string {
	if q.stmt.ColumnType(col) != sqlite3.BLOB {
		return q.stmt.ColumnText(col)
	}
	return tohex(q.stmt.ColumnRawBlob(col))
}
