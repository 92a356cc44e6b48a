//go:build lab && linux

package lab

import (
	"testing"

	"llchat/internal/chat"
)

// TestStory is "done means" of first light: two hosts, the daemon on each,
// one asks, the other accepts, they talk, and a capture of every frame holds
// no word of it (P-01).
func TestStory(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	wire := l.capture(t)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")

	alice.must(0, "peers", "--wait", "10s", "--for", "1")
	bob.must(0, "peers", "--wait", "10s", "--for", "1")
	there, here := alice.watch(), bob.watch()

	const asked, said, answered = "kestrelasks", "heronspeaks", "wagtailanswers"
	alice.must(3, "send", "bob", asked)
	bob.must(0, "accept", alice.name)
	wantMessage(here, asked, chat.Received)
	wantMessage(there, asked, chat.Delivered)

	alice.must(0, "send", "bob", said)
	got := wantMessage(here, said, chat.Received)
	if got.Peer.String() != alice.fingerprint || got.Direction != chat.In {
		t.Errorf("bob got %q from %v, want it from %s", said, got.Peer, alice.fingerprint)
	}
	bob.must(0, "send", "alice", answered)
	wantMessage(there, answered, chat.Received)

	for name, n := range map[string]*node{alice.name: bob, bob.name: alice} {
		p := n.sees("pinned", name, func(p chat.Peer) bool { return p.Trust == chat.Pinned })
		if p.Encrypts == nil || !*p.Encrypts {
			t.Errorf("%s shows %s as encrypts=%v", n.h.name, name, p.Encrypts)
		}
	}
	for _, f := range scan(wire.stop(l), asked, said, answered) {
		t.Errorf("on the wire: %v", f)
	}
}
