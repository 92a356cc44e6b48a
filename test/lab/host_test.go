//go:build lab && linux

package lab

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// host is one machine of the lab: its network, process ids, mounts and host
// name are its own. Its first process is this test binary (hostMain); when
// that ends, the kernel ends every other process of the host and takes its
// interfaces away. It ends when its standard input does, so that nothing
// survives the test, however the test ends.
type host struct {
	name string
	no   int
	dir  string // its files: homes, logs
	init *exec.Cmd
	in   io.Closer
	work chan func() // runs on a thread that is inside the host
	done chan struct{}
}

func newHost(t testing.TB, name string, no int) *host {
	t.Helper()
	h := &host{name: name, no: no, dir: t.TempDir(), work: make(chan func()), done: make(chan struct{})}
	h.init = exec.Command("/proc/self/exe", name, h.dir)
	h.init.Env = append(os.Environ(), roleVariable+"=host")
	h.init.Stderr = os.Stderr
	h.init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWPID,
		Setpgid:    true, // an interrupt from the terminal is for the test alone
	}
	in, err := h.init.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.init.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.init.Start(); err != nil {
		t.Fatalf("host %s: %v", name, err)
	}
	h.in = in
	t.Cleanup(h.close)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "up\n" {
		t.Fatalf("host %s: %q, %v", name, line, err)
	}
	entered := make(chan error)
	go h.inside(entered)
	if err := <-entered; err != nil {
		t.Fatalf("host %s: %v", name, err)
	}
	return h
}

func (h *host) close() {
	close(h.work)
	<-h.done
	_ = h.in.Close()
	_ = h.init.Wait()
}

// inside is a thread of the test that lives in the host: sockets opened and
// processes started on it are the host's. The thread ends with the goroutine
// and never returns to the others.
func (h *host) inside(entered chan<- error) {
	defer close(h.done)
	runtime.LockOSThread()
	entered <- enter(h.init.Process.Pid)
	for f := range h.work {
		f()
	}
}

func enter(pid int) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare fs: %w", err)
	}
	for _, ns := range []string{"net", "uts", "pid", "mnt"} { // mnt last: it changes /proc
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, ns))
		if err != nil {
			return err
		}
		err = unix.Setns(int(f.Fd()), 0)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("enter %s: %w", ns, err)
		}
	}
	return nil
}

// do runs f inside the host. What f starts or opens must be started or opened
// by f's own goroutine.
func (h *host) do(f func()) {
	ended := make(chan struct{})
	h.work <- func() {
		defer close(ended)
		f()
	}
	<-ended
}

// address is the host's IPv4 address.
func (h *host) address() string { return fmt.Sprintf("10.77.0.%d", h.no) }

// linkLocal is the host's IPv6 address, without a zone.
func (h *host) linkLocal() string { return fmt.Sprintf("fe80::4c:4cff:fe00:%x", h.no) }

// machineWord and userWord are what the hosts and their users are called.
// Neither may ever be on the wire (README 3, "Names llchat generates").
const (
	machineWord = "-cormorant"
	userWord    = "sandpiper"
)

// hostMain is the first process of a host: it makes the mounts, adopts
// orphans, and ends when its input does.
func hostMain(args []string) error {
	if err := unix.Sethostname([]byte(args[0] + machineWord)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := ownMounts(args[1]); err != nil {
		return err
	}
	orphans := make(chan os.Signal, 1)
	signal.Notify(orphans, unix.SIGCHLD)
	go func() {
		for range orphans {
			for {
				if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
					break
				}
			}
		}
	}()
	if _, err := fmt.Println("up"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// ownMounts gives the host its own /proc, /sys, /run and /etc/hosts.
func ownMounts(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	hosts := filepath.Join(dir, "hosts")
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n127.0.1.1 "+name+"\n::1 localhost\n"), 0o644); err != nil {
		return err
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"proc", "/proc", "proc", 0},
		{"sysfs", "/sys", "sysfs", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{hosts, "/etc/hosts", "", unix.MS_BIND},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for _, d := range []string{"/run/dbus", "/run/avahi-daemon", "/run/lock"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// environment is what a program finds in a host: nothing of the tester's.
func (h *host) environment(more ...string) []string {
	home := filepath.Join(h.dir, "home")
	return slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8", "TERM=xterm-256color",
		"USER=" + userWord, "LOGNAME=" + userWord,
	}, more)
}

// mustRun runs a program in the host and returns what it printed.
func (h *host) mustRun(t testing.TB, args ...string) string {
	t.Helper()
	r := h.run(t, nil, args...)
	if r.code != 0 {
		t.Fatalf("%s: %s: exit %d\n%s%s", h.name, strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}
