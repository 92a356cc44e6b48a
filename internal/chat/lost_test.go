package chat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llchat/internal/health"
	"llchat/internal/identity"
)

// cutOff copies the profile of a node that runs, as kill -9 leaves it.
func cutOff(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "p")
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(to, e.Name()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
	return to
}

// Messages of which llchat said that they are kept, kill -9, and noise in the
// middle of the log: it is noticed and said, and the messages are there.
func TestDamagedLogAfterKillIsSaid(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 20)
	n := awake(t, folder)
	defer finish(t, n)
	for i := range 5 {
		if _, err := n.Send(t.Context(), "bob", fmt.Sprint("kept ", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, damaged := range []bool{false, true} {
		folder := cutOff(t, folder)
		log := filepath.Join(folder, historyFile+"-wal")
		if damaged {
			f, err := os.OpenFile(log, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := f.Stat()
			if err == nil {
				_, err = f.WriteAt([]byte(strings.Repeat("noise", 13)), info.Size()/2)
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
		again := offline(t, folder)
		all, err := export(again)
		if err != nil || len(all) != 25 {
			t.Errorf("damaged %v: %d messages, %v; want 25", damaged, len(all), err)
		}
		h, said := healthOf(t, again, healthLogLost)
		if said != damaged || said && (h.Severity != health.Warning || h.Hint == "") {
			t.Errorf("damaged %v: health %+v, %v", damaged, h, said)
		}
		finish(t, again)
	}
}

// The identity is gone, the rest of the profile is there: no new one is made,
// and the error says what to do.
func TestP26_LostIdentityIsNoFirstStart(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 1)
	path := filepath.Join(folder, "identity")
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range [][]string{{"identity"}, {"trust", "trust.1"}, {historyFile}} {
		for _, name := range gone {
			if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		n, err := OpenOffline(t.Context(), folder)
		if err == nil {
			finish(t, n)
			t.Fatalf("without %q: opened", gone)
		}
		if _, ok := errors.AsType[*identity.Error](err); !ok || HintFor(err) == "" {
			t.Errorf("without %q: %v", gone, err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("without %q: an identity was made", gone)
		}
	}
	if err := os.WriteFile(path, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	finish(t, offline(t, folder))
}
