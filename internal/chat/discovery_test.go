package chat_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
)

// frail is a source of links that can be taken away.
type frail struct {
	link.Source
	broken chan struct{}
}

func (f frail) Run(ctx context.Context, h link.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Source.Run(ctx, h) }()
	select {
	case err := <-done:
		return err
	case <-f.broken:
		cancel()
		<-done
		return fmt.Errorf("open socket: %w", link.ErrTaken)
	}
}

func discoveryHealth(t *testing.T, n *chat.Node) bool {
	t.Helper()
	s, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range s.Health {
		if item.Code == "discovery" {
			return true
		}
	}
	return false
}

// Links may end under a running node: another program takes port 5353. The
// node says so, keeps its streams, does not run hot, and comes back under the
// same name when the links do.
func TestLinksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := acquaint(t, lantest.New(t, 1))
		closeNode(t, c.alice)
		broken := make(chan struct{})
		network := *c.hostA.Network()
		var mu sync.Mutex
		opened := 0
		network.Source = func() (link.Source, error) {
			mu.Lock()
			defer mu.Unlock()
			source, err := c.hostA.Network().Source()
			switch opened++; opened {
			case 1:
				return frail{source, broken}, err
			case 2:
				return nil, link.ErrTaken // still taken
			}
			return source, err
		}
		alice, err := chat.Open(t.Context(), chat.Options{Profile: c.folderA, Network: &network})
		if err != nil {
			t.Fatal(err)
		}
		before, err := alice.Ready(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "bob")
		send(t, alice, "bob", "with links")
		becomes(t, alice, "bob", "with links", chat.Delivered)

		close(broken)
		within(t, time.Second, "the node says that it finds nobody", func() bool { return discoveryHealth(t, alice) })
		send(t, alice, "bob", "without links")
		becomes(t, alice, "bob", "without links", chat.Delivered)

		within(t, 15*time.Second, "it finds others again", func() bool { return !discoveryHealth(t, alice) })
		closeNode(t, c.bob)
		c.bob = c.startBob()
		sees(t, alice, "bob")
		within(t, 5*time.Second, "it is found again under its name", func() bool {
			p, ok := peerNamed(t, c.bob, "alice")
			return ok && p.Presence == chat.Online && p.Instance == before.Name
		})
		closeNode(t, alice)
	})
}

// What keeps discovery from running is told in words, with what to do about
// it; what the system said is for the log.
func TestDiscoveryWords(t *testing.T) {
	bus := errors.New("avahi: connect to the system bus: system bus not found")
	tests := []struct {
		name, mdns  string
		taken       bool
		daemon      error
		text, hints string
	}{
		{
			"no bus", chat.MDNSAvahi, false, bus,
			"nobody can be found on the network: avahi-daemon cannot be reached on this machine", "llchat set mdns auto",
		},
		{
			"port taken, no bus", chat.MDNSAuto, true, bus,
			"nobody can be found on the network: another program holds port 5353 for itself alone, and avahi-daemon cannot be reached on this machine",
			"end the program that holds the port",
		},
		{
			"port taken, no sockets but ours", chat.MDNSOwn, true, nil,
			"nobody can be found on the network: another program holds port 5353 for itself alone", "end the program that holds the port",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(lantest.New(t, 18))
				m.taken, m.daemon = tt.taken, tt.daemon
				n, err := chat.Open(t.Context(), chat.Options{Profile: t.TempDir() + "/a", Nick: "alice", MDNS: tt.mdns, Network: m.net})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				if h, ok := itemOf(t, n, "discovery"); !ok || h.Text != tt.text || !strings.HasPrefix(h.Hint, tt.hints) {
					t.Errorf("%+v, %v; want %q with %q", h, ok, tt.text, tt.hints)
				}
				closeNode(t, n)
			})
		})
	}
}

// Of what happened to our name the last is told, and not for ever.
func TestNameNoticesDoNotContradict(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		says := func(code string) bool { _, ok := itemOf(t, c.alice, code); return ok }
		chat.Rename(c.alice, "alice@elsewhere")
		if !says("renamed") || says("contested") {
			t.Error("renamed: not told, or both")
		}
		chat.LinkHealth(c.alice, mdns.CauseContested, "")
		if says("renamed") || !says("contested") {
			t.Error("contested after renamed: not told, or both")
		}
		chat.Rename(c.alice, "alice-2@elsewhere")
		if !says("renamed") || says("contested") {
			t.Error("renamed after contested: not told, or both")
		}
		time.Sleep(2 * time.Hour)
		if says("renamed") {
			t.Error("renamed: for ever")
		}
	})
}

// The name that the window asks for at the first start replaces the one that
// discovery began with, while dials are under way.
func TestIntroduceWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		bob := lan.Host().Node(chat.Options{Nick: "bob", Strangers: chat.StrangersAccept})
		alice := lan.Host().Node(chat.Options{Hold: true, Profile: filepath.Join(t.TempDir(), "a")})
		sees(t, alice, "bob")
		var work sync.WaitGroup
		work.Go(func() { _, _ = alice.Send(context.Background(), "bob", "as nobody") })
		work.Go(func() {
			if err := alice.Set(context.Background(), "nick", "alice"); err != nil {
				t.Error(err)
			}
		})
		work.Wait()
		sees(t, bob, "alice")
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// Calls that meet the end of the node get their answer or an error, and no
// half of either.
func TestCallsAtTheEnd(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for {
					s, err := c.alice.Status(context.Background())
					if err != nil {
						return
					}
					if s.Nick.String() != "alice" {
						t.Errorf("status %+v", s)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		closeNode(t, c.alice)
		work.Wait()
	})
}
