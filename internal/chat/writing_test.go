package chat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// write is for what must be taken.
func write(t *testing.T, n *chat.Node, who string, w chat.Writing) chat.Message {
	t.Helper()
	m, err := n.Write(t.Context(), who, w)
	if err != nil {
		t.Fatalf("write %+v to %s: %v", w, who, err)
	}
	return m
}

// newest is the last message of a conversation as a face draws it.
func newest(t *testing.T, n *chat.Node, who string) chat.Message {
	t.Helper()
	page, err := n.History(context.Background(), who, 0, 1)
	if err != nil || len(page) == 0 {
		t.Fatalf("history with %s: %v %v", who, page, err)
	}
	return page[0]
}

// XEP-0308: both sides show the new text in the old place, and the old one on
// request.
func TestXEP0308_Correction(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		first := write(t, c.alice, "bob", chat.Writing{Text: "at nien"})
		becomes(t, c.alice, "bob", "at nien", chat.Delivered)
		fix := write(t, c.alice, "bob", chat.Writing{Text: "at nine", Replaces: first.ID})
		if fix.Replaces != first.ID || fix.Kind != chat.Correction {
			t.Errorf("the event is %+v", fix)
		}
		again := write(t, c.alice, "bob", chat.Writing{Text: "at ten", Replaces: first.ID}) // always the first id
		within(t, 5*time.Second, "bob has the newest text", func() bool {
			return newest(t, c.bob, "alice").Body.String() == "at ten"
		})
		got := newest(t, c.bob, "alice")
		if got.ID != first.ID || got.Edited.IsZero() || got.Row == 0 {
			t.Errorf("bob shows %+v", got)
		}
		list, err := c.bob.Versions(t.Context(), "alice", first.ID)
		if err != nil || len(list) != 3 || list[0].Body.String() != "at nien" {
			t.Errorf("versions %v, %v", list, err)
		}
		_, err = c.alice.Write(t.Context(), "bob", chat.Writing{Text: "x", Replaces: again.ID})
		wantCode(t, "correct a correction", err, chat.CodeNoSuch)
		_, err = c.bob.Write(t.Context(), "alice", chat.Writing{Text: "x", Replaces: first.ID})
		wantCode(t, "correct what the other wrote", err, chat.CodeNoSuch)
	})
}

// XEP-0424: the text goes on both sides, the place stays.
func TestXEP0424_Retraction(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := write(t, c.alice, "bob", chat.Writing{Text: "not for you"})
		becomes(t, c.bob, "alice", "not for you", chat.Received)
		write(t, c.alice, "bob", chat.Writing{Retracts: m.ID})
		within(t, 5*time.Second, "bob does not show it any more", func() bool {
			return !newest(t, c.bob, "alice").Retracted.IsZero()
		})
		for _, n := range []*chat.Node{c.alice, c.bob} {
			page, err := n.History(t.Context(), map[*chat.Node]string{c.alice: "bob", c.bob: "alice"}[n], 0, 10)
			if err != nil || len(page) != 2 || !page[1].Body.IsEmpty() {
				t.Errorf("shown: %+v, %v", page, err)
			}
		}
		if found, err := c.bob.Search(t.Context(), "not for you", "", 0, 10); err != nil || len(found) > 0 {
			t.Errorf("search finds %+v, %v", found, err)
		}
		_, err := c.alice.Write(t.Context(), "bob", chat.Writing{Text: "x", Replaces: m.ID})
		wantCode(t, "correct what is gone", err, chat.CodeError)
	})
}

// XEP-0444: a set replaces the set before, on messages of either side.
func TestXEP0444_Reactions(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := write(t, c.alice, "bob", chat.Writing{Text: "lunch?"})
		becomes(t, c.bob, "alice", "lunch?", chat.Received)
		write(t, c.bob, "alice", chat.Writing{Reacts: m.ID, Emoji: []string{"👍", "🍜"}})
		write(t, c.alice, "bob", chat.Writing{Reacts: m.ID, Emoji: []string{"👍"}})
		show := func(n *chat.Node, who string) string {
			var s strings.Builder
			for _, r := range newest(t, n, who).Reactions {
				s.WriteString(r.Emoji.String())
				if r.Ours {
					s.WriteString("o")
				}
				if r.Theirs {
					s.WriteString("t")
				}
			}
			return s.String()
		}
		within(t, 5*time.Second, "both have both", func() bool {
			return show(c.alice, "bob") == "👍ot🍜t" && show(c.bob, "alice") == "🍜o👍ot"
		})
		write(t, c.bob, "alice", chat.Writing{Reacts: m.ID})
		within(t, 5*time.Second, "bob took his back", func() bool { return show(c.alice, "bob") == "👍o" })
		_, err := c.alice.Write(t.Context(), "bob", chat.Writing{Reacts: m.ID, Emoji: []string{"two words"}})
		wantCode(t, "react with words", err, chat.CodeUsage)
		_, err = c.alice.Write(t.Context(), "bob", chat.Writing{Reacts: m.ID, Emoji: make([]string, 17)})
		wantCode(t, "react with too many", err, chat.CodeUsage)
	})
}

// XEP-0461: an answer says what it answers; who does not know replies has a
// quotation.
func TestXEP0461_Reply(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := write(t, c.alice, "bob", chat.Writing{Text: "tea or\ncoffee?"})
		becomes(t, c.bob, "alice", "tea or\ncoffee?", chat.Received)
		write(t, c.bob, "alice", chat.Writing{Text: "tea", Reply: m.ID})
		within(t, 5*time.Second, "alice has the answer", func() bool {
			return newest(t, c.alice, "bob").Body.String() == "tea"
		})
		for n, who := range map[*chat.Node]string{c.alice: "bob", c.bob: "alice"} {
			got := newest(t, n, who)
			if got.Body.String() != "tea" || got.Reply == nil || got.Reply.ID != m.ID || got.Reply.Body.String() != "tea or\ncoffee?" {
				t.Errorf("with %s: %+v %+v", who, got, got.Reply)
			}
		}
		_, err := c.bob.Write(t.Context(), "alice", chat.Writing{Text: "x", Reply: "nothing"})
		wantCode(t, "answer nothing", err, chat.CodeNoSuch)
	})
}

// XEP-0382: what is hidden stays hidden, with what was said about it.
func TestXEP0382_Spoiler(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		write(t, c.alice, "bob", chat.Writing{Text: "the butler", Spoiler: true, Hint: "who did it"})
		becomes(t, c.bob, "alice", "the butler", chat.Received)
		if m := newest(t, c.bob, "alice"); !m.Spoiler || m.Hint.String() != "who did it" {
			t.Errorf("bob has %+v", m)
		}
	})
}

// A writing says one thing.
func TestWritingIsOneThing(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for _, w := range []chat.Writing{
			{},
			{Text: "x", Retracts: "1"},
			{Replaces: "1", Retracts: "1", Text: "x"},
			{Text: "x", Replaces: "1", Reply: "2"},
			{Text: "x", Spoiler: true, Hint: "a\nb"},
		} {
			_, err := c.alice.Write(t.Context(), "bob", w)
			wantCode(t, "write", err, chat.CodeUsage)
		}
	})
}

// What was written while the other side was away, about messages too, arrives
// once and in order.
func TestWritingWaits(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := write(t, c.alice, "bob", chat.Writing{Text: "one"})
		becomes(t, c.alice, "bob", "one", chat.Delivered)
		closeNode(t, c.bob)
		write(t, c.alice, "bob", chat.Writing{Text: "uno", Replaces: m.ID})
		gone := write(t, c.alice, "bob", chat.Writing{Text: "oops"})
		write(t, c.alice, "bob", chat.Writing{Retracts: gone.ID})
		write(t, c.alice, "bob", chat.Writing{Reacts: m.ID, Emoji: []string{"🎈"}})
		c.bob = c.startBob()
		within(t, 30*time.Second, "bob has all of it", func() bool {
			got, _ := find(t, c.bob, "alice", "uno")
			return len(got.Reactions) == 1
		})
		page, err := c.bob.History(t.Context(), "alice", 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page {
			if x.Body.String() == "oops" {
				t.Error("bob was shown what had been taken back before he was there")
			}
		}
	})
}

// Retry sends what failed again as a new message; Delete takes it away here.
func TestRetryAndDelete(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := write(t, c.alice, "bob", chat.Writing{Text: "hello"})
		becomes(t, c.alice, "bob", "hello", chat.Delivered)
		_, err := c.alice.Retry(t.Context(), "bob", m.ID)
		wantCode(t, "retry what arrived", err, chat.CodeUsage)

		closeNode(t, c.bob)
		late := write(t, c.alice, "bob", chat.Writing{Text: "too late"})
		time.Sleep(31 * 24 * time.Hour) // L-14
		within(t, 2*time.Minute, "it failed", func() bool {
			got, _ := find(t, c.alice, "bob", "too late")
			return got.State == chat.Failed
		})
		again, err := c.alice.Retry(t.Context(), "bob", late.ID)
		if err != nil || again.ID == late.ID {
			t.Fatalf("retry: %+v, %v", again, err)
		}
		if _, count := find(t, c.alice, "bob", "too late"); count != 1 {
			t.Errorf("shown %d times", count)
		}
		c.bob = c.startBob()
		becomes(t, c.bob, "alice", "too late", chat.Received)
		if err := c.bob.Delete(t.Context(), "alice", again.ID); err != nil {
			t.Fatal(err)
		}
		if _, count := find(t, c.bob, "alice", "too late"); count != 0 {
			t.Error("deleted and still shown")
		}
		if _, count := find(t, c.alice, "bob", "too late"); count != 1 {
			t.Error("deleted by bob and gone at alice's")
		}
	})
}

// befriendMallory has alice accept mallory, who is a contact from then on.
func befriendMallory(t *testing.T, c *couple) (say func(stanza.Stanza), got func() []stanza.Stanza) {
	t.Helper()
	m := c.lan.Host().Mallory("mallory@den")
	conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
	if err != nil {
		t.Fatal(err)
	}
	say = func(s stanza.Stanza) {
		t.Helper()
		if err := conn.Send(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	conn.SetStanding(stream.Accepted)
	say(stanza.Message{ID: "let", Type: "chat", HasBody: true, Body: "let me in", Request: true})
	within(t, 5*time.Second, "alice is asked", func() bool {
		r, err := c.alice.Requests(t.Context())
		return err == nil && len(r) == 1
	})
	if _, err := c.alice.Accept(t.Context(), m.Pin().String()); err != nil {
		t.Fatal(err)
	}
	say(stanza.Presence{})
	t.Cleanup(func() { closeMallory(t, m) })
	return say, m.Got
}

// T-29: a peer can correct, retract and answer in nobody's name but its own;
// what it forwards is not taken for said by others.
func TestT29_ForeignIDs(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		theirs := write(t, c.bob, "alice", chat.Writing{Text: "the key is under the mat"})
		becomes(t, c.alice, "bob", "the key is under the mat", chat.Received)
		ours := write(t, c.alice, "bob", chat.Writing{Text: "thanks"})
		say, _ := befriendMallory(t, c)
		for i, id := range []string{theirs.ID, ours.ID} {
			say(stanza.Message{ID: "a" + id, Type: "chat", HasBody: true, Body: "forged", Payloads: stanza.Payloads{Replaces: id}})
			say(stanza.Message{ID: "b" + id, Type: "chat", HasBody: true, Body: "forged", Payloads: stanza.Payloads{Retracts: id}})
			say(stanza.Message{ID: "c" + id, Type: "chat", Payloads: stanza.Payloads{Reactions: &stanza.Reactions{ID: id, Set: []string{"💀"}}}})
			say(stanza.Message{ID: "d" + id, Type: "chat", Payloads: stanza.Payloads{Displayed: id}})
			say(stanza.Message{ID: string(rune('0' + i)), Type: "chat", Unknown: []*xmlstream.Element{forwarded("forged")}})
		}
		say(stanza.Message{ID: "end", Type: "chat", HasBody: true, Body: "end"})
		becomes(t, c.alice, "mallory", "end", chat.Received)
		page, err := c.alice.History(t.Context(), "bob", 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			if m.Body.String() == "forged" || !m.Edited.IsZero() || !m.Retracted.IsZero() || len(m.Reactions) > 0 || m.State == chat.Displayed {
				t.Errorf("mallory changed %+v", m)
			}
		}
	})
}

func forwarded(body string) *xmlstream.Element {
	return &xmlstream.Element{Name: xmlstream.Name{Space: "urn:xmpp:forward:0", Local: "forwarded"}, Children: []*xmlstream.Element{{
		Name: xmlstream.Name{Space: stanza.NSClient, Local: "message"},
		Children: []*xmlstream.Element{
			{Name: xmlstream.Name{Space: stanza.NSClient, Local: "body"}, Text: body},
		},
	}}}
}

// README 7: addresses and places are text, and what is encrypted once more is
// not shown as nonsense.
func TestShownAsText(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		say, _ := befriendMallory(t, c)
		text := func(id, body string, p stanza.Payloads) {
			say(stanza.Message{ID: id, Type: "chat", HasBody: body != "", Body: body, Payloads: p})
		}
		text("1", "look", stanza.Payloads{Link: &stanza.Link{URL: "https://example.org/x", Text: "a page"}})
		text("2", "https://example.org/x", stanza.Payloads{Link: &stanza.Link{URL: "https://example.org/x"}})
		text("3", "", stanza.Payloads{Location: &stanza.Location{Lat: 52.5, Lon: 13.25, Accuracy: 20, Text: "hall 2"}})
		text("4", "I sent you a message encrypted", stanza.Payloads{Encrypted: "OMEMO"})
		for _, want := range []string{
			"look\nhttps://example.org/x a page", "https://example.org/x", "place: 52.500000, 13.250000 ± 20 m (hall 2)",
			"(encrypted once more with OMEMO, which llchat cannot read)",
		} {
			becomes(t, c.alice, "mallory", want, chat.Received)
		}
	})
}
