package doctor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"llchat/internal/safetext"
)

// lookSystem says which commands this machine has.
func lookSystem() system {
	s := system{
		os: runtime.GOOS, root: os.Geteuid() == 0,
		networkManager: exists("/run/NetworkManager") && tool("nmcli") != "",
		networkd:       exists("/run/systemd/netif/links"),
		ufw:            tool("ufw") != "" && contains("/etc/ufw/ufw.conf", "ENABLED=yes"),
		firewalld:      exists("/run/firewalld") && tool("firewall-cmd") != "",
		iptables:       tool("iptables") != "",
		nft:            tool("nft") != "",
	}
	for _, client := range []string{"dhclient", "dhcpcd", "udhcpc"} {
		if s.dhcp == "" && tool(client) != "" {
			s.dhcp = map[string]string{"udhcpc": "udhcpc -n -q -i"}[client]
			if s.dhcp == "" {
				s.dhcp = client
			}
		}
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func contains(path, text string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(b), text)
}

// tool finds a program, also where only root's PATH leads.
func tool(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	return ""
}

// look adds what the kernel tells of an interface beyond netmon.
func (i *iface) look() {
	sys := filepath.Join("/sys/class/net", i.Name)
	i.wireless = exists(filepath.Join(sys, "wireless"))
	i.snooping = reads(filepath.Join(sys, "bridge/multicast_snooping")) == "1" && reads(filepath.Join(sys, "bridge/multicast_querier")) == "0"
	i.ipv6Off = reads(filepath.Join("/proc/sys/net/ipv6/conf", i.Name, "disable_ipv6")) == "1"
}

func reads(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

var errNoNft = errors.New("no nft here")

// lookRules reads the rules of the firewall.
func lookRules(ctx context.Context) (*ruleset, error) {
	nft := tool("nft")
	if nft == "" {
		return nil, errNoNft
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, nft, "--json", "list", "ruleset").Output()
	if err != nil {
		return nil, fmt.Errorf("list firewall rules: %w", err)
	}
	return parseRules(out)
}

// lookHolder finds the program that holds UDP port 5353, where /proc tells.
func lookHolder() holder {
	inodes := append(inodesOf("/proc/net/udp"), inodesOf("/proc/net/udp6")...)
	if len(inodes) == 0 {
		return holder{}
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return holder{}
	}
	for _, l := range links {
		to, err := os.Readlink(l)
		if err != nil || !slices.Contains(inodes, to) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(l, "/")[2])
		if err != nil || pid == os.Getpid() {
			continue
		}
		proc := filepath.Join("/proc", strconv.Itoa(pid))
		return holder{name: safetext.Name(reads(filepath.Join(proc, "comm"))).String(), pid: pid, unit: unitOf(reads(filepath.Join(proc, "cgroup")))}
	}
	return holder{}
}

// inodesOf lists the sockets at local port 5353 of a table of the kernel
// (proc_net_tcp.rst; 14E9 is 5353).
func inodesOf(table string) []string {
	b, err := os.ReadFile(table)
	if err != nil {
		return nil
	}
	var out []string
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > 9 && strings.HasSuffix(f[1], ":14E9") {
			out = append(out, "socket:["+f[9]+"]")
		}
	}
	return out
}

// unitOf is the system service that a control group belongs to.
func unitOf(cgroup string) string {
	for line := range strings.Lines(cgroup) {
		line = strings.TrimSpace(line)
		if _, path, ok := strings.Cut(line, ":/system.slice/"); ok && strings.HasSuffix(path, ".service") && plainName.MatchString(path) {
			return path
		}
	}
	return ""
}
