//go:build lab && linux

package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"llchat/internal/chat"
	"llchat/internal/mdns"
)

// photo is the header of a PNG of 48 by 48 pixels and n octets of anything.
func photo(n int, fill byte) []byte {
	head := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), 0, 0, 0, 48, 0, 0, 0, 48)
	return append(head, bytes.Repeat([]byte{fill}, n-len(head))...)
}

// TestAvatarBesideAvahi: 174-11.3, 11.6 and 11.8 with Debian's Avahi at one
// end. Bob's record is published by avahi-daemon and Alice asks for it; hers is
// found by Avahi's record browser. The largest there are, and one taken back.
func TestAvatarBesideAvahi(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[1].avahi(t)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob", "--mdns", "avahi")
	friends(t, alice, bob)
	folder := t.TempDir()
	shows := func(owner, reader *node, img []byte) {
		t.Helper()
		path := filepath.Join(folder, mdns.AvatarHash(img))
		if err := os.WriteFile(path, img, 0o644); err != nil {
			t.Fatal(err)
		}
		owner.must(0, "set", "avatar", path)
		reader.sees("with the picture", owner.name, func(p chat.Peer) bool { return p.Avatar == mdns.AvatarHash(img) })
		if got := reader.must(0, "avatar", owner.name).stdout; got != string(img) {
			t.Errorf("%s has %d octets of the picture of %s, want %d", reader.name, len(got), owner.name, len(img))
		}
	}
	shows(bob, alice, photo(8192, 1))
	shows(alice, bob, photo(8192, 2))
	bob.must(0, "set", "avatar", "")
	alice.sees("without a picture", bob.name, func(p chat.Peer) bool { return p.Avatar == "" })
}
