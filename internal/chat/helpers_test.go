package chat_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// closeNode ends a node and fails the test when that goes wrong.
func closeNode(t *testing.T, n *chat.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// within waits in virtual time until ok.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// peerNamed finds the row of somebody that is shown under a name.
func peerNamed(t *testing.T, n *chat.Node, name string) (chat.Peer, bool) {
	t.Helper()
	rows, err := n.Peers(context.Background())
	if err != nil {
		t.Fatalf("peers: %v", err)
	}
	for _, p := range rows {
		if p.Name.String() == name {
			return p, true
		}
	}
	return chat.Peer{}, false
}

// sees waits until n lists somebody as online.
func sees(t *testing.T, n *chat.Node, name string) {
	t.Helper()
	within(t, 5*time.Second, name+" is listed", func() bool {
		p, ok := peerNamed(t, n, name)
		return ok && p.Presence == chat.Online
	})
}

// find returns the message with this body in the conversation with who.
func find(t *testing.T, n *chat.Node, who, body string) (chat.Message, int) {
	t.Helper()
	page, err := n.History(context.Background(), who, 0, 1000)
	if err != nil {
		return chat.Message{}, 0
	}
	var got chat.Message
	count := 0
	for _, m := range page {
		if m.Body.String() == body {
			got = m
			count++
		}
	}
	return got, count
}

// becomes waits until the message with this body is in a state.
func becomes(t *testing.T, n *chat.Node, who, body string, want chat.State) chat.Message {
	t.Helper()
	var got chat.Message
	within(t, 90*time.Second, body+" is "+string(want), func() bool {
		got, _ = find(t, n, who, body)
		return got.State == want
	})
	return got
}

// reasons waits until one of our messages says why it waits.
func reasons(t *testing.T, n *chat.Node, who, body, reason string) {
	t.Helper()
	within(t, 30*time.Second, body+" waits because: "+reason, func() bool {
		got, _ := find(t, n, who, body)
		return got.State == chat.Queued && got.Reason == reason
	})
}

func send(t *testing.T, n *chat.Node, who, text string) {
	t.Helper()
	if _, err := n.Send(context.Background(), who, text); err != nil {
		t.Fatalf("send %q to %s: %v", text, who, err)
	}
}

// wantCode fails unless err carries an exit code of cli.md.
func wantCode(t *testing.T, what string, err error, code int) {
	t.Helper()
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Code != code {
		t.Errorf("%s: error %v, want code %d", what, err, code)
	}
}

// couple is two people who have accepted each other.
type couple struct {
	lan              *lantest.LAN
	hostA, hostB     *lantest.Host
	folderA, folderB string
	alice, bob       *chat.Node
}

// acquaint makes two nodes on a LAN and lets them accept each other.
func acquaint(t *testing.T, lan *lantest.LAN) *couple {
	t.Helper()
	c := &couple{
		lan: lan, hostA: lan.Host(), hostB: lan.Host(),
		folderA: filepath.Join(t.TempDir(), "alice"), folderB: filepath.Join(t.TempDir(), "bob"),
	}
	c.alice = c.startAlice()
	c.bob = c.startBob()
	sees(t, c.alice, "bob")
	sees(t, c.bob, "alice")
	send(t, c.alice, "bob", "may I?")
	within(t, 5*time.Second, "bob is asked", func() bool {
		r, err := c.bob.Requests(context.Background())
		return err == nil && len(r) == 1
	})
	if _, err := c.bob.Accept(context.Background(), "alice"); err != nil {
		t.Fatalf("accept: %v", err)
	}
	becomes(t, c.alice, "bob", "may I?", chat.Delivered)
	return c
}

func (c *couple) startAlice() *chat.Node {
	return c.hostA.Node(chat.Options{Nick: "alice", Profile: c.folderA})
}

func (c *couple) startBob() *chat.Node {
	return c.hostB.Node(chat.Options{Nick: "bob", Profile: c.folderB})
}

// inLAN runs a test in virtual time with two acquainted people.
func inLAN(t *testing.T, f func(t *testing.T, c *couple)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := acquaint(t, lantest.New(t, 1))
		f(t, c)
	})
}

// place is where a node takes streams.
func place(t *testing.T, h *lantest.Host, n *chat.Node) netip.AddrPort {
	t.Helper()
	s, err := n.Status(context.Background())
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return netip.AddrPortFrom(h.Addr(), s.Port)
}

func pins(t *testing.T, folder string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "trust"))
	if err != nil {
		t.Fatalf("pins: %v", err)
	}
	return string(b)
}
