package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"llchat/internal/mdns/link"
)

func listen(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// closed is a port at which nobody listens.
func closed(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestKnock(t *testing.T) {
	open, shut := listen(t), closed(t)
	late, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name  string
		ctx   context.Context
		addrs []netip.AddrPort
		want  reply
	}{
		{"somebody listens", t.Context(), []netip.AddrPort{open}, accepted},
		{"nobody listens", t.Context(), []netip.AddrPort{shut}, refused},
		{"one of two", t.Context(), []netip.AddrPort{shut, open}, accepted},
		{"no time", late, []netip.AddrPort{open}, silent},
		{"no address", t.Context(), nil, silent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := knocks(tt.ctx, tt.addrs); got != tt.want {
				t.Errorf("knocks = %v, want %v", got, tt.want)
			}
		})
	}
	got := dial(t.Context(), [][]netip.AddrPort{{open}, {shut}})
	if got.tried != 2 || got.reached != 1 || got.silent != 0 {
		t.Errorf("dial: %+v", got)
	}
}

// Only what lies on the link is tried, never ourselves, and only so many.
func TestKnockKnown(t *testing.T) {
	open := listen(t)
	l := &heardLink{info: link.Info{ID: 1, Name: "lo", Addrs: []netip.Prefix{prefix("127.0.0.2/8")}}}
	own := map[netip.Addr]bool{}
	elsewhere := netip.MustParseAddrPort("192.0.2.1:1")
	zone := netip.MustParseAddrPort("[fe80::1%other]:1")
	if got := knockKnown(t.Context(), l, own, []netip.AddrPort{elsewhere, zone, open, closed(t)}); got != 1 {
		t.Errorf("%d answer, want 1", got)
	}
	if got := knockKnown(t.Context(), l, map[netip.Addr]bool{open.Addr(): true}, []netip.AddrPort{open}); got != 0 {
		t.Errorf("we tried ourselves: %d", got)
	}
	many := make([]netip.AddrPort, 3*dialKnown)
	for n := range many {
		many[n] = open
	}
	if got := knockKnown(t.Context(), l, own, many); got != dialKnown {
		t.Errorf("%d tried, want %d", got, dialKnown)
	}
}

func TestNeighbours(t *testing.T) {
	tests := []struct {
		in, want string
	}{
		{"10.77.0.5/16", "[10.77.0.1:9 10.77.255.254:9]"},
		{"10.77.0.1/16", "[10.77.255.254:9]"},
		{"192.0.2.9/30", "[192.0.2.10:9]"},
		{"192.0.2.9/31", "[]"},
		{"192.0.2.9/32", "[]"},
		{"fe80::1/64", "[]"},
	}
	for _, tt := range tests {
		if got := fmt.Sprint(neighbours([]netip.Prefix{prefix(tt.in)})); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestRouteTo(t *testing.T) {
	if got := routeTo(netip.MustParseAddrPort("127.0.0.9:9")); !got.IsLoopback() {
		t.Errorf("to loopback from %s", got)
	}
	if got := routeTo(netip.AddrPort{}); got.IsValid() && !got.IsLoopback() {
		t.Errorf("to nowhere from %s", got)
	}
}

func TestLinkLocal(t *testing.T) {
	for range 300 {
		a := linkLocal()
		b := a.As4()
		if !a.IsLinkLocalUnicast() || b[2] == 0 || b[2] == 255 { // RFC 3927 section 2.1
			t.Fatalf("%s", a)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`bob\064nuc`: "bob@nuc", `bob\@nuc`: "bob@nuc", `b\.o`: "b.o", "b\x1b[31m": "b[31m",
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
