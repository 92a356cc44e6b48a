//go:build unix

package loop

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"llchat/internal/mdns/link"
)

type heard chan link.Packet

func (heard) Links([]link.Info) {}
func (h heard) Packet(p link.Packet) {
	p.Data = append([]byte(nil), p.Data...)
	h <- p
}

// run starts a source and waits until it can send.
func run(t *testing.T, folder string, n byte) (link.Source, heard) {
	t.Helper()
	s, err := Network(folder, n).Source()
	if err != nil {
		t.Fatal(err)
	}
	h := make(heard, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	for s.Send(1, netip.MustParseAddrPort("192.0.2.99:5353"), nil) != nil {
		time.Sleep(time.Millisecond)
	}
	return s, h
}

func TestLAN(t *testing.T) {
	folder, err := os.MkdirTemp("", "loop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	a, atA := run(t, folder, 2)
	_, atB := run(t, folder, 3)
	if err := a.Send(1, netip.AddrPort{}, []byte("all")); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]heard{"the sender": atA, "the other": atB} {
		if p := <-at; string(p.Data) != "all" || !p.Multicast || p.Src != netip.MustParseAddrPort("192.0.2.2:5353") {
			t.Errorf("%s heard %+v", name, p)
		}
	}
	if err := a.Send(1, netip.MustParseAddrPort("192.0.2.3:5353"), []byte("one")); err != nil {
		t.Fatal(err)
	}
	if p := <-atB; string(p.Data) != "one" || p.Multicast {
		t.Errorf("unicast: %+v", p)
	}
	if len(atA) != 0 {
		t.Error("unicast came back")
	}
}

// Tests send nothing beyond this machine.
func TestStaysHere(t *testing.T) {
	n := Network(t.TempDir(), 2)
	if _, err := n.Dial(t.Context(), netip.MustParseAddrPort("198.51.100.1:80")); err == nil {
		t.Error("dialled another machine")
	}
}

// A listener sees who dials under the address that the LAN knows.
func TestDial(t *testing.T) {
	folder := t.TempDir()
	l, port, err := Network(folder, 3).Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l[0].Close() }()
	c, err := Network(folder, 2).Dial(t.Context(), netip.AddrPortFrom(netip.MustParseAddr("192.0.2.3"), port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	got, err := l[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	if from := netip.MustParseAddrPort(got.RemoteAddr().String()).Addr(); from != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("from %v", from)
	}
}
