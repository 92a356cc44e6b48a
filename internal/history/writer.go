package history

import "github.com/ncruces/go-sqlite3"

const (
	// maxGroup bounds how many calls share one commit.
	maxGroup = 256
	// indexAfter is how many messages may wait for the search index; indexing
	// them together costs a tenth of indexing each, and no sender waits for it.
	indexAfter = 64
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
	j := job{do: do, done: make(chan error, 1)}
	select {
	case s.jobs <- j:
		return explain(op, s.path, <-j.done)
	case <-s.closing:
		return ErrClosed
	}
}

// writer is the goroutine that writes. jobs has no buffer: whoever got a job
// in gets an answer.
func (s *Store) writer() {
	group := make([]job, 0, maxGroup)
	ready := make(chan struct{})
	close(ready)
	for {
		var idle chan struct{}
		if s.unswept {
			idle = ready
		}
		select {
		case <-s.closing:
			return
		case <-idle:
			s.sweep()
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
	err := s.try(group)
	if err == nil || len(group) == 1 {
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

// maintain does what no caller has to wait for. An error here, of a full disk
// say, loses nothing: the work stays to be done.
func (s *Store) maintain() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.unindexed >= indexAfter {
		_ = s.index()
	}
	if s.logPages >= maxLogPages {
		_, _, _ = s.w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	}
}

// index brings the search index up to the newest message.
func (s *Store) index() error {
	err := s.w.transact("BEGIN IMMEDIATE", indexRows)
	if err == nil {
		s.unindexed = 0
	}
	return err
}

func indexRows(c *conn) error {
	err := c.query(`INSERT INTO search (rowid, body) SELECT row, body FROM message
		WHERE row > (SELECT value FROM meta WHERE name = 'indexed') ORDER BY row`).exec()
	if err != nil {
		return err
	}
	return c.query(`UPDATE meta SET value = (SELECT coalesce(max(row), 0) FROM message)
		WHERE name = 'indexed'`).exec()
}
