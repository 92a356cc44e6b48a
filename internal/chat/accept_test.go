package chat_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
)

// asked makes alice write to bob, who does not know her.
func asked(t *testing.T, lan *lantest.LAN, folderB, text string) (alice, bob *chat.Node, hostB *lantest.Host) {
	t.Helper()
	hostB = lan.Host()
	alice = lan.Host().Node(chat.Options{Nick: "alice"})
	bob = hostB.Node(chat.Options{Nick: "bob", Profile: folderB})
	sees(t, alice, "bob")
	sees(t, bob, "alice")
	send(t, alice, "bob", text)
	within(t, 5*time.Second, "bob is asked", func() bool {
		r, _ := bob.Requests(t.Context())
		return len(r) == 1 && !r[0].Body.IsEmpty()
	})
	return alice, bob, hostB
}

func noRequests(t *testing.T, n *chat.Node) {
	t.Helper()
	if r, err := n.Requests(t.Context()); err != nil || len(r) != 0 {
		t.Errorf("requests %+v, %v; want none", r, err)
	}
}

// A key that asked before the policy was accept is pinned when it comes again:
// what waited is not left behind in the queue (5.5).
func TestPolicyAcceptsWhoAskedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		folder := t.TempDir() + "/bob"
		alice, bob, hostB := asked(t, lan, folder, "hello?")
		closeNode(t, bob)
		bob = hostB.Node(chat.Options{Profile: folder, Strangers: chat.StrangersAccept})
		becomes(t, alice, "bob", "hello?", chat.Delivered)
		if _, n := find(t, bob, "alice", "hello?"); n != 1 {
			t.Errorf("bob shows it %d times", n)
		}
		noRequests(t, bob)
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// The node ended between the pin and the request, as a crash can: the next
// start takes what waited.
func TestCrashInsideAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		folder := t.TempDir() + "/bob"
		alice, bob, hostB := asked(t, lan, folder, "hello?")
		closeNode(t, alice)
		closeNode(t, bob)
		before := filepath.Join(folder, "history.db")
		waiting, err := os.ReadFile(before)
		if err != nil {
			t.Fatal(err)
		}
		bob = hostB.Node(chat.Options{Profile: folder})
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		closeNode(t, bob)
		for _, f := range []string{"-wal", "-shm", ""} {
			_ = os.Remove(before + f)
		}
		if err := os.WriteFile(before, waiting, 0o600); err != nil {
			t.Fatal(err)
		}
		bob = hostB.Node(chat.Options{Profile: folder})
		becomes(t, bob, "alice", "hello?", chat.Received)
		noRequests(t, bob)
		closeNode(t, bob)
	})
}

// Security.md 6.2: a nick inside the stream is a name, too. Who takes that of a
// contact is in conflict from its first message on: no request, no notice of
// somebody called bob.
func TestNickOfAContactIsAConflict(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		w := watch(t, c.alice)
		m := c.lan.Host().Mallory("zed@h")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: "it is me", Nick: "Bob"})
		time.Sleep(5 * time.Second)
		noRequests(t, c.alice)
		for _, e := range w.stop() {
			if r, ok := e.Body.(chat.Request); ok && r.Name.String() == "Bob" {
				t.Errorf("a request in bob's name: %+v", r)
			}
		}
		rows, _ := c.alice.Peers(t.Context())
		for _, p := range rows {
			if p.Fingerprint == m.Pin() && p.Trust != chat.Conflict {
				t.Errorf("row %+v, want a conflict", p)
			}
		}
		closeMallory(t, m)
	})
}

// The policy accept pins no key whose announcement uses a contact's name.
func TestPolicyAcceptsNoNamesake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host := lan.Host()
		alice := host.Node(chat.Options{Nick: "alice", Strangers: chat.StrangersAccept})
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		sees(t, bob, "alice")
		send(t, bob, "alice", "hello")
		becomes(t, bob, "alice", "hello", chat.Delivered)
		m := lan.Host().Mallory("zed@h")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("bob", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := m.Dial(t.Context(), place(t, host, alice)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		rows, _ := alice.Peers(t.Context())
		for _, p := range rows {
			if p.Fingerprint == m.Pin() && p.Trust != chat.Conflict {
				t.Errorf("row %+v, want a conflict", p)
			}
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// P-09: a blocked key that does not answer our closing tag is gone within a
// second all the same.
func TestP09_BlockedAndSilent(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		c.lan.Partition(c.hostB)
		if _, err := c.alice.Block(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := chat.Streams(c.alice); n != 0 {
			t.Errorf("%d streams a second after the block", n)
		}
		c.lan.Heal(c.hostB)
	})
}

// P-09: a key that is blocked while it is being dialled gets no stream.
func TestP09_BlockedWhileDialling(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		closeNode(t, c.alice)
		c.lan.Delay(200 * time.Millisecond)
		c.alice = c.startAlice()
		sees(t, c.alice, "bob")
		send(t, c.alice, "bob", "too late")
		time.Sleep(500 * time.Millisecond) // the handshake is under way
		if _, err := c.alice.Block(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := chat.AcceptedStreams(c.alice); n != 0 { // bob may dial: as a stranger
			t.Errorf("%d streams to a blocked key", n)
		}
		if _, n := find(t, c.bob, "alice", "too late"); n != 0 {
			t.Error("bob got it")
		}
		if m, _ := find(t, c.alice, "bob", "too late"); m.State != chat.Failed {
			t.Errorf("state %q, want failed", m.State)
		}
	})
}

// Both write to a stranger at the same moment, which accepts the other: both
// texts arrive once, and one stream stays (5.5, 5.6).
func TestBothSendToStrangersAtOnce(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			lan := lantest.New(t, seed)
			lan.Delay(time.Duration(seed) * 3 * time.Millisecond)
			alice, bob := lan.Host().Node(chat.Options{Nick: "alice"}), lan.Host().Node(chat.Options{Nick: "bob"})
			sees(t, alice, "bob")
			sees(t, bob, "alice")
			done := make(chan error, 2)
			go func() { _, err := alice.Send(context.Background(), "bob", "ping"); done <- err }()
			go func() { _, err := bob.Send(context.Background(), "alice", "pong"); done <- err }()
			for range 2 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			becomes(t, alice, "bob", "ping", chat.Delivered)
			becomes(t, bob, "alice", "pong", chat.Delivered)
			time.Sleep(15 * time.Second)
			for _, n := range []*chat.Node{alice, bob} {
				if got := chat.Streams(n); got != 1 {
					t.Errorf("seed %d: %d streams", seed, got)
				}
				noRequests(t, n)
			}
			if _, n := find(t, bob, "alice", "ping"); n != 1 {
				t.Errorf("bob shows ping %d times", n)
			}
			closeNode(t, alice)
			closeNode(t, bob)
		})
	}
}

// Accepting while the stream of the one who asked is closing: it learns of it
// all the same, and nothing is doubled.
func TestAcceptWhileTheStreamCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		alice, bob, _ := asked(t, lan, t.TempDir()+"/bob", "hello?")
		lan.Delay(50 * time.Millisecond)
		chat.EndStreams(bob)
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		becomes(t, alice, "bob", "hello?", chat.Delivered)
		if _, n := find(t, bob, "alice", "hello?"); n != 1 {
			t.Errorf("bob shows it %d times", n)
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// RFC 6120 8.1.3: an id is optional. What a stranger writes without one, or
// says by a payload alone, waits like anything else, however it then behaves.
func TestStrangerWithoutIDsIsHeard(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("stranger@h")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []stanza.Message{
			{HasBody: true, Body: "hello"},
			{Payloads: stanza.Payloads{Location: &stanza.Location{Lat: 1, Lon: 2}}},
		} {
			if err := conn.Send(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		within(t, 5*time.Second, "alice is asked", func() bool {
			r, _ := c.alice.Requests(t.Context())
			return len(r) == 1 && len(r[0].Bodies) == 2
		})
		r, err := c.alice.Requests(t.Context())
		if err != nil || r[0].Bodies[0].String() != "hello" || r[0].Bodies[1].String() != "place: 1.000000, 2.000000" {
			t.Errorf("got %+v, %v", r, err)
		}
		closeMallory(t, m)
	})
}
