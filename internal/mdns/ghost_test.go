package mdns

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// tapped counts what an address sends on a bus.
type tapped struct {
	mu   sync.Mutex
	from map[netip.Addr]int
}

func tap(bus *link.Bus) *tapped {
	c := &tapped{from: map[netip.Addr]int{}}
	bus.SetTap(func(s link.Sent) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.from[s.From.Addr()]++
	})
	return c
}

func (c *tapped) count(a string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.from[netip.MustParseAddr(a)]
}

// TestGhostProfile (K5): a node that starts silent sends nothing for an hour
// though it is asked; it can be switched to open, to quiet, and to ghost again.
func TestGhostProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		sent := tap(bus)
		b := newNode(t, bus.Attach(prefix("10.0.0.2/24")), "bob", "forza", 5299)
		publish(t, b, nil)
		a, err := Open(t.Context(), Config{
			Source: bus.Attach(prefix("10.0.0.1/24")), Silent: true,
			User: "alice", Machine: "pronto", Port: 5298, Random: seeded(9),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		haunt := func() {
			t.Helper()
			before := sent.count("10.0.0.1")
			for range 60 {
				ask(bus, "alice@pronto")
				time.Sleep(time.Minute)
			}
			if n := sent.count("10.0.0.1") - before; n != 0 || len(a.Peers()) != 0 || !a.Stats().Silent {
				t.Errorf("a ghost sent %d packets, sees %v", n, a.Peers())
			}
		}
		haunt()
		if got := publish(t, a, PresenceText("Alice", "avail", "")); got != "alice@pronto" {
			t.Errorf("open: %q", got)
		}
		wait(t, b, Joined)
		got, err := a.Rename(t.Context(), "amber", "fox-abcd", 6000, PresenceText("", "", ""))
		if err != nil || got != "amber@fox-abcd" || a.Name() != got {
			t.Errorf("quiet: %q, %v", got, err)
		}
		for _, want := range []string{"amber@fox-abcd", "alice@pronto"} {
			if ev := <-b.Events(); ev.Peer.Key != want { // comes before the other has gone
				t.Errorf("bob hears of %+v, want %s", ev, want)
			}
		}
		if err := a.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.Silence(); err != nil {
			t.Error(err)
		}
		haunt()
		if got, err := a.Rename(t.Context(), "alice", "pronto", 5298, nil); got != "alice@pronto" || err != nil {
			t.Errorf("open again: %q, %v", got, err)
		}
		if len(a.Peers()) == 0 {
			time.Sleep(time.Second)
		}
		if got := a.Peers(); len(got) != 1 {
			t.Errorf("open again and sees %v", got)
		}
	})
}

// ask asks for an instance from an address without a node.
func ask(bus *link.Bus, label string) {
	name, _ := wire.MustName("_presence", "_tcp", "local").Child(label)
	m := wire.Message{Questions: []wire.Question{
		{Name: name.Parent(), Type: wire.TypePTR, Class: wire.ClassIN},
		{Name: name, Type: wire.TypeANY, Class: wire.ClassIN},
	}}
	data, _ := m.Append(nil, 0)
	bus.Inject(netip.MustParseAddrPort("10.0.0.99:5353"), netip.AddrPort{}, data)
}

func TestSilenceEndsPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, link.NewBus().Attach(prefix("10.0.0.1/24")), "alice", "pronto", 1)
		result := make(chan error)
		go func() {
			_, err := a.Publish(t.Context(), nil)
			result <- err
		}()
		time.Sleep(200 * time.Millisecond)
		if err := a.Silence(); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, ErrWithdrawn) {
			t.Errorf("publish ended with %v", err)
		}
		if err := a.Silence(); err != nil { // again
			t.Error(err)
		}
		if _, err := a.Rename(t.Context(), "alice", "two words", 1, nil); !errors.Is(err, ErrName) || !a.Stats().Silent {
			t.Errorf("a bad name: %v, %+v", err, a.Stats())
		}
		a.Close()
		if err := a.Silence(); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := a.Rename(t.Context(), "a", "b", 1, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestWakeIsNoticed: a jump of the clock restarts the node, and it says so.
func TestWakeIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		woke := make(chan time.Duration)
		a, err := Open(t.Context(), Config{
			Source: bus.Attach(prefix("10.0.0.1/24")), User: "alice", Machine: "pronto", Port: 1, Random: seeded(1),
			Jumps: func(ctx context.Context, f func(time.Duration)) {
				for {
					select {
					case d := <-woke:
						f(d)
					case <-ctx.Done():
						return
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		publish(t, a, nil)
		time.Sleep(time.Minute)
		sent := tap(bus)
		woke <- time.Hour
		if ev := wait(t, a, Health); ev.Cause != CauseWoke {
			t.Errorf("%+v", ev)
		}
		time.Sleep(1100 * time.Millisecond) // probes, question, announcement
		if n := sent.count("10.0.0.1"); n < 5 || a.Stats().Wakes != 1 {
			t.Errorf("%d packets after waking, %+v", n, a.Stats())
		}
	})
}

// TestStatsAndHealthOfALink in the words of the facade.
func TestStatsAndHealthOfALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		h := bus.Attach(prefix("10.0.0.1/24"))
		a := newNode(t, h, "alice", "pronto", 5298)
		publish(t, a, nil)
		announce(t, bus, 3)
		synctest.Wait()
		s := a.Stats()
		if len(s.Links) != 1 || s.Links[0].Echo.IsZero() || !s.Links[0].Live || s.Name != "alice@pronto" {
			t.Errorf("%+v", s)
		}
		bus.SetFilter(func(_, _ netip.Addr, _ []byte) (bool, time.Duration) { return false, 0 })
		a.SetText(PresenceText("", "away", ""))
		if ev := wait(t, a, Health); ev.Cause != CauseNoEcho || ev.Name != s.Links[0].Name {
			t.Errorf("%+v", ev)
		}
		h.Down(1)
		if ev := wait(t, a, Health); ev.Cause != CauseNoLinks {
			t.Errorf("%+v", ev)
		}
		h.Up(1)
		if ev := wait(t, a, Health); ev.Cause != CauseLinks {
			t.Errorf("%+v", ev)
		}
	})
}
