package history

import (
	"cmp"
	"math"
	"slices"
	"time"

	"llchat/internal/identity"
)

// ReasonExpired is why a message failed that nobody fetched for 30 days.
const ReasonExpired = "expired"

// columns of a message, in the order of columnMessage.
const selectMessage = `SELECT m.row, m.seq, m.id, p.pin, m.out, m.body, m.state, m.reason, m.time, m.delay
	FROM message m JOIN peer p ON p.id = m.peer `

func (q *query) columnMessage() Message {
	m := Message{
		Row:       q.stmt.ColumnInt64(0),
		Seq:       uint64(q.stmt.ColumnInt64(1)),
		ID:        q.columnID(2),
		Peer:      q.columnPin(3),
		Direction: In,
		Body:      q.stmt.ColumnText(5),
		State:     stateOf(q.stmt.ColumnInt64(6)),
		Reason:    q.stmt.ColumnText(7),
		Time:      q.columnTime(8),
		Delay:     q.columnTime(9),
	}
	if q.stmt.ColumnBool(4) {
		m.Direction = Out
	}
	return m
}

// messages reads all rows of the query.
func (q *query) messages() ([]Message, error) {
	var list []Message
	for q.next() {
		list = append(list, q.columnMessage())
	}
	return list, q.done()
}

// message reads at most one row.
func (q *query) message() (m Message, ok bool, err error) {
	if ok = q.next(); ok {
		m = q.columnMessage()
	}
	return m, ok, q.done()
}

// states are kept as numbers; the order is that of schema 1 and may only grow.
var states = []State{Queued, Sent, Delivered, Displayed, Failed, Received}

func (st State) code() int64 { return int64(slices.Index(states, st)) }

func stateOf(code int64) State {
	if code < 0 || code >= int64(len(states)) {
		return Failed
	}
	return states[code]
}

func (st State) pending() bool { return st == Queued || st == Sent }

// follows reports whether a message may go from state old to st: what is
// proven on the other side's disk stays so, everything else may change.
func (st State) follows(old State) bool {
	if old == Delivered || old == Displayed {
		return st == Displayed && old == Delivered
	}
	return st != Received
}

// stamp is a time as it is stored; none becomes now.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC().Truncate(time.Millisecond)
}

// Append stores a message, giving it its row and number, and returns when it
// is on the disk. The same id from the same peer in the same direction is the
// same message: fresh is false then, and what comes back is the one stored.
func (s *Store) Append(m Message) (stored Message, fresh bool, err error) {
	if len(m.Body) > maxBody || len(m.ID) > maxID || m.ID == "" {
		return Message{}, false, ErrTooLarge
	}
	m.Time = stamp(m.Time)
	if !m.Delay.IsZero() {
		m.Delay = stamp(m.Delay)
	}
	if m.State == "" {
		m.State = Queued
		if m.Direction == In {
			m.State = Received
		}
	}
	var refused error
	err = s.write("append", func(c *conn) error {
		var err error
		stored, fresh, refused, err = s.append(c, m)
		return err
	})
	if err = cmp.Or(err, refused); err != nil {
		return Message{}, false, err
	}
	return stored, fresh, nil
}

func (s *Store) append(c *conn, m Message) (stored Message, fresh bool, refused, err error) {
	peer, err := s.peer(c, m.Peer)
	if err != nil {
		return m, false, nil, err
	}
	old, found, err := find(c, m.Peer, m.ID, m.Direction == Out)
	if err != nil || found {
		return old, false, nil, err
	}
	if m.Direction == Out && m.State.pending() {
		if refused, err = s.book(c, peer, int64(len(m.Body))); refused != nil || err != nil {
			return m, false, refused, err
		}
	}
	if m.Seq, err = s.number(c); err != nil {
		return m, false, nil, err
	}
	m.Row = int64(m.Seq)
	err = c.query(`INSERT INTO message (row, seq, peer, out, id, state, pending, time, delay, reason, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).
		int(m.Row).int(m.Row).int(peer).flag(m.Direction == Out).id(m.ID).
		int(m.State.code()).flag(m.State.pending()).time(m.Time).time(m.Delay).
		text(m.Reason).text(m.Body).exec()
	s.unindexed++
	return m, err == nil, nil, err
}

// peer returns the number of a pin in the database.
func (s *Store) peer(c *conn, pin identity.Pin) (int64, error) {
	if n, ok := s.peers[pin]; ok {
		return n, nil
	}
	err := c.query("INSERT INTO peer (pin) VALUES (?) ON CONFLICT DO NOTHING").pin(pin).exec()
	if err != nil {
		return 0, err
	}
	n, _, err := c.query("SELECT id FROM peer WHERE pin = ?").pin(pin).number()
	if err == nil {
		s.peers[pin] = n
	}
	return n, err
}

// book takes room in a peer's outbox, or refuses (L-14).
func (s *Store) book(c *conn, peer, size int64) (refused, err error) {
	l, known := s.outbox[peer]
	if !known {
		q := c.query("SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM message WHERE peer = ? AND pending").int(peer)
		if q.next() {
			l = load{q.stmt.ColumnInt64(0), q.stmt.ColumnInt64(1)}
		}
		if err := q.done(); err != nil {
			return nil, err
		}
	}
	if l.messages+1 > maxOutbox || l.bytes+size > maxOutboxBytes {
		s.outbox[peer] = l
		return ErrFull, nil
	}
	s.outbox[peer] = load{l.messages + 1, l.bytes + size}
	return nil, nil
}

func find(c *conn, pin identity.Pin, id string, out bool) (Message, bool, error) {
	return c.query(selectMessage + "WHERE p.pin = ? AND m.id = ? AND m.out = ?").
		pin(pin).id(id).flag(out).message()
}

// Mark changes the state of one of our messages and the reason for it, and
// returns the message as it is now, with a new number. What is delivered
// stays so: a change that would go back, and one that changes nothing, leaves
// the message and its number as they are.
func (s *Store) Mark(peer identity.Pin, id string, st State, reason string) (Message, error) {
	var m Message
	var found bool
	err := s.write("mark", func(c *conn) error {
		var err error
		if m, found, err = find(c, peer, id, true); err != nil || !found {
			return err
		}
		if !st.follows(m.State) || m.State == st && m.Reason == reason {
			return nil
		}
		m.State, m.Reason = st, reason
		return s.change(c, &m)
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

// change writes state and reason of a message back under a new number.
func (s *Store) change(c *conn, m *Message) error {
	seq, err := s.number(c)
	if err != nil {
		return err
	}
	if n, ok := s.peers[m.Peer]; ok {
		delete(s.outbox, n)
	} else {
		clear(s.outbox)
	}
	m.Seq = seq
	return c.query("UPDATE message SET seq = ?, state = ?, pending = ?, reason = ? WHERE row = ?").
		int(int64(seq)).int(m.State.code()).flag(m.State.pending()).text(m.Reason).int(m.Row).exec()
}

// Expire fails what has waited in an outbox for 30 days (L-14), and returns it.
func (s *Store) Expire(now time.Time) ([]Message, error) {
	var list []Message
	err := s.write("expire", func(c *conn) error {
		var err error
		list, err = c.query(selectMessage + "WHERE m.pending AND m.time < ? ORDER BY m.row").
			time(stamp(now).Add(-maxOutboxAge)).messages()
		if err != nil {
			return err
		}
		for i := range list {
			list[i].State, list[i].Reason = Failed, ReasonExpired
			if err := s.change(c, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Outbox returns our messages to the peer that are neither delivered nor
// failed, oldest first.
func (s *Store) Outbox(peer identity.Pin) (list []Message, err error) {
	err = s.read("outbox", func(c *conn) error {
		list, err = c.query(selectMessage + "WHERE p.pin = ? AND m.pending ORDER BY m.row").pin(peer).messages()
		return err
	})
	return list, err
}

// OutboxPeers returns whose outbox is not empty.
func (s *Store) OutboxPeers() (pins []identity.Pin, err error) {
	err = s.read("outbox", func(c *conn) error {
		q := c.query("SELECT pin FROM peer WHERE id IN (SELECT peer FROM message WHERE pending) ORDER BY id")
		for q.next() {
			pins = append(pins, q.columnPin(0))
		}
		return q.done()
	})
	return pins, err
}

// Page returns the newest n messages with the peer before a row (0: the end),
// oldest first. n is at most 1,000.
func (s *Store) Page(peer identity.Pin, before int64, n int) (list []Message, err error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	err = s.read("page", func(c *conn) error {
		list, err = c.query(selectMessage + "WHERE p.pin = ? AND m.row < ? ORDER BY m.row DESC LIMIT ?").
			pin(peer).int(before).int(rows(n)).messages()
		return err
	})
	slices.Reverse(list)
	return list, err
}

func rows(n int) int64 { return int64(max(0, min(n, maxPage))) }

// Get returns the message with an id, ours before theirs should both exist.
func (s *Store) Get(peer identity.Pin, id string) (m Message, ok bool, err error) {
	err = s.read("get", func(c *conn) error {
		m, ok, err = c.query(selectMessage + "WHERE p.pin = ? AND m.id = ? ORDER BY m.out DESC LIMIT 1").
			pin(peer).id(id).message()
		return err
	})
	return m, ok, err
}

// Since returns the next n facts after a number as they are now, in the order
// of their numbers. n is at most 1,000.
func (s *Store) Since(seq uint64, n int) (facts []Fact, err error) {
	after := int64(min(seq, math.MaxInt64))
	err = s.read("since", func(c *conn) error {
		facts, err = factsAfter(c, after, rows(n))
		return err
	})
	return facts, err
}

func factsAfter(c *conn, after, n int64) ([]Fact, error) {
	// Unchanged messages are found by their row, changed ones by the index.
	unchanged, err := c.query(selectMessage + "WHERE m.row > ? AND m.seq = m.row ORDER BY m.row LIMIT ?").
		int(after).int(n).messages()
	if err != nil {
		return nil, err
	}
	changed, err := c.query(selectMessage + "WHERE m.seq > ? AND m.seq <> m.row ORDER BY m.seq LIMIT ?").
		int(after).int(n).messages()
	if err != nil {
		return nil, err
	}
	asked, err := requests(c, c.query(selectRequest+"WHERE seq > ? ORDER BY seq LIMIT ?").int(after).int(n))
	if err != nil {
		return nil, err
	}
	facts := make([]Fact, 0, len(unchanged)+len(changed)+len(asked))
	for _, m := range append(unchanged, changed...) {
		facts = append(facts, Fact{Seq: m.Seq, Message: &m})
	}
	for _, r := range asked {
		facts = append(facts, Fact{Seq: r.Seq, Request: &r})
	}
	slices.SortFunc(facts, func(a, b Fact) int { return cmp.Compare(a.Seq, b.Seq) })
	return facts[:min(len(facts), int(n))], nil
}
