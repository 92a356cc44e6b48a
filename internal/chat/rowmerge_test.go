package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// onlyRow wants one row for the only other peer on the link.
func onlyRow(t *testing.T, n *chat.Node, when string) chat.Peer {
	t.Helper()
	rows, err := n.Peers(t.Context())
	if err != nil || len(rows) != 1 {
		t.Errorf("%s: rows %+v, %v; want one", when, rows, err)
		return chat.Peer{}
	}
	return rows[0]
}

// K9, 174-11.1: one peer is one row, also when its announcement comes later
// than its stream, and when its request waited over a restart.
func TestK9_OneRowForAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		hostB, folder := lan.Host(), t.TempDir()+"/bob"
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		bob := hostB.Node(chat.Options{Nick: "bob", Profile: folder})
		sees(t, alice, "bob")
		send(t, alice, "bob", "before bob knows my name")
		sees(t, bob, "alice")
		time.Sleep(10 * time.Second)
		if p := onlyRow(t, bob, "announced after its stream"); !p.Asks || !p.Stream || len(p.Addresses) == 0 {
			t.Errorf("row %+v, want one that asks, is connected and has addresses", p)
		}
		closeNode(t, bob)
		bob = hostB.Node(chat.Options{Profile: folder})
		time.Sleep(10 * time.Second)
		if p := onlyRow(t, bob, "after a restart"); !p.Asks || p.Trust != chat.Unknown {
			t.Errorf("row %+v, want that of the request", p)
		}
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		becomes(t, alice, "bob", "before bob knows my name", chat.Delivered)
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// L-27: a name longer than is shown, or of nothing but emoji, is that of the
// contact after a restart all the same.
func TestLongNameIsFoundAgain(t *testing.T) {
	for name, nick := range map[string]string{
		"long":  "christopher-robin-of-the-hundred-acres",
		"emoji": strings.Repeat("🦊", 15),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := lantest.New(t, 1)
				hostA, folder := lan.Host(), t.TempDir()+"/alice"
				alice := hostA.Node(chat.Options{Nick: "alice", Profile: folder})
				friend := lan.Host().Node(chat.Options{Nick: nick, Strangers: chat.StrangersAccept})
				time.Sleep(2 * time.Second)
				key := onlyRow(t, alice, "at first").Key
				send(t, alice, key, "hello")
				own, _ := friend.Status(t.Context())
				key = own.Fingerprint.String()
				becomes(t, alice, key, "hello", chat.Delivered)
				closeNode(t, alice)
				alice = hostA.Node(chat.Options{Profile: folder})
				time.Sleep(2 * time.Second)
				if p := onlyRow(t, alice, "after a restart"); p.Trust != chat.Pinned || p.Presence != chat.Online {
					t.Errorf("row %+v, want the contact, online", p)
				}
				closeNode(t, alice)
				closeNode(t, friend)
			})
		})
	}
}

// Ground rule 2: who announces a contact's instance without its key may make
// it look present, but says nothing under its name.
func TestForgedTextIsNotTheContacts(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		bob, _ := peerNamed(t, c.alice, "bob")
		closeNode(t, c.bob)
		time.Sleep(3 * time.Second)
		m := c.lan.Host().Mallory(bob.Instance.String())
		stop, err := m.Announce(t.Context(), mdns.PresenceText("Bob (new phone)", "avail", "my key changed, accept it"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		p, ok := peerNamed(t, c.alice, "bob")
		if !ok || !p.Message.IsEmpty() || !p.Nick.IsEmpty() || p.Stream {
			t.Errorf("bob's row says what mallory wrote: %+v", p)
		}
		stop()
		closeMallory(t, m)
	})
}
