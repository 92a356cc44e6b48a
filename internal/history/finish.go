package history

import "llchat/internal/identity"

// Finish marks a message of ours as sent for good: its receiver knows no
// receipts, so nothing more will ever be heard of it (README 5.7). It leaves
// the outbox, and is never called delivered.
func (s *Store) Finish(peer identity.Pin, id, reason string) (Message, error) {
	var m Message
	err := s.write("finish", func(c *conn) error {
		var found bool
		var err error
		if m, found, err = find(c, peer, id, true); err != nil {
			return err
		}
		if !found {
			return ErrNotFound
		}
		if !Sent.follows(m.State) {
			return nil
		}
		m.State, m.Reason = Sent, reason
		if err := s.change(c, &m); err != nil {
			return err
		}
		return c.query("UPDATE message SET pending = 0 WHERE row = ?").int(m.Row).exec()
	})
	if err != nil {
		return Message{}, err
	}
	return m, nil
}
