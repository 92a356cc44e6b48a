package chat_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// healing is what issue 3 allows from the end of an outage until everything is
// as before.
const healing = 5 * time.Second

// together reports whether both list each other as here, with a stream.
func (c *couple) together(t *testing.T) bool {
	t.Helper()
	p, _ := peerNamed(t, c.alice, "bob")
	q, _ := peerNamed(t, c.bob, "alice")
	return p.Stream && q.Stream && p.Presence == chat.Online && q.Presence == chat.Online
}

// Issue 3, part 3: after an outage that nobody was told of, and after one with
// the cable pulled, both sides have each other back, with a stream and what
// was written meanwhile, within 5 s.
func TestBothAreBackAfterAnOutage(t *testing.T) {
	both := func(c *couple) []*lantest.Host { return []*lantest.Host{c.hostA, c.hostB} }
	one := func(c *couple) []*lantest.Host { return []*lantest.Host{c.hostB} }
	for name, cut := range map[string]struct {
		cut, mend func(c *couple)
	}{
		"silent": {
			func(c *couple) { c.lan.Partition(one(c)...) },
			func(c *couple) { c.lan.Heal(one(c)...) },
		},
		"silent, both": {
			func(c *couple) { c.lan.Partition(both(c)...) },
			func(c *couple) { c.lan.Heal(both(c)...) },
		},
		"cable": {
			func(c *couple) { c.lan.Partition(one(c)...); c.hostB.Unplug() },
			func(c *couple) { c.lan.Heal(one(c)...); c.hostB.Plug() },
		},
		"cable, both": {
			func(c *couple) { c.lan.Partition(both(c)...); c.hostA.Unplug(); c.hostB.Unplug() },
			func(c *couple) { c.lan.Heal(both(c)...); c.hostA.Plug(); c.hostB.Plug() },
		},
	} {
		for _, d := range []time.Duration{10 * time.Second, 150 * time.Second, 20 * time.Minute} {
			for _, writes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %v %v", name, d, writes), func(t *testing.T) {
					inLAN(t, func(t *testing.T, c *couple) { outage(t, c, cut.cut, cut.mend, d, writes) })
				})
			}
		}
	}
}

func outage(t *testing.T, c *couple, cut, mend func(*couple), d time.Duration, writes bool) {
	third := c.lan.Host().Node(chat.Options{Nick: "carol"}) // the LAN is not silent besides
	sees(t, c.alice, "carol")
	time.Sleep(time.Minute)
	cut(c)
	time.Sleep(time.Second)
	if writes {
		send(t, c.alice, "bob", "from alice")
		send(t, c.bob, "alice", "from bob")
	}
	time.Sleep(d - time.Second)
	mend(c)
	start := time.Now()
	within(t, healing, "together", func() bool { return c.together(t) })
	if writes {
		within(t, healing-time.Since(start), "delivered", func() bool {
			a, _ := find(t, c.alice, "bob", "from alice")
			b, _ := find(t, c.bob, "alice", "from bob")
			return a.State == chat.Delivered && b.State == chat.Delivered
		})
	}
	closeNode(t, third)
}

// Once neither multicast nor anything else reaches the other side again but
// streams, it is dialled at the pace of L-26.
func TestBackWhereMulticastStaysFiltered(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		c.lan.Deaf(c.hostA, c.hostB)
		c.lan.Partition(c.hostB)
		send(t, c.alice, "bob", "are you there?")
		time.Sleep(20 * time.Minute)
		c.lan.Heal(c.hostB)
		within(t, 75*time.Second, "delivered", func() bool {
			m, _ := find(t, c.alice, "bob", "are you there?")
			return m.State == chat.Delivered
		})
	})
}

// L-24: whoever is missed costs one small packet in 2.5 s at the most, 50
// contacts as much as one, and nothing half an hour later.
func TestL24_QuestionsForTheMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 3)
		c := acquaint(t, lan)
		time.Sleep(time.Minute)
		lan.Partition(c.hostB)
		send(t, c.alice, "bob", "before")
		time.Sleep(3 * time.Minute)
		stop := c.lan.Listening(c.hostA)
		time.Sleep(10 * time.Minute)
		sent := stop()
		packets, octets := len(sent), len(bytes.Join(sent, nil))
		// Each goes out over IPv4 and IPv6.
		if most := 2 * 10 * 60 * 10 / 25; packets < most/4 || packets > most*11/10 || octets > packets*200 {
			t.Errorf("while a message waits: %d packets of %d octets in ten minutes", packets, octets)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 3)
		c := acquaint(t, lan)
		time.Sleep(time.Minute)
		view(t, c.alice, "bob")
		lan.Partition(c.hostB)
		time.Sleep(6 * time.Minute)
		view(t, c.alice)
		p, _ := peerNamed(t, c.alice, "bob")
		if p.Presence != chat.Offline {
			t.Fatalf("bob is shown as %s", p.Presence)
		}
		time.Sleep(40 * time.Minute)
		stop := c.lan.Listening(c.hostA)
		time.Sleep(10 * time.Minute)
		if packets := stop(); len(packets) > 20 {
			t.Errorf("%d packets for somebody who left 40 minutes ago and for whom nobody waits", len(packets))
		}
	})
}

// T-04: on another network nobody is asked for by name.
func TestT04_NoNamesElsewhere(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		bob, _ := peerNamed(t, c.alice, "bob")
		c.lan.Partition(c.hostB)
		send(t, c.alice, "bob", "before")
		time.Sleep(3 * time.Minute)
		asked := func(d time.Duration) bool {
			stop := c.lan.Listening(c.hostA, netip.MustParseAddr("192.0.2.77"))
			time.Sleep(d)
			return bytes.Contains(bytes.Join(stop(), nil), []byte(bob.Instance.String()))
		}
		if !asked(10 * time.Second) {
			t.Fatal("bob is not asked for: the test proves nothing")
		}
		c.hostA.Unplug()
		c.hostA.Plug(netip.MustParsePrefix("192.0.2.77/24"))
		if asked(10 * time.Minute) {
			t.Error("bob's name is on the air of another network")
		}
	})
}

// view tells a node whose rows are seen.
func view(t *testing.T, n *chat.Node, names ...string) {
	t.Helper()
	var keys []string
	for _, name := range names {
		p, _ := peerNamed(t, n, name)
		keys = append(keys, p.Key)
	}
	if err := n.View(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
}
