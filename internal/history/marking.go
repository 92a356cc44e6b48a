package history

import "llchat/internal/identity"

// Ref names one of our messages.
type Ref struct {
	Peer identity.Pin
	ID   string
}

// Marking is a group of marks on its way to the disk.
type Marking struct {
	path string
	done chan error
	list []Message
}

// MarkAll is Mark for many messages in one commit, which it does not wait for:
// a burst of receipts then costs one. Messages that do not exist, or that the
// mark would not change, are passed over.
func (s *Store) MarkAll(refs []Ref, st State, reason string) *Marking {
	m := &Marking{path: s.path, done: make(chan error, 1)}
	j := job{done: m.done, do: func(c *conn) error {
		m.list = m.list[:0] // it may run more than once
		for _, r := range refs {
			if err := s.markOne(c, r, st, reason, &m.list); err != nil {
				return err
			}
		}
		return nil
	}}
	select {
	case s.jobs <- j:
	case <-s.closing:
		m.done <- ErrClosed
	}
	return m
}

func (s *Store) markOne(c *conn, r Ref, st State, reason string, list *[]Message) error {
	m, found, err := find(c, r.Peer, r.ID, true)
	if err != nil || !found || !st.follows(m.State) || m.State == st && m.Reason == reason {
		return err
	}
	m.State, m.Reason = st, reason
	if err := s.change(c, &m); err != nil {
		return err
	}
	*list = append(*list, m)
	return nil
}

// Done yields the outcome once, when it is known, for Result.
func (m *Marking) Done() <-chan error { return m.done }

// Result takes what Done yielded, and returns the messages that changed, with
// their new numbers.
func (m *Marking) Result(err error) ([]Message, error) {
	if err != nil {
		return nil, explain("mark", m.path, err)
	}
	return m.list, nil
}
