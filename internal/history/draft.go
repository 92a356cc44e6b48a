package history

// Draft returns what the user was writing to a peer, empty if nothing. The
// peer is a fingerprint, or the key of an instance that proved none yet.
func (s *Store) Draft(peer string) (text string, err error) {
	err = s.read("draft", func(c *conn) error {
		q := c.query("SELECT body FROM draft WHERE peer = ?").text(peer)
		if q.next() {
			text = q.stmt.ColumnText(0)
		}
		return q.done()
	})
	return text, err
}

// SetDraft keeps what the user is writing to a peer; empty text removes it.
func (s *Store) SetDraft(peer, text string) error {
	if len(peer) > maxRequestText || len(text) > maxDraft {
		return ErrTooLarge
	}
	return s.write("set draft", func(c *conn) error {
		if text == "" {
			return c.query("DELETE FROM draft WHERE peer = ?").text(peer).exec()
		}
		return c.query("INSERT INTO draft VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body").
			text(peer).text(text).exec()
	})
}
