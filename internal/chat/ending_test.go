package chat_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// cuttable opens a node whose dialled connections end with a mere FIN on demand,
// and that dials nobody for a second then: how soon it would is chance.
func cuttable(t *testing.T, h *lantest.Host, opt chat.Options) (n *chat.Node, cut func()) {
	t.Helper()
	var mu sync.Mutex
	var open []net.Conn
	var until time.Time
	network := *h.Network()
	network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		mu.Lock()
		down := time.Now().Before(until)
		mu.Unlock()
		if down {
			return nil, net.ErrClosed
		}
		c, err := h.Dial(ctx, to)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			open = append(open, c)
		}
		return c, err
	}
	opt.Network = &network
	n, err := chat.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return n, func() {
		mu.Lock()
		defer mu.Unlock()
		until = time.Now().Add(time.Second)
		for _, c := range open {
			_ = c.Close()
		}
	}
}

// P-25, T-09: a conversation that was cut is shown as broken off, one that was
// ended is not, and neither is one that goes on.
func TestP25_CutIsShownAsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice, cutA := cuttable(t, lan.Host(), chat.Options{Nick: "alice", Profile: t.TempDir() + "/alice", Strangers: chat.StrangersAccept})
		bob, cutB := cuttable(t, lan.Host(), chat.Options{Nick: "bob", Profile: t.TempDir() + "/bob"})
		sees(t, bob, "alice")
		send(t, bob, "alice", "hi")
		becomes(t, bob, "alice", "hi", chat.Delivered)
		if p, _ := peerNamed(t, alice, "bob"); !p.Stream || p.Broken {
			t.Fatalf("before: %+v", p)
		}
		cutA() // whoever dialled
		cutB()
		within(t, time.Second, "bob's row says so", func() bool {
			p, _ := peerNamed(t, alice, "bob")
			return p.Broken && !p.Stream && !p.Note.IsEmpty()
		})
		send(t, alice, "bob", "are you back?")
		becomes(t, alice, "bob", "are you back?", chat.Delivered)
		if p, _ := peerNamed(t, alice, "bob"); p.Broken || !p.Note.IsEmpty() {
			t.Errorf("after: %+v", p)
		}
		closeNode(t, bob)
		time.Sleep(time.Second)
		if p, _ := peerNamed(t, alice, "bob"); p.Stream || p.Broken {
			t.Errorf("after a clean end: %+v", p)
		}
		closeNode(t, alice)
	})
}

// P-25: silence is no end either.
func TestP25_SilenceIsShownAsBroken(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(time.Minute)
		c.lan.Partition(c.hostB)
		send(t, c.alice, "bob", "hello?")
		within(t, 16*time.Second, "bob's row says so", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return p.Broken
		})
		c.lan.Heal(c.hostB)
		becomes(t, c.alice, "bob", "hello?", chat.Delivered)
	})
}

// Spec 5.7, XEP-0210 3.4: a stream of a day is restarted by the arbiter while
// nobody writes. It is one stream again within seconds, nobody is shown as
// gone or broken off, and what is written then arrives.
func Test5_7_DayOldStreamIsRestarted(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(25 * time.Hour)
		for _, side := range []struct {
			n    *chat.Node
			name string
		}{{c.alice, "bob"}, {c.bob, "alice"}} {
			p, _ := peerNamed(t, side.n, side.name)
			if !p.Stream || p.Broken || p.Presence != chat.Online || chat.Streams(side.n) != 1 {
				t.Errorf("%s after a day: %+v, %d streams", side.name, p, chat.Streams(side.n))
			}
			if age := chat.OldestStream(side.n); age > 2*time.Hour {
				t.Errorf("the stream is %v old", age)
			}
		}
		send(t, c.alice, "bob", "good morning")
		becomes(t, c.alice, "bob", "good morning", chat.Delivered)
	})
}

// T-33, P-24: stamps of a clock that is wrong by decades change nothing but a
// note on the row, which goes with the first stamp that is right.
func TestT33_WrongClockIsANote(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		say, _ := befriendMallory(t, c)
		now := time.Now()
		var want []string
		for i, step := range []struct {
			stamp time.Time
			clock string
		}{
			{time.Time{}, ""},
			{now.Add(-20 * 24 * time.Hour), ""}, // it was long away
			{time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), chat.ClockAhead},
			{time.Time{}, chat.ClockAhead}, // says nothing about the clock
			{now.Add(time.Minute), ""},
			{time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC), chat.ClockBehind},
			{now.Add(10 * time.Minute), chat.ClockAhead},
			{now, ""},
		} {
			want = append(want, fmt.Sprint(i))
			say(stanza.Message{ID: fmt.Sprintf("m%d", i), Type: "chat", HasBody: true, Body: fmt.Sprint(i), Request: true, Delay: step.stamp})
			becomes(t, c.alice, "mallory", fmt.Sprint(i), chat.Received)
			p, _ := peerNamed(t, c.alice, "mallory")
			if p.Clock != step.clock || p.Note.IsEmpty() != (step.clock == "") {
				t.Errorf("stamp %v: clock %q, note %q, want %q", step.stamp, p.Clock, p.Note, step.clock)
			}
		}
		send(t, c.alice, "mallory", "my own")
		if got := bodies(t, c.alice, "mallory"); !slices.Equal(got, append(append([]string{"let me in"}, want...), "my own")) {
			t.Errorf("order %q", got)
		}
	})
}

func bodies(t *testing.T, n *chat.Node, who string) (list []string) {
	t.Helper()
	page, err := n.History(t.Context(), who, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page {
		list = append(list, m.Body.String())
	}
	return list
}

// T-33, P-24: a conversation that begins in 1970 or 2099 and goes on at another
// time stays in the order in which each side saw it, and all of it arrives.
func TestT33_ConversationAcrossClocks(t *testing.T) {
	for name, first := range map[string]time.Time{
		"1970 first": time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC),
		"2099 first": time.Date(2099, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			inLAN(t, func(t *testing.T, c *couple) {
				// What both wrote under the wrong clock: alice's last one still waits.
				chat.WroteAt(t, c.alice, "bob", first, "a1", "b1", "a2")
				chat.HeardAt(t, c.bob, "alice", first, "a1")
				send(t, c.bob, "alice", "b2")
				becomes(t, c.alice, "bob", "b2", chat.Received)
				send(t, c.alice, "bob", "a3")
				becomes(t, c.alice, "bob", "a3", chat.Delivered)
				becomes(t, c.alice, "bob", "a2", chat.Delivered)
				want := []string{"may I?", "a1", "b1", "a2", "b2", "a3"}
				if got := bodies(t, c.alice, "bob"); !slices.Equal(got, want) {
					t.Errorf("alice has %q, want %q", got, want)
				}
				for _, text := range []string{"a1", "a2", "b2", "a3"} {
					if _, n := find(t, c.bob, "alice", text); n != 1 {
						t.Errorf("bob shows %q %d times", text, n)
					}
				}
			})
		})
	}
}

// strangersView is what comes back to a key that is not accepted, whatever it says.
func strangersView(t *testing.T, c *couple, m *lantest.Mallory) []string {
	t.Helper()
	conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
	if err != nil {
		return []string{err.Error()}
	}
	conn.SetStanding(stream.Accepted)
	view := []string{fmt.Sprint("waiting ", conn.Waiting(), " max ", conn.MaxBytes(), " acks ", conn.Acknowledges(), " offers ", len(m.Offered()))}
	before := len(m.Got())
	sayTo(t, conn, stanza.Presence{}, stanza.Message{ID: stanza.NewID(), Type: "chat", HasBody: true, Body: "hi", Request: true})
	for _, q := range []stanza.IQ{stanza.InfoRequest(""), {ID: stanza.NewID(), Type: "get", Ping: true}} {
		sayTo(t, conn, q)
	}
	time.Sleep(20 * time.Second)
	for _, s := range m.Got()[before:] {
		q, ok := s.(stanza.IQ)
		if !ok || q.Error == nil {
			view = append(view, fmt.Sprintf("%T", s))
			continue
		}
		view = append(view, q.Type+" "+q.Error.Condition)
	}
	hangUp(conn)
	return view
}

// P-19, security.md 4.3.4: a blocked key sees what any stranger sees: under ask
// exactly that, under accept what a stranger sees under ask, for it never gets
// receipts or presence.
func TestP19_BlockedLooksLikeAStranger(t *testing.T) {
	for _, policy := range []string{chat.StrangersAsk, chat.StrangersAccept, chat.StrangersRefuse} {
		t.Run(policy, func(t *testing.T) {
			inLAN(t, func(t *testing.T, c *couple) {
				stranger, blocked := c.lan.Host().Mallory("stranger@den"), c.lan.Host().Mallory("blocked@den")
				t.Cleanup(func() { closeMallory(t, stranger); closeMallory(t, blocked) })
				unknown := strangersView(t, c, stranger) // under ask
				strangersView(t, c, blocked)
				if _, err := c.alice.Block(t.Context(), blocked.Pin().String()); err != nil {
					t.Fatal(err)
				}
				if policy == chat.StrangersRefuse {
					choose(t, c.alice, "strangers", policy)
					unknown = strangersView(t, c, c.lan.Host().Mallory("other@den"))
				} else {
					choose(t, c.alice, "strangers", policy)
				}
				seen := strangersView(t, c, blocked)
				if policy == chat.StrangersRefuse {
					if len(seen) != 1 || len(unknown) != 1 {
						t.Errorf("refused: %q and %q", seen, unknown)
					}
				} else if !slices.Equal(seen, unknown) {
					t.Errorf("blocked sees %q, a stranger %q", seen, unknown)
				}
				if _, n := find(t, c.alice, blocked.Pin().String(), "hi"); n > 0 {
					t.Error("what a blocked key said was kept")
				}
			})
		})
	}
}
