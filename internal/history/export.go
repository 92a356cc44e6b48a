package history

import (
	"iter"

	"llchat/internal/identity"
)

// exportPage is how many messages an export holds at once; 32 KiB each at
// most makes 8 MiB.
const exportPage = 256

// All goes through the conversation with a peer, or with a nil peer through
// all of them, in the order in which we saw the messages first, corrections
// applied. It holds at most 256 messages at once and no lock while it yields,
// so what is stored meanwhile may come, too. An error ends it.
func (s *Store) All(peer *identity.Pin) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for after := int64(0); ; {
			list, err := s.After(peer, after, exportPage)
			if err != nil {
				yield(Message{}, err)
				return
			}
			for _, m := range list {
				if !yield(m, nil) {
					return
				}
				after = m.Row
			}
			if len(list) < exportPage {
				return
			}
		}
	}
}

const (
	oneAfter = "WHERE p.pin = ? AND m.row > ? AND m.kind = 0 ORDER BY m.row LIMIT ?"
	allAfter = "WHERE m.row > ? AND m.kind = 0 AND NOT p.gone ORDER BY m.row LIMIT ?"
)

// After returns the first n messages, at most 256, of what All goes through
// after a row.
func (s *Store) After(peer *identity.Pin, row int64, n int) (list []Message, err error) {
	err = s.read("export", func(c *conn) error {
		q := c.query(selectMessage + allAfter)
		if peer != nil {
			q = c.query(selectMessage + oneAfter).pin(*peer)
		}
		list, err = q.int(row).int(int64(min(max(n, 1), exportPage))).messages()
		return err
	})
	return list, err
}

// Peers returns everybody with whom there are messages, by the row of the
// newest one.
func (s *Store) Peers() (list []identity.Pin, err error) {
	err = s.read("peers", func(c *conn) error {
		q := c.query(`SELECT pin FROM peer p WHERE NOT gone AND EXISTS (SELECT 1 FROM message m WHERE m.peer = p.id)
			ORDER BY (SELECT max(row) FROM message m WHERE m.peer = p.id) DESC`)
		for q.next() {
			list = append(list, q.columnPin(0))
		}
		return q.done()
	})
	return list, err
}
