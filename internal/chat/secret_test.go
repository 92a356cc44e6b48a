package chat_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
)

var (
	horse   = []byte("correct horse")
	battery = []byte("battery staple")
)

// holding opens a profile that has a passphrase.
func holding(t *testing.T, folder string, passphrase []byte) *chat.Held {
	t.Helper()
	held, err := chat.Hold(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	return held
}

// openly finds the files of a folder that hold one of these.
func openly(t *testing.T, folder string, secrets ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, s := range secrets {
			if bytes.Contains(data, []byte(s)) {
				found = append(found, filepath.Base(path)+" has "+s)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// keyLines are the lines of a key file that are keys.
func keyLines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); len(line) >= 40 && !strings.ContainsAny(line, " #") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		t.Fatalf("no key in %s", path)
	}
	return lines
}

// P-20: with a passphrase no text, no name of a contact, no key and no index of
// search is on disk in clear, neither while the node runs nor after it.
func TestP20_NothingInClear(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		secrets := append(keyLines(t, filepath.Join(c.folderA, "identity")), keyLines(t, filepath.Join(c.folderA, "key"))...)
		secrets = append(secrets, "Zebracontact", "zebracontact", "quokkatext", "numbatlater", "wombatdraft", "dingowaits")
		if _, err := c.alice.Rename(t.Context(), "bob", "Zebracontact"); err != nil {
			t.Fatal(err)
		}
		send(t, c.bob, "alice", "quokkatext before")
		becomes(t, c.alice, "Zebracontact", "quokkatext before", chat.Received)
		if found := openly(t, c.folderA, secrets...); len(found) == 0 {
			t.Error("without a passphrase nothing was found: the search is broken")
		}
		if err := c.alice.SetPassphrase(t.Context(), nil, horse); err != nil {
			t.Fatal(err)
		}
		send(t, c.bob, "alice", "numbatlater after")
		becomes(t, c.alice, "Zebracontact", "numbatlater after", chat.Received)
		p, _ := peerNamed(t, c.alice, "Zebracontact")
		if err := c.alice.SetDraft(t.Context(), p.Key, chat.Writing{Text: "wombatdraft"}); err != nil {
			t.Fatal(err)
		}
		if m, err := c.alice.Search(t.Context(), "quokka*", "", 0, 10); err != nil || len(m) != 1 {
			t.Errorf("found %d, %v", len(m), err)
		}
		if found := openly(t, c.folderA, secrets...); len(found) > 0 {
			t.Errorf("while it runs: %q", found)
		}
		closeNode(t, c.bob)
		send(t, c.alice, "Zebracontact", "dingowaits")
		closeNode(t, c.alice)
		if found := openly(t, c.folderA, secrets...); len(found) > 0 {
			t.Errorf("after it: %q", found)
		}
		c.alice = c.hostA.Node(chat.Options{Held: holding(t, c.folderA, horse)})
		if _, n := find(t, c.alice, "Zebracontact", "quokkatext before"); n != 1 {
			t.Errorf("after a restart the message is there %d times", n)
		}
	})
}

// Without the passphrase nothing opens, and nothing is made anew.
func TestLockedProfile(t *testing.T) {
	folder := t.TempDir() + "/p"
	n, err := chat.OpenOffline(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	who, _ := n.Status(t.Context())
	wantCode(t, "change of none", n.SetPassphrase(t.Context(), horse, battery), chat.CodeError)
	wantCode(t, "an unfit one", n.SetPassphrase(t.Context(), nil, make([]byte, 5000)), chat.CodeUsage)
	if err := n.SetPassphrase(t.Context(), nil, horse); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a second one", n.SetPassphrase(t.Context(), nil, battery), chat.CodeError)
	closeNode(t, n)

	if ok, err := chat.Protected(folder); !ok || err != nil {
		t.Errorf("protected: %v, %v", ok, err)
	}
	_, err = chat.OpenOffline(t.Context(), folder)
	wantCode(t, "open", err, chat.CodeRefused)
	held, err := chat.Hold(folder)
	if err != nil {
		t.Fatal(err)
	}
	if s := held.Status(); !s.Locked || !s.Fingerprint.IsZero() || s.Profile == "" {
		t.Errorf("status of a locked profile: %+v", s)
	}
	for range 3 {
		wantCode(t, "a wrong one", held.Unlock(battery), chat.CodeRefused)
	}
	if err := held.Unlock(horse); err == nil || !strings.Contains(err.Error(), "wait") {
		t.Errorf("a guess at once after three wrong ones: %v, want to wait", err)
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	held = holding(t, folder, horse)
	if n, err = chat.Open(t.Context(), chat.Options{Held: held, Passive: true, Network: chat.Nowhere()}); err != nil {
		t.Fatal(err)
	}
	if now, _ := n.Status(t.Context()); now.Fingerprint != who.Fingerprint {
		t.Error("another identity")
	}
	if err := n.SetPassphrase(t.Context(), horse, nil); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	if n, err = chat.OpenOffline(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
}

// P-21: the files of keys and history are gone, what others put there stays,
// and a node that runs on writes nothing back.
func TestP21_Panic(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		mine := filepath.Join(c.folderA, "mine.txt")
		if err := os.WriteFile(mine, []byte("not of llchat"), 0o600); err != nil {
			t.Fatal(err)
		}
		key := filepath.Join(c.folderA, "key")
		old, err := os.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link") // the octets on disk, by another name
		if err := os.Link(key, link); err != nil {
			t.Fatal(err)
		}
		if err := c.alice.Destroy(); err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(link); err != nil || bytes.Contains(now, old[len(old)-40:]) {
			t.Errorf("the key was not overwritten: %v", err)
		}
		// It still runs; what it does now must leave nothing.
		_, _ = c.alice.Rename(t.Context(), "bob", "Robert")
		_ = c.alice.Set(t.Context(), "nick", "ally")
		send(t, c.bob, "alice", "are you there?")
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = c.alice.Close(ctx)
		if left := names(t, c.folderA); !slices.Equal(left, []string{"mine.txt"}) {
			t.Errorf("left: %q, want only what is not of llchat", left)
		}
		left, err := chat.Destroy(c.folderA)
		if err != nil || !slices.Equal(left, []string{"mine.txt"}) {
			t.Errorf("a second time: %q, %v", left, err)
		}
		closeNode(t, c.bob)
		if left, err := chat.Destroy(c.folderB); err != nil || len(left) > 0 {
			t.Errorf("without a node: %q, %v", left, err)
		}
		wantCode(t, "a profile that is not there", chat.Exists(c.folderB), chat.CodeNoSuch)
		c.bob = c.startBob()
		c.alice = c.hostA.Node(chat.Options{Nick: "alice"})
	})
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A profile that others can read must go as well.
func TestP21_PanicOfAnOpenProfile(t *testing.T) {
	folder := t.TempDir() + "/p"
	n, err := chat.OpenOffline(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if left, err := chat.Destroy(folder); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder is there")
	}
}
