package chat_test

import (
	"errors"
	"strings"
	"testing"

	"llchat/internal/chat"
	"llchat/internal/stanza"
)

// A caller whose node ended before it answered writes again under the same id:
// the message is there once, on both sides, also after a restart.
func TestSameIDIsSentOnce(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		w := chat.Writing{ID: stanza.NewID(), Text: "only once\r\nplease"}
		m := write(t, c.alice, "bob", w)
		if m.ID != w.ID {
			t.Errorf("the id is %s, want %s", m.ID, w.ID)
		}
		becomes(t, c.alice, "bob", "only once\nplease", chat.Delivered)
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		sees(t, c.alice, "bob")
		for range 3 {
			if again := write(t, c.alice, "bob", w); again.ID != w.ID || again.State != chat.Delivered || again.Row != m.Row {
				t.Errorf("again: %+v, want the row %d, delivered", again, m.Row)
			}
		}
		write(t, c.alice, "bob", chat.Writing{Text: "the end"})
		becomes(t, c.bob, "alice", "the end", chat.Received)
		if _, n := find(t, c.bob, "alice", "only once\nplease"); n != 1 {
			t.Errorf("bob has it %d times, want 1", n)
		}
		r := chat.Writing{ID: stanza.NewID(), Reply: w.ID, Text: "an answer"}
		if a, b := write(t, c.alice, "bob", r), write(t, c.alice, "bob", r); a.Row != b.Row {
			t.Errorf("an answer has the rows %d and %d", a.Row, b.Row)
		}
		e := chat.Writing{ID: stanza.NewID(), Reacts: w.ID, Emoji: []string{"👍"}}
		if a, b := write(t, c.alice, "bob", e), write(t, c.alice, "bob", e); a.Row != b.Row {
			t.Errorf("a reaction has the rows %d and %d", a.Row, b.Row)
		}
	})
}

// An id that means something else already, or has not the form of one, is
// refused: nothing is stored.
func TestBadIDIsRefused(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		id := stanza.NewID()
		write(t, c.alice, "bob", chat.Writing{ID: id, Text: "one"})
		for name, w := range map[string]chat.Writing{
			"another text": {ID: id, Text: "two"}, "another kind": {ID: id, Retracts: id},
			"short": {ID: id[1:], Text: "x"}, "long": {ID: id + "0", Text: "x"}, "capitals": {ID: strings.Repeat("A", 32), Text: "x"},
			"not hex": {ID: strings.Repeat("g", 32), Text: "x"}, "markup": {ID: strings.Repeat("<", 32), Text: "x"},
		} {
			_, err := c.alice.Write(t.Context(), "bob", w)
			wantCode(t, name, err, chat.CodeUsage)
		}
		if page, err := c.alice.History(t.Context(), "bob", 0, 10); err != nil || len(page) != 2 {
			t.Errorf("kept: %+v, %v; want 2 messages", page, err)
		}
	})
}

// XEP-0444: what we give as a reaction is one emoji, not a word. What is
// refused says so in its own words, and none of them names a command that
// is not there.
func TestWhatIsRefusedSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name string
		w    chat.Writing
		says string
	}{
		{"a word", chat.Writing{Reacts: "x", Emoji: []string{"hello"}}, "no reaction"},
		{"two at once", chat.Writing{Reacts: "x", Emoji: []string{"👍👍"}}, "no reaction"},
		{"a letter", chat.Writing{Reacts: "x", Emoji: []string{"a"}}, "no reaction"},
		{"an escape", chat.Writing{Reacts: "x", Emoji: []string{"\x1b[31m"}}, "no reaction"},
		{"too long", chat.Writing{Text: strings.Repeat("x", 32<<10+1)}, "32768"},
		{"too much XML", chat.Writing{Text: strings.Repeat("&", 20<<10)}, "XML"},
		{"NUL", chat.Writing{Text: "a\x00"}, "U+0000"},
		{"ESC", chat.Writing{Text: "\x1b[2J"}, "U+001B"},
		{"not UTF-8", chat.Writing{Text: "a\xff"}, "UTF-8"},
	} {
		err := c.w.Check()
		wantCode(t, c.name, err, chat.CodeUsage)
		if e, ok := errors.AsType[*chat.Error](err); !ok || !strings.Contains(e.Text, c.says) || e.Hint == "" || strings.Contains(e.Hint, "file") || strings.Contains(e.Text, "\x1b") {
			t.Errorf("%s: %+v, want %q and a hint", c.name, err, c.says)
		}
	}
	for _, e := range []string{"👍", "❤️", "🇩🇪", "👩‍👩‍👧"} {
		if err := (chat.Writing{Reacts: "x", Emoji: []string{e}}).Check(); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
}

// A query that is too much says so, and not that it is no message.
func TestSearchForTooMuch(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		_, err := c.alice.Search(t.Context(), strings.Repeat("x", 100_000), "", 0, 10)
		wantCode(t, "100 kB", err, chat.CodeUsage)
		if e, ok := errors.AsType[*chat.Error](err); !ok || !strings.Contains(e.Text, "search") || !strings.Contains(e.Hint, "1,024") {
			t.Errorf("it says %+v", err)
		}
	})
}
