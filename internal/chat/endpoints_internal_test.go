package chat

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"llchat/internal/identity"
	"llchat/internal/trust"
)

// 256 cards are kept, the newest ones.
func TestEndpoints_CardsAreBounded(t *testing.T) {
	n, err := OpenOffline(t.Context(), t.TempDir()+"/p")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close(t.Context()) }()
	err = n.call(t.Context(), func() error {
		pin := identity.Pin{1}
		if _, err := n.trust.Accept(pin, "bob", []string{"bob"}, trust.ByAccepted, time.Now()); err != nil {
			return err
		}
		n.remote(pin)
		for i := range 300 {
			var device identity.DeviceID
			binary.BigEndian.PutUint32(device[:], uint32(i))
			n.keepCard(signedCard{
				at:    identity.Endpoint{Time: time.Now(), Port: 40000, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
				chain: identity.Chain{Pin: pin, Device: device},
			})
		}
		if got := len(n.endpoints.cards); got != maxCards {
			t.Errorf("%d cards, want %d", got, maxCards)
		}
		n.keepCard(signedCard{chain: identity.Chain{Pin: identity.Pin{2}}})
		if _, ok := n.endpoints.cards[identity.DeviceID{}]; ok {
			t.Error("the card of somebody who is no contact was kept")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
