//go:build lab && linux

package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"llchat/internal/chat"
)

// advert is a full set of records for a peer, as raw octets: what a program
// with no manners can put on the link.
type advert struct {
	instance string
	txt      []string // strings of the TXT record
	raw      []byte   // TXT data in place of txt
	port     uint16
	addr     netip.Addr
}

var presence = []string{"_presence", "_tcp", "local"}

// message is the multicast response with these records (RFC 1035 4.1).
func (a advert) message() []byte {
	host := []string{"tern", "local"}
	name := append([]string{a.instance}, presence...)
	data := a.raw
	if data == nil {
		for _, s := range a.txt {
			data = append(append(data, byte(len(s))), s...)
		}
	}
	b := []byte{0, 0, 0x84, 0, 0, 0, 0, 4, 0, 0, 0, 0}
	b = record(b, presence, 12, labels(nil, name))
	b = record(b, name, 16, data)
	srv := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, a.port)
	b = record(b, name, 33, labels(srv, host))
	return record(b, host, 1, a.addr.AsSlice())
}

func labels(b []byte, name []string) []byte {
	for _, l := range name {
		b = append(append(b, byte(len(l))), l...)
	}
	return append(b, 0)
}

func record(b []byte, name []string, kind uint16, data []byte) []byte {
	b = binary.BigEndian.AppendUint16(labels(b, name), kind)
	b = binary.BigEndian.AppendUint16(b, 1)   // IN
	b = binary.BigEndian.AppendUint32(b, 120) // seconds
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// TestBadAdverts: what a stranger can put on the link by multicast. The node
// stays up, others are unaffected, and nothing that is printed holds an octet
// that moves a cursor (P-10).
func TestBadAdverts(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, alice, bob)
	w := alice.watch()
	mallory := l.hosts[2]
	at := netip.MustParseAddr(mallory.address())
	const escapes = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\x00\u202eevil"
	emoji := strings.Repeat("🦆", 15) + "é" + "x" // 60 + 2 + 1 octets
	adverts := map[string]advert{
		"a TXT record of 9,000 octets": {instance: "big@tern", raw: longTXT(9000)},
		"a name of escape codes":       {instance: escapes + "@tern", txt: []string{"txtvers=1", "nick=" + escapes, "msg=" + escapes}},
		"an empty name":                {instance: "", txt: []string{"txtvers=1", "nick="}},
		"a name of blanks":             {instance: "\u200b\u00a0 \u2060", txt: []string{"txtvers=1", "nick= \u3164 "}},
		"63 octets of emoji":           {instance: emoji, txt: []string{"txtvers=1", "nick=" + emoji}},
		"octets that are not UTF-8":    {instance: "\xff\xfe\xc0\x80@tern", txt: []string{"txtvers=1", "nick=\xf5\xff"}},
		"our own name":                 {instance: alice.name, txt: []string{"txtvers=1", "nick=Alice"}},
		"the name of a contact":        {instance: bob.name, txt: []string{"txtvers=1", "nick=Bob", "status=dnd"}},
		"a port below 1024":            {instance: "low@tern", txt: []string{"txtvers=1"}, port: 22},
		"a last one":                   {instance: "last@tern", txt: []string{"txtvers=1", "status=avail"}},
	}
	for name, a := range adverts {
		if name == "a last one" {
			continue
		}
		mallory.advertise(t, a, at)
	}
	mallory.multicast(t, []byte("\x00\x00\x84\x00\xff\xff\xff\xff\xff\xff\xff\xff\xc0\x0c"))
	mallory.advertise(t, adverts["a last one"], at)
	alice.sees("after all the others", "last@tern", isOnline)

	outputs := map[string]string{
		"peers": alice.must(0, "peers").stdout, "peers --json": alice.must(0, "peers", "--json").stdout,
		"status": alice.must(0, "status").stdout, "watch": w.output(),
	}
	for what, out := range outputs {
		if bad := controls(out); len(bad) > 0 {
			t.Errorf("%s prints %q", what, bad)
		}
	}
	if !strings.Contains(outputs["peers"], "🦆") {
		t.Errorf("the ducks are not listed:\n%s", outputs["peers"])
	}
	testUnaffected(t, alice, bob)
}

// testUnaffected: the adverts changed nothing between the two.
func testUnaffected(t *testing.T, alice, bob *node) {
	t.Helper()
	eventually(t, seeTime, "bob's row is his own again", func() bool {
		for _, p := range alice.peers() {
			if p.Fingerprint.String() == bob.fingerprint {
				return p.Trust == chat.Pinned && p.Stream
			}
		}
		return false
	})
	if got := alice.must(0, "send", bob.fingerprint[:16], "still here"); got.stderr != "" {
		t.Errorf("send says %q", got.stderr)
	}
	bob.must(0, "send", alice.fingerprint[:16], "me too")
	if !alice.p.alive() || !bob.p.alive() {
		t.Error("a daemon ended")
	}
}

// longTXT is TXT data of n octets: one pair, then strings of nonsense.
func longTXT(n int) []byte {
	b := append([]byte{9}, "txtvers=1"...)
	for len(b) < n {
		size := min(255, n-len(b)-1)
		b = append(append(b, byte(size)), strings.Repeat("z", size)...)
	}
	return b
}

// controls returns the octets of a program's output that could command a
// terminal: all control characters but the end of a line, and what reorders.
func controls(out string) []string {
	var bad []string
	for _, r := range out {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			bad = append(bad, fmt.Sprintf("%U", r))
		}
	}
	return bad
}

// advertise multicasts an advert for a peer on this host.
func (h *host) advertise(t testing.TB, a advert, at netip.Addr) {
	t.Helper()
	if a.port == 0 {
		a.port = 5298
	}
	a.addr = at
	h.multicast(t, a.message())
}
