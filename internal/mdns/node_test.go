package mdns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// seeded is a source of randomness that makes a run repeatable.
type seeded byte

func (s seeded) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s) + byte(i)
	}
	return len(b), nil
}

// newNode opens a node called user@machine on a host.
func newNode(t *testing.T, h *link.Host, user, machine string, port uint16) *Node {
	t.Helper()
	n, err := Open(t.Context(), Config{Source: h, User: user, Machine: machine, Port: port, Random: seeded(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func publish(t *testing.T, n *Node, text Text) string {
	t.Helper()
	name, err := n.Publish(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// wait returns the next event of a kind and fails when other kinds come first.
func wait(t *testing.T, n *Node, kind Kind) Event {
	t.Helper()
	select {
	case ev := <-n.Events():
		if ev.Kind != kind {
			t.Fatalf("event is %+v, want kind %d", ev, kind)
		}
		return ev
	case <-time.After(time.Hour):
		t.Fatalf("no event of kind %d", kind)
	}
	return Event{}
}

func TestTwoNodesMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fe80::1/64")), "alice", "pronto", 5298)
		b := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("fe80::2/64")), "bob", "forza", 5299)
		start := time.Now()
		if got := publish(t, a, PresenceText("Alice", "avail", "")); got != "alice@pronto" {
			t.Errorf("alice is called %q", got)
		}
		if d := time.Since(start); d > 1100*time.Millisecond {
			t.Errorf("publishing took %v", d)
		}
		publish(t, b, PresenceText("Bob", "away", "lunch"))
		ev := wait(t, a, Joined)
		if ev.Peer.Key != "bob@forza" || ev.Peer.Port != 5299 || ev.Peer.Host != "forza.local" {
			t.Errorf("alice sees %+v", ev.Peer)
		}
		if got, _ := ev.Peer.Text.Get("status"); got != "away" {
			t.Errorf("bob's status is %q", got)
		}
		wait(t, b, Joined)
		time.Sleep(10 * time.Second)
		if err := b.SetText(PresenceText("Bob", "dnd", "")); err != nil {
			t.Fatal(err)
		}
		changed := time.Now()
		ev = wait(t, a, Changed)
		if got, _ := ev.Peer.Text.Get("status"); got != "dnd" || time.Since(changed) > 5*time.Millisecond {
			t.Errorf("status %q after %v", got, time.Since(changed))
		}
		p, err := a.Resolve(t.Context(), "bob@forza")
		if err != nil || len(p.Addrs) != 2 {
			t.Errorf("resolve: %+v, %v", p, err)
		}
		bye := time.Now()
		if err := b.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(bye); d != time.Second {
			t.Errorf("withdrawing took %v", d)
		}
		if ev = wait(t, a, Left); ev.Cause != CauseGoodbye {
			t.Errorf("bob left: %q", ev.Cause)
		}
		time.Sleep(3 * time.Hour)
		if got := b.Peers(); len(got) != 1 {
			t.Errorf("bob sees %+v", got)
		}
	})
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestRenamedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(prefix("10.0.0.1/24")), "alice", "pronto", 5298)
		publish(t, a, PresenceText("", "", ""))
		b := newNode(t, bus.Attach(prefix("10.0.0.2/24")), "bob", "pronto", 5298)
		if got := publish(t, b, PresenceText("", "", "")); got != "bob@pronto-1" || b.Name() != got {
			t.Errorf("bob is called %q and %q", got, b.Name())
		}
		for ev := range b.Events() {
			if ev.Kind == Joined {
				continue
			}
			if ev.Kind != Renamed || ev.Name != "bob@pronto-1" || ev.Cause != CauseConflict {
				t.Errorf("event %+v", ev)
			}
			break
		}
		if a.Name() != "alice@pronto" {
			t.Errorf("alice is called %q", a.Name())
		}
	})
}

func TestPublishWaitsForALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		h := bus.Attach(prefix("10.0.0.1/24"))
		h.Down(1)
		a := newNode(t, h, "alice", "pronto", 5298)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Publish(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("published on no link: %v", err)
		}
		time.Sleep(time.Minute)
		h.Up(1)
		time.Sleep(1100 * time.Millisecond)
		if a.Name() != "alice@pronto" {
			t.Error("not published when the link came")
		}
	})
}

func TestSlowReaderGetsOneResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a, err := Open(t.Context(), Config{
			Source: bus.Attach(prefix("10.0.0.1/16")), User: "alice", Machine: "pronto", Port: 1,
			Limits: Limits{Events: 8}, Random: seeded(1),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		synctest.Wait()
		for i := range 60 {
			announce(t, bus, i)
		}
		time.Sleep(time.Second)
		if n := len(a.Peers()); n != 60 {
			t.Errorf("%d peers", n)
		}
		resyncs, others := 0, 0
		for range len(a.Events()) {
			if ev := <-a.Events(); ev.Kind == Resync {
				resyncs++
				others = 0
			} else {
				others++
			}
		}
		if resyncs != 1 || others != 0 {
			t.Errorf("%d resyncs, %d events behind it", resyncs, others)
		}
		announce(t, bus, 100)
		if ev := wait(t, a, Joined); ev.Peer.Key != "user100@host100" {
			t.Errorf("after the resync: %+v", ev)
		}
	})
}

// announce multicasts an instance from an address of its own.
func announce(t *testing.T, bus *link.Bus, i int) {
	t.Helper()
	src := netip.AddrFrom4([4]byte{10, 0, 1, byte(i + 1)})
	label, host := fmt.Sprintf("user%d@host%d", i, i), wire.MustName(fmt.Sprintf("host%d", i), "local")
	service := wire.MustName("_presence", "_tcp", "local")
	name, err := service.Child(label)
	if err != nil {
		t.Fatal(err)
	}
	m := wire.Message{Response: true, Answers: []wire.Record{
		{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: name},
		{Name: name, Type: wire.TypeSRV, Flush: true, TTL: 120, SRV: wire.SRV{Port: 5298, Target: host}},
		{Name: name, Type: wire.TypeTXT, Flush: true, TTL: 4500, TXT: []byte("\x0astatus=dnd")},
		{Name: host, Type: wire.TypeA, Flush: true, TTL: 120, Addr: src},
	}}
	data, _ := m.Append(nil, 0)
	bus.Inject(netip.AddrPortFrom(src, 5353), netip.AddrPort{}, data)
}

func TestResolveAndReconfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(prefix("10.0.0.1/16")), "alice", "pronto", 5298)
		synctest.Wait()
		announce(t, bus, 7)
		if ev := wait(t, a, Joined); ev.Peer.Key != "user7@host7" {
			t.Fatalf("%+v", ev)
		}
		if _, err := a.Resolve(t.Context(), "nobody@here"); !errors.Is(err, ErrUnknown) {
			t.Errorf("resolve of nobody: %v", err)
		}
		time.Sleep(time.Minute)
		start := time.Now()
		p, err := a.Resolve(t.Context(), "user7@host7")
		if !errors.Is(err, ErrUnanswered) || len(p.Addrs) != 1 || time.Since(start) > 6*time.Second {
			t.Errorf("resolve of a dead peer: %+v, %v after %v", p, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Resolve(ctx, "user7@host7"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("resolve beyond its context: %v", err)
		}
		a.Watch("user7@host7")
		a.Reconfirm("user7@host7")
		if ev := wait(t, a, Left); ev.Cause != CauseUnanswered {
			t.Errorf("%+v", ev)
		}
	})
}

func TestEndOfNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		h := bus.Attach(prefix("10.0.0.1/24"))
		h.Down(1)
		ctx, cancel := context.WithCancel(t.Context())
		a, err := Open(ctx, Config{Source: h, User: "alice", Machine: "pronto", Port: 1})
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error)
		go func() {
			_, err := a.Publish(t.Context(), nil)
			waiting <- err
		}()
		synctest.Wait()
		if a.Err() != nil {
			t.Errorf("alive, yet %v", a.Err())
		}
		cancel()
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("publish ended with %v", err)
		}
		a.Close()
		a.Close()
		wait(t, a, Health) // no link
		if _, ok := <-a.Events(); ok {
			t.Error("events are open")
		}
		_, err = a.Resolve(t.Context(), "x")
		for _, err := range []error{err, a.SetText(nil), a.Withdraw(t.Context()), a.Err()} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("after the end: %v", err)
			}
		}
		if a.Name() != "" || a.Peers() != nil {
			t.Error("a closed node knows things")
		}
	})
}

// broken is a source whose port is taken.
type broken struct{ link.Source }

func (broken) Run(context.Context, link.Handler) error { return link.ErrTaken }

func TestPortTakenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := Open(t.Context(), Config{Source: broken{}, User: "alice", Machine: "pronto", Port: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Publish(t.Context(), nil); !errors.Is(err, link.ErrTaken) {
			t.Errorf("publish: %v", err)
		}
		synctest.Wait() // Publish may see the end before Err does
		if !errors.Is(a.Err(), link.ErrTaken) {
			t.Errorf("node: %v", a.Err())
		}
		if ev := wait(t, a, Health); ev.Cause != CauseTaken {
			t.Errorf("event %+v", ev)
		}
		a.Close()
	})
}

func TestOpenErrors(t *testing.T) {
	h := link.NewBus().Attach(prefix("10.0.0.1/24"))
	for _, c := range []Config{
		{User: "alice", Machine: "pronto"},
		{Source: h, Machine: "pronto"},
		{Source: h, User: "alice", Machine: "not a host"},
		{Source: h, User: "alice", Machine: "pronto", Random: failing{}},
	} {
		if n, err := Open(t.Context(), c); err == nil {
			n.Close()
			t.Errorf("opened %+v", c)
		}
	}
}

func TestBadTextIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, link.NewBus().Attach(prefix("10.0.0.1/24")), "alice", "pronto", 1)
		bad := Text{{Key: "a=b"}}
		var te *TextError
		if _, err := a.Publish(t.Context(), bad); !errors.As(err, &te) {
			t.Errorf("publish: %v", err)
		}
		if err := a.SetText(bad); !errors.As(err, &te) {
			t.Errorf("set text: %v", err)
		}
	})
}

func TestWithdrawEndsPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, link.NewBus().Attach(prefix("10.0.0.1/24")), "alice", "pronto", 1)
		result := make(chan error)
		go func() {
			_, err := a.Publish(t.Context(), nil)
			result <- err
		}()
		time.Sleep(200 * time.Millisecond)
		if err := a.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, ErrWithdrawn) {
			t.Errorf("publish ended with %v", err)
		}
		if got := publish(t, a, nil); got != "alice@pronto" {
			t.Errorf("published again as %q", got)
		}
	})
}

// TestCallsFromEverywhere is for the race detector.
func TestCallsFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(prefix("10.0.0.1/24")), "alice", "pronto", 1)
		b := newNode(t, bus.Attach(prefix("10.0.0.2/24")), "bob", "forza", 2)
		publish(t, a, nil)
		publish(t, b, nil)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 20 {
					a.SetText(PresenceText(fmt.Sprint(i, j), "", ""))
					b.Peers()
					b.Watch("alice@pronto")
					b.Reconfirm("alice@pronto")
					b.Resolve(t.Context(), "alice@pronto")
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		for len(b.Events()) > 0 {
			if ev := <-b.Events(); ev.Kind == Left {
				t.Errorf("flap: %+v", ev)
			}
		}
	})
}
