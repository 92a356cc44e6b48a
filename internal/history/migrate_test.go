package history

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// released copies a database that an earlier llchat made.
func released(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	path := dbPath(t)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file of schema 1, made by the program that wrote that: everything in it is
// there and works, and a copy of it is kept.
func TestMigrationOfSchema1(t *testing.T) {
	path := released(t, "schema1.db")
	s := open(t, path)
	want := make([]Message, 0, 73)
	for n := range 70 {
		want = append(want, in(bob, n, body(n)))
	}
	ours := out(bob, 100, "Übermorgen am See")
	ours.State = Delivered
	waits := out(carol, 101, "still waits")
	foreign := Message{
		ID: "foreign id", Peer: carol, Direction: In, State: Received,
		Body: "with a delay", Time: epoch, Delay: epoch.Add(-time.Hour),
	}
	want = append(want, ours, waits, foreign)
	var got []Message
	for m, err := range s.All(nil) {
		if err != nil {
			t.Fatal(err)
		}
		m.Row, m.Seq = 0, 0
		got = append(got, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got)\n%s", diff)
	}
	if box := must[[]Message](t)(s.Outbox(carol)); len(box) != 1 || box[0].Body != "still waits" {
		t.Errorf("outbox %v", box)
	}
	if hits := must[[]Message](t)(s.Search("ubermorgen", nil, 0, 9)); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
	if r, ok, err := s.Request(pin(5)); err != nil || !ok || len(r.Messages) != 1 || r.Nick != "eve" {
		t.Errorf("request %+v, %v", r, err)
	}
	if text, err := s.Draft("bob"); text != "half a sentence" || err != nil {
		t.Errorf("draft %q, %v", text, err)
	}
	o := must[Outcome](t)(s.Correct(about(bob, Out, 200, 100, "Überübermorgen")))
	if o.Target == nil || o.Target.Body != "Überübermorgen" || o.Target.Edited.IsZero() {
		t.Errorf("correction of an old message: %+v", o.Target)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".v1"); err != nil {
		t.Error(err)
	}
}

// A file of schema 3, made by the program that wrote that: search finds what it
// found before, and what only the new index knows, and nothing that was
// corrected or deleted.
func TestMigrationOfSchema3(t *testing.T) {
	s := open(t, released(t, "schema3.db"))
	for query, want := range map[string]int{
		"lake": 70, "corrected": 1, "boat": 69, "see": 71, "delete": 0, "京": 1, "👍": 1,
	} {
		if hits := must[[]Message](t)(s.Search(query, nil, 0, 99)); len(hits) != want {
			t.Errorf("%q: %d hits, want %d", query, len(hits), want)
		}
	}
	if hits := must[[]Message](t)(s.Search("see", &carol, 0, 99)); len(hits) != 2 {
		t.Errorf("with one peer: %q", bodies(hits))
	}
	consistent(t, s)
	must[Outcome](t)(s.Correct(about(bob, In, 201, 8, "corrected again")))
	if _, err := s.Delete(bob, In, id(7)); err != nil {
		t.Error(err)
	}
	if err := s.Forget(carol); err != nil {
		t.Error(err)
	}
	if hits := must[[]Message](t)(s.Search("corrected", nil, 0, 99)); len(hits) != 1 {
		t.Errorf("%q", bodies(hits))
	}
	consistent(t, s)
}

// More messages than one commit indexes wait, as after a migration: the writer
// indexes them by and by, a search waits for all, closing for none of them.
func TestReindexInBatches(t *testing.T) {
	const n = 3*indexBatch + 10
	for _, first := range []string{"search", "close", "idle"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			path := dbPath(t)
			s := open(t, path)
			list := make([]Message, n)
			for i := range list {
				list[i] = in(pin(i%2), i, "a word")
			}
			addAll(t, s, list)
			closeStore(t, s)
			c, err := connect((file{standard, path, testKey}).uri(""), &testKey)
			if err != nil {
				t.Fatal(err)
			}
			err = c.db.Exec("INSERT INTO search (search) VALUES ('delete-all'); UPDATE meta SET value = 0 WHERE name = 'indexed'")
			if err := errors.Join(err, c.close()); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			if first == "close" {
				closeStore(t, s)
				s = open(t, path)
			}
			for waiting := first == "idle"; waiting; { // every write lets the writer go on
				err := s.write("test", func(c *conn) error {
					left, _, err := c.query("SELECT max(row) > (SELECT value FROM meta WHERE name = 'indexed') FROM message").number()
					waiting = left > 0
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if hits := must[[]Message](t)(s.Search("word", nil, list[0].Row, maxPage)); len(hits) != maxPage {
				t.Errorf("%d hits", len(hits))
			}
			consistent(t, s)
		})
	}
}
