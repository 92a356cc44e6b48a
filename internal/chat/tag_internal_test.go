package chat

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"

	"llchat/internal/identity"
	"llchat/internal/lantest/pipe"
	"llchat/internal/stanza"
	"llchat/internal/stream"
)

// keep is a stream.Handler that keeps the stream.
type keepConn chan *stream.Conn

func (k keepConn) Opened(c *stream.Conn)              { k <- c }
func (k keepConn) Stanza(*stream.Conn, stanza.Stanza) {}
func (k keepConn) Closed(*stream.Conn, error)         {}
func (k keepConn) Refused(stream.Refusal)             {}

// C-27: the key of the tags changes with every key of either end, and with who
// dialled; both ends have the same one.
func TestC27_TagsHoldBothKeys(t *testing.T) {
	made := func() *identity.Identity {
		id, err := identity.Generate()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	dialler, listener := made(), made()
	opened := keepConn(make(chan *stream.Conn, 2))
	node := func(id *identity.Identity, name string) *stream.Node {
		n := stream.NewNode(stream.Config{
			Identity: id, Handler: opened,
			Names: func() (string, func(string) bool) { return name, func(string) bool { return true } },
		})
		t.Cleanup(func() { _ = n.Close(context.Background()) })
		return n
	}
	at := netip.MustParseAddrPort("192.0.2.2:5298")
	l := pipe.Listen(at)
	go func() { _ = node(listener, "l@b").Serve(t.Context(), l) }()
	near, err := node(dialler, "d@a").Dial(t.Context(), func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		return l.Dial(ctx, netip.MustParseAddrPort("192.0.2.1:40000"))
	}, at, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	far := <-opened
	if far == near {
		far = <-opened
	}
	ours, theirs := &live{conn: near, own: dialler}, &live{conn: far, own: listener}
	who := made().Pin()
	one, ok1 := ours.tag(who)
	two, ok2 := theirs.tag(who)
	if !ok1 || !ok2 || one != two {
		t.Errorf("the two ends have %x and %x", one, two)
	}
	state := near.TLS()
	exported, err := state.ExportKeyingMaterial(tagLabel, nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	whole := ours.keys()
	if len(whole) != 4*32 || !bytes.Equal(ours.tagKey, hashed(exported, whole)) {
		t.Errorf("the key is not made of the exporter and %d octets of keys", len(whole))
	}
	seen := map[[tagSize]byte]bool{one: true}
	for i, other := range []*live{{conn: near, own: made()}, {conn: far, own: made()}, {conn: near, own: listener}} {
		tag, ok := other.tag(who)
		if !ok || seen[tag] {
			t.Errorf("other keys %d: tag %x again", i, tag)
		}
		seen[tag] = true
	}
	for i := range 4 {
		changed := bytes.Clone(whole)
		changed[i*32]++
		if bytes.Equal(hashed(exported, changed), ours.tagKey) {
			t.Errorf("part %d of the keys counts for nothing", i)
		}
	}
}
