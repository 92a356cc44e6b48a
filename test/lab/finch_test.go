//go:build lab && linux

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
)

const finchAccount = `<?xml version='1.0' encoding='UTF-8' ?>
<account version='1.0'>
 <account>
  <protocol>prpl-bonjour</protocol>
  <name>%s</name>
  <statuses><status type='available' name='Available' active='true'><attributes/></status></statuses>
  <settings>
   <setting name='port' type='int'>5298</setting>
   <setting name='first' type='string'>%s</setting>
  </settings>
  <settings ui='gnt-purple'><setting name='auto-login' type='bool'>1</setting></settings>
 </account>
</account>
`

const finchPrefs = `<?xml version='1.0' encoding='UTF-8' ?>
<pref version='1' name='/'>
 <pref name='finch'><pref name='sound'><pref name='method' type='string' value='nosound'/></pref></pref>
 <pref name='purple'>
  <pref name='away'><pref name='idle_reporting' type='string' value='none'/>
   <pref name='away_when_idle' type='bool' value='0'/></pref>
  <pref name='logging'><pref name='log_ims' type='bool' value='0'/>
   <pref name='log_system' type='bool' value='0'/></pref>
 </pref>
</pref>
`

// finch is a Finch of Debian, libpurple's Bonjour: the XEP-0174 client that
// people have. It speaks XMPP 0.9 and cannot encrypt.
type finch struct {
	t    testing.TB
	h    *host
	p    *process
	bus  string
	name string // instance name
}

func (h *host) finch(t testing.TB, name string) *finch {
	t.Helper()
	h.avahi(t)
	dir := h.folder(t, "finch")
	for file, text := range map[string]string{
		"accounts.xml": fmt.Sprintf(finchAccount, name, name), "prefs.xml": finchPrefs,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := &finch{t: t, h: h, bus: "unix:path=" + filepath.Join(dir, "bus"), name: name + "@" + h.name}
	h.background(t, nil, "dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+f.bus)
	eventually(t, readyTime, "the session bus answers", func() bool {
		_, err := os.Stat(filepath.Join(dir, "bus"))
		return err == nil
	})
	screen := h.terminal(t, 110, 36)
	f.p = h.background(t, []as{onTerminal(screen), withEnv("DBUS_SESSION_BUS_ADDRESS=" + f.bus)}, "finch", "-c", dir)
	go func() { _, _ = io.Copy(io.Discard, screen.control) }() // ends with the terminal
	eventually(t, readyTime, "Finch is logged in", func() bool { return f.ask("ready").code == 0 })
	return f
}

// ask gives a command to testdata/purple.py.
func (f *finch) ask(args ...string) result {
	f.t.Helper()
	return f.h.run(f.t, []as{withEnv("DBUS_SESSION_BUS_ADDRESS=" + f.bus)}, pythonLine(f.t, "purple.py", args...)...)
}

type buddy struct {
	Name, Alias, Status, Message string
	Online                       bool
}

func (f *finch) buddy(name string) (buddy, bool) {
	f.t.Helper()
	for line := range strings.Lines(f.ask("buddies").stdout) {
		var b buddy
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			f.t.Fatalf("buddies: %v: %s", err, line)
		}
		if b.Name == name {
			return b, true
		}
	}
	return buddy{}, false
}

// TestFinch: it lists us and we list it; nothing that either user writes to
// the other is ever in clear on the wire; its program survives us (README 5.1,
// P-01).
func TestFinch(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	wire := l.capture(t)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	w := alice.watch()
	bob := l.hosts[1].finch(t, "bob")

	eventually(t, seeTime, "Finch lists us by nick", func() bool {
		b, found := bob.buddy(alice.name)
		return found && b.Online && b.Alias == "Alice"
	})
	// libpurple knows two of the three: it shows dnd as away, away as available.
	alice.must(0, "set", "status", "dnd")
	alice.must(0, "set", "message", "out for lunch")
	var b buddy
	if !poll(t.Context(), seeTime, func() bool {
		b, _ = bob.buddy(alice.name)
		return b.Status == "away" && b.Message == "out for lunch"
	}) {
		t.Errorf("Finch shows our status as %+v", b)
	}
	alice.sees("online", bob.name, isOnline)

	t.Run("its user writes", func(t *testing.T) { finchWrites(t, alice, bob, w) })
	t.Run("we write", func(t *testing.T) {
		r := alice.must(chat.CodeRefused, "send", bob.name, "bitternhere")
		if !strings.Contains(r.stderr, "cannot encrypt") {
			t.Errorf("send says %q", r.stderr)
		}
	})
	if !bob.p.alive() {
		t.Error("Finch did not survive")
	}
	for _, f := range scan(wire.stop(l), "dunlinhere", "bitternhere") {
		t.Errorf("on the wire: %v", f)
	}
}

func finchWrites(t *testing.T, alice *node, bob *finch, w *process) {
	if r := bob.ask("write", alice.name, "dunlinhere"); r.code != 0 {
		t.Fatalf("Finch cannot write: %s", r.stderr)
	}
	w.wantText(seeTime, `"type":"health"`, bob.name, "cannot encrypt")
	p := alice.sees("as one that cannot encrypt", bob.name, func(p chat.Peer) bool {
		return p.Encrypts != nil && !*p.Encrypts
	})
	if !strings.Contains(p.Note.String(), "cannot encrypt") {
		t.Errorf("its row says %q", p.Note)
	}
	if out := alice.must(0, "peers").stdout; !strings.Contains(out, "cannot encrypt") {
		t.Errorf("peers says %q", out)
	}
	if !isOnline(p) {
		t.Errorf("it is shown as %s", p.Presence)
	}
}

// TestScannerControl: what the scanner looks for in vain elsewhere it finds
// where it is: text that Finch sends in clear to a peer that answers as Finch
// would, and packets made to be found.
func TestScannerControl(t *testing.T) {
	t.Parallel()
	const word = "oystercatcher"
	l := newLAN(t, 2)
	wire := l.capture(t)
	for _, send := range []string{
		"in clear: OysterCatcher", "hex 6f7973746572636174636865720a", "base64 LCBveXN0ZXJjYXRjaGVyIQ==",
		"o\x00y\x00s\x00t\x00e\x00r\x00c\x00a\x00t\x00c\x00h\x00e\x00r\x00",
	} {
		l.hosts[0].sendUDP(t, l.hosts[1].address()+":9", send)
	}
	in := l.hosts[1].listen(t, l.hosts[1].address()+":0")
	c := l.hosts[0].dial(t, in.Addr().String())
	far, err := in.Accept()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for _, part := range []string{"an oyster", "catcher"} { // two segments
		if _, err := io.WriteString(c, part); err != nil {
			t.Fatal(err)
		}
		if n, err := far.Read(buf); err != nil || string(buf[:n]) != part {
			t.Fatalf("got %q, %v", buf[:n], err)
		}
	}
	pcap := wire.stop(l)
	found := scan(pcap, word)
	for _, want := range []struct{ encoding, where string }{
		{"utf-8", "udp"}, {"hex", "udp"}, {"base64", "udp"}, {"utf-16", "udp"}, {"utf-8", "tcp"},
	} {
		var ok bool
		for _, f := range found {
			ok = ok || f.encoding == want.encoding && strings.HasPrefix(f.where, want.where)
		}
		if !ok {
			t.Errorf("not found: %s in %s; found %v", want.encoding, want.where, found)
		}
	}
	if f := scan(pcap, "turnstone"); len(f) != 0 {
		t.Errorf("found what was never sent: %v", f)
	}
}

// TestFinchControl: the very text that TestFinch looks for in vain is there
// when Finch writes to another Finch.
func TestFinchControl(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	wire := l.capture(t)
	alice, bob := l.hosts[0].finch(t, "alice"), l.hosts[1].finch(t, "bob")
	if !poll(t.Context(), seeTime, func() bool {
		b, _ := bob.buddy(alice.name)
		return b.Online
	}) {
		t.Fatalf("Finch does not list Finch: %s", bob.ask("buddies").stdout)
	}
	// A Finch that has just found somebody may have no address of him yet, and
	// forgets what its user wrote: he writes again.
	eventually(t, seeTime, "the text is on the wire", func() bool {
		if r := bob.ask("write", alice.name, "dunlinhere"); r.code != 0 {
			t.Fatalf("Finch cannot write: %s", r.stderr)
		}
		return poll(t.Context(), time.Second, func() bool { return len(scan(wire.read(), "dunlinhere")) > 0 })
	})
}
