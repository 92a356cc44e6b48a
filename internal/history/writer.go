package history

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
)

const (
	// maxGroup bounds how many calls share one commit.
	maxGroup = 256
	// indexAfter is how many messages may wait for the search index; indexing
	// them together costs a tenth of indexing each, and no sender waits for it.
	indexAfter = 64
	// indexBatch is how many messages one commit indexes at most: after a
	// migration all of them wait, and others may write between two commits.
	indexBatch = 512
	// maxLogPages is when the log is written back: 4 MiB, SQLite's own default.
	maxLogPages = 1000
)

// job is one call that writes. do may run more than once; it reports what it
// refuses through its own variables and returns errors of the database only.
type job struct {
	do   func(*conn) error
	done chan error
}

// write has the writer run do and returns when it is committed.
func (s *Store) write(op string, do func(*conn) error) error {
	return explain(op, s.path, <-s.submit(do))
}

// submit hands do to the writer and does not wait for it. What is submitted
// first is done first.
func (s *Store) submit(do func(*conn) error) <-chan error {
	j := job{do: do, done: make(chan error, 1)}
	s.open.RLock()
	defer s.open.RUnlock()
	if s.closed {
		j.done <- ErrClosed
	} else {
		s.jobs <- j
	}
	return j.done
}

// writer is the goroutine that writes. Whoever got a job in gets an answer:
// the last thing it does is what waits still.
func (s *Store) writer(closing <-chan struct{}) {
	group := make([]job, 0, maxGroup)
	ready := make(chan struct{})
	close(ready)
	for {
		var idle chan struct{}
		if s.unswept || s.behind {
			idle = ready
		}
		select {
		case <-closing:
			for group = s.collect(group[:0]); len(group) > 0; group = s.collect(group[:0]) {
				s.commit(group)
			}
			return
		case <-idle:
			s.proceed()
		case j := <-s.jobs:
			group = s.collect(append(group[:0], j))
			s.commit(group)
			clear(group)
			s.maintain()
		}
	}
}

// collect adds the calls that wait already.
func (s *Store) collect(group []job) []job {
	for len(group) < maxGroup {
		select {
		case j := <-s.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit runs the group in one transaction. Should that fail, every call gets
// one of its own, so that each has its own answer.
func (s *Store) commit(group []job) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err := s.stay()
	if err == nil {
		err = s.try(group)
	}
	if err == nil || errors.Is(err, ErrMoved) || len(group) == 1 {
		for _, j := range group {
			j.done <- err
		}
		return
	}
	for i, j := range group {
		j.done <- s.try(group[i : i+1])
	}
}

func (s *Store) try(group []job) error {
	err := s.w.transact("BEGIN IMMEDIATE", func(c *conn) error {
		for _, j := range group {
			if err := j.do(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.forget()
		return err
	}
	s.seq.raise(s.reserved)
	return nil
}

// forget drops what was remembered of a transaction that was rolled back.
func (s *Store) forget() {
	clear(s.peers)
	clear(s.outbox)
	s.reserved = 0
}

// proceed does the next part of what takes long.
func (s *Store) proceed() {
	if s.unswept {
		s.sweep()
		return
	}
	s.maintain()
}

// maintain does what no caller has to wait for. An error here, of a full disk
// say, loses nothing: the work stays to be done.
func (s *Store) maintain() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.unindexed >= indexAfter || s.behind {
		_ = s.index()
	}
	if s.logPages >= maxLogPages {
		_, _, _ = s.w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	}
}

// index makes search know the next messages that it does not know yet. After
// an error the next search, or 64 messages later the writer, tries again.
func (s *Store) index() error {
	err := s.w.transact("BEGIN IMMEDIATE", func(c *conn) (err error) {
		s.behind, err = indexRows(c)
		return err
	})
	if err != nil {
		s.behind = false
		return err
	}
	s.unindexed = 0
	return nil
}

// indexRows indexes one batch and tells whether there are more.
func indexRows(c *conn) (more bool, err error) {
	q := c.query(`SELECT count(*), max(row) FROM (SELECT row FROM message
		WHERE row > (SELECT value FROM meta WHERE name = 'indexed') ORDER BY row LIMIT ?)`).int(indexBatch)
	var n, last int64
	if q.next() {
		n, last = q.stmt.ColumnInt64(0), q.stmt.ColumnInt64(1)
	}
	if err := q.done(); err != nil || n == 0 {
		return false, err
	}
	err = c.query(`INSERT INTO search (rowid, body) SELECT row, body FROM searched
		WHERE row > (SELECT value FROM meta WHERE name = 'indexed') AND row <= ? ORDER BY row`).int(last).exec()
	if err != nil {
		return false, err
	}
	return n == indexBatch, c.query("UPDATE meta SET value = ? WHERE name = 'indexed'").int(last).exec()
}

// unindexRow and indexRow are for a message whose text changes: before it does,
// and after.
const (
	unindexRow = "INSERT INTO search (search, rowid, body) SELECT 'delete', row, body FROM searched WHERE row = ?"
	indexRow   = "INSERT INTO search (rowid, body) SELECT row, body FROM searched WHERE row = ?"
)
