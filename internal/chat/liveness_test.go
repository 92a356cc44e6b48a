package chat_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

func presence(t *testing.T, n *chat.Node, name string) chat.Presence {
	t.Helper()
	p, _ := peerNamed(t, n, name)
	return p.Presence
}

// A contact that appears is dialled by itself, so that presence flows inside
// TLS; one stream stays though both dial.
func TestContactsThatAppearAreDialled(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		closeNode(t, c.bob)
		c.alice, c.bob = c.startAlice(), c.startBob()
		within(t, 10*time.Second, "a stream", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			q, _ := peerNamed(t, c.bob, "alice")
			return p.Stream && q.Stream
		})
		time.Sleep(10 * time.Second)
		if a, b := chat.Streams(c.alice), chat.Streams(c.bob); a != 1 || b != 1 {
			t.Errorf("%d and %d streams, want one", a, b)
		}
	})
}

// Whom the user never accepted is never dialled unasked.
func TestStrangersAreNotDialled(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		carol := c.lan.Host().Node(chat.Options{Nick: "carol"})
		sees(t, c.alice, "carol")
		time.Sleep(5 * time.Minute)
		if n := chat.Streams(carol); n != 0 {
			t.Errorf("%d streams to somebody nobody wrote to", n)
		}
	})
}

// Issue 3, part 3: whose conversation is open shows offline within 15 s of a
// silent death, and online again when it is back.
func TestSilentDeathOfTheOpenConversation(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		p, _ := peerNamed(t, c.alice, "bob")
		if err := c.alice.Focus(t.Context(), p.Key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if presence(t, c.alice, "bob") != chat.Online {
			t.Fatal("bob is here and shows as offline")
		}
		c.lan.Partition(c.hostB)
		within(t, 15*time.Second+100*time.Millisecond, "bob is offline", func() bool {
			return presence(t, c.alice, "bob") == chat.Offline
		})
		c.lan.Heal(c.hostB)
		within(t, time.Minute, "bob is online", func() bool { return presence(t, c.alice, "bob") == chat.Online })
	})
}

// To whom something is on its way: likewise.
func TestSilentDeathWithAMessageUnderWay(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		c.lan.Partition(c.hostB)
		send(t, c.alice, "bob", "are you there?")
		within(t, 15*time.Second+100*time.Millisecond, "bob is offline", func() bool {
			return presence(t, c.alice, "bob") == chat.Offline
		})
		c.lan.Heal(c.hostB)
		becomes(t, c.alice, "bob", "are you there?", chat.Delivered)
	})
}

// Issue 3, part 3: whose row a person sees shows offline within 120 s of a
// silent death, though a stream stood and nobody wrote.
func TestSilentDeathInView(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		view(t, c.alice, "bob")
		time.Sleep(10 * time.Minute)
		if p, _ := peerNamed(t, c.alice, "bob"); p.Presence != chat.Online || !p.Stream {
			t.Fatalf("bob is here and shows as %s", p.Presence)
		}
		c.lan.Partition(c.hostB)
		cut := time.Now()
		within(t, 2*time.Minute, "bob is offline", func() bool { return presence(t, c.alice, "bob") == chat.Offline })
		p, _ := peerNamed(t, c.alice, "bob")
		if p.LastSeen.After(cut.Add(time.Second)) || p.LastSeen.Before(cut.Add(-2*time.Minute)) {
			t.Errorf("last seen %v after the end", p.LastSeen.Sub(cut))
		}
		c.lan.Heal(c.hostB)
		within(t, healing, "together", func() bool { return c.together(t) })
	})
}

// Spec 5.7: when a link changes, every stream is checked at once: one that is
// dead is known for it without a word written.
func TestMovedLinksCheckStreams(t *testing.T) {
	for name, change := range map[string]func(*lantest.Host){
		"unplugged": func(h *lantest.Host) { h.Unplug(); time.Sleep(time.Second); h.Plug() },
		"moved":     func(h *lantest.Host) { h.Plug(netip.MustParsePrefix("10.77.9.9/16")) },
	} {
		t.Run(name, func(t *testing.T) {
			inLAN(t, func(t *testing.T, c *couple) {
				time.Sleep(time.Minute)
				c.lan.Partition(c.hostB)
				time.Sleep(time.Second)
				change(c.hostA)
				within(t, 12*time.Second, "the stream is known to be dead", func() bool {
					p, _ := peerNamed(t, c.alice, "bob")
					return !p.Stream && p.Presence == chat.Offline
				})
			})
		})
	}
}

// RFC 6762 5.2, 10.4: a stranger who dies without a word leaves the list of who
// looks at it within minutes, and that of others with its record.
func TestStrangerInViewLeaves(t *testing.T) {
	for _, how := range []string{"view", "focus", "nobody looks"} {
		synctest.Test(t, func(t *testing.T) {
			lan := lantest.New(t, 9)
			alice, host := lan.Host().Node(chat.Options{Nick: "alice"}), lan.Host()
			host.Node(chat.Options{Nick: "eve"})
			lan.Host().Node(chat.Options{Nick: "dan"})
			sees(t, alice, "eve")
			sees(t, alice, "dan")
			eve, _ := peerNamed(t, alice, "eve")
			dan, _ := peerNamed(t, alice, "dan")
			var err error
			switch how {
			case "view":
				err = alice.View(t.Context(), []string{dan.Key, eve.Key})
			case "focus":
				err = alice.Focus(t.Context(), eve.Key)
			}
			if err != nil {
				t.Fatal(err)
			}
			lan.Partition(host)
			time.Sleep(4 * time.Minute)
			_, here := peerNamed(t, alice, "eve")
			if want := how == "nobody looks"; here != want {
				t.Errorf("%s: listed after four minutes: %v, want %v", how, here, want)
			}
			if _, ok := peerNamed(t, alice, "dan"); !ok {
				t.Errorf("%s: dan is there and not listed", how)
			}
		})
	}
}
