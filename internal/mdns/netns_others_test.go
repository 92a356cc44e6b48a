//go:build netns && linux

package mdns

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/grandcat/zeroconf"
	"golang.org/x/sys/unix"
)

// avahiSees returns after how many milliseconds avahi-browse shows a line that
// begins with sign (+ or -) about that instance over IPv4, 60,000 at most.
func avahiSees(sign, instance string) (ms int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "avahi-browse", "-p", "_presence._tcp")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer cmd.Wait()
	defer cancel()
	want := strings.ReplaceAll(instance, "@", `\064`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if l := lines.Text(); strings.HasPrefix(l, sign+";eth0;IPv4;"+want) {
			return int(time.Since(start).Milliseconds()), nil
		}
	}
	return 60000, nil
}

// transmitted is how many octets have left eth0.
func transmitted() (int, error) {
	data, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if name, counts, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == "eth0" {
			return number(strings.Fields(counts)[8]), nil
		}
	}
	return 0, fmt.Errorf("no eth0 in %q", data)
}

// usageOf is the resident set of a process in KiB and its CPU time in ms.
func usageOf(pid int) (rss, cpu int, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest) // proc(5): utime and stime are 14 and 15 in ticks of 10 ms, rss is 24 in pages
	return number(f[21]) * os.Getpagesize() / 1024, (number(f[11]) + number(f[12])) * 10, nil
}

// avahiBrowse counts what avahi-browse shows over IPv4, with word in it.
func avahiBrowse(want, seconds int, word string) (found, ms int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "avahi-browse", "-p", "_presence._tcp")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer cmd.Wait()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if l := lines.Text(); strings.HasPrefix(l, "+;eth0;IPv4;") && strings.Contains(l, word) {
			if found++; found >= want {
				cancel()
				break
			}
		}
	}
	return found, int(time.Since(start).Milliseconds()), nil
}

// usage is the resident set of this process in KiB and its CPU time in ms.
func usage() (rss, cpu int) {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS:") {
			rss = number(strings.Fields(line)[1])
		}
	}
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return rss, int((u.Utime.Nano() + u.Stime.Nano()) / 1e6)
}

// grandcat browses with github.com/grandcat/zeroconf.
func grandcat(want, seconds int) (found, ms int) {
	log.SetOutput(io.Discard)
	r, err := zeroconf.NewResolver(zeroconf.SelectIPTraffic(zeroconf.IPv4))
	if err != nil {
		return 0, 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry, 1000)
	start := time.Now()
	if err := r.Browse(ctx, "_presence._tcp", "local.", entries); err != nil {
		return 0, 0
	}
	seen := map[string]bool{}
	for e := range entries {
		if seen[e.Instance] = true; len(seen) >= want {
			break
		}
	}
	return len(seen), int(time.Since(start).Milliseconds())
}

// avahi starts a system bus and avahi-daemon in folders that only this host has.
func (h *hostSide) avahi() error {
	for _, d := range []string{"/run"} {
		if err := unix.Mount("tmpfs", d, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", d, err)
		}
	}
	for _, d := range []string{"/run/dbus", "/run/avahi-daemon"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.Command("chown", "avahi:avahi", "/run/avahi-daemon").CombinedOutput(); err != nil {
		return fmt.Errorf("chown: %w %s", err, out)
	}
	conf := "/run/avahi.conf"
	if err := os.WriteFile(conf, []byte("[server]\nhost-name=avahihost\nallow-interfaces=eth0\ndisallow-other-stacks=no\n"+
		"[wide-area]\nenable-wide-area=no\n[publish]\npublish-workstation=no\npublish-hinfo=no\n"), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"dbus-daemon", "--system", "--nofork", "--nopidfile"},
		{"avahi-daemon", "-f", conf, "--no-chroot", "--no-rlimits"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			return err
		}
		h.daemon = cmd.Process.Pid
		h.stops = append(h.stops, func() { cmd.Process.Kill(); cmd.Wait() })
		time.Sleep(300 * time.Millisecond)
	}
	for range 50 {
		if exec.Command("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.Avahi", "/",
			"org.freedesktop.Avahi.Server.GetHostName").Run() == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("avahi-daemon does not answer")
}
