package history

import (
	"time"

	"llchat/internal/identity"
)

// schema3: the pictures of contacts, which nobody but them and us shall know:
// they are kept here for the encryption.
const schema3 = `
CREATE TABLE avatar (
	pin  BLOB PRIMARY KEY,
	hash TEXT NOT NULL,
	time INTEGER NOT NULL,
	data BLOB NOT NULL
);
CREATE INDEX avatar_hash ON avatar (hash);
`

// Bounds of the pictures kept (L-18).
const (
	MaxAvatar  = 8 << 10 // octets of one
	maxAvatars = 256     // the one kept longest goes first
	maxHash    = 64
)

// Avatars returns whose picture is kept, and the hash it was announced under.
func (s *Store) Avatars() (map[identity.Pin]string, error) {
	out := map[identity.Pin]string{}
	err := s.read("avatars", func(c *conn) error {
		q := c.query("SELECT pin, hash FROM avatar")
		for q.next() {
			var p identity.Pin
			copy(p[:], q.stmt.ColumnRawBlob(0))
			out[p] = q.stmt.ColumnText(1)
		}
		return q.done()
	})
	return out, err
}

// Avatar returns the picture of a contact; ErrNotFound when none is kept.
func (s *Store) Avatar(peer identity.Pin) ([]byte, error) {
	return s.avatar(func(c *conn) *query {
		return c.query("SELECT data FROM avatar WHERE pin = ?").pin(peer)
	})
}

// AvatarByHash returns a picture that somebody announced under a hash
// (174-11.5); ErrNotFound when none is kept.
func (s *Store) AvatarByHash(hash string) ([]byte, error) {
	return s.avatar(func(c *conn) *query {
		return c.query("SELECT data FROM avatar WHERE hash = ? LIMIT 1").text(hash)
	})
}

func (s *Store) avatar(ask func(*conn) *query) (data []byte, err error) {
	found := false
	err = s.read("avatar", func(c *conn) error {
		q := ask(c)
		if found = q.next(); found {
			data = q.stmt.ColumnBlob(0, nil)
		}
		return q.done()
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return data, err
}

// SetAvatar keeps the picture of a contact in place of the one before.
func (s *Store) SetAvatar(peer identity.Pin, hash string, data []byte, at time.Time) error {
	if len(data) > MaxAvatar || len(hash) > maxHash {
		return ErrTooLarge
	}
	return s.write("set avatar", func(c *conn) error {
		err := c.query("INSERT INTO avatar VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET hash = excluded.hash, time = excluded.time, data = excluded.data").
			pin(peer).text(hash).time(at).blob(data).exec()
		if err != nil {
			return err
		}
		return c.query("DELETE FROM avatar WHERE pin IN (SELECT pin FROM avatar ORDER BY time DESC, pin LIMIT -1 OFFSET ?)").
			int(maxAvatars).exec()
	})
}

// DropAvatar removes the picture of a contact, if there is one.
func (s *Store) DropAvatar(peer identity.Pin) error {
	return s.write("drop avatar", func(c *conn) error { return c.dropAvatar(peer) })
}

func (c *conn) dropAvatar(peer identity.Pin) error {
	return c.query("DELETE FROM avatar WHERE pin = ?").pin(peer).exec()
}

// ExpireAvatars removes the pictures that were kept before a time (XEP-0174
// 15).
func (s *Store) ExpireAvatars(before time.Time) error {
	return s.write("expire avatars", func(c *conn) error {
		return c.query("DELETE FROM avatar WHERE time < ?").time(before).exec()
	})
}
