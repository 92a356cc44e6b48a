package chat_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// P-13: 1,000 honest people, whose status changes all the time, with a line of text
// in their records, 50 of them contacts: heap and stacks of the whole
// node stay far below 64 MiB. What a stream costs besides is S6.
func TestP13_ThousandHonestPeers(t *testing.T) {
	const people, contacts, most = 1000, 50, 32 << 20 // octets
	synctest.Test(t, func(t *testing.T) {
		alice := lantest.New(t, 1).Host().Node(chat.Options{Nick: "alice"})
		if _, err := alice.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range contacts {
			if err := chat.AddContact(alice, pinNumber(i), fmt.Sprintf("p%d@m%d", i, i), fmt.Sprintf("p%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 5 {
			peers := make([]mdns.Peer, people)
			for i := range peers {
				peers[i] = honest(i, round)
			}
			kind := mdns.Changed
			if round == 0 {
				kind = mdns.Joined
			}
			chat.Appear(alice, kind, peers)
			time.Sleep(2 * time.Second)
		}
		rows, err := alice.Peers(t.Context())
		if err != nil || len(rows) < people {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		if got := s.HeapAlloc + s.StackInuse; got > most {
			t.Errorf("%d octets in use, want at most %d", got, most)
		} else {
			t.Logf("%d KiB in use", got>>10)
		}
		closeNode(t, alice)
	})
}

func pinNumber(i int) (pin [32]byte) {
	pin[0], pin[1], pin[2] = 1, byte(i>>8), byte(i)
	return pin
}

// honest is one of many, as an open profile announces itself.
func honest(i, round int) mdns.Peer {
	name := fmt.Sprintf("p%d@m%d", i, i)
	return mdns.Peer{
		Key: name, Instance: name, Host: fmt.Sprintf("m%d.local.", i), Port: 5298,
		Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(i >> 8), byte(i)}), 5298)},
		Text:  mdns.PresenceText(fmt.Sprintf("p%d", i), "away", fmt.Sprintf("in round %d, and here is something to read beside it", round)),
	}
}
