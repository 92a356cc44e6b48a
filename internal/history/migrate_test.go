package history

import (
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
