package history

import (
	"cmp"

	"llchat/internal/identity"
)

// Pending is a write on its way to the disk: what is waiting shares a commit.
// Writes are done in the order in which they were asked for, the ones that are
// waited for among them.
type Pending struct {
	op, path string
	done     <-chan error

	m       Message
	fresh   bool
	refused error
}

// AppendLater is Append that does not wait.
func (s *Store) AppendLater(m Message) *Pending {
	p := &Pending{op: "append", path: s.path}
	m.plain()
	if err := m.complete(); err != nil {
		p.refuse(err)
		return p
	}
	p.done = s.submit(func(c *conn) (err error) {
		p.m, p.fresh, p.refused, err = s.append(c, m)
		return err
	})
	return p
}

// MarkLater is Mark that does not wait.
func (s *Store) MarkLater(peer identity.Pin, id string, st State, reason string) *Pending {
	p := &Pending{op: "mark", path: s.path}
	p.done = s.submit(func(c *conn) (err error) {
		p.m, p.fresh, p.refused, err = s.mark(c, peer, id, st, reason)
		return err
	})
	return p
}

// refuse ends a write before it began.
func (p *Pending) refuse(err error) {
	done := make(chan error, 1)
	done <- nil
	p.done, p.refused = done, err
}

// Done yields once, when it is decided, what Result wants to know.
func (p *Pending) Done() <-chan error { return p.done }

// Result takes what Done yielded and returns the message as it is on the disk;
// fresh is false when nothing changed there.
func (p *Pending) Result(err error) (m Message, fresh bool, _ error) {
	if err = cmp.Or(explain(p.op, p.path, err), p.refused); err != nil {
		return Message{}, false, err
	}
	return p.m, p.fresh, nil
}
