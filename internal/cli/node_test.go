//go:build unix

package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest/loop"
)

// home is a fresh place for profiles, with a path that is short enough.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("LLCHAT_HOME", filepath.Join(dir, "home"))
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("NOTIFY_SOCKET", "")
	if err := os.Mkdir(filepath.Join(dir, "lan"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// program is llchat on a LAN that does not leave this machine.
func program(dir string, out, errs *bytes.Buffer) Program {
	return Program{
		Stdin: strings.NewReader(""), Stdout: out, Stderr: errs, Version: "test",
		Network: func() (*chat.Network, error) { return loop.Network(filepath.Join(dir, "lan"), 2), nil },
		Window:  func(context.Context, chat.API, WindowOptions) error { return nil },
	}
}

// systemd listens where Type=notify services report.
func systemd(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

func hears(t *testing.T, c *net.UnixConn, want string) {
	t.Helper()
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil || string(buf[:n]) != want {
		t.Errorf("systemd hears %q, %v; want %q", buf[:n], err, want)
	}
}

// A daemon: one line when it is ready, systemd is told, and being told to
// stop is exit 0 within 5 s, with nothing left behind.
func TestDaemon(t *testing.T) {
	dir := home(t)
	path := filepath.Join(dir, "notify")
	t.Setenv("NOTIFY_SOCKET", path)
	manager := systemd(t, path)
	var out, errs bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- newApp(program(dir, &out, &errs)).run(ctx, []string{"daemon", "--nick", "alice"}) }()
	hears(t, manager, "READY=1")
	var status, none bytes.Buffer
	if got := newApp(program(dir, &status, &none)).run(t.Context(), []string{"status", "--json"}); got != 0 ||
		!strings.Contains(status.String(), `"ready":true`) {
		t.Errorf("status: %d %s%s", got, &status, &none)
	}
	began := time.Now()
	stop()
	hears(t, manager, "STOPPING=1")
	if got := <-code; got != 0 || errs.Len() != 0 {
		t.Errorf("exit %d, stderr %q", got, &errs)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("the end took %v", d)
	}
	if !regexp.MustCompile(`^ready alice@[a-z0-9-]+ [0-9]+ [0-9a-f]{64}\n$`).MatchString(out.String()) {
		t.Errorf("stdout %q", &out)
	}
	if _, err := os.Lstat(filepath.Join(dir, "home", "default", "control.sock")); err == nil {
		t.Error("the socket is still there")
	}
}

// Told to stop before it was ready: exit 0, no ready line.
func TestDaemonStoppedEarly(t *testing.T) {
	dir := home(t)
	var out, errs bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, stop)
	if code := newApp(program(dir, &out, &errs)).run(ctx, []string{"daemon"}); code != 0 || out.Len()+errs.Len() != 0 {
		t.Errorf("exit %d, %q %q", code, &out, &errs)
	}
}

// An abstract socket of systemd, and a manager that is not there.
func TestNotify(t *testing.T) {
	name := "@llchat-test-" + filepath.Base(home(t))
	manager := systemd(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	notify("READY=1")
	hears(t, manager, "READY=1")
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/notify")
	notify("READY=1")
}

// The window is handed the running node when there is one, and told how the
// terminal is.
func TestWindow(t *testing.T) {
	dir := home(t)
	var out, errs bytes.Buffer
	for _, c := range []struct {
		name     string
		args     string
		term     string
		terminal bool
		plain    bool
	}{
		{"a terminal", "", "xterm-256color", true, false},
		{"--plain", "--plain", "xterm-256color", true, true},
		{"a dumb terminal", "", "dumb", true, true},
		{"a pipe", "", "xterm-256color", false, true},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("LLCHAT_PLAIN", "")
		p := program(dir, &out, &errs)
		var got WindowOptions
		p.Window = func(ctx context.Context, api chat.API, o WindowOptions) error {
			got = o
			_, err := api.Status(ctx)
			return err
		}
		a := newApp(p)
		a.isTTY = func(any) bool { return c.terminal }
		if code := a.run(t.Context(), strings.Fields(c.args)); code != 0 || got.Plain != c.plain || got.Demo {
			t.Errorf("%s: exit %d, %+v, %s", c.name, code, got, &errs)
		}
	}
}
