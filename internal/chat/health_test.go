package chat_test

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// healthOf counts what a subscriber is told about a code: that it began, and
// that it ended.
func healthOf(events []chat.Event, code string) (began, ended int) {
	for _, e := range events {
		if h, ok := e.Body.(chat.HealthNotice); ok && h.Code == code {
			if h.Gone {
				ended++
			} else {
				began++
			}
		}
	}
	return began, ended
}

// What is told once is not wrong for ever: who tries to write in clear is news
// again an hour later (5.1), a crowd that left is none.
func TestHealthEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, romeo := lan.Host(), lan.Host()
		alice := host.Node(chat.Options{Nick: "alice"})
		m := romeo.Mallory("romeo@forza")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("romeo", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "romeo")
		w := watch(t, alice)
		for range 3 {
			for range 2 {
				c, err := romeo.Dial(t.Context(), place(t, host, alice))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = fmt.Fprint(c, `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" from="romeo@forza">`)
				_, _ = io.ReadAll(c)
				_ = c.Close()
				time.Sleep(10 * time.Second)
			}
			chat.Appear(alice, mdns.Overload, make([]mdns.Peer, 5))
			time.Sleep(65 * time.Minute)
		}
		if s, _ := alice.Status(t.Context()); len(s.Health) != 0 {
			t.Errorf("health %+v, want none", s.Health)
		}
		events := w.stop()
		for _, code := range []string{"cannot-encrypt", "crowded"} {
			if began, ended := healthOf(events, code); began != 3 || ended != 3 {
				t.Errorf("%s began %d and ended %d times, want 3", code, began, ended)
			}
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
	})
}
