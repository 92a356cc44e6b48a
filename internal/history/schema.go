package history

import (
	"fmt"
	"strconv"
)

// applicationID marks the file as ours: "llch".
const applicationID = 0x6c6c6368

// migrations brings a database from schema version i to i+1. What was once
// released never changes; a new version is a new entry.
var migrations = []string{schema1, schema2, schema3, schema4}

// schema1: a message's row is its first seq, so that only messages that
// changed since need an entry in an index by seq. Pins are kept once, in
// peer. pending is what the outbox still owes. The search index refers to
// message.body and is filled behind the messages, up to meta 'indexed'.
const schema1 = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('seq', 1), ('indexed', 0);

CREATE TABLE peer (id INTEGER PRIMARY KEY, pin BLOB NOT NULL UNIQUE);

CREATE TABLE message (
	row     INTEGER PRIMARY KEY,
	seq     INTEGER NOT NULL,
	peer    INTEGER NOT NULL REFERENCES peer,
	out     INTEGER NOT NULL,
	id      NOT NULL,
	state   INTEGER NOT NULL,
	pending INTEGER NOT NULL,
	time    INTEGER NOT NULL,
	delay   INTEGER,
	reason  TEXT NOT NULL,
	body    TEXT NOT NULL
);
CREATE UNIQUE INDEX message_id ON message (peer, id, out);
CREATE INDEX message_peer ON message (peer);
CREATE INDEX message_changed ON message (seq) WHERE seq <> row;
CREATE INDEX message_pending ON message (peer) WHERE pending;

CREATE VIRTUAL TABLE search USING fts5 (
	body, content='message', content_rowid='row',
	tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);

CREATE TABLE request (
	id    INTEGER PRIMARY KEY,
	pin   BLOB NOT NULL UNIQUE,
	seq   INTEGER NOT NULL,
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	nick  TEXT NOT NULL,
	addr  TEXT NOT NULL,
	names BLOB NOT NULL
);
CREATE TABLE waiting (
	n       INTEGER PRIMARY KEY,
	request INTEGER NOT NULL REFERENCES request,
	id      NOT NULL,
	time    INTEGER NOT NULL,
	body    TEXT NOT NULL,
	UNIQUE (request, id)
);

CREATE TABLE draft (peer TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
`

// schema2: what is said about messages (README 7). A correction, a retraction
// and a set of reactions are messages too, of another kind: they wait in the
// outbox and are known when they come again, and target is the id they mean.
// Their text is in detail, so that search knows only what is shown. detail
// has a row only where there is something to keep. A peer that is gone is one
// whose messages are being removed; seen is the last row the user has seen.
const schema2 = `
ALTER TABLE message ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN target;
CREATE INDEX message_target ON message (peer, target, kind, out) WHERE kind <> 0;

CREATE TABLE detail (
	row        INTEGER PRIMARY KEY,
	reply,
	quote      INTEGER,
	hint       TEXT,
	text       TEXT,
	edited     INTEGER,
	retracted  INTEGER,
	ours       TEXT,
	theirs     TEXT,
	ours_at    INTEGER,
	theirs_at  INTEGER
);

ALTER TABLE peer ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
`

// version is the schema version of the open database.
func (c *conn) version() (int, error) {
	v, _, err := c.query("PRAGMA user_version").number()
	return int(v), err
}

// migrate brings the database up to the newest of the steps in one
// transaction: all of it, or nothing.
func (c *conn) migrate(from int, steps []string) error {
	return c.transact("BEGIN EXCLUSIVE", func(c *conn) error {
		for i, sql := range steps[from:] {
			if err := c.db.Exec(sql); err != nil {
				return fmt.Errorf("migrate to schema %d: %w", from+i+1, err)
			}
		}
		return c.db.Exec("PRAGMA user_version = " + strconv.Itoa(len(steps)))
	})
}
