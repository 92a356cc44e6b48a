package history

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"llchat/internal/identity"
)

const selectRequest = "SELECT id, pin, seq, names, nick, addr, first, last FROM request "

// requests reads all rows of the query, and the messages that wait with each.
func requests(c *conn, q *query) ([]Request, error) {
	var list []Request
	var ids []int64
	for q.next() {
		ids = append(ids, q.stmt.ColumnInt64(0))
		list = append(list, Request{
			Pin:   q.columnPin(1),
			Seq:   uint64(q.stmt.ColumnInt64(2)),
			Names: splitNames(q.stmt.ColumnRawBlob(3)),
			Nick:  q.stmt.ColumnText(4),
			Addr:  q.stmt.ColumnText(5),
			First: q.columnTime(6),
			Last:  q.columnTime(7),
		})
	}
	if err := q.done(); err != nil {
		return nil, err
	}
	for i := range list {
		var err error
		if list[i].Messages, err = waiting(c, ids[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func waiting(c *conn, request int64) ([]RequestMessage, error) {
	var list []RequestMessage
	q := c.query("SELECT id, body, time FROM waiting WHERE request = ? ORDER BY n").int(request)
	for q.next() {
		list = append(list, RequestMessage{q.columnID(0), q.stmt.ColumnText(1), q.columnTime(2)})
	}
	return list, q.done()
}

func findRequest(c *conn, pin identity.Pin) (Request, bool, error) {
	list, err := requests(c, c.query(selectRequest+"WHERE pin = ?").pin(pin))
	if err != nil || len(list) == 0 {
		return Request{}, false, err
	}
	return list[0], true, nil
}

// joinNames packs claims, each with its length before it; raw names may hold
// any octet.
func joinNames(names []string) []byte {
	out := []byte{}
	for _, name := range names {
		out = append(binary.AppendUvarint(out, uint64(len(name))), name...)
	}
	return out
}

func splitNames(packed []byte) []string {
	var names []string
	for len(packed) > 0 {
		n, head := binary.Uvarint(packed)
		if head <= 0 || n > uint64(len(packed)-head) {
			return names
		}
		names = append(names, string(packed[head:head+int(n)]))
		packed = packed[head+int(n):]
	}
	return names
}

// AddRequest puts a stranger's key into the queue or refreshes what is known
// of it: claims, nick, address, last time. Its messages are left as they are.
// The queue holds 50 keys: the one that has waited longest makes room, and is
// named in PushedOut. More than 200 new keys an hour get ErrRate (L-11). The
// number is renewed when there is something new to show.
func (s *Store) AddRequest(r Request) (Request, error) {
	r.Last = stamp(r.Last)
	r.First = stamp(cmp.Or(r.First, r.Last))
	r.Nick, r.Addr = clip(r.Nick), clip(r.Addr)
	r.Names = slices.Clone(r.Names[:min(len(r.Names), maxRequestNames)])
	for i := range r.Names {
		r.Names[i] = clip(r.Names[i])
	}
	var now Request
	var refused error
	err := s.write("add request", func(c *conn) error {
		old, found, err := findRequest(c, r.Pin)
		if err != nil {
			return err
		}
		if refused = nil; found {
			now, err = s.refresh(c, old, r)
			return err
		}
		if !s.admit(r.Last) {
			refused = ErrRate
			return nil
		}
		now, err = s.enqueue(c, r)
		return err
	})
	if err = cmp.Or(err, refused); err != nil {
		return Request{}, err
	}
	return now, nil
}

// clip bounds a claim; a name on the wire has at most 63 octets.
func clip(text string) string { return text[:min(len(text), maxRequestText)] }

func (s *Store) refresh(c *conn, old, r Request) (Request, error) {
	var err error
	now := r
	now.Seq, now.First, now.Messages = old.Seq, old.First, old.Messages
	if old.Nick != r.Nick || !slices.Equal(old.Names, r.Names) {
		if now.Seq, err = s.number(c); err != nil {
			return now, err
		}
	}
	return now, c.query("UPDATE request SET seq = ?, last = ?, nick = ?, addr = ?, names = ? WHERE pin = ?").
		int(int64(now.Seq)).time(now.Last).text(now.Nick).text(now.Addr).blob(joinNames(now.Names)).
		pin(now.Pin).exec()
}

// admit counts new keys over the last hour. A clock that was set back starts
// the count anew rather than shutting strangers out until it catches up.
func (s *Store) admit(now time.Time) bool {
	s.newKeys = slices.DeleteFunc(s.newKeys, func(t time.Time) bool {
		age := now.Sub(t)
		return age < 0 || age >= time.Hour
	})
	if len(s.newKeys) >= maxRequestRate {
		return false
	}
	s.newKeys = append(s.newKeys, now)
	return true
}

func (s *Store) enqueue(c *conn, r Request) (Request, error) {
	var err error
	if r.PushedOut, err = pushOut(c); err != nil {
		return r, err
	}
	if r.Seq, err = s.number(c); err != nil {
		return r, err
	}
	r.Messages = nil
	return r, c.query("INSERT INTO request (pin, seq, names, nick, addr, first, last) VALUES (?, ?, ?, ?, ?, ?, ?)").
		pin(r.Pin).int(int64(r.Seq)).blob(joinNames(r.Names)).text(r.Nick).text(r.Addr).
		time(r.First).time(r.Last).exec()
}

// pushOut makes room for one more key.
func pushOut(c *conn) ([]identity.Pin, error) {
	var pins []identity.Pin
	q := c.query("SELECT pin FROM request ORDER BY id DESC LIMIT -1 OFFSET ?").int(maxRequests - 1)
	for q.next() {
		pins = append(pins, q.columnPin(0))
	}
	if err := q.done(); err != nil {
		return nil, err
	}
	for _, pin := range pins {
		if err := drop(c, pin); err != nil {
			return nil, err
		}
	}
	return pins, nil
}

func drop(c *conn, pin identity.Pin) error {
	err := c.query("DELETE FROM waiting WHERE request = (SELECT id FROM request WHERE pin = ?)").pin(pin).exec()
	if err != nil {
		return err
	}
	return c.query("DELETE FROM request WHERE pin = ?").pin(pin).exec()
}

// AddRequestMessage keeps a message of a stranger who is in the queue, at
// most 3 of them and 4 KiB of text (L-11). stored tells that it was added
// now; a repeat and what exceeds the limit are not. Either way the request
// comes back as it is. A key that is not in the queue gets ErrNotFound.
func (s *Store) AddRequestMessage(pin identity.Pin, m RequestMessage) (r Request, stored bool, err error) {
	if len(m.ID) > maxID || m.ID == "" {
		return Request{}, false, ErrTooLarge
	}
	m.Time = stamp(m.Time)
	var found bool
	err = s.write("add request message", func(c *conn) error {
		stored = false
		if r, found, err = findRequest(c, pin); err != nil || !found || !r.fits(m) {
			return err
		}
		if r.Seq, err = s.number(c); err != nil {
			return err
		}
		stored = true
		r.Last = m.Time
		r.Messages = append(r.Messages, m)
		return keep(c, r, m)
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return Request{}, false, err
	}
	return r, stored, nil
}

// fits reports whether m is new and within the limits of the request.
func (r Request) fits(m RequestMessage) bool {
	size := len(m.Body)
	for _, old := range r.Messages {
		if old.ID == m.ID {
			return false
		}
		size += len(old.Body)
	}
	return len(r.Messages) < maxRequestBodies && size <= maxRequestBytes
}

func keep(c *conn, r Request, m RequestMessage) error {
	err := c.query(`INSERT INTO waiting (request, id, time, body)
		SELECT id, ?, ?, ? FROM request WHERE pin = ?`).
		id(m.ID).time(m.Time).text(m.Body).pin(r.Pin).exec()
	if err != nil {
		return err
	}
	return c.query("UPDATE request SET seq = ?, last = ? WHERE pin = ?").
		int(int64(r.Seq)).time(r.Last).pin(r.Pin).exec()
}

// Requests returns the queue, the key that has waited longest first.
func (s *Store) Requests() (list []Request, err error) {
	err = s.read("requests", func(c *conn) error {
		list, err = requests(c, c.query(selectRequest+"ORDER BY id"))
		return err
	})
	return list, err
}

// Request returns what waits of one key.
func (s *Store) Request(pin identity.Pin) (r Request, ok bool, err error) {
	err = s.read("request", func(c *conn) error {
		r, ok, err = findRequest(c, pin)
		return err
	})
	return r, ok, err
}

// DropRequest removes a key and its messages from the queue, if it is there.
func (s *Store) DropRequest(pin identity.Pin) error {
	return s.write("drop request", func(c *conn) error { return drop(c, pin) })
}

// TakeRequest makes received messages of what waits with a key and removes it
// from the queue, both or neither. The messages come back in order; those
// known already are left out. A key that is not in the queue has none.
func (s *Store) TakeRequest(pin identity.Pin) ([]Message, error) {
	var list []Message
	err := s.write("take request", func(c *conn) error {
		list = nil
		r, found, err := findRequest(c, pin)
		if err != nil || !found {
			return err
		}
		for _, w := range r.Messages {
			m := Message{ID: w.ID, Peer: pin, Direction: In, Body: w.Body, State: Received, Time: w.Time}
			m, fresh, _, err := s.append(c, m)
			if err != nil {
				return err
			}
			if fresh {
				list = append(list, m)
			}
		}
		return drop(c, pin)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
