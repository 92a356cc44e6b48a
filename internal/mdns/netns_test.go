//go:build netns && linux

package mdns

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests of this file need root: each host is a process of this test binary
// in a network namespace of its own, on a switch that is one more. Packets never
// leave them.
//
//	go test -tags netns ./internal/mdns

const roleVariable = "LLCHAT_MDNS_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		hostMain(role)
		return
	}
	// They wait more than they compute; those that compute do not run beside others.
	flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}

// hostMain does what the lines of its input say until that ends.
func hostMain(role string) {
	h := hostSide{out: os.Stdout}
	h.print("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		f := strings.Fields(in.Text())
		if f[0] == "ip" { // in our own namespace
			out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
			h.print("ip done %v %s", err, strings.ReplaceAll(string(out), "\n", " "))
			continue
		}
		h.command(f[0], f[1:])
	}
	h.close()
}

// host is a host process as the test sees it.
type host struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

// room is a switch with hosts.
type room struct {
	t    testing.TB
	hub  *host
	n    int
	plug map[string]string // host to the name of its port on the switch
}

func newRoom(t testing.TB) *room {
	r := &room{t: t, plug: map[string]string{}}
	r.hub = startHost(t, "hub")
	r.hub.ip("link add br0 type bridge mcast_snooping 0")
	r.hub.ip("link set br0 up")
	return r
}

func startHost(t testing.TB, name string) *host {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+name)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("namespaces (root is needed): %v", err)
	}
	h := &host{t: t, name: name, cmd: cmd, in: in, lines: make(chan string, 1000)}
	go func() {
		defer close(h.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		for range h.lines {
		}
		cmd.Wait()
	})
	h.want("ready")
	h.ip("link set lo up")
	return h
}

// host adds a host with interface eth0 and an address in 10.77.0.0/16.
func (r *room) host(name, addr string) *host {
	r.t.Helper()
	h := startHost(r.t, name)
	r.n++
	port := fmt.Sprintf("port%d", r.n)
	r.plug[name] = port
	r.hub.ip(fmt.Sprintf("link add %s type veth peer name eth0 netns %d", port, h.cmd.Process.Pid))
	r.hub.ip("link set " + port + " master br0 up")
	h.ip("link set eth0 up")
	h.ip("addr add " + addr + "/16 dev eth0")
	h.ip("route add 224.0.0.0/4 dev eth0") // for programs without IP_MULTICAST_IF
	return h
}

func (h *host) tell(format string, args ...any) { fmt.Fprintf(h.in, format+"\n", args...) }

func (h *host) ip(args string) {
	h.t.Helper()
	h.tell("ip %s", args)
	if l := h.want("ip done"); !strings.Contains(l, "<nil>") {
		h.t.Fatalf("%s: ip %s: %s", h.name, args, l)
	}
}

// want returns the next line that begins with prefix.
func (h *host) want(prefix string) string {
	h.t.Helper()
	return h.wantIn(prefix, 2*time.Minute)
}

func (h *host) wantIn(prefix string, d time.Duration) string {
	h.t.Helper()
	timeout := time.After(d)
	for {
		select {
		case l, ok := <-h.lines:
			switch {
			case !ok:
				h.t.Fatalf("%s ended without %q", h.name, prefix)
			case strings.HasPrefix(l, "error"):
				h.t.Fatalf("%s: %s", h.name, l)
			case strings.HasPrefix(l, prefix):
				return strings.TrimSpace(strings.TrimPrefix(l, prefix))
			}
		case <-timeout:
			h.t.Fatalf("%s: no %q in %v", h.name, prefix, d)
		}
	}
}

// do gives a command and parses the answer, a line "done ...", into values.
func (h *host) do(values []any, format string, args ...any) {
	h.t.Helper()
	h.tell(format, args...)
	line := h.want("done")
	if _, err := fmt.Sscan(line, values...); err != nil && len(values) > 0 {
		h.t.Fatalf("%s: %q: %v", h.name, line, err)
	}
}
