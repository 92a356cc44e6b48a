package chat_test

import (
	"fmt"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// T-28: a contact sends what it sent before once more: on the same stream, on
// the next one, after a restart of ours, as new and as delayed. Each text is
// there once, with its first words, each is confirmed each time, and a
// correction that was corrected or taken back does not come back.
func TestT28_Replay(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("carol@h")
		first, second, gone := stanza.NewID(), stanza.NewID(), stanza.NewID()
		tape := []stanza.Message{
			{ID: first, Type: "chat", HasBody: true, Body: "one", Request: true},
			{ID: second, Type: "chat", HasBody: true, Body: "two", Request: true},
			{ID: gone, Type: "chat", HasBody: true, Body: "taken back", Request: true},
			{ID: stanza.NewID(), Type: "chat", HasBody: true, Body: "one and a half", Payloads: stanza.Payloads{Replaces: first}, Request: true},
			{ID: stanza.NewID(), Type: "chat", HasBody: true, Body: "one, at last", Payloads: stanza.Payloads{Replaces: first}, Request: true},
			{ID: stanza.NewID(), Type: "chat", Payloads: stanza.Payloads{Retracts: gone}, Request: true},
		}
		play := func(conn *stream.Conn, change func(*stanza.Message)) {
			t.Helper()
			for _, msg := range tape {
				if change != nil {
					change(&msg)
				}
				if err := conn.Send(t.Context(), msg); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(10 * time.Second)
		}
		conn := contactDials(t, c.hostA, c.alice, m, "carol")
		conn.SetStanding(stream.Accepted)
		play(conn, nil)
		want := conversation(t, c.alice)
		if len(want) != 3 {
			t.Fatalf("after the first time: %q", want)
		}
		check := func(when string) {
			t.Helper()
			if got := conversation(t, c.alice); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
			answered := map[string]int{}
			for _, s := range m.Got() {
				if msg, ok := s.(stanza.Message); ok && msg.Received != "" {
					answered[msg.Received]++
				}
			}
			for _, id := range []string{first, second} {
				if answered[id] != 1 {
					t.Errorf("%s: %d receipts for %s, want one each time", when, answered[id], id)
				}
			}
			m.Empty()
		}
		check("the first time")
		play(conn, nil)
		check("on the same stream")
		play(conn, func(msg *stanza.Message) { msg.Delay = time.Now().Add(-time.Hour) })
		check("as delayed")
		play(conn, func(msg *stanza.Message) {
			if msg.HasBody {
				msg.Body = "other words"
			}
		})
		check("with other words")
		conn.End()
		time.Sleep(10 * time.Second)
		conn = dialNode(t, c.hostA, c.alice, m)
		conn.SetStanding(stream.Accepted)
		play(conn, nil)
		check("on the next stream")
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		if _, err := c.alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn = dialNode(t, c.hostA, c.alice, m)
		conn.SetStanding(stream.Accepted)
		play(conn, nil)
		check("after a restart")
		closeMallory(t, m)
	})
}

// conversation is what is shown of the one with carol.
func conversation(t *testing.T, n *chat.Node) (all []string) {
	t.Helper()
	page, err := n.History(t.Context(), "carol", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, msg := range page {
		all = append(all, fmt.Sprintf("%s %q edited %v retracted %v", msg.ID, msg.Body, !msg.Edited.IsZero(), !msg.Retracted.IsZero()))
	}
	return all
}
