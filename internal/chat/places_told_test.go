package chat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// Part 6: contacts learn the new port after a switch of visibility, inside the
// stream, and find us there when it has ended, also after the card's life.
func TestEndpoints_NewPortIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 17)
		hostA, hostB := lan.Host(), lan.Host()
		lan.Deaf(hostA, hostB)
		outA, outB := count(hostA), count(hostB)
		alice := outA.open(t, chat.Options{Nick: "alice", Profile: t.TempDir() + "/a", Strangers: chat.StrangersAccept})
		bob := outB.open(t, chat.Options{Nick: "bob", Profile: t.TempDir() + "/b", Strangers: chat.StrangersAccept})
		old := status(t, bob).Port
		add(t, alice, fmt.Sprintf("%s:%d", hostB.Addr(), old))
		send(t, alice, "bob", "before")
		becomes(t, alice, "bob", "before", chat.Delivered)
		show(t, bob, chat.VisibleQuiet)
		if port := status(t, bob).Port; port == old {
			t.Fatalf("the port is still %d", port)
		}
		time.Sleep(time.Second)
		for _, text := range []string{"after", "long after"} {
			lan.Partition(hostB)
			time.Sleep(15 * time.Minute) // longer than a card lives
			chat.EndStreams(alice)
			time.Sleep(time.Minute)
			lan.Heal(hostB)
			send(t, alice, "bob", text)
			becomes(t, alice, "bob", text, chat.Delivered)
		}
	})
}

// The side that was dialled learns where the other one listens: the port that
// a stream comes from is nobody's to dial.
func TestEndpoints_DiallerIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 18)
		hostA, hostB := lan.Host(), lan.Host()
		lan.Deaf(hostA, hostB)
		outA, outB := count(hostA), count(hostB)
		folder := t.TempDir() + "/a"
		alice, err := chat.Open(t.Context(), chat.Options{Nick: "alice", Profile: folder, Strangers: chat.StrangersAccept, Network: outA.net})
		if err != nil {
			t.Fatal(err)
		}
		bob := outB.open(t, chat.Options{Nick: "bob", Profile: t.TempDir() + "/b", Strangers: chat.StrangersAccept})
		add(t, alice, fmt.Sprintf("%s:%d", hostB.Addr(), status(t, bob).Port))
		send(t, alice, "bob", "hello")
		becomes(t, alice, "bob", "hello", chat.Delivered)
		time.Sleep(time.Second)
		closeNode(t, alice)
		send(t, bob, "alice", "call me")
		time.Sleep(15 * time.Minute)
		if err := os.Remove(filepath.Join(folder, "added")); err != nil { // alice looks for nobody herself
			t.Fatal(err)
		}
		outA.open(t, chat.Options{Profile: folder, Visibility: chat.VisibleOpen})
		becomes(t, bob, "alice", "call me", chat.Delivered)
	})
}
