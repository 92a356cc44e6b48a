package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// rename has mallory speak for bob's name until bob takes another one.
func rename(t *testing.T, c *couple) (was string) {
	t.Helper()
	own, err := c.bob.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was = own.Name.String()
	mallory := c.lan.Host()
	within(t, 30*time.Second, "bob has another name", func() bool {
		shout(t, mallory, []byte(was), entry("txtvers=1"))
		time.Sleep(100 * time.Millisecond)
		own, err = c.bob.Status(t.Context())
		return err == nil && own.Name.String() != was && !own.Name.IsEmpty()
	})
	return was
}

// oneRow reports whether a node lists somebody once, here and with a stream,
// and no claim beside it that goes by the new name.
func oneRow(t *testing.T, n *chat.Node, name, instance string) bool {
	t.Helper()
	p, ok := peerNamed(t, n, name)
	rows, err := n.Peers(t.Context())
	if err != nil || !ok || !p.Stream || p.Presence != chat.Online || !p.Contact() {
		return false
	}
	for _, r := range rows {
		if r.Key != p.Key && r.Instance.String() == instance {
			return false
		}
	}
	return p.Instance.String() == instance
}

// T-24, 174-3.10: a forged SRV record makes bob rename himself. His row learns
// the new name while the stream lives, and both are one row for each other
// again after both restarted, by themselves.
func TestT24_RenamedByForgery(t *testing.T) {
	for _, live := range []bool{true, false} {
		inLAN(t, func(t *testing.T, c *couple) {
			rename(t, c)
			if live {
				own, _ := c.bob.Status(t.Context())
				within(t, 20*time.Second, "the row has the new name", func() bool {
					return oneRow(t, c.alice, "bob", own.Name.String())
				})
			}
			closeNode(t, c.alice)
			closeNode(t, c.bob)
			c.alice, c.bob = c.startAlice(), c.startBob()
			within(t, 30*time.Second, "one row each", func() bool {
				a, errA := c.alice.Status(t.Context())
				b, errB := c.bob.Status(t.Context())
				return errA == nil && errB == nil && oneRow(t, c.alice, "bob", b.Name.String()) && oneRow(t, c.bob, "alice", a.Name.String())
			})
			if a, b := chat.Streams(c.alice), chat.Streams(c.bob); a != 1 || b != 1 {
				t.Errorf("%d and %d streams, want one", a, b)
			}
		})
	}
}

// The side that was dialled keeps where the other one listens, from its proven
// announcement: it reaches it without multicast.
func TestWhoWasDialledKeepsAnAddress(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(10 * time.Second)
		at := place(t, c.hostA, c.alice).String()
		if !strings.Contains(pins(t, c.folderB), at) && !strings.Contains(pins(t, c.folderB), "fe80::1") {
			t.Errorf("bob was dialled and keeps no address of alice:\n%s", pins(t, c.folderB))
		}
		closeNode(t, c.alice)
		closeNode(t, c.bob)
		c.lan.Deaf(c.hostA, c.hostB)
		c.alice, c.bob = c.startAlice(), c.startBob()
		within(t, 20*time.Second, "a stream", func() bool {
			p, _ := peerNamed(t, c.bob, "alice")
			return p.Stream
		})
	})
}

// P-07: where a contact was, another one answers now: it gets an alert and
// learns nothing, and it is not tried for ever.
func TestP07_SomebodyElseAnswersAtTheOldPlace(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		closeNode(t, c.bob)
		m := c.hostB.Mallory("eve@x")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("eve", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		c.alice = c.startAlice()
		time.Sleep(5 * time.Minute)
		if opened, _ := m.Streams(); opened != 0 || len(m.Got()) != 0 {
			t.Errorf("%d streams, stanzas %v", opened, m.Got())
		}
		if p, _ := peerNamed(t, c.alice, "bob"); p.Stream || p.Presence != chat.Offline {
			t.Errorf("bob is %+v", p)
		}
		stop()
		closeMallory(t, m)
	})
}

// T-13: a claim that goes by a contact's name, or by one that looks like it, is
// marked from the start; so is a contact that takes the name of another one.
func TestT13_NamesakesAreMarked(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		bob, _ := peerNamed(t, c.alice, "bob")
		mallory := c.lan.Host()
		for name, like := range map[string]bool{"bob@elsewhere": true, "b\u043eb@x1": true, "carol@y": false} {
			shout(t, mallory, []byte(name), append(entry("txtvers=1"), entry("status=avail")...))
			time.Sleep(2 * time.Second)
			rows, err := c.alice.Peers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range rows {
				if p.Instance.String() != name {
					continue
				}
				if got := p.Namesake == bob.Fingerprint; got != like || p.Trust != "" {
					t.Errorf("%s: namesake %v, want bob: %v", name, p.Namesake, like)
				}
			}
			if len(rows) < 2 {
				t.Errorf("%s is not listed: %+v", name, rows)
			}
		}
		if bob, _ = peerNamed(t, c.alice, "bob"); !bob.Namesake.IsZero() {
			t.Error("bob himself is marked")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := acquaint(t, lantest.New(t, 2))
		friend := c.lan.Host().Node(chat.Options{Nick: "dan", Strangers: chat.StrangersAccept})
		sees(t, c.alice, "dan")
		send(t, c.alice, "dan", "hello")
		becomes(t, c.alice, "dan", "hello", chat.Delivered)
		bob, _ := peerNamed(t, c.alice, "bob")
		if err := friend.Set(t.Context(), "nick", "Bob"); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "dan is marked", func() bool {
			p, _ := peerNamed(t, c.alice, "dan")
			return p.Contact() && p.Namesake == bob.Fingerprint
		})
		if bob, _ = peerNamed(t, c.alice, "bob"); !bob.Namesake.IsZero() {
			t.Error("bob is marked for what dan calls himself")
		}
		closeNode(t, friend)
	})
}
