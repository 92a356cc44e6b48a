package history

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"github.com/ncruces/go-sqlite3"

	"llchat/internal/identity"
)

// forgetBatch is how many messages one commit removes: others may write
// between two of them.
const forgetBatch = 500

// Delete removes one message here and nowhere else: its text, versions and
// reactions are overwritten, only its id stays, so that it does not come
// again. What waits in the outbox is not sent any more. The message comes back
// as it is now, of kind Deleted, with a new number.
func (s *Store) Delete(peer identity.Pin, dir Direction, id string) (Message, error) {
	var m Message
	var found bool
	err := s.write("delete", func(c *conn) (err error) {
		m, found, err = find(c, peer, id, dir == Out)
		found = found && m.Kind == Chat
		if err != nil || !found {
			return err
		}
		if err := s.empty(c, &m, ReasonDeleted); err != nil {
			return err
		}
		m.Kind = Deleted
		err = c.query("UPDATE message SET kind = ? WHERE row = ?").int(m.Kind.code()).int(m.Row).exec()
		if err != nil {
			return err
		}
		return s.renew(c, &m)
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return Message{}, err
	}
	return m, s.wipeLog()
}

// Forget removes the whole conversation with a peer, outbox, request and
// draft included, and overwrites it on disk, the log and the copies that
// migrations made included. The peer has no messages any more from the first
// commit on; should the program end before the rest is done, the next start
// goes on with it. Numbers already given out stay taken.
func (s *Store) Forget(peer identity.Pin) error {
	err := s.write("forget", func(c *conn) error {
		if err := drop(c, peer); err != nil {
			return err
		}
		if err := c.query("DELETE FROM draft WHERE peer = ?").text(peer.String()).exec(); err != nil {
			return err
		}
		if err := c.dropAvatar(peer); err != nil {
			return err
		}
		return s.banish(c, peer)
	})
	for more := true; more && err == nil; {
		err = s.write("forget", func(c *conn) (err error) {
			more, err = c.removeGone()
			return err
		})
	}
	if s.r == s.w {
		return err // in memory
	}
	return errors.Join(err, s.wipeLog(), removeCopies(s.path))
}

// sweep goes on with what an earlier Forget did not finish.
func (s *Store) sweep() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err := s.w.transact("BEGIN IMMEDIATE", func(c *conn) (err error) {
		s.unswept, err = c.removeGone()
		return err
	})
	if err != nil {
		s.unswept = false // the next start tries again
	}
}

// banish takes the messages of a peer out of every view. The pin goes to its
// successor, should there be one.
func (s *Store) banish(c *conn, peer identity.Pin) error {
	err := c.query("UPDATE message SET pending = 0 WHERE pending AND peer = (SELECT id FROM peer WHERE pin = ?)").
		pin(peer).exec()
	if err != nil {
		return err
	}
	delete(s.outbox, s.peers[peer])
	delete(s.peers, peer)
	return c.query("UPDATE peer SET gone = 1, pin = randomblob(16) WHERE pin = ?").pin(peer).exec()
}

// removeGone removes the next messages of peers that are gone, and then the
// peers. It tells whether there are more.
func (c *conn) removeGone() (more bool, err error) {
	q := c.query("SELECT m.row FROM message m JOIN peer p ON p.id = m.peer WHERE p.gone LIMIT ?").int(forgetBatch)
	rows := []int64{}
	for q.next() {
		rows = append(rows, q.stmt.ColumnInt64(0))
	}
	if err := q.done(); err != nil {
		return false, err
	}
	indexed, _, err := c.query("SELECT value FROM meta WHERE name = 'indexed'").number()
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if err := c.remove(row, row <= indexed); err != nil {
			return false, err
		}
	}
	if len(rows) == forgetBatch {
		return true, nil
	}
	return false, c.query("DELETE FROM peer WHERE gone").exec()
}

func (c *conn) remove(row int64, indexed bool) error {
	if indexed {
		if err := c.query(unindexRow).int(row).exec(); err != nil {
			return err
		}
	}
	if err := c.query("DELETE FROM detail WHERE row = ?").int(row).exec(); err != nil {
		return err
	}
	return c.query("DELETE FROM message WHERE row = ?").int(row).exec()
}

// wipeLog writes the log back and cuts it, so that what was overwritten in the
// file does not live on there. Somebody else who reads makes it wait at most
// the busy timeout; what is left then goes with the next one.
func (s *Store) wipeLog() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.db == nil {
		return ErrClosed
	}
	_, _, err := s.w.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	if errors.Is(err, sqlite3.BUSY) {
		return nil
	}
	return explain("write back", s.path, err)
}

var copies = regexp.MustCompile(`\.v[0-9]+$`)

// removeCopies removes what migrations left beside the file.
func removeCopies(path string) error {
	names, err := filepath.Glob(path + ".v*")
	for _, name := range names {
		if copies.MatchString(name) {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}
