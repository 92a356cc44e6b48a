package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// contactDials makes a node know mallory's key as a contact, and opens a stream.
func contactDials(t *testing.T, h *lantest.Host, n *chat.Node, m *lantest.Mallory, name string) *stream.Conn {
	t.Helper()
	if err := chat.AddContact(n, m.Pin(), name); err != nil {
		t.Fatal(err)
	}
	return dialNode(t, h, n, m)
}

// dialNode opens a stream from mallory, and waits until the node has it.
func dialNode(t *testing.T, h *lantest.Host, n *chat.Node, m *lantest.Mallory) *stream.Conn {
	t.Helper()
	conn, err := m.Dial(t.Context(), place(t, h, n))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return conn
}

func classic(c *stream.Config) { c.Field = true }

// T-32: a contact whose connection is protected less than an earlier one is
// marked so, for as long as that connection lasts; what was seen is kept over a
// restart, and a stranger leaves nothing.
func TestT32_WeakerThanBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host, folder := lan.Host(), t.TempDir()+"/alice"
		alice := host.Node(chat.Options{Nick: "alice", Profile: folder})
		id := must(identity.Generate())
		strong := lan.Host().MalloryWith("carol@h", id)
		weak := lan.Host().MalloryWith("carol@h", id, classic)
		stranger := lan.Host().MalloryWith("eve@h", must(identity.Generate()), classic)
		note := func() string {
			p, _ := peerNamed(t, alice, "carol")
			return p.Note.String()
		}
		end := func(c *stream.Conn) {
			t.Helper()
			c.End()
			within(t, 5*time.Second, "the stream is gone", func() bool { return chat.Streams(alice) == 0 })
		}

		end(contactDials(t, host, alice, weak, "carol"))
		if got := note(); got != "" {
			t.Errorf("the first connection of all has the note %q", got)
		}
		end(dialNode(t, host, alice, strong))
		closeNode(t, alice)
		alice = host.Node(chat.Options{Profile: folder})
		if _, err := alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := dialNode(t, host, alice, weak)
		if got, want := note(), "less protected than before: without post-quantum keys"; got != want {
			t.Errorf("note %q, want %q", got, want)
		}
		if p, _ := peerNamed(t, alice, "carol"); !p.Stream || !p.Contact() {
			t.Errorf("the row is %+v: it is told, not refused", p)
		}
		end(c)
		dialNode(t, host, alice, strong)
		if got := note(); got != "" {
			t.Errorf("with a connection as good as ever: note %q", got)
		}
		dialNode(t, host, alice, stranger)
		kept := pins(t, folder)
		if !strings.Contains(kept, `"tls": "1.3",`) || strings.Count(kept, `"group": `) != 1 || !strings.Contains(kept, `"group": "X25519MLKEM768"`) {
			t.Errorf("kept: %s", kept)
		}
		for _, m := range []*lantest.Mallory{strong, weak, stranger} {
			closeMallory(t, m)
		}
		closeNode(t, alice)
	})
}

// P-09: a blocked key that does not hear our end and goes on talking has no
// connection after a second, and nothing of what it says is taken in.
func TestP09_BlockedGoesOnTalking(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("carol@h")
		conn := contactDials(t, c.hostA, c.alice, m, "carol")
		hear := m.Deaf()
		send(t, c.alice, "carol", "this one it reads, and no more")
		time.Sleep(time.Second)
		if _, err := c.alice.Block(t.Context(), "carol"); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: fmt.Sprintf("blocked %d", i), Request: true})
			time.Sleep(50 * time.Millisecond)
		}
		if n := chat.Streams(c.alice); n != 1 { // that of bob
			t.Errorf("%d streams a second after the block", n)
		}
		hear()
		time.Sleep(time.Minute)
		page, err := c.alice.Export(t.Context(), "", 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range page {
			if msg.Peer == m.Pin() && msg.Direction == chat.In {
				t.Errorf("kept: %q", msg.Body)
			}
		}
		noRequests(t, c.alice)
		closeMallory(t, m)
	})
}
