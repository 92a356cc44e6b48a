package history

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llchat/internal/identity"
)

// Why a message failed that was still in the outbox when it was taken back, or
// deleted.
const (
	ReasonRetracted = "retracted"
	ReasonDeleted   = "deleted"
)

// Outcome is what became of something said about a message.
type Outcome struct {
	// Event is what is stored under the id: it waits in the outbox when it is
	// ours, and is known when it comes again when it is theirs.
	Event Message
	// Fresh is false for one that is known already. It changed nothing now.
	Fresh bool
	// Target is the message it is about, as it is now, with a new number; nil
	// when nothing about it changed.
	Target *Message
}

// Correct replaces the text of a message by that of m (XEP-0308), and Spoiler,
// Hint and Unstyled with it. Target is the id of the first version, whatever
// was corrected since; only the side that wrote it can correct it, which is
// the direction of m. The newest that we see counts, whatever its times say.
//
// A peer's correction of a message that we do not have is stored as a message
// of its own, of kind Chat. One of ours is ErrNotFound then, and ErrGone when
// the message was retracted; a peer's changes nothing then.
func (s *Store) Correct(m Message) (Outcome, error) {
	m.Kind, m.Emoji = Correction, nil
	return s.apply("correct", m, s.correct)
}

// Retract takes the text of a message away on behalf of the side that wrote
// it (XEP-0424): all versions and reactions are overwritten on disk, the
// message stays in its place with Retracted set. One of ours that waits in the
// outbox fails with ReasonRetracted; the retraction is sent in any case,
// because the message may have been on its way.
func (s *Store) Retract(m Message) (Outcome, error) {
	m.Kind, m.Emoji, m.Body, m.Reply, m.Hint = Retraction, nil, "", "", ""
	return s.apply("retract", m, s.retract)
}

// React sets all reactions of one side to a message of either side (XEP-0444);
// none takes them back. At most 20, of at most 64 octets each. A delayed set
// loses against one that was said later, unless its time cannot be true.
func (s *Store) React(m Message) (Outcome, error) {
	m.Kind, m.Body, m.Reply, m.Hint = Reaction, "", "", ""
	m.Emoji = slices.Clone(m.Emoji)
	slices.Sort(m.Emoji)
	m.Emoji = slices.Compact(m.Emoji)
	for _, e := range m.Emoji {
		if e == "" || len(e) > maxEmojiLen || strings.ContainsAny(e, "\n\x00") || !utf8.ValidString(e) {
			return Outcome{}, ErrTooLarge
		}
	}
	if len(m.Emoji) > maxEmoji {
		return Outcome{}, ErrTooLarge
	}
	return s.apply("react", m, s.react)
}

func splitEmoji(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// effect changes the message old as event says and tells whether it did. It
// may not change event once that is stored.
type effect func(c *conn, event, old *Message) (changed bool, err error)

// apply stores what is said about a message and does what it says, both or
// neither.
func (s *Store) apply(op string, m Message, do effect) (out Outcome, err error) {
	m.Edited, m.Retracted, m.Ours, m.Theirs = time.Time{}, time.Time{}, nil, nil
	if err := cmp.Or(m.complete(), needTarget(m)); err != nil {
		return Outcome{}, err
	}
	var refused error
	err = s.write(op, func(c *conn) error {
		out, refused, err = s.applyOne(c, m, do)
		return err
	})
	if err = cmp.Or(err, refused); err != nil {
		return Outcome{}, err
	}
	return out, nil
}

func needTarget(m Message) error {
	if m.Target == "" {
		return ErrNotFound
	}
	return nil
}

func (s *Store) applyOne(c *conn, m Message, do effect) (out Outcome, refused, err error) {
	known, found, err := find(c, m.Peer, m.ID, m.Direction == Out)
	if err != nil || found {
		return Outcome{Event: known}, nil, err
	}
	old, found, err := target(c, &m)
	if err != nil {
		return out, nil, err
	}
	switch ours := m.Direction == Out; {
	case ours && !found:
		return out, ErrNotFound, nil
	case ours && !old.Retracted.IsZero():
		return out, ErrGone, nil
	case !found && m.Kind == Correction:
		m.Kind, m.Target = Chat, ""
	}
	if out.Event, out.Fresh, refused, err = s.append(c, m); refused != nil || err != nil || !found {
		return out, refused, err
	}
	changed := false
	if old.Retracted.IsZero() {
		if changed, err = do(c, &out.Event, &old); err != nil {
			return out, nil, err
		}
	}
	if !changed {
		return out, nil, c.forgetText(out.Event.Row)
	}
	if err := s.renew(c, &old); err != nil {
		return out, nil, err
	}
	out.Target = &old
	return out, nil, nil
}

// target finds the message that m is about. Corrections and retractions are
// about what their sender said, reactions rather about what the other did.
func target(c *conn, m *Message) (old Message, found bool, err error) {
	ours := m.Direction == Out
	sides := []bool{ours}
	if m.Kind == Reaction {
		sides = []bool{!ours, ours}
	}
	for _, side := range sides {
		old, found, err = find(c, m.Peer, m.Target, side)
		if err != nil || found && old.Kind == Chat {
			return old, found, err
		}
	}
	return old, false, nil
}

// renew gives a message that changed a new number.
func (s *Store) renew(c *conn, m *Message) error {
	seq, err := s.number(c)
	if err != nil {
		return err
	}
	m.Seq = seq
	return c.query("UPDATE message SET seq = ? WHERE row = ?").int(int64(seq)).int(m.Row).exec()
}

// needDetail makes a row in detail for a message that has none.
func (c *conn) needDetail(row int64) error {
	err := c.query("INSERT INTO detail (row) VALUES (?) ON CONFLICT DO NOTHING").int(row).exec()
	if err != nil {
		return err
	}
	return c.query("UPDATE message SET flags = flags | ? WHERE row = ?").int(flagDetail).int(row).exec()
}

// forgetText drops the text of something that changed nothing: only its id
// has to be known. What waits in the outbox keeps it.
func (c *conn) forgetText(row int64) error {
	return c.query(`UPDATE detail SET text = NULL WHERE row = ? AND
		row IN (SELECT row FROM message WHERE row = ?1 AND kind <> 0 AND NOT pending)`).int(row).exec()
}

func (s *Store) correct(c *conn, event, old *Message) (bool, error) {
	if err := c.needDetail(old.Row); err != nil {
		return false, err
	}
	// Only the first correction finds no text: that is the original.
	err := c.query("UPDATE detail SET text = coalesce(text, ?), edited = ?, hint = ? WHERE row = ?").
		text(old.Body).time(event.Time).text(event.Hint).int(old.Row).exec()
	if err != nil {
		return false, err
	}
	if err := c.setBody(old, event.Body); err != nil {
		return false, err
	}
	old.Edited, old.Hint, old.Spoiler, old.Unstyled = event.Time, event.Hint, event.Spoiler, event.Unstyled
	flags := old.flags() | flagDetail
	err = c.query("UPDATE message SET flags = ? WHERE row = ?").int(flags).int(old.Row).exec()
	if err != nil {
		return false, err
	}
	delete(s.outbox, s.peers[old.Peer]) // what waits may have another size now
	return true, c.prune(old)
}

// setBody exchanges the text of a message, for search too.
func (c *conn) setBody(m *Message, body string) error {
	indexed, _, err := c.query("SELECT value FROM meta WHERE name = 'indexed'").number()
	if err != nil {
		return err
	}
	if m.Row <= indexed {
		err = c.query(unindexRow).int(m.Row).exec()
	}
	if err == nil {
		err = c.query("UPDATE message SET body = ? WHERE row = ?").text(body).int(m.Row).exec()
	}
	if err == nil && m.Row <= indexed {
		err = c.query(indexRow).int(m.Row).exec()
	}
	m.Body = body
	return err
}

// selectAbout finds the newest corrections of a message, straight from an
// index: somebody may have sent any number of them.
const (
	selectAbout = selectMessage + `WHERE m.peer = (SELECT id FROM peer WHERE pin = ?) AND m.target = ?
		AND m.kind <> 0 AND m.kind = 1 AND m.out = ? ` + newestAbout
	newestAbout = "ORDER BY m.row DESC LIMIT ? OFFSET ?"
)

// corrections returns the newest n of a message behind the first skip, newest
// first.
func (c *conn) corrections(m *Message, skip, n int64) ([]Message, error) {
	return c.query(selectAbout).pin(m.Peer).id(m.ID).flag(m.Direction == Out).int(n).int(skip).messages()
}

// prune drops the text of the correction that is one too many now. The first
// text is always kept.
func (c *conn) prune(m *Message) error {
	list, err := c.corrections(m, maxVersions, 1)
	if err != nil || len(list) == 0 {
		return err
	}
	return c.forgetText(list[0].Row)
}

func (s *Store) retract(c *conn, event, old *Message) (bool, error) {
	old.Retracted = event.Time
	return true, s.empty(c, old, ReasonRetracted)
}

// selectPendingAbout finds corrections of a message in the outbox.
const selectPendingAbout = selectMessage + `WHERE m.pending AND m.peer = (SELECT id FROM peer WHERE pin = ?)
	AND m.target = ? AND m.kind = 1 AND m.out = ? ORDER BY m.row`

// empty leaves nothing of a message but that it was there, and takes it out
// of the outbox with a reason.
func (s *Store) empty(c *conn, m *Message, reason string) error {
	// One of ours may wait behind others that are done with: all that wait.
	edits, err := c.query(selectPendingAbout).pin(m.Peer).id(m.ID).flag(m.Direction == Out).messages()
	if err != nil {
		return err
	}
	for i := range edits {
		if err := s.withdraw(c, &edits[i], reason); err != nil {
			return err
		}
	}
	if err := s.withdraw(c, m, reason); err != nil {
		return err
	}
	err = c.query(`UPDATE detail SET text = NULL WHERE text IS NOT NULL AND row IN (SELECT row FROM message
		WHERE peer = (SELECT id FROM peer WHERE pin = ?) AND target = ? AND kind IN (1, 3) AND kind <> 0 AND NOT pending)`).
		pin(m.Peer).id(m.ID).exec()
	if err != nil {
		return err
	}
	if err := c.setBody(m, ""); err != nil {
		return err
	}
	if err := c.needDetail(m.Row); err != nil {
		return err
	}
	m.Reply, m.Quote, m.Hint, m.Ours, m.Theirs = "", Range{}, "", nil, nil
	return c.query(`UPDATE detail SET retracted = ?, reply = NULL, quote = NULL, hint = NULL,
		text = NULL, ours = NULL, theirs = NULL WHERE row = ?`).
		time(m.Retracted).int(m.Row).exec()
}

// withdraw takes a message out of the outbox.
func (s *Store) withdraw(c *conn, m *Message, reason string) error {
	if !m.State.pending() {
		return nil
	}
	m.State, m.Reason = Failed, reason
	return s.change(c, m)
}

func (s *Store) react(c *conn, event, old *Message) (bool, error) {
	if err := c.needDetail(old.Row); err != nil {
		return false, err
	}
	set, mine := "UPDATE detail SET theirs = ?, theirs_at = ? WHERE row = ? AND coalesce(theirs_at, 0) <= ?", &old.Theirs
	if event.Direction == Out {
		set, mine = "UPDATE detail SET ours = ?, ours_at = ? WHERE row = ? AND coalesce(ours_at, 0) <= ?", &old.Ours
	}
	at, latest := event.Time, time.UnixMilli(1<<53)
	if plausible(event) {
		at, latest = event.Delay, event.Delay
	}
	err := c.query(set).text(event.text()).time(at).int(old.Row).time(latest).exec()
	if err != nil || c.db.Changes() == 0 {
		return false, err
	}
	*mine = event.Emoji
	return true, nil
}

// plausible reports whether the sender's word for when it was said can be
// true: nothing waits in an outbox for more than 30 days (L-14), and a clock
// that is wrong must change nothing (T-33).
func plausible(m *Message) bool {
	age := m.Time.Sub(m.Delay)
	return !m.Delay.IsZero() && age >= 0 && age <= maxOutboxAge
}

// Version is a text that a message had.
type Version struct {
	Body string
	Time time.Time // when we saw it
}

// Versions returns the texts that a message had, oldest first, the present one
// last: the first one and at most the 16 newest. A retracted one has none.
func (s *Store) Versions(peer identity.Pin, dir Direction, id string) (list []Version, err error) {
	err = s.read("versions", func(c *conn) error {
		m, found, err := find(c, peer, id, dir == Out)
		if err != nil || !found || m.Kind != Chat || !m.Retracted.IsZero() {
			return err
		}
		later, err := c.corrections(&m, 0, maxVersions)
		if err != nil {
			return err
		}
		first := Version{m.Body, m.Time}
		if !m.Edited.IsZero() {
			if first.Body, err = c.firstText(m.Row); err != nil {
				return err
			}
		}
		list = []Version{first}
		for _, e := range slices.Backward(later) {
			list = append(list, Version{e.Body, e.Time})
		}
		return nil
	})
	return list, err
}

func (c *conn) firstText(row int64) (text string, err error) {
	q := c.query("SELECT text FROM detail WHERE row = ?").int(row)
	if q.next() {
		text = q.stmt.ColumnText(0)
	}
	return text, q.done()
}

// Displayed marks what the peer says it has shown up to a message of ours
// (XEP-0333): everything delivered to it until then. What has no receipt stays
// as it is, and so does everything when the id is unknown or old. Changed
// messages come back in order, with new numbers.
func (s *Store) Displayed(peer identity.Pin, id string) ([]Message, error) {
	var list []Message
	err := s.write("displayed", func(c *conn) error {
		list = nil
		m, found, err := find(c, peer, id, true)
		if err != nil || !found || m.State != Delivered {
			return err
		}
		before, err := c.query(selectMessage + "WHERE p.pin = ? AND m.row <= ? ORDER BY m.row DESC LIMIT ?").
			pin(peer).int(m.Row).int(maxPage).messages()
		if err != nil {
			return err
		}
		list = undisplayed(before)
		for i := range list {
			list[i].State = Displayed
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

// undisplayed picks what was delivered since something was displayed, oldest
// first, from messages newest first.
func undisplayed(newestFirst []Message) (list []Message) {
	for _, m := range newestFirst {
		if m.Direction == Out && m.State == Displayed {
			break
		}
		if m.Direction == Out && m.State == Delivered && m.Kind == Chat {
			list = append(list, m)
		}
	}
	slices.Reverse(list)
	return list
}

// SetSeen notes up to which row the user has seen the conversation. It never
// goes back.
func (s *Store) SetSeen(peer identity.Pin, row int64) error {
	return s.write("set seen", func(c *conn) error {
		return c.query("UPDATE peer SET seen = max(seen, ?) WHERE pin = ?").int(row).pin(peer).exec()
	})
}

// Seen returns the row up to which the user has seen the conversation, and how
// many messages of the peer came after it, counted up to 1,000.
func (s *Store) Seen(peer identity.Pin) (row int64, unread int, err error) {
	err = s.read("seen", func(c *conn) error {
		if row, _, err = c.query("SELECT seen FROM peer WHERE pin = ?").pin(peer).number(); err != nil {
			return err
		}
		n, _, err := c.query(`SELECT count(*) FROM (SELECT 1 FROM message m JOIN peer p ON p.id = m.peer
			WHERE p.pin = ? AND m.row > ? AND NOT m.out AND m.kind = 0 LIMIT ?)`).
			pin(peer).int(row).int(maxPage).number()
		unread = int(n)
		return err
	})
	return row, unread, err
}
