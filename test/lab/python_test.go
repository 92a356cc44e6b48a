//go:build lab && linux

package lab

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// python starts a script of testdata inside the host, with Debian's Python.
func (h *host) python(t testing.TB, script string, args ...string) *process {
	t.Helper()
	return h.background(t, nil, pythonLine(t, script, args...)...)
}

func pythonLine(t testing.TB, script string, args ...string) []string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"/usr/bin/python3", filepath.Join(wd, "testdata", script)}, args...)
}

// zeroconfEvent is a line of zeroconf_peer.py and of the grandcat role.
type zeroconfEvent struct {
	Event, Name, Server string
	Port                int
	Txt                 map[string]string
	Addresses           []string
}

// wantZeroconf waits for an event of that kind about that instance.
func wantZeroconf(p *process, kind, instance string, ok func(zeroconfEvent) bool) zeroconfEvent {
	p.t.Helper()
	var e zeroconfEvent
	p.want(seeTime, kind+" "+instance, func(line string) bool {
		e = zeroconfEvent{}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			p.t.Fatalf("%s: %v: %q", p.what, err, line)
		}
		return e.Event == kind && strings.HasPrefix(e.Name, instance+".") && ok(e)
	})
	return e
}

func always(zeroconfEvent) bool { return true }

// TestPythonZeroconfSeesUs: coming, changing and going of us in
// python3-zeroconf.
func TestPythonZeroconfSeesUs(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	other := l.hosts[1].python(t, "zeroconf_peer.py", "browse")
	other.wantText(readyTime, "browsing")
	alice := l.hosts[0].daemon(t, "--nick", "Alice")

	e := wantZeroconf(other, "add", alice.name, always)
	_, machine, _ := strings.Cut(alice.name, "@")
	if e.Port != alice.port || e.Server != machine+".local." {
		t.Errorf("SRV is %s port %d, want %s.local. port %d", e.Server, e.Port, machine, alice.port)
	}
	want := map[string]string{
		"txtvers": "1", "nick": "Alice", "status": "avail", "node": "urn:x-llchat", "hash": "sha-1", "ver": e.Txt["ver"],
	}
	if !maps.Equal(e.Txt, want) || len(e.Txt["ver"]) != verLen {
		t.Errorf("TXT is %v, want %v", e.Txt, want)
	}
	for _, want := range []string{alice.h.address(), alice.h.linkLocal()} {
		if !slices.ContainsFunc(e.Addresses, func(a string) bool { return a == want || strings.HasPrefix(a, want+"%") }) {
			t.Errorf("addresses are %v, want %s among them", e.Addresses, want)
		}
	}
	alice.must(0, "set", "status", "away")
	wantZeroconf(other, "update", alice.name, func(e zeroconfEvent) bool { return e.Txt["status"] == "away" })
	alice.p.stop()
	wantZeroconf(other, "remove", alice.name, always)
}

// TestWeSeePythonZeroconf: what python3-zeroconf announces, with its NSEC
// records that other decoders refuse.
func TestWeSeePythonZeroconf(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	const carol = "carol@tern"
	service := l.hosts[1].python(t, "zeroconf_peer.py", "publish", carol, "5298", l.hosts[1].address(),
		"txtvers=1", "nick=Carol", "status=avail")
	testSeen(t, alice, service, carol)
}

// testSeen follows a peer that a script publishes: coming, TXT change, going.
func testSeen(t *testing.T, alice *node, service *process, instance string) {
	t.Helper()
	p := alice.sees("available", instance, func(p chat.Peer) bool {
		return p.Presence == chat.Online && p.Nick.String() == "Carol" && len(p.Addresses) > 0
	})
	if want := "10.77.0.2:" + strconv.Itoa(5298); !slices.Contains(p.Addresses, want) {
		t.Errorf("addresses are %v, want %s among them", p.Addresses, want)
	}
	service.wantText(readyTime, "published")
	service.tell("txt txtvers=1 nick=Carol status=away msg=tea")
	alice.sees("away", instance, func(p chat.Peer) bool {
		return p.Presence == chat.Away && p.Message.String() == "tea"
	})
	service.hangUp()
	alice.lost(instance)
}
