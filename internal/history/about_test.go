package history

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
)

// said is something with the id n about the message with the id of.
func about(peer identity.Pin, dir Direction, n, of int, text string) Message {
	return Message{
		ID: id(n), Peer: peer, Direction: dir, Target: id(of), Body: text,
		Time: epoch.Add(time.Duration(n) * time.Second),
	}
}

func emoji(peer identity.Pin, dir Direction, n, of int, set ...string) Message {
	m := about(peer, dir, n, of, "")
	m.Emoji = set
	return m
}

func get(t *testing.T, s *Store, peer identity.Pin, dir Direction, n int) Message {
	t.Helper()
	var m Message
	err := s.read("test", func(c *conn) (err error) {
		m, _, err = find(c, peer, id(n), dir == Out)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// everywhere runs do in memory and on disk.
func everywhere(t *testing.T, do func(*testing.T, *Store)) {
	t.Helper()
	for name, store := range map[string]func(testing.TB) *Store{
		"memory": memory, "disk": func(t testing.TB) *Store { return open(t, dbPath(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(t, store(t))
		})
	}
}

func consistent(t *testing.T, s *Store) {
	t.Helper()
	err := s.indexAll()
	s.w.mu.Lock()
	if err == nil {
		err = s.w.query("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)").exec()
	}
	s.w.mu.Unlock()
	if err != nil {
		t.Errorf("the index differs from the messages: %v", err)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// XEP-0308: full replacement, always of the first id, marked, every version
// still there, found by its new words only.
func TestCorrect(t *testing.T) {
	for _, dir := range []Direction{In, Out} {
		everywhere(t, func(t *testing.T, s *Store) {
			first := Message{ID: id(1), Peer: bob, Direction: dir, Body: "at sevne", Time: epoch, Spoiler: true, Hint: "when"}
			add(t, s, first)
			s.indexAll()
			for n, text := range []string{"at seven", "at eight"} {
				o := must[Outcome](t)(s.Correct(about(bob, dir, 10+n, 1, text)))
				if !o.Fresh || o.Event.Kind != Correction || o.Event.Body != text || o.Event.Target != id(1) {
					t.Errorf("event %+v", o.Event)
				}
				if m := o.Target; m == nil || m.Body != text || m.Seq <= o.Event.Seq || m.Spoiler || m.Hint != "" {
					t.Errorf("target %+v", m)
				}
				if diff := cmp.Diff(*o.Target, get(t, s, bob, dir, 1)); diff != "" {
					t.Errorf("answered and stored (-answered +stored)\n%s", diff)
				}
			}
			want := []Version{{"at sevne", epoch}, {"at seven", epoch.Add(10 * time.Second)}, {"at eight", epoch.Add(11 * time.Second)}}
			if diff := cmp.Diff(want, must[[]Version](t)(s.Versions(bob, dir, id(1)))); diff != "" {
				t.Errorf("versions (-want +got)\n%s", diff)
			}
			if got := bodies(must[[]Message](t)(s.Page(bob, 0, 9))); !cmp.Equal(got, []string{"at eight"}) {
				t.Errorf("page %q", got)
			}
			for query, want := range map[string]int{"sevne": 0, "seven": 0, "eight": 1} {
				if got := must[[]Message](t)(s.Search(query, nil, 0, 9)); len(got) != want {
					t.Errorf("%d hits for %s, want %d", len(got), query, want)
				}
			}
			consistent(t, s)
		})
	}
}

// T-29: what one side says changes nothing that the other side, or somebody
// else, wrote.
func TestT29_ForeignTarget(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ours := add(t, s, out(bob, 1, "we said"))
		carols := add(t, s, in(carol, 2, "she said"))
		o := must[Outcome](t)(s.Correct(about(bob, In, 10, 1, "he makes us say")))
		// A correction of what we do not have is a message of its own.
		if o.Target != nil || o.Event.Kind != Chat || o.Event.Target != "" {
			t.Errorf("correction %+v", o)
		}
		for n, do := range []func(Message) (Outcome, error){s.Correct, s.Retract} {
			if o := must[Outcome](t)(do(about(bob, In, 20+n, 2, "x"))); o.Target != nil {
				t.Errorf("target %+v", o.Target)
			}
			if _, err := do(about(bob, Out, 30+n, 10, "x")); !errors.Is(err, ErrNotFound) {
				t.Errorf("ours of his: %v", err)
			}
		}
		if o := must[Outcome](t)(s.React(emoji(bob, In, 40, 2, "👍"))); o.Target != nil {
			t.Errorf("reaction to another's: %+v", o.Target)
		}
		if diff := cmp.Diff([]Message{ours, carols}, []Message{get(t, s, bob, Out, 1), get(t, s, carol, In, 2)}); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
	})
}

// What comes again changes nothing again, and the receipt can go out.
func TestSaidAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		add(t, s, in(bob, 1, "a"))
		first := must[Outcome](t)(s.Correct(about(bob, In, 10, 1, "b")))
		must[Outcome](t)(s.Correct(about(bob, In, 11, 1, "c")))
		again := must[Outcome](t)(s.Correct(about(bob, In, 10, 1, "b")))
		if again.Fresh || again.Target != nil || !cmp.Equal(again.Event, first.Event) {
			t.Errorf("again %+v", again)
		}
		if m := get(t, s, bob, In, 1); m.Body != "c" {
			t.Errorf("body %q", m.Body)
		}
		if _, fresh, err := s.Append(in(bob, 10, "b")); fresh || err != nil {
			t.Errorf("the id as a message: fresh %v, %v", fresh, err)
		}
	})
}

func TestVersionsBounded(t *testing.T) {
	s := memory(t)
	add(t, s, in(bob, 0, "first"))
	for n := range 3 * maxVersions {
		must[Outcome](t)(s.Correct(about(bob, In, 100+n, 0, fmt.Sprint(n))))
	}
	got := must[[]Version](t)(s.Versions(bob, In, id(0)))
	if len(got) != 1+maxVersions || got[0].Body != "first" || got[maxVersions].Body != fmt.Sprint(3*maxVersions-1) {
		t.Errorf("%d versions: %v", len(got), got)
	}
	n, _, err := s.r.query("SELECT count(*) FROM detail WHERE text IS NOT NULL").number()
	if n != 1+maxVersions || err != nil {
		t.Errorf("%d texts are kept, %v", n, err)
	}
}

// XEP-0424: the text is gone from everywhere, the place stays.
func TestRetract(t *testing.T) {
	for _, dir := range []Direction{In, Out} {
		everywhere(t, func(t *testing.T, s *Store) {
			m := Message{ID: id(1), Peer: bob, Direction: dir, Body: "secret one", Time: epoch, Reply: id(7), Quote: Range{0, 4}, Hint: "h"}
			add(t, s, m)
			must[Outcome](t)(s.Correct(about(bob, dir, 10, 1, "secret two")))
			must[Outcome](t)(s.React(emoji(bob, In, 11, 1, "🤫")))
			s.indexAll()
			o := must[Outcome](t)(s.Retract(about(bob, dir, 12, 1, "")))
			got := get(t, s, bob, dir, 1)
			if o.Target == nil || got.Body != "" || got.Retracted.IsZero() || got.Reply+got.Hint != "" || got.Theirs != nil {
				t.Fatalf("retracted %+v", got)
			}
			if versions := must[[]Version](t)(s.Versions(bob, dir, id(1))); versions != nil {
				t.Errorf("versions %v", versions)
			}
			if hits := must[[]Message](t)(s.Search("secret", nil, 0, 9)); len(hits) != 0 {
				t.Errorf("found %v", hits)
			}
			for _, sql := range []string{
				"SELECT count(*) FROM message WHERE body <> ''", "SELECT count(*) FROM detail WHERE text LIKE '%secret%' OR theirs <> ''",
			} {
				if n, _, err := s.r.query(sql).number(); n != 0 || err != nil {
					t.Errorf("%s: %d, %v", sql, n, err)
				}
			}
			// Nothing brings it back.
			_, err := s.Correct(about(bob, dir, 13, 1, "secret three"))
			if want := map[Direction]error{In: nil, Out: ErrGone}[dir]; !errors.Is(err, want) {
				t.Errorf("correction afterwards: %v", err)
			}
			must[Outcome](t)(s.React(emoji(bob, In, 14, 1, "🤫")))
			if after := get(t, s, bob, dir, 1); !cmp.Equal(after, got) {
				t.Errorf("changed afterwards: %+v", after)
			}
			if page := must[[]Message](t)(s.Page(bob, 0, 9)); len(page) != 1 {
				t.Errorf("page %v", page)
			}
			consistent(t, s)
		})
	}
}

// A message that still waits is not sent any more once it was taken back or
// deleted, nor are its corrections; the retraction itself is.
func TestRetractWaiting(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		for n, end := range []func() error{
			func() error { _, err := s.Retract(about(bob, Out, 100, 0, "")); return err },
			func() error { _, err := s.Delete(bob, Out, id(1)); return err },
		} {
			add(t, s, out(bob, n, "a"))
			must[Outcome](t)(s.Correct(about(bob, Out, 10+n, n, "b")))
			if err := end(); err != nil {
				t.Fatal(err)
			}
			want := []string{ReasonRetracted, ReasonDeleted}[n]
			for _, m := range []Message{get(t, s, bob, Out, n), get(t, s, bob, Out, 10+n)} {
				if m.State != Failed || m.Reason != want || m.Body != "" {
					t.Errorf("%s: %s %s %q", want, m.State, m.Reason, m.Body)
				}
			}
		}
		if box := must[[]Message](t)(s.Outbox(bob)); len(box) != 1 || box[0].Kind != Retraction {
			t.Errorf("outbox %+v", box)
		}
	})
}

// The outbox counts what corrections make of it (L-14).
func TestL14Corrections(t *testing.T) {
	t.Parallel()
	s := memory(t)
	big := strings.Repeat("x", maxBody)
	add(t, s, out(bob, 0, big))
	for n := 1; ; n++ {
		_, err := s.Correct(about(bob, Out, n, 0, big))
		if errors.Is(err, ErrFull) {
			if want := maxOutboxBytes / maxBody; n != want {
				t.Errorf("full after %d, want %d", n, want)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if m := get(t, s, bob, Out, 0); m.Edited.IsZero() {
		t.Error("not edited")
	}
}

// XEP-0444: the whole set each time, one for each side.
func TestReact(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		add(t, s, in(bob, 1, "m"))
		steps := []struct {
			dir          Direction
			set          []string
			ours, theirs []string
		}{
			{Out, []string{"🎉", "👍", "🎉"}, []string{"🎉", "👍"}, nil},
			{In, []string{"❤"}, []string{"🎉", "👍"}, []string{"❤"}},
			{Out, []string{"👍"}, []string{"👍"}, []string{"❤"}},
			{In, nil, []string{"👍"}, nil},
			{Out, nil, nil, nil},
		}
		for n, step := range steps {
			o := must[Outcome](t)(s.React(emoji(bob, step.dir, 10+n, 1, step.set...)))
			m := get(t, s, bob, In, 1)
			if !cmp.Equal(m.Ours, step.ours) || !cmp.Equal(m.Theirs, step.theirs) {
				t.Errorf("step %d: ours %q, theirs %q", n, m.Ours, m.Theirs)
			}
			if o.Target == nil || !cmp.Equal(*o.Target, m) {
				t.Errorf("step %d: answered %+v", n, o.Target)
			}
		}
		box := must[[]Message](t)(s.Outbox(bob))
		if len(box) != 3 || !cmp.Equal(box[0].Emoji, []string{"🎉", "👍"}) || box[0].Body != "" {
			t.Errorf("outbox %+v", box)
		}
		consistent(t, s)
	})
}

// Both sides used one id: a reaction is about what the other side said.
func TestReactSameIDOfBothSides(t *testing.T) {
	s := memory(t)
	add(t, s, in(bob, 1, "his"))
	add(t, s, out(bob, 1, "ours"))
	must[Outcome](t)(s.React(emoji(bob, In, 2, 1, "👍")))
	must[Outcome](t)(s.React(emoji(bob, Out, 3, 1, "👎")))
	if ours, his := get(t, s, bob, Out, 1), get(t, s, bob, In, 1); ours.Theirs == nil || his.Ours == nil || ours.Ours != nil || his.Theirs != nil {
		t.Errorf("ours %+v\nhis %+v", ours, his)
	}
}

// A delayed set loses against a newer one; a clock that is wrong loses
// nothing (T-33).
func TestReactDelayed(t *testing.T) {
	hour := time.Hour
	tests := []struct {
		name  string
		delay time.Time
		wins  bool
	}{
		{"no delay", time.Time{}, true},
		{"said before", epoch.Add(-hour), false},
		{"said after", epoch.Add(hour), true},
		{"1970", time.Unix(0, 0), true},
		{"2099", epoch.AddDate(73, 0, 0), true},
	}
	for _, tt := range tests {
		s := memory(t)
		add(t, s, in(bob, 1, "m"))
		newer := emoji(bob, In, 2, 1, "new")
		newer.Time = epoch
		must[Outcome](t)(s.React(newer))
		m := emoji(bob, In, 3, 1, "delayed")
		m.Time, m.Delay = epoch.Add(2*hour), tt.delay
		o := must[Outcome](t)(s.React(m))
		if got := get(t, s, bob, In, 1).Theirs[0] == "delayed"; got != tt.wins || (o.Target != nil) != tt.wins {
			t.Errorf("%s: wins %v, target %v", tt.name, got, o.Target)
		}
	}
}

func TestLimitsOfWhatIsSaid(t *testing.T) {
	s := memory(t)
	add(t, s, in(bob, 1, "m"))
	many := make([]string, maxEmoji+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	long := about(bob, In, 10, 1, strings.Repeat("x", maxBody+1))
	target := about(bob, In, 10, 1, "")
	target.Target = strings.Repeat("i", maxID+1)
	none := about(bob, In, 10, 1, "")
	none.Target = ""
	hint := about(bob, In, 10, 1, "")
	hint.Hint = strings.Repeat("h", maxHint+1)
	tests := []struct {
		name string
		do   func(Message) (Outcome, error)
		give Message
		want error
	}{
		{"L-12 text", s.Correct, long, ErrTooLarge},
		{"L-15 target", s.Correct, target, ErrTooLarge},
		{"no target", s.Retract, none, ErrNotFound},
		{"hint", s.Correct, hint, ErrTooLarge},
		{"too many", s.React, emoji(bob, In, 10, 1, many...), ErrTooLarge},
		{"as many as allowed", s.React, emoji(bob, In, 11, 1, many[1:]...), nil},
		{"too long", s.React, emoji(bob, In, 10, 1, strings.Repeat("x", maxEmojiLen+1)), ErrTooLarge},
		{"empty", s.React, emoji(bob, In, 10, 1, ""), ErrTooLarge},
		{"two lines", s.React, emoji(bob, In, 10, 1, "a\nb"), ErrTooLarge},
		{"no UTF-8", s.React, emoji(bob, In, 10, 1, "\xff"), ErrTooLarge},
	}
	for _, tt := range tests {
		if _, err := tt.do(tt.give); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestExtrasRoundTrip(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		for n, m := range []Message{
			{Reply: id(77), Quote: Range{0, 1<<32 - 1}},
			{Reply: "foreign", Quote: Range{3, 9}, Markable: true},
			{Spoiler: true, Hint: "the end", Unstyled: true},
			{Spoiler: true},
			{Markable: true},
		} {
			m.ID, m.Peer, m.Direction, m.Body, m.Time = id(n), bob, In, "text", epoch
			got := add(t, s, m)
			if stored := get(t, s, bob, In, n); !cmp.Equal(got, stored) {
				t.Errorf("%d: answered and stored\n%s", n, cmp.Diff(got, stored))
			}
			m.Row, m.Seq, m.State = got.Row, got.Seq, Received
			if diff := cmp.Diff(m, got); diff != "" {
				t.Errorf("%d: (-want +got)\n%s", n, diff)
			}
		}
	})
}

// XEP-0333: a marker is about everything before it, too; what has no receipt
// keeps waiting for one.
func TestDisplayed(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		for n := range 6 {
			add(t, s, out(bob, n, "m"))
			add(t, s, in(bob, 100+n, "m"))
			if n != 2 {
				s.Mark(bob, id(n), Delivered, "")
			}
		}
		check := func(what string, got []Message, want ...string) {
			t.Helper()
			var ids []string
			for _, m := range got {
				ids = append(ids, m.ID)
			}
			if !cmp.Equal(ids, want) {
				t.Errorf("%s: %v, want %v", what, ids, want)
			}
		}
		check("one who waits", must[[]Message](t)(s.Displayed(bob, id(2))))
		check("fourth", must[[]Message](t)(s.Displayed(bob, id(3))), id(0), id(1), id(3))
		check("again", must[[]Message](t)(s.Displayed(bob, id(3))))
		check("older", must[[]Message](t)(s.Displayed(bob, id(0))))
		check("unknown", must[[]Message](t)(s.Displayed(bob, id(50))))
		check("their own", must[[]Message](t)(s.Displayed(bob, id(100))))
		check("another's", must[[]Message](t)(s.Displayed(carol, id(4))))
		check("last", must[[]Message](t)(s.Displayed(bob, id(5))), id(4), id(5))
	})
}

func TestSeen(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		var rows []int64
		for n := range 5 {
			rows = append(rows, add(t, s, in(bob, n, "m")).Row)
			add(t, s, out(bob, n, "m"))
		}
		for _, step := range []struct {
			set, row int64
			unread   int
		}{{0, 0, 5}, {rows[1], rows[1], 3}, {rows[0], rows[1], 3}, {rows[4], rows[4], 0}} {
			if err := s.SetSeen(bob, step.set); err != nil {
				t.Fatal(err)
			}
			if row, unread, err := s.Seen(bob); row != step.row || unread != step.unread || err != nil {
				t.Errorf("%+v: row %d, unread %d, %v", step, row, unread, err)
			}
		}
	})
}

// Facts of both: what was said, and what it was said about as it is now.
func TestSinceTellsOfChanges(t *testing.T) {
	s := memory(t)
	m := add(t, s, in(bob, 1, "a"))
	add(t, s, in(bob, 2, "unchanged"))
	o := must[Outcome](t)(s.Correct(about(bob, In, 3, 1, "b")))
	facts := must[[]Fact](t)(s.Since(m.Seq, 9))
	var got []Message
	for _, f := range facts[1:] {
		got = append(got, *f.Message)
	}
	if diff := cmp.Diff([]Message{o.Event, *o.Target}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
