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
	"llchat/internal/mdns/avahi"
	"llchat/internal/mdns/link"
)

// machine is a host whose port 5353 can be taken, and on which an avahi-daemon
// may run: another node of package mdns stands for it.
type machine struct {
	*counted
	host *lantest.Host

	mu     sync.Mutex // guards the following
	taken  bool
	daemon error // why it does not serve us
	opened int   // by Avahi
	live   []*byAvahi
}

// byAvahi notes what the engine asks of the daemon.
type byAvahi struct {
	chat.Finder
	m *machine
}

func (b *byAvahi) Rename(ctx context.Context, user, machine string, port uint16, t mdns.Text) (string, error) {
	if err := b.m.refusal(); err != nil {
		return "", err
	}
	return b.Finder.Rename(ctx, user, machine, port, t)
}

func (m *machine) refusal() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.daemon, avahi.ErrRefused) {
		return m.daemon
	}
	return nil
}

func newMachine(lan *lantest.LAN) *machine {
	m := &machine{host: lan.Host()}
	m.counted = count(m.host)
	source := m.net.Source
	m.net.Source = func() (link.Source, error) {
		s, err := source()
		return holdable{s, m}, err
	}
	m.net.Shared = func() bool { return !m.isTaken() }
	m.net.Avahi = m.avahi
	return m
}

func (m *machine) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *machine) isTaken() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken
}

func (m *machine) avahi(ctx context.Context, c avahi.Config) (chat.Finder, error) {
	time.Sleep(50 * time.Millisecond) // the bus
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	if m.daemon != nil && !errors.Is(m.daemon, avahi.ErrRefused) {
		return nil, m.daemon
	}
	source, err := m.host.Network().Source()
	if err != nil {
		return nil, err
	}
	d, err := mdns.Open(ctx, mdns.Config{
		Source: countedSource{source, &m.sent}, User: c.User, Machine: c.Machine, Port: c.Port, Pinned: c.Pinned,
	})
	if err != nil {
		return nil, err
	}
	b := &byAvahi{d, m}
	m.live = append(m.live, b)
	return b, nil
}

// holdable is a source of links that ends when the port is taken.
type holdable struct {
	link.Source
	m *machine
}

func (s holdable) Run(ctx context.Context, h link.Handler) error {
	if s.m.isTaken() {
		return fmt.Errorf("open socket: %w", link.ErrTaken)
	}
	return s.Source.Run(ctx, h)
}

// uses waits until people are found in a way.
func uses(t *testing.T, n *chat.Node, want string) {
	t.Helper()
	within(t, 30*time.Second, "it uses "+want, func() bool {
		s, err := n.Status(t.Context())
		return err == nil && s.Discovery.Uses == want
	})
}

// mdns.md 2.9: a port that is taken exclusively makes auto fall back to
// avahi-daemon by itself; both sides see each other and talk, the user is told
// of the limit, and when the port can be shared llchat goes back. A contact is
// online all the time.
func TestMDNS_FallsBackAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		m := newMachine(lan)
		m.taken = true
		alice := m.open(t, chat.Options{Nick: "alice"})
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		uses(t, alice, chat.MDNSAvahi)
		befriend(t, alice, bob)
		name := status(t, alice).Name
		text, hint, ok := healthItem(t, alice, "avahi")
		if !ok || !strings.Contains(text, "1,000") || !strings.Contains(hint, "disallow-other-stacks=no") {
			t.Errorf("told %q, hint %q", text, hint)
		}
		if d := status(t, alice).Discovery; d.MDNS != chat.MDNSAuto || d.Most != avahi.MaxPeers {
			t.Errorf("status %+v", d)
		}
		time.Sleep(time.Hour)
		uses(t, alice, chat.MDNSAvahi)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for range 600 {
				time.Sleep(100 * time.Millisecond)
				for n, who := range map[*chat.Node]string{alice: "bob", bob: "alice"} {
					if p, ok := peerNamed(t, n, who); !ok || p.Presence != chat.Online {
						t.Errorf("%s is %+v", who, p)
						return
					}
				}
			}
		}()
		m.set(func() { m.taken = false })
		uses(t, alice, chat.MDNSOwn)
		<-watched
		if _, _, ok := healthItem(t, alice, "avahi"); ok {
			t.Error("the limit is still told")
		}
		if s := status(t, alice); s.Name != name || s.Discovery.Most != 8192 {
			t.Errorf("back as %+v", s)
		}
		send(t, bob, "alice", "welcome back")
		becomes(t, bob, "alice", "welcome back", chat.Delivered)
	})
}

// A daemon that is not there, and one that refuses, are said in a sentence with
// a hint, tried again, and forgotten when it works.
func TestMDNS_AvahiTrouble(t *testing.T) {
	tests := []struct {
		name, text, hint string
		daemon           error
		taken            bool
		mdns             string
	}{
		{"no daemon", "nobody can be found on the network: avahi-daemon does not run", "systemctl start avahi-daemon", avahi.ErrNoDaemon, false, chat.MDNSAvahi},
		{"no Avahi", "nobody can be found on the network: this system has no Avahi", "llchat set mdns auto", avahi.ErrSystem, false, chat.MDNSAvahi},
		{"no bus", "nobody can be found on the network: avahi-daemon cannot be reached on this machine", "llchat set mdns auto", errors.New("no bus"), false, chat.MDNSAvahi},
		{"refused", "others cannot find you: avahi-daemon does not let programs of users publish", "disable-user-service-publishing=no", avahi.ErrRefused, false, chat.MDNSAvahi},
		{"taken and no daemon", "another program holds port 5353 for itself alone, and avahi-daemon does not run", "disallow-other-stacks=no", avahi.ErrNoDaemon, true, chat.MDNSAuto},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := lantest.New(t, 1)
				m := newMachine(lan)
				m.daemon, m.taken = tt.daemon, tt.taken
				alice := m.open(t, chat.Options{Nick: "alice", MDNS: tt.mdns})
				lan.Host().Node(chat.Options{Nick: "bob"})
				time.Sleep(time.Minute)
				text, hint, ok := healthItem(t, alice, "discovery")
				if !ok || !strings.Contains(text, tt.text) || !strings.Contains(hint, tt.hint) {
					t.Errorf("told %q, hint %q", text, hint)
				}
				if s, _ := alice.Status(t.Context()); s.Ready {
					t.Error("it says that it can be found")
				}
				m.set(func() { m.daemon = nil })
				within(t, 30*time.Second, "it heals", func() bool { return !discoveryHealth(t, alice) })
				status(t, alice)
				sees(t, alice, "bob")
				uses(t, alice, chat.MDNSAvahi)
			})
		})
	}
}

// The setting is changed while a conversation goes on: no message is lost, and
// nobody is taken for gone.
func TestMDNS_SwitchWhileTalking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		m := newMachine(lan)
		folder := filepath.Join(t.TempDir(), "p")
		alice := m.open(t, chat.Options{Nick: "alice", Profile: folder})
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		befriend(t, alice, bob)
		for i, word := range []string{"avahi", "own", "avahi", "avahi", "auto", "own", "avahi"} {
			set(t, alice, "mdns", word)
			text := fmt.Sprint("as ", word, i)
			send(t, alice, "bob", text)
			becomes(t, alice, "bob", text, chat.Delivered)
			want := word
			if word == chat.MDNSAuto {
				want = chat.MDNSOwn
			}
			uses(t, alice, want)
			time.Sleep(time.Minute)
			for n, who := range map[*chat.Node]string{alice: "bob", bob: "alice"} {
				wantOne(t, word, n, who, chat.Online)
			}
		}
		for _, word := range []string{"own", "avahi", "own", "avahi"} { // faster than it can be done
			set(t, alice, "mdns", word)
		}
		uses(t, alice, chat.MDNSAvahi)
		closeNode(t, alice)
		again := m.open(t, chat.Options{Profile: folder}) // the setting is kept
		uses(t, again, chat.MDNSAvahi)
		sees(t, again, "bob")
	})
}

// K5: a ghost sends nothing by Avahi either, asks it nothing, and does not even
// open the bus, however it became one.
func TestK5_GhostWithAvahi(t *testing.T) {
	t.Run("from the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(lantest.New(t, 1))
			n := m.open(t, chat.Options{Nick: "casper", Visibility: chat.VisibleGhost, MDNS: chat.MDNSAvahi})
			time.Sleep(time.Hour)
			if m.opened != 0 || m.sent.Load() != 0 {
				t.Errorf("opened %d times, %d packets", m.opened, m.sent.Load())
			}
			show(t, n, chat.VisibleOpen)
			uses(t, n, chat.MDNSAvahi)
			within(t, 10*time.Second, "it has a name", func() bool { return !status(t, n).Name.IsEmpty() })
		})
	})
	t.Run("while running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lan := lantest.New(t, 1)
			m := newMachine(lan)
			m.taken = true
			n := m.open(t, chat.Options{Nick: "alice"})
			bob := lan.Host().Node(chat.Options{Nick: "bob"})
			befriend(t, n, bob)
			show(t, n, chat.VisibleGhost)
			before, opened := m.sent.Load(), m.opened
			time.Sleep(time.Hour)
			m.set(func() { m.taken = false }) // no reason to say a word
			time.Sleep(time.Hour)
			if m.sent.Load() != before || m.opened != opened {
				t.Errorf("%d packets, opened %d times", m.sent.Load()-before, m.opened-opened)
			}
			show(t, n, chat.VisibleOpen)
			within(t, 30*time.Second, "bob sees it", func() bool {
				p, ok := peerNamed(t, bob, "alice")
				return ok && p.Presence == chat.Online && m.sent.Load() > before
			})
		})
	})
	t.Run("while the bus is opened", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(lantest.New(t, 1))
			n := m.open(t, chat.Options{Nick: "casper", MDNS: chat.MDNSAvahi})
			show(t, n, chat.VisibleGhost)
			before := m.sent.Load()
			time.Sleep(time.Hour)
			if m.sent.Load() != before {
				t.Errorf("%d packets", m.sent.Load()-before)
			}
			for _, b := range m.live {
				if b.Err() == nil {
					t.Error("what was opened meanwhile still lives")
				}
			}
			if s := status(t, n); !s.Ready || !s.Name.IsEmpty() || s.Discovery.Uses != "" {
				t.Errorf("status %+v", s)
			}
		})
	})
}
