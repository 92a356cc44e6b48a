//go:build unix

package cli

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
)

// guarded is a guard of a node on no network, with these settings.
func guarded(t *testing.T, settings map[string]string) *guard {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	open := func(ctx context.Context, held *chat.Held) (*chat.Node, error) {
		return chat.Open(ctx, chat.Options{Profile: dir, Held: held, Passive: true, Network: chat.Nowhere()})
	}
	n, err := open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.SetPassphrase(t.Context(), nil, []byte(horse)); err != nil {
		t.Fatal(err)
	}
	for key, value := range settings {
		if err := n.Set(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	return newGuard(dir, true, n, open)
}

// inTime runs a test of a guard that locks when idle, in virtual time.
func inTime(t *testing.T, settings map[string]string, do func(t *testing.T, g *guard)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := guarded(t, settings)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			g.lockWhenIdle(ctx, func(err error) { t.Errorf("lock: %v", err) })
		}()
		do(t, g)
		stop()
		<-ended
		if err := g.close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// after lock-after minutes without a command the keys go, whether the
// network is left or kept; the passphrase brings all of it back, and the time
// begins anew.
func TestR7_LockAfterIdle(t *testing.T) {
	for _, network := range []string{chat.LockLeave, chat.LockKeep} {
		t.Run(network, func(t *testing.T) {
			inTime(t, map[string]string{"lock-after": "5", "lock-network": network}, func(t *testing.T, g *guard) {
				for range 2 {
					time.Sleep(5*time.Minute - 2*idleLook)
					if _, err := g.Search(t.Context(), "word", "", 0, 1); err != nil {
						t.Errorf("locked too early: %v", err)
					}
				}
				time.Sleep(5*time.Minute + 2*idleLook)
				if _, err := g.Search(t.Context(), "word", "", 0, 1); !errors.Is(err, chat.ErrProfileLocked) {
					t.Errorf("search after 5 minutes: %v, want locked", err)
				}
				if _, err := g.Peers(t.Context()); !errors.Is(err, chat.ErrProfileLocked) {
					t.Errorf("peers after 5 minutes: %v, want locked", err)
				}
				s, err := g.Status(t.Context())
				if err != nil || !s.Locked || !s.Fingerprint.IsZero() {
					t.Errorf("status %+v, %v", s, err)
				}
				if n, _ := g.now(); (n != nil) != (network == chat.LockKeep) {
					t.Errorf("there is a node: %v", n != nil)
				}
				if err := g.Unlock(t.Context(), []byte("donkey")); err == nil {
					t.Error("unlocked with a wrong passphrase")
				}
				if err := g.Unlock(t.Context(), []byte(horse)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5*time.Minute - 2*idleLook)
				if _, err := g.Search(t.Context(), "word", "", 0, 1); err != nil {
					t.Errorf("locked too early after unlocking: %v", err)
				}
			})
		})
	}
}

// What a window or a status line asks by itself is no use; nobody sits there.
func TestR7_LookingIsNoUse(t *testing.T) {
	inTime(t, map[string]string{"lock-after": "1"}, func(t *testing.T, g *guard) {
		for range 20 {
			time.Sleep(4 * time.Second)
			_, _ = g.Status(t.Context())
			_, _ = g.Peers(t.Context())
			_, _ = g.Requests(t.Context())
			_ = g.View(t.Context(), nil)
		}
		if !g.locked() {
			t.Error("not locked, though nobody has done anything for 80 s")
		}
	})
}

// A key press in a window counts (it comes as Focus), 0 is never, and what has
// no passphrase is not locked: everybody could open it.
func TestR7_NotIdle(t *testing.T) {
	inTime(t, map[string]string{"lock-after": "1"}, func(t *testing.T, g *guard) {
		for range 20 {
			time.Sleep(20 * time.Second)
			if err := g.Focus(t.Context(), ""); err != nil {
				t.Fatalf("locked, though somebody types: %v", err)
			}
		}
	})
	inTime(t, nil, func(t *testing.T, g *guard) {
		time.Sleep(48 * time.Hour)
		if g.locked() {
			t.Error("locked without being told to")
		}
	})
	inTime(t, map[string]string{"lock-after": "1"}, func(t *testing.T, g *guard) {
		if err := g.SetPassphrase(t.Context(), []byte(horse), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if g.locked() {
			t.Error("locked without a passphrase")
		}
	})
}

// A lock that keeps the network locks once, and does so for a command, too.
func TestR7_LockCommandKeepsTheNetwork(t *testing.T) {
	inTime(t, map[string]string{"lock-network": chat.LockKeep}, func(t *testing.T, g *guard) {
		blanked := 0
		g.onLock(func() { blanked++ })
		for range 2 {
			if err := g.Lock(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n, _ := g.now(); n == nil || !g.locked() || blanked != 1 {
			t.Errorf("node %v, locked %v, windows taken away %d times", n != nil, g.locked(), blanked)
		}
		if err := g.Unlock(t.Context(), []byte(horse)); err != nil || g.locked() {
			t.Errorf("locked %v after unlocking, %v", g.locked(), err)
		}
		// A window that was locked with it asks, too: it opened with anything.
		e, ok := errors.AsType[*chat.Error](g.Unlock(t.Context(), []byte("anything")))
		if !ok || e.Code != chat.CodeRefused {
			t.Errorf("a wrong passphrase while unlocked: %v, want it refused", e)
		}
		if err := g.Unlock(t.Context(), []byte(horse)); err != nil {
			t.Errorf("the right one while unlocked: %v", err)
		}
	})
}

// A setting that makes no sense is refused in words.
func TestLockSettings(t *testing.T) {
	inTime(t, nil, func(t *testing.T, g *guard) {
		for _, s := range [][2]string{{"lock-after", "-1"}, {"lock-after", "soon"}, {"lock-after", "10081"}, {"lock-network", "hold"}} {
			e, ok := errors.AsType[*chat.Error](g.Set(t.Context(), s[0], s[1]))
			if !ok || e.Code != chat.CodeUsage || e.Hint == "" {
				t.Errorf("%s %s: %v, want a usage error with a hint", s[0], s[1], e)
			}
		}
	})
}
