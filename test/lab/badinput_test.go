//go:build lab && linux

package lab

import (
	"strconv"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// Issue 3, bad input: an interface that does not exist and a port that is
// taken are said in a sentence with something to do.
func TestNodeBadInput(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 1)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	for _, tt := range []struct {
		args       []string
		code       int
		text, hint string
	}{
		{[]string{"--interface", "wlan7"}, chat.CodeUsage, `there is no interface "wlan7"`, "eth0"},
		{[]string{"--port", strconv.Itoa(alice.port)}, chat.CodeError, "port " + strconv.Itoa(alice.port), "--port"},
	} {
		home := withEnv("LLCHAT_HOME=" + l.hosts[0].folder(t, "other"))
		r := l.hosts[0].run(t, []as{home}, append([]string{llchat, "daemon"}, tt.args...)...)
		_, hint, found := strings.Cut(r.stderr, "llchat: hint: ")
		if r.code != tt.code || !strings.Contains(r.stderr, tt.text) || !found || !strings.Contains(hint, tt.hint) {
			t.Errorf("daemon %q: %+v; want exit %d, %q and a hint with %q", tt.args, r, tt.code, tt.text, tt.hint)
		}
	}
}

// Without any network the program waits for one, and says so.
func TestNoNetworkIsWaitedFor(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	h := l.hosts[0]
	h.mustRun(t, "ip", "link", "set", "eth0", "down")
	alice := &node{t: t, h: h, home: h.folder(t, "profiles"), flags: []string{"--nick", "Alice"}}
	alice.launch()
	eventually(t, readyTime, "status says that there is no network", func() bool {
		return strings.Contains(alice.run("status").stdout, "no network to find people on")
	})
	h.mustRun(t, "ip", "link", "set", "eth0", "up")
	alice.awaitReady()
	bob.sees("alice after her network came", alice.name, func(chat.Peer) bool { return true })
	eventually(t, readyTime, "nothing is wrong any more", func() bool {
		return !strings.Contains(alice.run("status").stdout, "no network")
	})
}
