package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns/link"
	"llchat/internal/netmon"
)

// loopbackName finds the interface on which tests may send.
func loopbackName(t *testing.T) string {
	t.Helper()
	all, err := netmon.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Loopback && i.Up {
			return i.Name
		}
	}
	t.Fatal("no loopback")
	return ""
}

// A whole run on real sockets, on loopback alone: it is said that nobody is met
// there, nothing is taken for a firewall, and nothing of this machine is in the report.
func TestRun_Loopback(t *testing.T) {
	name := loopbackName(t)
	r, err := Run(t.Context(), Options{Only: []string{name}, Listen: 600 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var lo Interface
	for _, i := range r.Interfaces {
		if i.Name == name {
			lo = i
		} else if i.Used {
			t.Errorf("%s is used too", i.Name)
		}
	}
	if !lo.Used || lo.IPv4 != kindLoopback || lo.Heard != 0 || lo.Answered != 0 || lo.People != 0 {
		t.Errorf("loopback: %+v", lo)
	}
	if r.Running || r.People != 0 || r.Second.Stack != stack || r.Second.SeesUs {
		t.Errorf("report: %+v", r)
	}
	if f, ok := r.Find(NoInterface); !ok || f.Interface != name || !strings.Contains(f.Text, "loopback") {
		t.Errorf("loopback passes for a link to meet people on: %+v", f)
	}
	for _, code := range []string{NoEcho, MulticastFiltered, ClientIsolation, SecondOpinion} {
		if f, ok := r.Find(code); ok {
			t.Errorf("found %+v", f)
		}
	}
	data, err := json.Marshal(r)
	if err != nil || strings.Contains(string(data)+r.Text(), "127.0.0.1") {
		t.Errorf("%v: %s", err, data)
	}
}

func TestRun_Stopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{Only: []string{loopbackName(t)}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

// deadSource ends with an error, or never opens a link.
type deadSource struct{ err error }

func (s deadSource) Run(ctx context.Context, h link.Handler) error {
	if s.err != nil {
		return s.err
	}
	h.Links(nil)
	<-ctx.Done()
	return nil
}
func (deadSource) Send(link.ID, netip.AddrPort, []byte) error { return link.ErrNoLink }
func (deadSource) Unicast() bool                              { return false }

func TestListen_NoLink(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name  string
		err   error
		taken []string
		want  error
	}{
		{"port taken", link.ErrTaken, []string{"IPv4", "IPv6"}, nil},
		{"something else", boom, nil, boom},
		{"no socket of any family", nil, []string{"IPv4", "IPv6"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := well(eth())
			err := newEar(mine, "", 0, marked).listen(t.Context(), deadSource{tt.err}, &f, Options{})
			if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("listen: %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(tt.taken, f.taken); diff != "" {
				t.Errorf("taken (-want +got)\n%s", diff)
			}
		})
	}
}

// What was heard ends up with the interface it was heard on.
func TestConclude(t *testing.T) {
	e := newEar(mine, myName, myPort, marked)
	e.Links([]link.Info{{ID: 2, Name: "eth0", Addrs: []netip.Prefix{prefix("10.77.0.1/16")}}, {ID: 9, Name: "gone0"}})
	l := e.list()[0]
	l.echo4 = true
	l.sources[netip.MustParseAddr("10.77.0.2")] = true
	e.learn(l, ptr("bob@nuc"), false)
	e.learn(l, ptr(myName), true)
	bob := netip.MustParseAddrPort("10.77.0.2:7")
	f := well(eth(func(i *iface) { *i = iface{Interface: i.Interface, used: true} }))
	answers := map[netip.Addr]bool{bob.Addr(): true}
	e.conclude(&f, l, answers, dialled{tried: 1, silent: 1, quiet: [][]netip.AddrPort{{bob}}}, 3)
	e.conclude(&f, e.list()[1], nil, dialled{}, 0) // went away: nothing to write to
	got := f.ifaces[1]
	if !got.opened || !got.echo4 || got.echo6 || got.heard != 1 || got.answered != 1 || got.people != 1 ||
		got.dialled != 1 || got.silent != 1 || got.silentSpeak != 1 || got.known != 3 || !got.announced || got.fight {
		t.Errorf("%+v", got)
	}
	if f.ifaces[0].opened {
		t.Error("loopback has it too")
	}
}

// Only an interface that is not used takes what is for neighbours away: cable
// and Wi-Fi in one network are no fault.
func TestRoutes(t *testing.T) {
	f := facts{ifaces: []iface{
		{Interface: netmon.Interface{Name: "a", Addrs: []netip.Prefix{prefix("127.0.0.1/8")}}, used: true},
		{Interface: netmon.Interface{Name: "b", Addrs: []netip.Prefix{prefix("127.0.0.5/8")}}, used: true},
	}}
	f.routes()
	if f.ifaces[0].captured != "" || f.ifaces[1].captured != "" {
		t.Errorf("captured by one of ours: %+v", f.ifaces)
	}
	f.ifaces[0].used = false
	f.routes()
	if got := f.ifaces[1].captured; got != "a" {
		t.Errorf("captured by %q", got)
	}
}
