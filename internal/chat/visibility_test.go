package chat_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/stanza"
)

// counted is a network whose multicast packets are counted as they leave, and
// on which no free port is given twice.
type counted struct {
	sent atomic.Int64
	port atomic.Uint32
	net  *chat.Network
	fail atomic.Bool // to listen
}

type countedSource struct {
	link.Source
	sent *atomic.Int64
}

func (s countedSource) Send(id link.ID, to netip.AddrPort, data []byte) error {
	s.sent.Add(1)
	return s.Source.Send(id, to, data)
}

func count(h *lantest.Host) *counted {
	c := &counted{net: h.Network()}
	c.port.Store(30000)
	source, listen := c.net.Source, c.net.Listen
	c.net.Source = func() (link.Source, error) {
		s, err := source()
		return countedSource{s, &c.sent}, err
	}
	c.net.Listen = func(ctx context.Context, port uint16) ([]net.Listener, uint16, error) {
		if c.fail.Load() {
			return nil, 0, fmt.Errorf("port %d: no", port)
		}
		if port == 0 {
			port = uint16(c.port.Add(1))
		}
		return listen(ctx, port)
	}
	return c
}

// open starts a node that ends with the test.
func (c *counted) open(t *testing.T, opt chat.Options) *chat.Node {
	t.Helper()
	opt.Network = c.net
	if opt.Profile == "" { // never the one of whoever runs the tests
		opt.Profile = filepath.Join(t.TempDir(), "profile")
	}
	n, err := chat.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	return n
}

func status(t *testing.T, n *chat.Node) chat.Status {
	t.Helper()
	s, err := n.Ready(t.Context())
	if err != nil {
		t.Fatalf("ready: %v", err)
	}
	return s
}

func show(t *testing.T, n *chat.Node, visibility string) {
	t.Helper()
	if err := n.Set(t.Context(), "visibility", visibility); err != nil {
		t.Fatalf("set visibility %s: %v", visibility, err)
	}
}

// K5, 174-3.1: a ghost is ready without a name, sends no packet in an hour,
// sees nobody and is seen by nobody; with its port known it is reached, and it
// reaches a contact where that was last.
func TestK5_GhostSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, hostB := lan.Host(), lan.Host()
		out := count(host)
		folder := filepath.Join(t.TempDir(), "p")
		ghost := out.open(t, chat.Options{Nick: "casper", Profile: folder, Visibility: chat.VisibleGhost})
		bob := hostB.Node(chat.Options{Nick: "bob"})
		s := status(t, ghost)
		if !s.Name.IsEmpty() || !s.Ready || s.Port == 0 || s.Visibility != chat.VisibleGhost {
			t.Errorf("ready as %+v", s)
		}
		meetGhost(t, ghost, bob, hostB)
		time.Sleep(time.Hour)
		if n := out.sent.Load(); n != 0 {
			t.Errorf("%d packets of a ghost", n)
		}
		for _, n := range []*chat.Node{ghost, bob} {
			if rows, _ := n.Peers(t.Context()); len(rows) > 1 || len(rows) == 1 && !rows[0].Contact() {
				t.Errorf("found: %+v", rows)
			}
		}
		closeNode(t, ghost)
		again := out.open(t, chat.Options{Profile: folder}) // the setting is kept
		if s := status(t, again); s.Visibility != chat.VisibleGhost || out.sent.Load() != 0 {
			t.Errorf("the next start is %+v, %d packets", s, out.sent.Load())
		}
		send(t, again, status(t, bob).Fingerprint.String(), "boo again")
		becomes(t, again, status(t, bob).Fingerprint.String(), "boo again", chat.Delivered)
	})
}

// meetGhost makes contacts of a ghost and somebody whose address it knows.
func meetGhost(t *testing.T, ghost, bob *chat.Node, hostB *lantest.Host) {
	t.Helper()
	mine, his := status(t, ghost).Fingerprint, status(t, bob).Fingerprint
	for n, pin := range map[*chat.Node]identity.Pin{ghost: his, bob: mine} {
		if err := chat.AddContact(n, pin, "friend"); err != nil {
			t.Fatal(err)
		}
	}
	if err := chat.KnowAddress(ghost, his, place(t, hostB, bob)); err != nil {
		t.Fatal(err)
	}
	send(t, ghost, his.String(), "boo")
	becomes(t, ghost, his.String(), "boo", chat.Delivered)
	if got := chat.PeerNames(bob); !slices.Equal(got, []string{"x@x.invalid"}) {
		t.Errorf("a ghost calls itself %q", got)
	}
	send(t, bob, mine.String(), "who is there?")
	becomes(t, bob, mine.String(), "who is there?", chat.Delivered)
}

// K5: switched between all pairs while a conversation goes on, no message is
// lost and its stream stays. Each state is as if the node had been started in
// it, and a ghost sends nothing from the moment that set has returned.
func TestK5_SwitchWhileTalking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		out, hostB := count(lan.Host()), lan.Host()
		alice := out.open(t, chat.Options{Nick: "alice", Profile: filepath.Join(t.TempDir(), "a")})
		bob := hostB.Node(chat.Options{Nick: "bob"})
		befriend(t, alice, bob)
		pin := status(t, alice).Fingerprint.String()
		open, ports, names := status(t, alice), map[uint16]bool{}, map[string]bool{}
		for i, v := range []string{"quiet", "ghost", "open", "ghost", "quiet", "open", "quiet"} {
			show(t, alice, v)
			quietFrom := out.sent.Load()
			text := fmt.Sprint("as ", v, i)
			send(t, alice, "bob", text)
			becomes(t, alice, "bob", text, chat.Delivered)
			send(t, bob, pin, "to "+text)
			becomes(t, bob, pin, "to "+text, chat.Delivered)
			time.Sleep(time.Minute)
			s := status(t, alice)
			switch v {
			case chat.VisibleOpen:
				if s.Port != open.Port || s.Name != open.Name {
					t.Errorf("open again: %s %d, was %s %d", s.Name, s.Port, open.Name, open.Port)
				}
				continue
			case chat.VisibleGhost:
				if n := out.sent.Load() - quietFrom; n != 0 || !s.Name.IsEmpty() {
					t.Errorf("%d packets of a ghost called %q", n, s.Name)
				}
			case chat.VisibleQuiet:
				if name := s.Name.String(); names[name] || name == "" || strings.Contains(name, "alice") {
					t.Errorf("quiet as %q", name)
				}
				names[s.Name.String()] = true
				got := overheard(t, lan, bobsName(t, bob))
				if got.port != s.Port || got.instance != s.Name.String() || len(got.text) != 1 {
					t.Errorf("quiet is seen as %+v, is %s %d", got, s.Name, s.Port)
				}
			}
			if ports[s.Port] || s.Port == open.Port {
				t.Errorf("%s: port %d was used before", v, s.Port)
			}
			ports[s.Port] = true
		}
		if n := chat.Streams(alice); n != 1 {
			t.Errorf("%d streams", n)
		}
	})
}

// overheard is what everybody can know of the only node beside one.
func overheard(t *testing.T, lan *lantest.LAN, beside string) announced {
	t.Helper()
	node, err := mdns.Open(t.Context(), mdns.Config{
		Source: must(lan.Host().Network().Source()), User: "ear", Machine: "wall", Port: 9999, Random: zeros{},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	time.Sleep(5 * time.Second)
	peers := slices.DeleteFunc(node.Peers(), func(p mdns.Peer) bool { return p.Instance == beside })
	if len(peers) != 1 {
		t.Fatalf("heard %+v", peers)
	}
	return announced{peers[0].Instance, peers[0].Text, peers[0].Port}
}

func bobsName(t *testing.T, n *chat.Node) string { return status(t, n).Name.String() }

// befriend makes contacts of two nodes that see each other.
func befriend(t *testing.T, alice, bob *chat.Node) {
	t.Helper()
	sees(t, alice, "bob")
	send(t, alice, "bob", "may I?")
	within(t, 5*time.Second, "bob is asked", func() bool {
		r, err := bob.Requests(t.Context())
		return err == nil && len(r) == 1
	})
	if _, err := bob.Accept(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	becomes(t, alice, "bob", "may I?", chat.Delivered)
}

// K5: contacts go on being told inside the stream what a quiet node and a ghost
// do not publish.
func TestK5_PresenceInStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		bob := count(lan.Host()).open(t, chat.Options{Nick: "bob", Profile: filepath.Join(t.TempDir(), "b")})
		befriend(t, alice, bob)
		for _, v := range []string{chat.VisibleQuiet, chat.VisibleGhost} {
			show(t, bob, v)
			time.Sleep(5 * time.Second)
			for word, want := range map[string]chat.Presence{"away": chat.Away, "dnd": chat.DND} {
				if err := bob.Set(t.Context(), "status", word); err != nil {
					t.Fatal(err)
				}
				within(t, 5*time.Second, v+" bob is "+word, func() bool {
					p, ok := peerNamed(t, alice, "bob")
					return ok && p.Presence == want
				})
			}
		}
	})
}

// 174-13.7, P-16: once a node has become quiet, nothing of its open name, nick,
// message and port is on the wire.
func TestK5_NamesNeverMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		out := count(lan.Host())
		n := out.open(t, chat.Options{Nick: "canarybird", Profile: filepath.Join(t.TempDir(), "p")})
		if err := n.Set(t.Context(), "message", "singing"); err != nil {
			t.Fatal(err)
		}
		_, machine := mdns.SplitInstance(status(t, n).Name.String())
		lan.Host().Node(chat.Options{Nick: "witness"})
		sees(t, n, "witness")
		show(t, n, chat.VisibleQuiet)
		time.Sleep(5 * time.Second) // the goodbyes for the old name
		lan.Record()
		for _, v := range []string{"", chat.VisibleGhost, chat.VisibleQuiet} {
			if v != "" {
				show(t, n, v)
			}
			if err := n.Set(t.Context(), "nick", "canarybird two"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		wire := bytes.ToLower(lan.Wire())
		if len(wire) == 0 {
			t.Fatal("nothing was recorded")
		}
		for _, word := range []string{"canarybird", "singing", machine} {
			if bytes.Contains(wire, []byte(word)) {
				t.Errorf("%q is on the wire", word)
			}
		}
	})
}

// K5: in quiet two starts and two switches share neither names nor port, also
// when switches follow each other at once.
func TestK5_QuietIsNewEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		out := count(lan.Host())
		seen := map[string]int{}
		note := func(n *chat.Node) {
			s := status(t, n)
			user, machine := mdns.SplitInstance(s.Name.String())
			seen[machine]++
			seen[fmt.Sprint(s.Port)]++
			if user == "" || seen[machine] > 1 || seen[fmt.Sprint(s.Port)] > 1 {
				t.Errorf("quiet as %s %d, seen %v", s.Name, s.Port, seen)
			}
		}
		folder := filepath.Join(t.TempDir(), "p")
		for range 2 {
			n := out.open(t, chat.Options{Profile: folder, Visibility: chat.VisibleQuiet})
			note(n)
			for _, v := range []string{"open", "quiet", "quiet", "ghost", "open", "ghost", "quiet"} {
				show(t, n, v)
			}
			note(n)
			time.Sleep(10 * time.Second)
			if got := eavesdrop(t, lan); got.instance != status(t, n).Name.String() {
				t.Errorf("seen as %+v", got)
			}
			closeNode(t, n)
			time.Sleep(2 * time.Second)
		}
	})
}

// A switch that cannot be made changes nothing; one before the first nick is
// that of a node that was never seen.
func TestVisibilityErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := count(lantest.New(t, 1).Host())
		folder := filepath.Join(t.TempDir(), "p")
		n := out.open(t, chat.Options{Profile: folder, Hold: true})
		show(t, n, chat.VisibleGhost)
		before := out.sent.Load()
		if err := n.Set(t.Context(), "nick", "late"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := status(t, n); out.sent.Load() != before || !s.Name.IsEmpty() {
			t.Errorf("a ghost from the welcome on: %+v", s)
		}
		for _, v := range []string{"", "Open", "veil"} {
			wantCode(t, v, n.Set(t.Context(), "visibility", v), chat.CodeUsage)
		}
		out.fail.Store(true)
		was := status(t, n)
		wantCode(t, "no port", n.Set(t.Context(), "visibility", chat.VisibleQuiet), chat.CodeError)
		if now := status(t, n); now.Visibility != was.Visibility || now.Port != was.Port || out.sent.Load() != before {
			t.Errorf("after a failed switch %+v, was %+v", now, was)
		}
		out.fail.Store(false)
		show(t, n, chat.VisibleOpen)
		time.Sleep(3 * time.Second)
		if s := status(t, n); !strings.HasPrefix(s.Name.String(), "late@") || out.sent.Load() == before {
			t.Errorf("open at last: %+v", s)
		}
		closeNode(t, n)
		if err := n.Set(context.Background(), "visibility", chat.VisibleGhost); err == nil {
			t.Error("a node that has ended was switched")
		}
		disk, err := chat.OpenOffline(t.Context(), folder)
		if err != nil {
			t.Fatal(err)
		}
		defer closeNode(t, disk)
		show(t, disk, chat.VisibleQuiet)
		if s, _ := disk.Status(t.Context()); s.Visibility != chat.VisibleQuiet {
			t.Errorf("on disk: %+v", s)
		}
	})
}

// A ghost that came back while its contact could not be reached finds it by
// itself: it hears nobody, and nobody hears it or knows its new port.
func TestK5_GhostFindsItsContactAgain(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		show(t, c.alice, chat.VisibleGhost)
		time.Sleep(5 * time.Second)
		closeNode(t, c.alice)
		c.lan.Partition(c.hostB)
		c.alice = c.startAlice()
		time.Sleep(3 * time.Minute)
		c.lan.Heal(c.hostB)
		within(t, 70*time.Second, "they see each other", func() bool { // L-26: dials a minute apart
			a, _ := peerNamed(t, c.bob, "alice")
			b, _ := peerNamed(t, c.alice, "bob")
			return a.Stream && b.Stream && a.Presence == chat.Online && b.Presence == chat.Online
		})
	})
}

// README 5.4: the name of somebody who has none is no name: it stands in no
// row, and two ghosts are not each other's look-alikes.
func TestGhostsHaveNoName(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for range 2 {
			m := c.lan.Host().Mallory("x@x.invalid")
			t.Cleanup(func() { closeMallory(t, m) })
			conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
			if err != nil {
				t.Fatal(err)
			}
			sayTo(t, conn, stanza.Message{ID: stanza.NewID(), Type: "chat", HasBody: true, Body: "may I?"})
			within(t, 5*time.Second, "alice is asked", func() bool {
				r, err := c.alice.Requests(t.Context())
				return err == nil && len(r) > 0
			})
			if _, err := c.alice.Accept(t.Context(), m.Pin().String()); err != nil {
				t.Fatalf("accept: %v", err)
			}
		}
		rows, err := c.alice.Peers(t.Context())
		if err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, p := range rows {
			if strings.Contains(p.Instance.String(), "invalid") || p.Name.String() == "x" || p.Trust != chat.Pinned {
				t.Errorf("row %+v", p)
			}
		}
	})
}
