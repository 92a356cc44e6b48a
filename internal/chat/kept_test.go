package chat_test

import (
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// L-27, L-11: of a nick and a status as long as a stanza no more is kept, in
// memory and in the queue of requests, than can be shown, be it a stranger's or
// a contact's.
func TestL27_NickAndStatusAreKeptShort(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for _, name := range []string{"stranger", "contact"} {
			m := c.lan.Host().Mallory(name + "@h")
			var conn *stream.Conn
			if name == "contact" {
				conn = contactDials(t, c.hostA, c.alice, m, name)
			} else {
				conn = dialNode(t, c.hostA, c.alice, m)
			}
			long := strings.Repeat("é", 4000)
			for _, s := range []stanza.Stanza{
				stanza.Presence{Status: long},
				stanza.Message{ID: stanza.NewID(), Type: "chat", Nick: "n" + long, HasBody: true, Body: "x"},
			} {
				if err := conn.Send(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(10 * time.Second)
			words := chat.Said(c.alice, m.Pin())
			if want := map[string]int{"stranger": 4, "contact": 3}[name]; len(words) != want {
				t.Fatalf("%s: %d words, want %d", name, len(words), want)
			}
			if words[0] != "n"+strings.Repeat("é", 31) {
				t.Errorf("%s: the nick that is kept is %q", name, words[0])
			}
			for _, w := range words {
				if len(w) > 255 {
					t.Errorf("%s: %d octets are kept of %.20q", name, len(w), w)
				}
			}
			closeMallory(t, m)
		}
	})
}
