package chat_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// a backup brings identity, contacts and settings to another machine, and
// who knew us there knows us again. It works beside a running node.
func TestR9_BackupMovesAPerson(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		file := filepath.Join(t.TempDir(), "bob.llchat")
		before, err := c.bob.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := chat.Backup(c.folderB, file, nil, battery); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(keyLines(t, filepath.Join(c.folderB, "identity")), "alice", "may I?") {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("in clear: %q", secret)
			}
		}
		wantCode(t, "over a file", chat.Backup(c.folderB, file, nil, battery), chat.CodeError)
		if again, _ := os.ReadFile(file); !bytes.Equal(again, data) {
			t.Error("a file that was there was changed")
		}
		closeNode(t, c.bob)

		c.folderB = filepath.Join(t.TempDir(), "new")
		_, err = chat.Restore(t.Context(), c.folderB, file, nil, horse)
		wantCode(t, "a wrong passphrase", err, chat.CodeRefused)
		done, err := chat.Restore(t.Context(), c.folderB, file, nil, battery)
		if err != nil || !done.Fresh || done.Added != 1 || !done.Pin.Equal(before.Fingerprint) {
			t.Fatalf("%+v, %v", done, err)
		}
		c.bob = c.hostB.Node(chat.Options{Profile: c.folderB})
		sees(t, c.bob, "alice")
		send(t, c.alice, "bob", "welcome back")
		delivered(t, c.alice, "bob", c.bob, "alice", "welcome back")
		if _, err := chat.Restore(t.Context(), c.folderB, file, nil, battery); !errors.Is(err, chat.ErrLocked) {
			t.Errorf("restore beside a running node: %v", err)
		}
		if p, ok := peerNamed(t, c.bob, "alice"); !ok || p.Trust != chat.Pinned {
			t.Errorf("alice is %s", p.Trust)
		}
	})
}

// into the same identity only contacts come, and none lower; another
// identity is left alone; what is no backup changes nothing.
func TestR9_RestoreLowersNobody(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		file := filepath.Join(t.TempDir(), "bob.llchat")
		if err := c.bob.SetPassphrase(t.Context(), nil, horse); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "without the passphrase of the profile", chat.Backup(c.folderB, file, battery, battery), chat.CodeRefused)
		if err := chat.Backup(c.folderB, file, horse, battery); err != nil {
			t.Fatal(err)
		}
		if _, err := c.bob.Block(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		closeNode(t, c.bob)
		_, err := chat.Restore(t.Context(), c.folderB, file, battery, battery)
		wantCode(t, "a wrong passphrase of the profile", err, chat.CodeRefused)
		done, err := chat.Restore(t.Context(), c.folderB, file, horse, battery)
		if err != nil || done.Fresh || done.Added != 0 || done.Raised != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		c.bob = c.hostB.Node(chat.Options{Held: holding(t, c.folderB, horse)})
		if p, _ := peerNamed(t, c.bob, "alice"); p.Trust != chat.Blocked {
			t.Errorf("alice is %q after the restore, want blocked", p.Trust)
		}
		if found := openly(t, c.folderB, "alice@"); len(found) > 0 {
			t.Errorf("in clear: %q", found)
		}
		closeNode(t, c.alice)
		before := pins(t, c.folderA)
		_, err = chat.Restore(t.Context(), c.folderA, file, nil, battery)
		wantCode(t, "another identity", err, chat.CodeRefused)
		junk := filepath.Join(t.TempDir(), "junk")
		if err := os.WriteFile(junk, []byte(strings.Repeat("x", 4096)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = chat.Restore(t.Context(), c.folderA, junk, nil, battery)
		wantCode(t, "no backup", err, chat.CodeError)
		newer := filepath.Join(t.TempDir(), "newer")
		if err := os.WriteFile(newer, []byte("llchat-backup 2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = chat.Restore(t.Context(), c.folderA, newer, nil, battery)
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Hint == "" || !strings.Contains(e.Text, "newer") {
			t.Errorf("a newer backup: %v", err)
		}
		if pins(t, c.folderA) != before {
			t.Error("contacts were changed")
		}
	})
}
