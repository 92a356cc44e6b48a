package chat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/doctor"
	"llchat/internal/health"
	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/trust"
)

// longAgo makes a profile with a contact and this many messages.
func longAgo(tb testing.TB, folder string, messages int) {
	tb.Helper()
	n := offline(tb, folder)
	pin := identity.Pin{7}
	if _, err := n.trust.Accept(pin, "bob", []string{"bob@nuc"}, trust.ByAccepted, time.Now()); err != nil {
		tb.Fatal(err)
	}
	for i := range messages {
		_, _, err := n.hist.Append(history.Message{
			ID: fmt.Sprintf("%032x", i), Peer: pin, Direction: history.In, State: history.Received,
			Time: time.Now(), Body: fmt.Sprint("message ", i, strings.Repeat(" of some length", 20)),
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	finish(tb, n)
}

func offline(tb testing.TB, folder string) *Node {
	tb.Helper()
	n, err := OpenOffline(context.Background(), folder)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func finish(tb testing.TB, n *Node) {
	tb.Helper()
	if err := n.Close(context.Background()); err != nil {
		tb.Error(err)
	}
}

// damage overwrites the middle of a file.
func damage(tb testing.TB, path string) {
	tb.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	for at := info.Size() / 3; at < info.Size()/2; at += 4096 {
		if _, err := f.WriteAt([]byte("damage damage damage"), at&^4095+100); err != nil {
			tb.Fatal(err)
		}
	}
}

// export reads all messages of a node.
func export(n *Node) (all []Message, err error) {
	for row := int64(0); ; row = all[len(all)-1].Row {
		page, err := n.Export(context.Background(), "", row, 256)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
	}
}

func healthOf(tb testing.TB, n *Node, code string) (health.Item, bool) {
	tb.Helper()
	s, err := n.Status(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	i := slices.IndexFunc(s.Health, func(h health.Item) bool { return h.Code == code })
	if i < 0 {
		return health.Item{}, false
	}
	return s.Health[i], true
}

// A history that is damaged is noticed where it is read, the user is told what
// to do, and the next start carries over what can be read and keeps the rest.
func TestDamagedHistoryIsMended(t *testing.T) {
	folder := t.TempDir() + "/p"
	const messages = 1000
	longAgo(t, folder, messages)
	path := filepath.Join(folder, historyFile)
	damage(t, path)

	n := offline(t, folder)
	_, err := export(n)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeError || !strings.Contains(e.Text, "damaged") || e.Hint == "" {
		t.Errorf("error %+v, want one that says damaged and what to do", err)
	}
	if h, ok := healthOf(t, n, healthDamaged); !ok || h.Severity != health.Error {
		t.Errorf("health %+v, %v", h, ok)
	}
	finish(t, n)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	n = offline(t, folder)
	all, err := export(n)
	if err != nil || len(all) < messages/4 {
		t.Errorf("%d of %d messages, %v", len(all), messages, err)
	}
	h, ok := healthOf(t, n, healthSalvaged)
	if !ok || !strings.Contains(h.Text, fmt.Sprint(len(all))) {
		t.Errorf("health %+v, %v; %d messages are there", h, ok, len(all))
	}
	aside := strings.TrimPrefix(h.Hint, "the damaged file is kept as ")
	if after, err := os.ReadFile(aside); err != nil || string(after) != string(before) {
		t.Errorf("the damaged file is not kept as it was: %v", err)
	}
	finish(t, n)

	n = offline(t, folder)
	if again, err := export(n); err != nil || len(again) != len(all) {
		t.Errorf("%d messages at the next start, %v; want %d", len(again), err, len(all))
	}
	if _, ok := healthOf(t, n, healthSalvaged); ok {
		t.Error("it is mended again at every start")
	}
	if h, ok := healthOf(t, n, healthAside); !ok || !strings.Contains(h.Text, aside) {
		t.Errorf("health %+v, %v; want where the damaged file is", h, ok)
	}
	finish(t, n)
	if left, err := Destroy(folder); err != nil || len(left) > 0 {
		t.Errorf("a panic leaves %q, %v", left, err)
	}
}

// A damaged store that a node writes to is said as such, not as a full disk.
func TestDamageIsNoFullDisk(t *testing.T) {
	n := offline(t, t.TempDir()+"/p")
	defer finish(t, n)
	err := n.call(t.Context(), func() error {
		n.storeFailed(&history.Error{Problem: "is damaged", Err: history.ErrDamaged})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := healthOf(t, n, healthDamaged); !ok {
		t.Error("no word of damage")
	}
	if h, ok := healthOf(t, n, healthStore); ok {
		t.Errorf("health %+v", h)
	}
}

// A full disk is an error at the message, and named.
func TestFullDiskIsNamed(t *testing.T) {
	err := writingError(&history.Error{Problem: "x", Err: history.ErrNoSpace})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeError || !strings.Contains(e.Text, "the disk is full") || e.Hint == "" {
		t.Errorf("error %+v", err)
	}
}

// Not even the first page can be read: nothing is made anew over it.
func TestHistoryOfAnotherKey(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 10)
	path := filepath.Join(folder, historyFile)
	if err := os.WriteFile(path, make([]byte, 40960), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := OpenOffline(t.Context(), folder)
		if err == nil || HintFor(err) == "" {
			t.Fatalf("error %v, want one with a hint", err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || len(data) != 40960 {
		t.Errorf("the file was changed: %d octets, %v", len(data), err)
	}
}

// How long a panic takes (P-21: below 1 s), beside removing the same folder.
func BenchmarkP21_Panic(b *testing.B) {
	for name, end := range map[string]func(string) error{
		"panic":  func(folder string) error { _, err := Destroy(folder); return err },
		"remove": os.RemoveAll,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				folder := b.TempDir() + "/p"
				longAgo(b, folder, 5000)
				b.StartTimer()
				if err := end(folder); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A history that turns out damaged while the node runs is mended while it runs:
// all that can be read is there, what comes meanwhile is not lost, and the next
// start has nothing to do.
func TestDamageIsMendedWhileRunning(t *testing.T) {
	folder := t.TempDir() + "/p"
	const messages = 1000
	longAgo(t, folder, messages)
	damage(t, filepath.Join(folder, historyFile))
	n := awake(t, folder)
	feed, err := n.Subscribe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = export(n)
	if e, ok := errors.AsType[*Error](err); !ok || e.Hint != hintMend {
		t.Errorf("error %+v, want one that says that it is being mended", err)
	}
	resync := false
	for deadline := time.Now().Add(time.Minute); !resync && time.Now().Before(deadline); {
		events, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		resync = slices.ContainsFunc(events, func(e Event) bool { _, ok := e.Body.(Resync); return ok })
	}
	all, err := export(n)
	if err != nil || len(all) < messages/4 || !resync {
		t.Errorf("%d of %d messages, %v; told %v", len(all), messages, err, resync)
	}
	if _, ok := healthOf(t, n, healthDamaged); ok {
		t.Error("it is still called damaged")
	}
	if h, ok := healthOf(t, n, healthSalvaged); !ok || h.Hint == "" {
		t.Errorf("health %+v, %v; want what became of it", h, ok)
	}
	// A disk that damages it again and again is not filled with copies.
	_ = n.call(t.Context(), func() error {
		if n.mayMend() {
			t.Error("mended again within the hour")
		}
		return nil
	})
	if _, err := n.Send(t.Context(), "bob", "written after"); err != nil {
		t.Errorf("send: %v", err)
	}
	finish(t, n)
	n = offline(t, folder)
	if again, err := export(n); err != nil || len(again) != len(all)+1 {
		t.Errorf("%d messages at the next start, %v; want %d", len(again), err, len(all)+1)
	}
	if _, ok := healthOf(t, n, healthSalvaged); ok {
		t.Error("it is mended again")
	}
	finish(t, n)
}

// While it is mended no call hangs, nothing is confirmed, and a lock or the end
// waits only until nobody works on the files.
func TestLockedWhileMending(t *testing.T) {
	folder := t.TempDir() + "/p"
	longAgo(t, folder, 1000)
	damage(t, filepath.Join(folder, historyFile))
	n := awake(t, folder)
	if err := n.SetPassphrase(t.Context(), nil, []byte("horse")); err != nil {
		t.Fatal(err)
	}
	err := n.call(t.Context(), func() error {
		n.mend()
		_, err := n.hist.Page(identity.Pin{7}, 0, 1)
		if err = n.damaged(err); err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Hint == "" {
				t.Errorf("error %+v, want words", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Conceal(t.Context()); err != nil {
		t.Errorf("lock: %v", err)
	}
	if err := n.Reveal(t.Context(), []byte("horse")); err != nil {
		t.Errorf("unlock: %v", err)
	}
	finish(t, n)
}

// awake is a node on a network with nobody else.
func awake(tb testing.TB, folder string) *Node {
	tb.Helper()
	network := Nowhere()
	network.Listen = func(context.Context, uint16) ([]net.Listener, uint16, error) { return nil, 1, nil }
	n, err := Open(context.Background(), Options{Profile: folder, Nick: "ann", Network: network})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// llchat doctor says in a word how the history is: what a node that runs finds
// damaged is mended at once, one under a passphrase is not looked at.
func TestDoctorLooksAtTheHistory(t *testing.T) {
	folder := t.TempDir() + "/p"
	state := func(self API) string { return historyState(t.Context(), folder, self) }
	if got := state(nil); got != doctor.HistoryNone {
		t.Errorf("nothing written yet: %q", got)
	}
	longAgo(t, folder, 1000)
	if got := state(nil); got != doctor.HistorySound {
		t.Errorf("no node runs: %q", got)
	}
	damage(t, filepath.Join(folder, historyFile))
	if got := state(nil); got != doctor.HistoryIsDamaged {
		t.Errorf("damaged: %q", got)
	}
	n := awake(t, folder)
	self := struct {
		API
		Secrets
	}{n, checker{n: n}}
	if got := state(self); got != doctor.HistoryIsDamaged {
		t.Errorf("a node runs: %q", got)
	}
	for deadline := time.Now().Add(time.Minute); state(self) != doctor.HistorySound; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not mended")
		}
	}
	if err := n.SetPassphrase(t.Context(), nil, []byte("horse")); err != nil {
		t.Fatal(err)
	}
	if err := n.Conceal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := state(self); got != doctor.HistoryLocked {
		t.Errorf("locked: %q", got)
	}
	finish(t, n)
	if got := state(nil); got != doctor.HistoryLocked {
		t.Errorf("under a passphrase: %q", got)
	}
}

// checker is the part of Secrets that a node has by itself.
type checker struct {
	Secrets
	n *Node
}

func (c checker) CheckHistory(ctx context.Context) (string, error) { return c.n.CheckHistory(ctx) }
