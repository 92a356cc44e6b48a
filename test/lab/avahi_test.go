//go:build lab && linux

package lab

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

const avahiConf = `[server]
host-name=%s
use-ipv4=yes
use-ipv6=yes
allow-interfaces=eth0
disallow-other-stacks=no
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
publish-hinfo=no
[rlimits]
`

// avahi starts a system bus and an avahi-daemon inside the host.
func (h *host) avahi(t testing.TB) {
	t.Helper()
	h.background(t, nil, "dbus-daemon", "--system", "--nofork", "--nopidfile")
	conf := filepath.Join(h.dir, "avahi.conf")
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(avahiConf, "%s", h.name)), 0o644); err != nil {
		t.Fatal(err)
	}
	h.do(func() {
		if err := chown("/run/avahi-daemon", "avahi"); err != nil {
			t.Errorf("%v", err)
		}
	})
	eventually(t, readyTime, "the system bus answers", func() (ok bool) {
		h.do(func() { _, err := os.Stat("/run/dbus/system_bus_socket"); ok = err == nil })
		return ok
	})
	h.background(t, nil, "avahi-daemon", "-f", conf, "--no-chroot", "--no-rlimits")
	eventually(t, readyTime, "Avahi answers", func() bool {
		return h.run(t, nil, "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.Avahi", "/",
			"org.freedesktop.Avahi.Server.GetHostName").code == 0
	})
}

func chown(path, name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}

// avahiRow is a line of avahi-browse --parsable --resolve.
type avahiRow struct {
	sign, family, instance, host, address string
	port                                  int
	txt                                   []string
}

func parseAvahi(line string) (r avahiRow, ok bool) {
	f := strings.SplitN(line, ";", 10)
	if len(f) < 6 {
		return r, false
	}
	r.sign, r.family, r.instance = f[0], f[2], safetext.UnescapeDNS(f[3])
	if len(f) < 10 {
		return r, true
	}
	r.host, r.address = f[6], f[7]
	r.port, _ = strconv.Atoi(f[8])
	for item := range strings.SplitSeq(f[9], `" "`) {
		r.txt = append(r.txt, strings.Trim(item, `"`))
	}
	return r, true
}

// verLen is the length of a SHA-1 in base64 (XEP-0115 section 5.1).
const verLen = 28

// TestAvahiSeesUs: what Debian's Avahi shows of us (174-3.1 to 3.5, 9.1).
func TestAvahiSeesUs(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	browser := l.hosts[1]
	browser.avahi(t)
	all := browser.background(t, nil, "avahi-browse", "--parsable", "--resolve", "_presence._tcp")
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	alice.must(0, "set", "message", "reading")

	_, machine, _ := strings.Cut(alice.name, "@")
	for family, address := range map[string]string{"IPv4": alice.h.address(), "IPv6": alice.h.linkLocal()} {
		var row avahiRow
		eventually(t, seeTime, "avahi-browse -prt shows us over "+family, func() bool {
			out := browser.mustRun(t, "avahi-browse", "-prt", "_presence._tcp")
			for line := range strings.Lines(out) {
				r, ok := parseAvahi(strings.TrimSpace(line))
				if ok && r.sign == "=" && r.family == family && r.instance == alice.name && r.address == address {
					row = r
				}
			}
			return row.sign != "" && slices.Contains(row.txt, "msg=reading")
		})
		if row.host != machine+".local" || row.port != alice.port {
			t.Errorf("%s: SRV is %s port %d, want %s.local port %d", family, row.host, row.port, machine, alice.port)
		}
		slices.Sort(row.txt)
		want := []string{"hash=sha-1", "msg=reading", "nick=Alice", "node=urn:x-llchat", "status=avail", "txtvers=1"}
		last := len(row.txt) - 1 // the ver of our capabilities
		if last != len(want) || !slices.Equal(row.txt[:last], want) || len(row.txt[last]) != len("ver=")+verLen {
			t.Errorf("%s: TXT is %q, want %q and ver", family, row.txt, want)
		}
	}
	for _, q := range []string{"-4", "-6"} {
		got := browser.mustRun(t, "avahi-resolve", q, "--name", machine+".local")
		if want := map[string]string{"-4": alice.h.address(), "-6": alice.h.linkLocal()}[q]; !strings.Contains(got, want) {
			t.Errorf("avahi-resolve %s: %q, want %s", q, got, want)
		}
	}

	alice.p.stop()
	all.want(seeTime, "goodbye", func(line string) bool {
		r, ok := parseAvahi(line)
		return ok && r.sign == "-" && r.instance == alice.name
	})
}

// TestWeSeeAvahi: what avahi-publish-service announces, and that it ends.
func TestWeSeeAvahi(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[1].avahi(t)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	const carol = "carol@tern"
	service := l.hosts[1].background(t, nil, "avahi-publish-service", carol, "_presence._tcp", "5298",
		"txtvers=1", "nick=Carol Ö.", "status=dnd", "msg=in a meeting", "unknown=1")
	p := alice.sees("with its TXT", carol, func(p chat.Peer) bool { return p.Presence == chat.DND })
	if p.Nick.String() != "Carol Ö." || p.Message.String() != "in a meeting" {
		t.Errorf("nick %q, message %q", p.Nick, p.Message)
	}
	if p.Trust != "" || p.Encrypts != nil || !p.Fingerprint.IsZero() {
		t.Errorf("a mere claim has trust %q, encrypts %v, fingerprint %v", p.Trust, p.Encrypts, p.Fingerprint)
	}
	eventually(t, seeTime, "both addresses of the SRV's host", func() bool {
		p, _ := alice.peer(carol)
		return slices.Contains(p.Addresses, "10.77.0.2:5298") &&
			slices.Contains(p.Addresses, "[fe80::4c:4cff:fe00:2%eth0]:5298")
	})
	service.stop()
	alice.lost(carol)
}

// TestWeSeeAvahiChange: a TXT record that changes in place.
func TestWeSeeAvahiChange(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[1].avahi(t)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	const carol = "carol@tern"
	service := l.hosts[1].python(t, "avahi_publish.py", carol, "_presence._tcp", "5298", "txtvers=1", "status=avail")
	alice.sees("available", carol, func(p chat.Peer) bool { return p.Presence == chat.Online })
	w := alice.watch()
	service.wantText(readyTime, "published")
	service.tell("txtvers=1 status=away msg=tea")
	alice.sees("away", carol, func(p chat.Peer) bool { return p.Presence == chat.Away && p.Message.String() == "tea" })
	service.hangUp()
	alice.lost(carol)
	for line := range strings.Lines(w.output()) {
		if p, ok := event(t, line).Body.(chat.Peer); ok && p.Instance.String() == carol && p.Presence == chat.Online && !p.Gone {
			t.Errorf("the old status came back: %s", line)
		}
	}
}
