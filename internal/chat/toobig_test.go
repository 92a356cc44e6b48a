package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// smallLimits are features of a client that takes less than others (XEP-0478).
// Of these and those of the stream itself the smaller count.
func smallLimits(octets string) []*xmlstream.Element {
	name := func(local string) xmlstream.Name { return xmlstream.Name{Space: stanza.NSLimits, Local: local} }
	most := &xmlstream.Element{Name: name("max-bytes"), Text: octets}
	return []*xmlstream.Element{{Name: name("limits"), Children: []*xmlstream.Element{most}}}
}

// C-21: to a contact whose client takes less than we write, a long message
// fails, with the reason at the message; what is shorter goes on, before and
// after it, on the same stream.
func TestC21_ForeignClientTakesLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, err := identity.Generate()
		if err != nil {
			t.Fatal(err)
		}
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		ann := lan.Host().MalloryWith("ann@h", id, func(c *stream.Config) {
			c.Features = func() []*xmlstream.Element { return smallLimits("20000") }
		})
		stop, err := ann.Announce(t.Context(), mdns.PresenceText("ann", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "ann")
		send(t, alice, "ann", "before")
		time.Sleep(time.Second)
		long := strings.Repeat("long ", 5000) + "end"
		send(t, alice, "ann", long)
		send(t, alice, "ann", "after")
		m := becomes(t, alice, "ann", long, chat.Failed)
		if m.Reason != "too big for the other side" {
			t.Errorf("it failed because %q", m.Reason)
		}
		time.Sleep(30 * time.Second)
		got := strings.Join(texts(ann), " ")
		if got != "before after" {
			t.Errorf("ann got %.80q, want the short ones", got)
		}
		if n := chat.Streams(alice); n != 1 || chat.OldestStream(alice) < 30*time.Second {
			t.Errorf("%d streams, the oldest %v old: it did not live on", n, chat.OldestStream(alice))
		}
		if s, err := alice.Status(t.Context()); err != nil || len(s.Health) != 0 {
			t.Errorf("health %+v, %v", s.Health, err)
		}
		stop()
		closeMallory(t, ann)
		closeNode(t, alice)
	})
}
