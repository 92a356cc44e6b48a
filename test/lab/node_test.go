//go:build lab && linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
	"llchat/internal/safetext"
)

const (
	readyTime = 30 * time.Second // for a daemon to be on the network
	seeTime   = 30 * time.Second // for one node to hear of another
)

// node is an llchat daemon on a host, and the commands for it.
type node struct {
	t     testing.TB
	h     *host
	home  string // LLCHAT_HOME
	flags []string
	p     *process
	c     *control.Client // of the daemon of
	of    *process

	name        string // instance name
	port        int
	fingerprint string
	readyAt     time.Time
}

// daemon starts llchat daemon on h with a new profile and waits until it is
// ready.
func (h *host) daemon(t testing.TB, flags ...string) *node {
	t.Helper()
	n := &node{t: t, h: h, home: h.folder(t, "profiles"), flags: flags}
	n.start()
	return n
}

// folder makes a new folder below the host's.
func (h *host) folder(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(h.dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (n *node) start() {
	n.t.Helper()
	n.launch()
	n.awaitReady()
}

func (n *node) launch() {
	n.t.Helper()
	args := append([]string{llchat, "daemon"}, n.flags...)
	n.p = n.h.background(n.t, []as{withEnv("LLCHAT_HOME=" + n.home)}, args...)
}

func (n *node) awaitReady() {
	n.t.Helper()
	line := n.p.wantText(readyTime, "ready ")
	n.readyAt = time.Now()
	f := strings.Fields(line)
	if len(f) != 4 || len(f[3]) != 64 {
		n.t.Fatalf("ready line: %q", line)
	}
	n.name, n.fingerprint = f[1], f[3]
	var err error
	if n.port, err = strconv.Atoi(f[2]); err != nil {
		n.t.Fatalf("ready line: %q", line)
	}
}

// address is where the node listens on the LAN.
func (n *node) address() string { return fmt.Sprintf("%s:%d", n.h.address(), n.port) }

// run runs a command of llchat for this node's profile.
func (n *node) run(args ...string) result {
	n.t.Helper()
	return n.h.run(n.t, []as{withEnv("LLCHAT_HOME=" + n.home)}, append([]string{llchat}, args...)...)
}

// must is run for a command that has to exit with code; it returns its output.
func (n *node) must(code int, args ...string) result {
	n.t.Helper()
	r := n.run(args...)
	if r.code != code {
		n.t.Fatalf("%s: llchat %q: exit %d, want %d\n%s%s", n.h.name, args, r.code, code, r.stdout, r.stderr)
	}
	return r
}

// watch follows the node's events, as JSON: first what is stored, so that
// nothing is missed while it starts.
func (n *node) watch() *process {
	n.t.Helper()
	args := []string{llchat, "watch", "--json", "--since", "1"}
	return n.h.background(n.t, []as{withEnv("LLCHAT_HOME=" + n.home)}, args...)
}

// peers are the rows of `llchat peers --json`.
func (n *node) peers() []chat.Peer {
	n.t.Helper()
	var rows []chat.Peer
	for line := range strings.Lines(n.must(0, "peers", "--json").stdout) {
		var e chat.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			n.t.Fatalf("peers --json: %v: %s", err, line)
		}
		p, ok := e.Body.(chat.Peer)
		if !ok {
			n.t.Fatalf("peers --json: %s", line)
		}
		rows = append(rows, p)
	}
	return rows
}

// peer returns the row with this instance name.
func (n *node) peer(instance string) (chat.Peer, bool) {
	n.t.Helper()
	for _, p := range n.peers() {
		if p.Instance.String() == instance {
			return p, true
		}
	}
	return chat.Peer{}, false
}

// sees waits until a row of that instance name is as ok wants it.
func (n *node) sees(what, instance string, ok func(chat.Peer) bool) chat.Peer {
	n.t.Helper()
	var last chat.Peer
	if !poll(n.t.Context(), seeTime, func() bool {
		p, found := n.peer(instance)
		last = p
		return found && ok(p)
	}) {
		n.t.Fatalf("%s does not see %s %s; peers:\n%s", n.h.name, instance, what, n.must(0, "peers", "--json").stdout)
	}
	return last
}

// seesOnce waits until one row with a proven key has this instance name, and
// nothing else has: what is announced joins its key when the addresses are known.
func (n *node) seesOnce(instance string) {
	n.t.Helper()
	if !poll(n.t.Context(), seeTime, func() bool {
		rows := slices.DeleteFunc(n.peers(), func(p chat.Peer) bool { return p.Instance.String() != instance })
		return len(rows) == 1 && !rows[0].Fingerprint.IsZero()
	}) {
		n.t.Fatalf("%s does not see %s once, with a key; peers:\n%s", n.h.name, instance, n.must(0, "peers", "--json").stdout)
	}
}

func isOnline(p chat.Peer) bool { return p.Presence != chat.Offline }

// lost waits until nobody of that instance name is online.
func (n *node) lost(instance string) {
	n.t.Helper()
	eventually(n.t, seeTime, n.h.name+" lost "+instance, func() bool {
		p, found := n.peer(instance)
		return !found || !isOnline(p)
	})
}

// client talks to the node over its control socket without a process between:
// one connection for as long as the daemon runs.
func (n *node) client() *control.Client {
	n.t.Helper()
	if n.c != nil && n.of == n.p {
		return n.c
	}
	c, err := control.Dial(n.t.Context(), filepath.Join(n.home, "default", "control.sock"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	n.c, n.of = c, n.p
	return c
}

// rss is the resident memory of the daemon in octets.
func (n *node) rss() int64 {
	n.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.p.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	n.t.Fatalf("no VmRSS in %s", b)
	return 0
}

// event is a line of watch --json, as a program reads it.
func event(t testing.TB, line string) chat.Event {
	t.Helper()
	var e chat.Event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("watch --json: %v: %s", err, line)
	}
	return e
}

// wantMessage waits for a message event with this text and state.
func wantMessage(w *process, body string, state chat.State) chat.Message {
	w.t.Helper()
	line := w.want(seeTime, fmt.Sprintf("message %q %s", body, state), func(line string) bool {
		m, ok := event(w.t, line).Body.(chat.Message)
		return ok && m.Body == safetext.Body(body) && m.State == state
	})
	return event(w.t, line).Body.(chat.Message)
}

// friends makes two nodes that have accepted each other.
func friends(t testing.TB, a, b *node) {
	t.Helper()
	a.sees("online", b.name, isOnline)
	b.sees("online", a.name, isOnline)
	a.must(3, "send", b.name, "may I?")
	b.seesOnce(a.name)
	b.must(0, "accept", a.name)
	a.sees("no longer waiting for acceptance", b.name, func(p chat.Peer) bool { return p.Stream && !p.Waiting })
	a.must(0, "send", b.name, "thank you")
	b.must(0, "send", a.name, "welcome")
}

// delivered sends text and waits for its receipt over the control socket.
func delivered(ctx context.Context, c *control.Client, who, text string) error {
	feed, err := c.Subscribe(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	m, err := c.Send(ctx, who, text)
	if err != nil {
		return err
	}
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			if got, ok := e.Body.(chat.Message); ok && got.ID == m.ID && got.State == chat.Delivered {
				return nil
			}
		}
	}
}
