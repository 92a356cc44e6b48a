package chat_test

import (
	"context"
	"errors"
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
	"llchat/internal/lantest"
)

// K5: whoever was dialled by a ghost over a link-local address knows after a
// restart where the ghost is, by itself: no record tells, and the ghost, here,
// dials nobody again.
func TestK5_GhostIsFoundAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 3)
		host, hostB := lan.Host(), lan.Host()
		var once atomic.Bool
		out, outB := count(host), count(hostB)
		dial := out.net.Dial
		out.net.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			if once.Swap(true) {
				return nil, errors.New("no more")
			}
			return dial(ctx, netip.AddrPortFrom(netip.MustParseAddr("fe80::2"), to.Port()))
		}
		folder := filepath.Join(t.TempDir(), "b")
		ghost := out.open(t, chat.Options{Nick: "casper", Visibility: chat.VisibleGhost})
		bob := outB.open(t, chat.Options{Nick: "bob", Profile: folder})
		meetGhost(t, ghost, bob, hostB)
		time.Sleep(time.Second)
		at := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%mem1"), status(t, ghost).Port)
		if got := pins(t, folder); !strings.Contains(got, at.String()) {
			t.Fatalf("bob does not keep %v:\n%s", at, got)
		}
		closeNode(t, bob)
		time.Sleep(15 * time.Minute) // longer than a card lives
		bob = outB.open(t, chat.Options{Profile: folder})
		within(t, 15*time.Second, "bob has found the ghost", func() bool { return chat.Streams(bob) == 1 && chat.Streams(ghost) == 1 })
	})
}

// T-04, K5: a link-local address is the same on every network. A ghost looks
// there only on the link that it belongs to, or the question for it would tell
// another network whom it knows.
func TestT04_GhostKeepsLinkLocalPlacesToTheirLink(t *testing.T) {
	places := []string{"[fe80::2%wlan0]:4000", "192.0.2.2:4000", "169.254.1.2:4000"}
	link := func(name string, addrs ...string) []chat.Interface {
		return []chat.Interface{{Name: name, Addresses: addrs}}
	}
	for _, tt := range []struct {
		name   string
		on     []chat.Interface
		places []string
		want   []string
	}{
		{"its link", link("wlan0", "192.0.2.1/24", "fe80::1/64"), places, places},
		{"its link has another name", link("wlan1", "192.0.2.1/24", "fe80::1/64"), places, places[1:]},
		{"another network", link("wlan0", "198.51.100.1/24", "fe80::1/64", "169.254.7.7/16"), places, nil},
		{"nothing tells the network", link("wlan0", "192.0.2.1/24", "fe80::1/64"), places[:1], nil},
		{
			"two links",
			append(link("wlan0", "198.51.100.1/24", "fe80::1/64"), link("eth0", "192.0.2.1/24", "fe80::5/64")...),
			places, places[1:],
		},
		{"no link", nil, places, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := chat.OnLink(tt.on, tt.places); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
