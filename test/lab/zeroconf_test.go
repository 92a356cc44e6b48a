//go:build lab && linux

package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/grandcat/zeroconf"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// zeroconfMain is github.com/grandcat/zeroconf inside a host: the interop
// counterpart that docs/decisions speaks of. It takes the same arguments and
// prints the same lines as testdata/zeroconf_peer.py.
func zeroconfMain(args []string) error {
	if args[0] == "browse" {
		return zeroconfBrowse()
	}
	port, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	// Its own name of the host would be the machine's: give it one.
	_, machine, _ := strings.Cut(args[1], "@")
	escaped := strings.ReplaceAll(args[1], ".", `\.`)
	s, err := zeroconf.RegisterProxy(escaped, "_presence._tcp", "local.", port, machine, args[3:4], args[4:], nil)
	if err != nil {
		return err
	}
	fmt.Println(`{"event":"published"}`)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		s.SetText(strings.Fields(in.Text())[1:])
	}
	s.Shutdown()
	return nil
}

func zeroconfBrowse() error {
	r, err := zeroconf.NewResolver()
	if err != nil {
		return err
	}
	found := make(chan *zeroconf.ServiceEntry)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := r.Browse(ctx, "_presence._tcp", "local.", found); err != nil {
		return err
	}
	go func() {
		for e := range found {
			out := zeroconfEvent{
				Event: "add", Name: safetext.UnescapeDNS(e.Instance) + ".", Server: e.HostName, Port: e.Port,
				Txt: map[string]string{},
			}
			for _, item := range e.Text {
				k, v, _ := strings.Cut(item, "=")
				out.Txt[k] = v
			}
			for _, a := range e.AddrIPv4 {
				out.Addresses = append(out.Addresses, a.String())
			}
			for _, a := range e.AddrIPv6 {
				out.Addresses = append(out.Addresses, a.String())
			}
			line, err := json.Marshal(out)
			if err != nil {
				panic(err) // strings and numbers only
			}
			fmt.Println(string(line))
		}
	}()
	fmt.Println(`{"Event":"browsing"}`)
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return nil // hung up
	}
	return nil
}

// grandcat plays zeroconfMain in the host.
func (h *host) grandcat(t testing.TB, args ...string) *process {
	t.Helper()
	return h.background(t, []as{withEnv(roleVariable + "=zeroconf")}, append([]string{"/proc/self/exe"}, args...)...)
}

// TestGrandcatSeesUs: its browser finds us, whole. It never reports change
// or going, so there is nothing more to want.
func TestGrandcatSeesUs(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	other := l.hosts[1].grandcat(t, "browse")
	e := wantZeroconf(other, "add", alice.name, always)
	if e.Port != alice.port || e.Txt["nick"] != "Alice" || e.Txt["txtvers"] != "1" || len(e.Addresses) == 0 {
		t.Errorf("it shows us as %+v", e)
	}
}

// TestWeSeeGrandcat: it answers no question about a name with an @ in it, so
// all that we have is what it announces by itself and with its PTR record.
func TestWeSeeGrandcat(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	const carol = "carol@tern"
	service := l.hosts[1].grandcat(t, "publish", carol, "5298", l.hosts[1].address(),
		"txtvers=1", "nick=Carol", "status=avail")
	service.wantText(readyTime, "published")
	p := alice.sees("available", carol, func(p chat.Peer) bool {
		return p.Presence == chat.Online && p.Nick.String() == "Carol" && len(p.Addresses) > 0
	})
	if p.Encrypts != nil {
		t.Errorf("encrypts is %v for a claim that was never tried", *p.Encrypts)
	}
	service.tell("txt txtvers=1 nick=Carol status=away")
	alice.sees("away", carol, func(p chat.Peer) bool { return p.Presence == chat.Away })
	service.hangUp()
	alice.lost(carol)
}
