package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Numbers rise for ever: facts and others, within a run and over restarts.
func TestSeqMonotonicOverRestarts(t *testing.T) {
	path := dbPath(t)
	var last uint64
	rising := func(what string, n uint64) {
		t.Helper()
		if n <= last {
			t.Fatalf("%s: number %d after %d", what, n, last)
		}
		last = n
	}
	for run := range 4 {
		s := open(t, path)
		rising("first", s.NextSeq())
		for n := range 2*seqBlock + run {
			rising("event", s.NextSeq())
			if n%300 == 0 {
				rising("message", add(t, s, out(bob, run*10000+n, "m")).Seq)
				rising("mark", must[Message](t)(s.Mark(bob, id(run*10000+n), Delivered, "")).Seq)
				rising("request", ask(t, s, Request{Pin: pin(run*100 + n/300), Last: epoch}).Seq)
			}
		}
		closeStore(t, s)
	}
}

func TestSeqUniqueAmongGoroutines(t *testing.T) {
	s := open(t, dbPath(t))
	t.Parallel()
	const each = 350 // four of eight take more numbers than one block has
	var mu sync.Mutex
	seen := map[uint64]bool{}
	note := func(n uint64) {
		mu.Lock()
		defer mu.Unlock()
		if seen[n] {
			t.Errorf("number %d twice", n)
		}
		seen[n] = true
	}
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for n := range each {
				if g%2 == 0 {
					note(s.NextSeq())
					continue
				}
				m, _, err := s.Append(in(pin(g), n, "m"))
				if err != nil {
					t.Error(err)
				}
				note(m.Seq)
			}
		})
	}
	group.Wait()
	if len(seen) != 8*each {
		t.Errorf("%d numbers, want %d", len(seen), 8*each)
	}
}

// Many write and read at once: every conversation stays in order, and a
// reader that follows the numbers misses nothing.
func TestConcurrentReadersAndWriters(t *testing.T) {
	t.Parallel()
	s := open(t, dbPath(t))
	const writers, each = 8, 100
	var writing, reading sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				m, _, err := s.Append(out(pin(w), n, fmt.Sprint(n)))
				if err != nil {
					t.Error(err)
				}
				if n%3 == 0 {
					if _, err := s.Mark(m.Peer, m.ID, Delivered, ""); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	followed := map[string]State{}
	reading.Go(func() {
		var last uint64
		for done := false; ; {
			facts, err := s.Since(last, 100)
			if err != nil {
				t.Error(err)
				return
			}
			for _, f := range facts {
				last = f.Seq
				followed[f.Message.Peer.String()+f.Message.ID] = f.Message.State
			}
			if len(facts) == 0 && done {
				return
			}
			select {
			case <-stop:
				done = true
			default:
			}
		}
	})
	for w := range 2 {
		reading.Go(func() {
			for {
				page, err := s.Page(pin(w), 0, 20)
				if err != nil || !slices.IsSortedFunc(page, func(a, b Message) int { return int(a.Row - b.Row) }) {
					t.Error("page out of order", err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	reading.Wait()
	if len(followed) != writers*each {
		t.Errorf("the follower saw %d messages, want %d", len(followed), writers*each)
	}
	for w := range writers {
		page := must[[]Message](t)(s.Page(pin(w), 0, each))
		for n, m := range page {
			if m.Body != fmt.Sprint(n) || followed[m.Peer.String()+m.ID] != m.State {
				t.Fatalf("conversation %d, message %d: %+v, followed %q", w, n, m, followed[m.Peer.String()+m.ID])
			}
		}
	}
}

func TestClosed(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *Store{
		"memory": memory, "file": func(t testing.TB) *Store { return open(t, dbPath(t)) },
	} {
		s := open(t)
		before := s.NextSeq()
		closeStore(t, s)
		closeStore(t, s)
		_, _, appended := s.Append(in(bob, 1, "m"))
		_, paged := s.Page(bob, 0, 1)
		for call, err := range map[string]error{"Append": appended, "Page": paged, "SetDraft": s.SetDraft("x", "y"), "Check": s.Check()} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %s after Close: %v", name, call, err)
			}
		}
		for range seqBlock + 1 {
			if n := s.NextSeq(); n <= before {
				t.Fatalf("%s: number %d after %d", name, n, before)
			} else {
				before = n
			}
		}
	}
}

// Close in the middle of everything: each call is either stored or refused.
func TestCloseWhileWriting(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	var mu sync.Mutex
	stored := map[string]bool{}
	var group sync.WaitGroup
	started := make(chan struct{}, 1000)
	for w := range 8 {
		group.Go(func() {
			for n := 0; ; n++ {
				m, _, err := s.Append(in(pin(w), w*1000+n, "m"))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				stored[m.ID] = true
				mu.Unlock()
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 50 {
		<-started
	}
	closeStore(t, s)
	group.Wait()
	s = open(t, path)
	n := 0
	for w := range 8 {
		for _, m := range must[[]Message](t)(s.Page(pin(w), 0, maxPage)) {
			n++
			if !stored[m.ID] {
				t.Errorf("%s was refused and is stored", m.ID)
			}
		}
	}
	if n != len(stored) {
		t.Errorf("%d messages, want %d", n, len(stored))
	}
}

// found runs a search as issue 4 will: by rowid, newest first.
func found(t *testing.T, s *Store, match string) []string {
	t.Helper()
	var got []string
	err := s.read("search", func(c *conn) error {
		q := c.query("SELECT body FROM message WHERE row IN (SELECT rowid FROM search WHERE search MATCH ?) ORDER BY row DESC").text(match)
		for q.next() {
			got = append(got, q.stmt.ColumnText(0))
		}
		return q.done()
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSearchIndexFollows(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	for n := range indexAfter {
		add(t, s, in(bob, n, fmt.Sprintf("Übermorgen um %d", n)))
	}
	add(t, s, out(bob, 9000, "the zander is late"))
	if got := found(t, s, "ubermorgen"); len(got) != indexAfter {
		t.Errorf("%d hits after a full batch, want %d", len(got), indexAfter)
	}
	closeStore(t, s)
	s = open(t, path)
	if got := found(t, s, "zand*"); !cmp.Equal(got, []string{"the zander is late"}) {
		t.Errorf("after Close: %q", got)
	}
	if got := found(t, s, `"um 7"`); !cmp.Equal(got, []string{"Übermorgen um 7"}) {
		t.Errorf("phrase: %q", got)
	}
	if err := s.w.query("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)").exec(); err != nil {
		t.Errorf("the index differs from the messages: %v", err)
	}
}

// No query that runs often may walk a whole table or sort (D2).
func TestQueryPlans(t *testing.T) {
	s := memory(t)
	for _, sql := range []string{
		selectMessage + "WHERE p.pin = ? AND m.id = ? AND m.out = ?",
		selectMessage + "WHERE p.pin = ? AND m.pending ORDER BY m.row",
		selectMessage + pageOf, selectMessage + oneAfter, selectMessage + allAfter, selectAbout, selectPendingAbout, selectLoad,
		selectMessage + "WHERE m.row > ? AND m.seq = m.row AND NOT p.gone ORDER BY m.row LIMIT ?",
		selectMessage + "WHERE m.seq > ? AND m.seq <> m.row AND NOT p.gone ORDER BY m.seq LIMIT ?",
		"SELECT row, body FROM message WHERE row > ? ORDER BY row",
	} {
		q := s.r.query("EXPLAIN QUERY PLAN " + sql)
		for q.next() {
			if step := q.stmt.ColumnText(3); strings.Contains(step, "SCAN") || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\n\t%s", sql, step)
			}
		}
		if err := q.done(); err != nil {
			t.Error(err)
		}
	}
}
