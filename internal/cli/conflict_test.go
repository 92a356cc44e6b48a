//go:build unix

package cli

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest/loop"
)

// folk is a LAN of daemons, each a profile on a host of its own.
type folk struct {
	t   *testing.T
	dir string
}

// lockedBuffer is written by a daemon and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (f folk) program(host byte) Program {
	p := program(f.dir, new(bytes.Buffer), new(bytes.Buffer))
	p.Network = func() (*chat.Network, error) { return loop.Network(filepath.Join(f.dir, "lan"), host), nil }
	return p
}

// daemon runs a node; it returns its fingerprint and what ends it.
func (f folk) daemon(profile, nick string, host byte) (fingerprint string, stop func()) {
	f.t.Helper()
	p := f.program(host)
	var out, errs lockedBuffer
	p.Stdout, p.Stderr = &out, &errs
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan int, 1)
	go func() { ended <- newApp(p).run(ctx, []string{"daemon", "--profile", profile, "--nick", nick}) }()
	f.until(profile+" is ready", func() bool { return strings.HasSuffix(out.String(), "\n") })
	words := strings.Fields(out.String())
	return words[len(words)-1], sync.OnceFunc(func() {
		cancel()
		if code := <-ended; code != 0 {
			f.t.Errorf("%s ended with %d: %s", profile, code, errs.String())
		}
	})
}

// llchat runs a command in a profile.
func (f folk) llchat(profile string, args ...string) (code int, out string) {
	p := f.program(9)
	var o, e bytes.Buffer
	p.Stdout, p.Stderr = &o, &e
	code = newApp(p).run(f.t.Context(), append([]string{"--profile", profile}, args...))
	return code, o.String() + e.String()
}

// wants runs a command and fails the test unless it ends as it should.
func (f folk) wants(code int, part, profile string, args ...string) {
	f.t.Helper()
	if got, out := f.llchat(profile, args...); got != code || !strings.Contains(out, part) {
		f.t.Fatalf("%s: %q: exit %d, want %d and %q:\n%s", profile, args, got, code, part, out)
	}
}

func (f folk) until(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// shows waits until a command prints something.
func (f folk) shows(part, profile string, args ...string) {
	f.t.Helper()
	f.until(strings.Join(args, " ")+" shows "+part, func() bool {
		_, out := f.llchat(profile, args...)
		return strings.Contains(out, part)
	})
}

// Security.md 6.2 from the command line, over a restart: a second bob is
// reached under a name of its own, the first one gets a new key, and nothing
// goes where it was not meant to.
func TestConflictStory(t *testing.T) {
	f := folk{t, home(t)}
	alice, stopAlice := f.daemon("alice", "alice", 2)
	bob, stopBob := f.daemon("bob", "bob", 3)
	to := alice[:16]
	f.shows("alice", "bob", "peers")
	f.wants(3, "", "bob", "send", "alice", "hello from bob", "--timeout", "20s")
	f.shows(bob[:8], "alice", "peers")
	f.wants(0, "accepted bob", "alice", "accept", bob[:16])
	f.shows("hello from bob", "alice", "history", bob[:16])

	second, stopSecond := f.daemon("second", "bob", 4)
	f.shows("alice", "second", "peers")
	f.wants(3, "", "second", "send", "alice", "hello from the second", "--timeout", "20s")
	f.shows("NOT the bob", "alice", "peers")
	f.wants(4, "--new-key-of bob", "alice", "accept", second[:16])
	f.wants(4, "is, or looks like, a name of your contact bob", "alice", "accept", second[:16], "--as", "BOB")
	f.wants(2, "exactly as you keep it", "alice", "accept", second[:16], "--new-key-of", "Bob")
	f.wants(0, "accepted Bob B", "alice", "accept", second[:16], "--as", "Bob B")
	f.shows("hello from the second", "alice", "history", "Bob B")

	stopBob()
	f.wants(3, "", "alice", "send", bob[:16], "only for the old key", "--timeout", "1s")
	fresh, stopFresh := f.daemon("fresh", "bob", 5)
	f.shows("alice", "fresh", "peers")
	f.wants(3, "", "fresh", "send", "alice", "a new laptop", "--timeout", "20s")
	f.shows(fresh[:8], "alice", "peers")
	f.wants(0, "accepted as the new key of bob", "alice", "accept", fresh[:16], "--new-key-of", "bob")
	f.shows("a new laptop", "alice", "history", fresh[:16])

	stopAlice()
	_, stopAlice = f.daemon("alice", "alice", 2)
	f.wants(0, "", "alice", "send", fresh[:16], "to the new key", "--timeout", "60s")
	f.wants(0, "", "alice", "send", "Bob B", "to the second", "--timeout", "60s")
	f.wants(0, "hello from bob", "alice", "history", "bob (old)")
	f.wants(0, chat.ReasonReplaced, "alice", "history", "bob (old)", "--json")
	f.wants(4, "was replaced by a newer one", "alice", "send", "bob (old)", "hello?")
	for profile, not := range map[string][]string{"fresh": {"only for the old key", "to the second"}, "second": {"only for the old key", "to the new key"}} {
		_, out := f.llchat(profile, "history", to)
		for _, text := range not {
			if strings.Contains(out, text) {
				t.Errorf("%s got %q", profile, text)
			}
		}
	}
	stopFresh()
	stopSecond()
	stopAlice()
}
