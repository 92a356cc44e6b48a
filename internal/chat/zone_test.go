package chat_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/dnssd"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// zone is a DNS domain in memory, as package dnssd shows it to the engine.
type zone struct {
	mu       sync.Mutex // guards the following
	entries  map[string]mdns.Peer
	browsers []*zoneBrowser
	asked    int   // whatever was asked or changed
	fail     error // of everything that changes it
	formers  []string
	notify   func(name string, trouble error) // of the last entry
}

func newZone() *zone { return &zone{entries: map[string]mdns.Peer{}} }

// join has a host use the zone.
func (z *zone) join(c *counted) *counted {
	c.net.DNS = &chat.DNS{Browse: z.browse, Register: z.register}
	return c
}

func (z *zone) set(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

func (z *zone) asks() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked
}

// names are the instances in the zone.
func (z *zone) names() (out []string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, p := range z.entries {
		out = append(out, p.Instance)
	}
	slices.Sort(out)
	return out
}

func (z *zone) entry(name string) mdns.Peer {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.entries[strings.ToLower(name)]
}

// put writes an entry, whoever's it is; no addresses take it away.
func (z *zone) put(p mdns.Peer) {
	z.mu.Lock()
	defer z.mu.Unlock()
	p.Key = strings.ToLower(p.Instance)
	_, had := z.entries[p.Key]
	ev := dnssd.Event{Kind: dnssd.Joined, Peer: dnssd.Peer{Peer: p}}
	switch {
	case len(p.Addrs) == 0:
		delete(z.entries, p.Key)
		ev.Kind, ev.Cause = dnssd.Left, mdns.CauseGoodbye
	case had:
		ev.Kind = dnssd.Changed
		fallthrough
	default:
		z.entries[p.Key] = p
	}
	z.tell(ev)
}

func (z *zone) tell(ev dnssd.Event) {
	for _, b := range z.browsers {
		if b.ours == nil || !b.ours(ev.Peer.Key) {
			b.events <- ev
		}
	}
}

func (z *zone) browse(_ context.Context, c dnssd.Config) (chat.DomainBrowser, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	b := &zoneBrowser{z: z, ours: c.Ours, events: make(chan dnssd.Event, 4096)}
	z.browsers = append(z.browsers, b)
	for _, p := range z.entries {
		if !c.Ours(p.Key) {
			b.events <- dnssd.Event{Kind: dnssd.Joined, Peer: dnssd.Peer{Peer: p}}
		}
	}
	return b, nil
}

type zoneBrowser struct {
	z      *zone
	ours   func(string) bool
	events chan dnssd.Event
	closed bool
}

func (b *zoneBrowser) Events() <-chan dnssd.Event { return b.events }

func (b *zoneBrowser) Peers() (out []dnssd.Peer) {
	b.z.mu.Lock()
	defer b.z.mu.Unlock()
	b.z.asked++
	for _, p := range b.z.entries {
		if !b.ours(p.Key) {
			out = append(out, dnssd.Peer{Peer: p})
		}
	}
	return out
}

func (b *zoneBrowser) Resolve(_ context.Context, key string) (dnssd.Peer, error) {
	b.z.mu.Lock()
	defer b.z.mu.Unlock()
	b.z.asked++
	p, ok := b.z.entries[key]
	switch {
	case !ok:
		return dnssd.Peer{}, dnssd.ErrUnknown
	case b.z.fail != nil:
		return dnssd.Peer{Peer: p, Stale: true}, b.z.fail
	}
	return dnssd.Peer{Peer: p}, nil
}

func (b *zoneBrowser) Refresh(...string) { b.z.set(func() { b.z.asked++ }) }

func (b *zoneBrowser) Close() error {
	b.z.mu.Lock()
	defer b.z.mu.Unlock()
	if !b.closed {
		b.closed = true
		b.z.browsers = slices.DeleteFunc(b.z.browsers, func(x *zoneBrowser) bool { return x == b })
		close(b.events)
	}
	return nil
}

func (z *zone) register(ctx context.Context, r dnssd.Registration, _ dnssd.Key) (chat.DomainEntry, error) {
	time.Sleep(100 * time.Millisecond) // a server is asked
	z.mu.Lock()
	z.asked++
	z.formers = append(z.formers, r.Former)
	fail, name := z.fail, mdns.InstanceName(r.User, r.Machine)
	if p, ok := z.entries[strings.ToLower(name)]; ok && p.Port != r.Port {
		name = mdns.InstanceName(r.User+"-1", r.Machine)
	}
	z.notify = r.Notify
	z.mu.Unlock()
	if fail = errors.Join(fail, ctx.Err()); fail != nil {
		return nil, fail
	}
	e := &zoneEntry{z: z, p: mdns.Peer{Instance: name, Port: r.Port, Text: r.Text}}
	return e, e.SetAddrs(r.Addrs)
}

type zoneEntry struct {
	z  *zone
	mu sync.Mutex // guards p
	p  mdns.Peer
}

func (e *zoneEntry) Name() string { return e.p.Instance }

func (e *zoneEntry) change(f func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	e.z.put(e.p)
	return nil
}

func (e *zoneEntry) SetText(t mdns.Text) error { return e.change(func() { e.p.Text = t }) }

func (e *zoneEntry) SetAddrs(addrs []netip.Addr) error {
	return e.change(func() {
		e.p.Addrs = nil
		for _, a := range addrs {
			e.p.Addrs = append(e.p.Addrs, netip.AddrPortFrom(a, e.p.Port))
		}
	})
}

func (e *zoneEntry) Close(ctx context.Context) error {
	var fail error
	e.z.set(func() { e.z.asked++; fail = e.z.fail })
	if fail = errors.Join(fail, ctx.Err()); fail != nil {
		return fail // it stays there
	}
	return e.SetAddrs(nil)
}

// keyFile is a TSIG key as a user keeps it.
func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "llchat.key")
	text := "llchat:hmac-sha256:" + strings.Repeat("QUJD", 11) + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func set(t *testing.T, n *chat.Node, key, value string) {
	t.Helper()
	if err := n.Set(t.Context(), key, value); err != nil {
		t.Fatalf("set %s %q: %v", key, value, err)
	}
}

// enter has a node browse the zone and be listed in it.
func enter(t *testing.T, z *zone, n *chat.Node) {
	t.Helper()
	set(t, n, "discovery-domain", "example.org")
	set(t, n, "discovery-key", keyFile(t))
	within(t, 10*time.Second, "it has an entry", func() bool {
		s, _ := n.Status(t.Context())
		return s.Discovery.Domain == "example.org" && !s.Discovery.Entry.IsEmpty()
	})
}

// apartInZone are two people in a zone whose links do not reach each other.
func apartInZone(t *testing.T) (z *zone, alice, bob *chat.Node, out [2]*counted) {
	t.Helper()
	lan := lantest.New(t, 1)
	z = newZone()
	hostA, hostB := lan.Host(), lan.Host()
	lan.Deaf(hostA, hostB)
	out = [2]*counted{z.join(count(hostA)), z.join(count(hostB))}
	alice = out[0].open(t, chat.Options{Nick: "alice", Profile: filepath.Join(t.TempDir(), "a")})
	bob = out[1].open(t, chat.Options{Nick: "bob", Profile: filepath.Join(t.TempDir(), "b")})
	return z, alice, bob, out
}

func healthItem(t *testing.T, n *chat.Node, code string) (text, hint string, ok bool) {
	t.Helper()
	s, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range s.Health {
		if item.Code == code {
			return item.Text, item.Hint, true
		}
	}
	return "", "", false
}
