package history

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"llchat/internal/identity"
)

// Store is an open history.
type Store struct {
	path    string
	config  config
	r, w    *conn // the same one in memory
	jobs    chan job
	open    sync.RWMutex // held while a job is handed over
	closed  bool         // guarded by open: for good, or until Resume
	ended   sync.WaitGroup
	logLost bool
	seq     counter

	turn    sync.Mutex    // one Close, Suspend or Resume at a time; guards the following
	closing chan struct{} // of the writer that runs
	final   bool          // there will be no Resume
	failed  error         // of Close

	// The following belong to the writer; forget drops what a rollback may
	// have made untrue.
	peers     map[identity.Pin]int64 // id in the database
	outbox    map[int64]load         // by peer
	newKeys   []time.Time            // when keys entered the queue: L-11
	reserved  uint64                 // the counter's limit once the transaction commits
	unindexed int                    // messages that search does not know yet
	behind    bool                   // too many of them for one commit
	logPages  int                    // length of the write-ahead log
	unswept   bool                   // a conversation is being removed
	key       [32]byte               // while it is open
	guard     guard
}

// load is how full an outbox is.
type load struct{ messages, bytes int64 }

func newStore(path string, w, r *conn) (*Store, error) {
	s := &Store{
		path: path, r: r, w: w,
		jobs:  make(chan job, maxGroup),
		peers: map[identity.Pin]int64{}, outbox: map[int64]load{},
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, r.close(), w.close())
	}
	return s, nil
}

// begin starts the writer.
func (s *Store) begin() error {
	if err := s.recall(); err != nil {
		return err
	}
	s.watchLog()
	closing := make(chan struct{})
	s.closing = closing
	s.ended.Go(func() { s.writer(closing) })
	return nil
}

func (s *Store) watchLog() {
	s.w.db.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		s.logPages = pages
		return nil
	})
}

// LogLost reports whether the file was found without its log although the
// program before was cut off: what was said last may be missing. Everything
// older is there.
func (s *Store) LogLost() bool { return s.logLost }

// recall reads the numbers that the writer goes on from.
func (s *Store) recall() error {
	seq, _, err := s.w.query("SELECT value FROM meta WHERE name = 'seq'").number()
	if err != nil {
		return err
	}
	n, _, err := s.w.query(`SELECT count(*) FROM (SELECT 1 FROM message
		WHERE row > (SELECT value FROM meta WHERE name = 'indexed') LIMIT ?)`).int(indexBatch).number()
	s.seq.begin(uint64(seq))
	s.reserved, s.unindexed, s.behind = uint64(seq), int(n), n == indexBatch
	if err != nil {
		return err
	}
	n, _, err = s.w.query("SELECT EXISTS (SELECT 1 FROM peer WHERE gone)").number()
	s.unswept = n > 0
	return err
}

// settle makes everything searchable, if that is soon done. Otherwise, and
// should it fail, the next start does it.
func (s *Store) settle() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.unindexed > 0 && !s.behind {
		_ = s.index()
	}
}

// Check reads the whole database and reports damage as *Error.
func (s *Store) Check() error {
	return s.read("check", func(c *conn) error { return c.integrity(s.path) })
}

// read runs do in a transaction of the reading connection, so that all of it
// sees one state.
func (s *Store) read(op string, do func(*conn) error) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.db == nil {
		return ErrClosed
	}
	return explain(op, s.path, s.r.transact("BEGIN", do))
}

// counter hands out numbers below a limit that is on disk.
type counter struct {
	mu          sync.Mutex // guards the following
	next, limit uint64
}

// seqBlock is how many numbers one write reserves. A restart leaves out what
// was reserved and not used.
const seqBlock = 1024

// begin goes on from the number on disk, or from a higher one that was given
// before.
func (n *counter) begin(seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next, n.limit = max(n.next, seq), seq
}

// take returns the next number below the limit, its own one by default.
func (n *counter) take(limit uint64) (uint64, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next >= max(limit, n.limit) {
		return 0, false
	}
	n.next++
	return n.next - 1, true
}

func (n *counter) raise(limit uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.limit = max(n.limit, limit)
}

func (n *counter) current() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.next
}

// NextSeq returns a number higher than every one before, also than those of
// earlier starts, for an event that is not stored. It only waits for the disk
// once in 1,024 numbers; should the disk fail then, numbers go on for as long
// as the store is open.
func (s *Store) NextSeq() uint64 {
	for {
		if n, ok := s.seq.take(0); ok {
			return n
		}
		if err := s.write("reserve numbers", s.reserve); err != nil {
			n, _ := s.seq.take(math.MaxInt64)
			return n
		}
	}
}

// reserve moves the limit on disk. It counts once the transaction commits.
func (s *Store) reserve(c *conn) error {
	limit := max(s.seq.current(), s.reserved) + seqBlock
	err := c.query("UPDATE meta SET value = ? WHERE name = 'seq'").int(int64(limit)).exec()
	if err != nil {
		return fmt.Errorf("reserve numbers: %w", err)
	}
	s.reserved = limit
	return nil
}

// number gives a fact its number, inside a transaction.
func (s *Store) number(c *conn) (uint64, error) {
	for {
		if n, ok := s.seq.take(s.reserved); ok {
			return n, nil
		}
		if err := s.reserve(c); err != nil {
			return 0, err
		}
	}
}
