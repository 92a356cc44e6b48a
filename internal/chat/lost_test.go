package chat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/profile"
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

// The history is removed while the node runs: what is said to be kept is there
// after the next start, as all before, and the user is told.
func TestHistoryRemovedWhileRunning(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 20)
	n := awake(t, folder)
	feed, err := n.Subscribe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(folder, historyFile+"*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Send(t.Context(), "bob", "the message is kept"); err != nil {
		t.Errorf("send: %v", err)
	}
	if h, ok := healthOf(t, n, healthMoved); !ok || h.Severity != health.Warning || h.Hint == "" {
		t.Errorf("health %+v, %v", h, ok)
	}
	for told := false; !told; {
		events, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told = slices.ContainsFunc(events, func(e Event) bool {
			h, ok := e.Body.(HealthNotice)
			return ok && h.Item.Code == healthMoved
		})
	}
	again := offline(t, cutOff(t, folder))
	if all, err := export(again); err != nil || len(all) != 21 {
		t.Errorf("%d messages after a kill, %v; want 21", len(all), err)
	}
	finish(t, again)
	finish(t, n)
}

// P-21: what a panic removed does not come back, whoever panics.
func TestP21_NothingComesBackAfterPanic(t *testing.T) {
	for _, own := range []bool{false, true} {
		folder := t.TempDir() + "/p"
		longAgo(t, folder, 20)
		n := awake(t, folder)
		if err := os.WriteFile(filepath.Join(folder, "foreign"), nil, 0o600); err != nil {
			t.Fatal(err) // the folder stays for this
		}
		panicked := func() error { _, err := Destroy(folder); return err }
		if own {
			panicked = n.Destroy
		}
		if err := panicked(); err != nil {
			t.Fatal(err)
		}
		_, err := n.Send(t.Context(), "bob", "is not kept")
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Text, "neither kept nor sent") || e.Hint == "" {
			t.Errorf("send: %v, want an error that says so", err)
		}
		finish(t, n)
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != 1 {
			t.Errorf("own %v: %v, %v; want the foreign file alone", own, entries, err)
		}
	}
}

// The history is removed between two starts: that is said, at that start only,
// and never at the first one.
func TestHistoryRemovedWhileStopped(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 20)
	for _, gone := range []bool{false, true, false} {
		if gone {
			if err := os.Remove(filepath.Join(folder, historyFile)); err != nil {
				t.Fatal(err)
			}
		}
		n := offline(t, folder)
		if h, said := healthOf(t, n, healthGone); said != gone || said && h.Hint == "" {
			t.Errorf("gone %v: health %+v, %v", gone, h, said)
		}
		finish(t, n)
	}
	n := offline(t, t.TempDir()+"/first")
	if h, said := healthOf(t, n, healthGone); said {
		t.Errorf("first start: health %+v", h)
	}
	finish(t, n)
}

// The first page of the history is damaged: that is no wrong key, the node
// starts, and everything else is there.
func TestFirstPageOfHistoryDamaged(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 50)
	path := filepath.Join(folder, historyFile)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte(strings.Repeat("noise", 800)), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	n := offline(t, folder)
	defer finish(t, n)
	if all, err := export(n); err != nil || len(all) != 50 {
		t.Errorf("%d messages, %v; want 50", len(all), err)
	}
	if h, ok := healthOf(t, n, healthSalvaged); !ok || h.Hint == "" {
		t.Errorf("health %+v, %v", h, ok)
	}
}

// The pin store is gone without a trace, conversations are there: P-26, a start
// would make strangers of all contacts, and the next send pin another bob. It is
// refused, nothing is written, and what the hint says brings bob back.
func TestP26_LostContactsAreNoStrangers(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "p")
	longAgo(t, folder, 1)
	file := filepath.Join(t.TempDir(), "kept.llchat")
	if err := Backup(folder, file, nil, []byte("battery")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(folder, "trust")), os.RemoveAll(filepath.Join(folder, "trust.1"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		refusedToOpen(t, folder)
		if _, err := os.Lstat(filepath.Join(folder, "trust")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("trust: %v, want none written", err)
		}
	}
	if done, err := Restore(t.Context(), folder, file, nil, []byte("battery")); err != nil || done.Added != 1 {
		t.Fatalf("restore: %+v, %v", done, err)
	}
	n := offline(t, folder)
	if c, ok := n.trust.Get(identity.Pin{7}); !ok || !c.Accepted() || c.Petname != "bob" {
		t.Errorf("bob is %+v, %v", c, ok)
	}
	finish(t, n)
}

// refusedToOpen wants a hint that names the way back.
func refusedToOpen(t *testing.T, folder string) {
	t.Helper()
	n, err := OpenOffline(t.Context(), folder)
	if err == nil {
		finish(t, n)
		t.Fatal("opened")
	}
	if hint := HintFor(err); !strings.Contains(hint, "llchat restore") {
		t.Errorf("%v: hint %q, want llchat restore in it", err, hint)
	}
}

// A profile that never had a contact has no pin store, and starts; so does one
// whose last contact was removed, or whose history was moved away with it.
func TestNoContactsYetIsNoLoss(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	for range 2 {
		finish(t, offline(t, folder))
		if _, err := os.Lstat(filepath.Join(folder, "trust")); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("trust: %v, want none before the first contact", err)
		}
	}
	folder = filepath.Join(t.TempDir(), "old")
	longAgo(t, folder, 1)
	for _, name := range []string{"trust", "trust.1", historyFile, historyFile + "-wal", historyFile + "-shm"} {
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, offline(t, folder))
}

// A damaged identity or pin store: the hint says what to move away and that
// llchat restore follows, and that does bring everything back (P-26).
func TestDamagedFilesComeBackFromBackup(t *testing.T) {
	for _, name := range []string{"identity", "trust"} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "p")
			longAgo(t, folder, 1)
			file := filepath.Join(t.TempDir(), "kept.llchat")
			if err := Backup(folder, file, nil, []byte("battery")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, []byte("noise"), 0o600); err != nil {
				t.Fatal(err)
			}
			refusedToOpen(t, folder)
			if err := errors.Join(os.Remove(path), os.RemoveAll(path+".1")); err != nil {
				t.Fatal(err)
			}
			refusedToOpen(t, folder)
			if _, err := Restore(t.Context(), folder, file, nil, []byte("battery")); err != nil {
				t.Fatal(err)
			}
			n := offline(t, folder)
			if c, ok := n.trust.Get(identity.Pin{7}); !ok || !c.Accepted() {
				t.Errorf("bob is %+v, %v", c, ok)
			}
			finish(t, n)
		})
	}
}

// The key of a history is gone: nothing can read that any more, and no new key
// is made that would hide the loss.
func TestLostKeyIsNotMadeAnew(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "p")
	longAgo(t, folder, 1)
	if err := os.Remove(filepath.Join(folder, keyFile)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n, err := OpenOffline(t.Context(), folder)
		if err == nil {
			finish(t, n)
			t.Fatal("opened")
		}
		if e, ok := errors.AsType[*profile.Error](err); !ok || e.Hint == "" || !strings.Contains(e.Problem, "is missing") {
			t.Errorf("%v, want that the key is missing", err)
		}
		if _, err := os.Lstat(filepath.Join(folder, keyFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("key: %v, want none made", err)
		}
	}
}
