package history

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"llchat/internal/identity"
)

// ReasonExpired is why a message failed that nobody fetched for 30 days.
const ReasonExpired = "expired"

// selectMessage and fromMessage give the columns that columnMessage reads.
// detail is looked up only for rows that have one: no row is found by NULL.
const (
	selectMessage = `SELECT m.row, m.seq, m.id, p.pin, m.out, iif(m.kind, d.text, m.body), m.state, m.reason, m.time, m.delay,
	m.kind, m.flags, m.target, d.reply, d.quote, d.hint, d.edited, d.retracted, d.ours, d.theirs ` + fromMessage
	fromMessage = "FROM message m JOIN peer p ON p.id = m.peer " + withDetail
	withDetail  = "LEFT JOIN detail d ON d.row = iif(m.flags & 8, m.row, NULL) "
)

// Flags of a message, as stored.
const (
	flagSpoiler = 1 << iota
	flagUnstyled
	flagMarkable
	flagDetail // there is a row in detail
)

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
		Kind:      kindOf(q.stmt.ColumnInt64(10)),
	}
	if q.stmt.ColumnBool(4) {
		m.Direction = Out
	}
	flags := q.stmt.ColumnInt64(11)
	m.Spoiler = flags&flagSpoiler != 0
	m.Unstyled = flags&flagUnstyled != 0
	m.Markable = flags&flagMarkable != 0
	if flags&flagDetail != 0 {
		q.columnDetail(&m)
	}
	return m
}

func (q *query) columnDetail(m *Message) {
	m.Target, m.Reply = q.columnID(12), q.columnID(13)
	quote := uint64(q.stmt.ColumnInt64(14))
	m.Quote = Range{uint32(quote >> 32), uint32(quote)}
	m.Hint = q.stmt.ColumnText(15)
	m.Edited, m.Retracted = q.columnTime(16), q.columnTime(17)
	m.Ours, m.Theirs = splitEmoji(q.stmt.ColumnText(18)), splitEmoji(q.stmt.ColumnText(19))
	if m.Kind == Reaction {
		m.Emoji, m.Body = splitEmoji(m.Body), ""
	}
}

func (m *Message) flags() (flags int64) {
	if m.Spoiler {
		flags |= flagSpoiler
	}
	if m.Unstyled {
		flags |= flagUnstyled
	}
	if m.Markable {
		flags |= flagMarkable
	}
	if m.detailed() {
		flags |= flagDetail
	}
	return flags
}

// detailed reports whether a new message needs a row in detail.
func (m *Message) detailed() bool {
	return m.Kind != Chat || m.Reply != "" || m.Hint != "" || m.Quote != Range{}
}

func (k Kind) code() int64 { return int64(slices.Index(kinds, k)) }

// kindOf takes what it does not know for deleted, so that it is not shown.
func kindOf(code int64) Kind {
	if code < 0 || code >= int64(len(kinds)) {
		return Deleted
	}
	return kinds[code]
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
//
// The kind is Chat, whatever m says; what became of a message starts empty.
func (s *Store) Append(m Message) (stored Message, fresh bool, err error) {
	p := s.AppendLater(m)
	return p.Result(<-p.Done())
}

// plain makes m a text of which nothing became yet.
func (m *Message) plain() {
	m.Kind, m.Target, m.Emoji = Chat, "", nil
	m.Edited, m.Retracted, m.Ours, m.Theirs = time.Time{}, time.Time{}, nil, nil
}

// complete checks the sizes and fills in what is left open.
func (m *Message) complete() error {
	if len(m.Body) > maxBody || len(m.ID) > maxID || m.ID == "" ||
		len(m.Target) > maxID || len(m.Reply) > maxID || len(m.Hint) > maxHint {
		return ErrTooLarge
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
	return nil
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
		if refused, err = s.book(c, peer, int64(len(m.text()))); refused != nil || err != nil {
			return m, false, refused, err
		}
	}
	if m.Seq, err = s.number(c); err != nil {
		return m, false, nil, err
	}
	m.Row = int64(m.Seq)
	s.unindexed++
	return m, true, nil, insert(c, peer, &m)
}

// text is what is stored of a message: its body, or what it says about
// another one.
func (m *Message) text() string {
	if m.Kind == Reaction {
		return strings.Join(m.Emoji, "\n")
	}
	return m.Body
}

func insert(c *conn, peer int64, m *Message) error {
	body := m.Body
	if m.Kind != Chat {
		body = "" // in detail, where search does not look
	}
	q := c.query(`INSERT INTO message (row, seq, peer, out, id, state, pending, time, delay, reason, body, kind, flags, target)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).
		int(m.Row).int(m.Row).int(peer).flag(m.Direction == Out).id(m.ID).
		int(m.State.code()).flag(m.State.pending()).time(m.Time).time(m.Delay).
		text(m.Reason).text(body).int(m.Kind.code()).int(m.flags()).ref(m.Target)
	if err := q.exec(); err != nil || !m.detailed() {
		return err
	}
	q = c.query("INSERT INTO detail (row, reply, quote, hint, text) VALUES (?, ?, ?, ?, ?)").
		int(m.Row).ref(m.Reply).int(int64(uint64(m.Quote.Start)<<32 | uint64(m.Quote.End))).text(m.Hint)
	if m.Kind == Chat {
		return q.null().exec() // the first text, once there is a second one
	}
	return q.text(m.text()).exec()
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

const selectLoad = "SELECT count(*), coalesce(sum(octet_length(iif(m.kind, d.text, m.body))), 0) FROM message m " +
	withDetail + "WHERE m.peer = ? AND m.pending"

// book takes room in a peer's outbox, or refuses (L-14).
func (s *Store) book(c *conn, peer, size int64) (refused, err error) {
	l, known := s.outbox[peer]
	if !known {
		q := c.query(selectLoad).int(peer)
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
	p := s.MarkLater(peer, id, st, reason)
	m, _, err := p.Result(<-p.Done())
	return m, err
}

func (s *Store) mark(c *conn, peer identity.Pin, id string, st State, reason string) (m Message, fresh bool, refused, err error) {
	m, found, err := find(c, peer, id, true)
	switch {
	case err != nil:
		return m, false, nil, err
	case !found:
		return m, false, ErrNotFound, nil
	case !st.follows(m.State) || m.State == st && m.Reason == reason:
		return m, false, nil, nil
	}
	m.State, m.Reason = st, reason
	return m, true, nil, s.change(c, &m)
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

// What a clock that was wrong, or is, says of waiting messages: nobody keeps
// one for a year, and none is from tomorrow (P-24).
const (
	tooOld = 365 * 24 * time.Hour
	tooNew = 24 * time.Hour
)

// Expire fails what has waited in an outbox for 30 days (L-14), and returns it.
// What was written by another clock than that of now begins to wait now.
func (s *Store) Expire(now time.Time) ([]Message, error) {
	var list []Message
	err := s.write("expire", func(c *conn) error {
		err := c.query("UPDATE message SET time = ? WHERE pending AND (time < ? OR time > ?)").
			time(stamp(now)).time(stamp(now).Add(-tooOld)).time(stamp(now).Add(tooNew)).exec()
		if err != nil {
			return err
		}
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
func (s *Store) Outbox(peer identity.Pin) ([]Message, error) { return s.OutboxHead(peer, maxOutbox) }

// OutboxHead returns the oldest n of them.
func (s *Store) OutboxHead(peer identity.Pin, n int) (list []Message, err error) {
	err = s.read("outbox", func(c *conn) error {
		list, err = c.query(selectMessage + "WHERE p.pin = ? AND m.pending ORDER BY m.row LIMIT ?").
			pin(peer).int(int64(n)).messages()
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

// pageOf leaves out what is about other messages: it shows on them.
const pageOf = "WHERE p.pin = ? AND m.row < ? AND m.kind = 0 ORDER BY m.row DESC LIMIT ?"

// Page returns the newest n messages with the peer before a row (0: the end),
// oldest first. n is at most 1,000. All are of kind Chat.
func (s *Store) Page(peer identity.Pin, before int64, n int) (list []Message, err error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	err = s.read("page", func(c *conn) error {
		list, err = c.query(selectMessage + pageOf).
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
	unchanged, err := c.query(selectMessage + "WHERE m.row > ? AND m.seq = m.row AND NOT p.gone ORDER BY m.row LIMIT ?").
		int(after).int(n).messages()
	if err != nil {
		return nil, err
	}
	changed, err := c.query(selectMessage + "WHERE m.seq > ? AND m.seq <> m.row AND NOT p.gone ORDER BY m.seq LIMIT ?").
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
