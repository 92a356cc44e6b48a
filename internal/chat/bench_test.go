package chat_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/lantest"
	"llchat/internal/lantest/pipe"
	"llchat/internal/mdns"
)

// Run these with -benchtime=2000x: beyond 10,000 stanzas at once the limits of
// L-10 are what is measured.

// loopback is a network whose multicast is the LAN's and whose TCP is that of
// this machine.
func loopback(h *lantest.Host) *chat.Network {
	network := *h.Network()
	network.Listen = func(ctx context.Context, port uint16) ([]net.Listener, uint16, error) {
		var c net.ListenConfig
		l, err := c.Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return nil, 0, err
		}
		return []net.Listener{l}, l.Addr().(*net.TCPAddr).AddrPort().Port(), nil
	}
	network.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", to.Port()))
	}
	return &network
}

func benchNode(b *testing.B, network *chat.Network, opt chat.Options) *chat.Node {
	b.Helper()
	opt.Network, opt.Profile = network, filepath.Join(b.TempDir(), "p")
	n, err := chat.Open(context.Background(), opt)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	return n
}

// BenchmarkMessage is a message and its receipt through two whole engines:
// written down by both before and after. Compare with BenchmarkRawEcho.
func BenchmarkMessage(b *testing.B) {
	for name, network := range map[string]func(*lantest.Host) *chat.Network{
		"pipes": (*lantest.Host).Network, "loopback": loopback,
	} {
		b.Run(name, func(b *testing.B) {
			lan := lantest.New(b, 1)
			alice := benchNode(b, network(lan.Host()), chat.Options{Nick: "alice"})
			bob := benchNode(b, network(lan.Host()), chat.Options{Nick: "bob", Strangers: chat.StrangersAccept})
			status, err := bob.Ready(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			feed, err := alice.Subscribe(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = feed.Close() }()
			who := "bob"
			round := func() {
				m, err := alice.Send(b.Context(), who, "a message of about forty characters, or so")
				for err != nil { // not discovered yet
					time.Sleep(10 * time.Millisecond)
					m, err = alice.Send(b.Context(), who, "a message of about forty characters, or so")
				}
				waitDelivered(b, feed, m.ID)
			}
			round()
			who = status.Fingerprint.String()
			b.ReportAllocs()
			for b.Loop() {
				round()
			}
		})
	}
}

func waitDelivered(b *testing.B, feed chat.Feed, id string) {
	b.Helper()
	for {
		events, err := feed.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range events {
			if m, ok := e.Body.(chat.Message); ok && m.ID == id && m.State == chat.Delivered {
				return
			}
		}
	}
}

// BenchmarkRawEcho is the yardstick: 512 octets there, 256 back over mutual
// TLS 1.3, as the padded stanzas are, and no disk.
func BenchmarkRawEcho(b *testing.B) {
	for name, connect := range map[string]func(*testing.B) (near, far net.Conn){
		"pipes": func(*testing.B) (near, far net.Conn) { return pipe.New() }, "loopback": tcpPair,
	} {
		b.Run(name, func(b *testing.B) {
			near, far := overTLS(b, connect)
			go func() {
				buf := make([]byte, 512)
				for {
					if _, err := io.ReadFull(far, buf); err != nil {
						return
					}
					if _, err := far.Write(buf[:256]); err != nil {
						return
					}
				}
			}()
			buf := make([]byte, 512)
			for b.Loop() {
				if _, err := near.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(near, buf[:256]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func tcpPair(b *testing.B) (near, far net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near = must(net.Dial("tcp4", l.Addr().String()))
	return near, must(l.Accept())
}

func overTLS(b *testing.B, connect func(*testing.B) (near, far net.Conn)) (near, far net.Conn) {
	b.Helper()
	config := func() *tls.Config {
		return &tls.Config{
			Certificates: []tls.Certificate{must(identity.Generate()).Certificate()}, MinVersion: tls.VersionTLS13,
			InsecureSkipVerify: true, ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
		}
	}
	n, f := connect(b)
	client, server := tls.Client(n, config()), tls.Server(f, config())
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Close(); _ = f.Close() })
	return client, server
}

func crowd(n int) []mdns.Peer {
	peers := make([]mdns.Peer, n)
	for i := range peers {
		instance := fmt.Sprintf("person%d@machine-%04x", i, i)
		peers[i] = mdns.Peer{
			Key: instance, Instance: instance, Host: fmt.Sprintf("machine-%04x.local", i), Port: 40000,
			Text:  mdns.PresenceText(fmt.Sprintf("Person %d", i), "avail", "hello"),
			Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 78, byte(i >> 8), byte(i)}), 40000)},
			Seen:  time.Now(),
		}
	}
	return peers
}

// BenchmarkCrowd is what the engine does when 5,000 announcements appear and
// go, with a reader of its events; beside them, many contacts.
func BenchmarkCrowd(b *testing.B) {
	for _, contacts := range []int{0, 300} {
		b.Run(fmt.Sprintf("%d contacts", contacts), func(b *testing.B) {
			n := benchNode(b, chat.Nowhere(), chat.Options{Passive: true})
			peers := crowd(5000)
			for i := range contacts {
				if err := chat.AddContact(n, identity.Pin{1, byte(i), byte(i >> 8)}, peers[i].Instance); err != nil {
					b.Fatal(err)
				}
			}
			feed, err := n.Subscribe(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					if _, err := feed.Next(context.Background()); err != nil {
						return
					}
				}
			}()
			b.ReportAllocs()
			for b.Loop() {
				chat.Appear(n, mdns.Joined, peers)
				b.StopTimer()
				chat.Appear(n, mdns.Left, peers)
				b.StartTimer()
			}
			_ = feed.Close()
			<-done
		})
	}
}
