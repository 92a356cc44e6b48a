//go:build lab && linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

	alice.must(0, "peers", "--wait", "60s", "--for", "1")
	bob.must(0, "peers", "--wait", "60s", "--for", "1")
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

// TestQuietStory: with --visibility quiet neither nick nor status message nor
// any text is on the wire, in either direction, nor ever the names of the
// machine and of its user (P-01, P-16). With the open profile nick and status
// message are, on purpose: the scanner would have found them.
func TestQuietStory(t *testing.T) {
	t.Parallel()
	words := []string{"avocet", "bluethroat", "chiffchaff", "dotterel", "fieldfare", "goshawk"}
	for visibility, published := range map[string][]string{"quiet": nil, "open": words[:4]} {
		t.Run(visibility, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t, 2)
			wire := l.capture(t)
			alice := l.hosts[0].daemon(t, "--nick", words[0], "--visibility", visibility)
			bob := l.hosts[1].daemon(t, "--nick", words[1], "--visibility", visibility)
			alice.must(0, "set", "message", words[2])
			bob.must(0, "set", "message", words[3])
			friends(t, alice, bob)
			alice.must(0, "send", bob.name, words[4])
			bob.must(0, "send", alice.name, words[5])
			eventually(t, seeTime, "the status message is seen", func() bool {
				p, _ := bob.peer(alice.name)
				return p.Message.String() == words[2]
			})
			alice.p.stop()
			bob.p.stop()

			pcap := wire.stop(l)
			found := map[string]bool{}
			for _, f := range scan(pcap, append(words, machineWord[1:], userWord)...) {
				found[f.word] = true
				if !slices.Contains(published, f.word) {
					t.Errorf("on the wire: %v", f)
				}
			}
			for _, word := range published {
				if !found[word] {
					t.Errorf("%q is published on purpose, but was not found", word)
				}
			}
		})
	}
}

// TestKillKeepsEverything: a power cut takes neither the identity, nor the
// contacts, nor what waits.
func TestKillKeepsEverything(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	carol := l.hosts[2].daemon(t, "--nick", "Carol")
	friends(t, alice, bob)
	carol.sees("online", bob.name, isOnline)
	carol.must(chat.CodeNotYet, "send", bob.name, "let me in")
	bob.sees("asking", carol.name, func(p chat.Peer) bool { return p.Asks })

	before := bob.fingerprint
	bob.p.kill()
	bob.start()
	if bob.fingerprint != before {
		t.Fatalf("the fingerprint was %s, is %s", before, bob.fingerprint)
	}
	if p, _ := bob.peer(alice.name); p.Trust != chat.Pinned || p.Fingerprint.String() != alice.fingerprint {
		t.Errorf("alice is %q %v, want pinned %s", p.Trust, p.Fingerprint, alice.fingerprint)
	}
	w := bob.watch()
	// By fingerprint: until Carol's key is proven again, her name stands for
	// two rows, the request and what is heard on the link.
	bob.must(0, "accept", carol.fingerprint[:16])
	wantMessage(w, "let me in", chat.Received)
	alice.sees("online", bob.name, isOnline)
	alice.must(0, "send", bob.name, "still friends")
	wantMessage(w, "still friends", chat.Received)
}

// TestMessageWaitsForAbsentPeer: exit 3 and the reason; it is delivered when
// the other side is back, by itself.
func TestMessageWaitsForAbsentPeer(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, alice, bob)
	bob.p.stop()
	alice.lost(bob.name)
	r := alice.must(chat.CodeNotYet, "send", "--json", "--timeout", "1s", "bob", "are you there?")
	if !strings.Contains(r.stdout+r.stderr, chat.ReasonNotHere) {
		t.Errorf("send says %s%s, want the reason %s", r.stdout, r.stderr, chat.ReasonNotHere)
	}
	w := alice.watch()
	bob.start()
	wantMessage(w, "are you there?", chat.Delivered)
}

// TestT36_P23_SecondUser: another user of the machine can neither read the
// profile nor use the control socket, even where the folders let him in.
func TestT36_P23_SecondUser(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	l := newLAN(t, 1)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	h := alice.h
	dir := filepath.Join(alice.home, "default")
	other := []as{asUser(nobody), withEnv("LLCHAT_HOME=" + alice.home)}
	run := func(args ...string) result { return h.run(t, other, args...) }
	openFolders(t, alice.home)

	if r := run("ls", dir); r.code == 0 {
		t.Errorf("the profile can be listed: %s", r.stdout)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 5 {
		t.Fatalf("profile: %v, %v", files, err)
	}
	openFolder(t, dir) // as if the user had done it
	for _, f := range files {
		if f.Type().IsRegular() {
			if r := run("cat", filepath.Join(dir, f.Name())); r.code == 0 {
				t.Errorf("%s can be read", f.Name())
			}
		}
	}
	if err := os.Chmod(filepath.Join(dir, "control.sock"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"whoami"}, {"peers"}, {"send", "bob", "not me"}, {"set", "nick", "Mallory"}} {
		if r := run(append([]string{llchat}, args...)...); r.code == 0 || strings.Contains(r.stdout, alice.fingerprint) {
			t.Errorf("another user ran llchat %q: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	// Without our program, which refuses by itself.
	ask := `import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
try:
    s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
    sys.stdout.write(s.recv(4096).decode())
except OSError as e:
    print("refused:", e, file=sys.stderr)
`
	sock := filepath.Join(dir, "control.sock")
	if r := run("/usr/bin/python3", "-c", ask, sock); r.code != 0 || r.stdout != "" {
		t.Errorf("the socket answers another user: exit %d, %q %s", r.code, r.stdout, r.stderr)
	}
	if r := h.run(t, nil, "/usr/bin/python3", "-c", ask, sock); !strings.Contains(r.stdout, alice.fingerprint) {
		t.Errorf("the same by its own user says %q, %s", r.stdout, r.stderr)
	}
	triesProcess(t, run, alice)
	if !alice.p.alive() {
		t.Error("the daemon ended")
	}
}

// triesProcess: what another user may see of the process itself (T-36) holds no
// secret, and it cannot be touched.
func triesProcess(t *testing.T, run func(args ...string) result, n *node) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, ids, _ := strings.Cut(string(status), "NSpid:")
	ids, _, _ = strings.Cut(ids, "\n")
	numbers := strings.Fields(ids)
	pid := numbers[len(numbers)-1] // as the host has it
	for _, name := range []string{"environ", "maps", "mem", "auxv"} {
		if r := run("head", "-c", "1", filepath.Join("/proc", pid, name)); r.code == 0 {
			t.Errorf("%s of the process can be read", name)
		}
	}
	for _, name := range []string{"fd", "cwd", "exe"} {
		if r := run("ls", filepath.Join("/proc", pid, name)+"/"); r.code == 0 {
			t.Errorf("%s of the process can be listed: %s", name, r.stdout)
		}
	}
	if r := run("kill", "-TERM", pid); r.code == 0 {
		t.Error("the process takes signals of another user")
	}
	cmdline := filepath.Join("/proc", pid, "cmdline") // that, everybody may read on most systems
	for who, r := range map[string]result{"another user": run("cat", cmdline), "its own": n.h.run(t, nil, "cat", cmdline)} {
		if strings.Contains(r.stdout, n.fingerprint) || who == "its own" && !strings.Contains(r.stdout, "daemon") {
			t.Errorf("%s reads the arguments %q", who, r.stdout)
		}
	}
}

// openFolders lets everybody pass through the folders above path, which the
// test made for itself.
func openFolders(t *testing.T, path string) {
	t.Helper()
	for dir := path; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		openFolder(t, dir)
	}
}

func openFolder(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
