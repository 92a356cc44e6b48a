package chat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"llchat/internal/dnssd"
	"llchat/internal/mdns"
	"llchat/internal/safetext"
)

const (
	// newcomers is how often the domain is asked who else is there.
	newcomers = 30 * time.Second
	// addrsEvery is how often our entry is compared with our addresses.
	addrsEvery = 15 * time.Second
	// leaveTime bounds taking our entry out.
	leaveTime = 3 * time.Second
	// Pauses before another try to enter, doubled each time.
	enterFirst = 5 * time.Second
	enterLast  = 5 * time.Minute
)

// DomainEntry is our place in a domain: *dnssd.Published.
type DomainEntry interface {
	Name() string
	SetText(t mdns.Text) error
	SetAddrs(addrs []netip.Addr) error
	Close(ctx context.Context) error
}

// DNS is how a node asks and changes a unicast DNS-SD domain.
type DNS struct {
	Browse   func(ctx context.Context, c dnssd.Config) (DomainBrowser, error)
	Register func(ctx context.Context, r dnssd.Registration, k dnssd.Key) (DomainEntry, error)
}

// systemDNS asks the servers that the settings name, or those of the system.
func systemDNS() *DNS {
	return &DNS{
		Browse: func(ctx context.Context, c dnssd.Config) (DomainBrowser, error) { return dnssd.Open(ctx, c) },
		Register: func(ctx context.Context, r dnssd.Registration, k dnssd.Key) (DomainEntry, error) {
			return dnssd.Register(ctx, r, k)
		},
	}
}

// domain is the unicast DNS-SD domain that the user has set (XEP-0174 11.4).
// Without one no server is asked anything. Changes of our entry follow each
// other, and a newer one gives up the one under way.
type domain struct {
	browsed  browsing
	events   <-chan dnssd.Event
	wish     entryWish   // what is to stand there
	entry    DomainEntry // what does; nil: nothing, or not yet
	held     *heldEntry
	turn     int
	stop     context.CancelFunc
	turned   chan struct{} // closed when the present change has ended; nil before the first
	failures int
}

type browsing struct{ domain, server string }

// entryWish is what makes an entry another one. Zero: none is wanted.
type entryWish struct {
	browsing
	key, user, machine string
	port               uint16
}

// tendDomain makes what we ask of a domain, and have there, what the settings
// want.
func (n *Node) tendDomain() {
	n.browseDomain()
	n.enterDomain()
}

// browseDomain watches the domain of the settings and no other. A ghost asks
// nobody.
func (n *Node) browseDomain() {
	want := browsing{n.settings.Domain, n.settings.Server}
	if n.ghost() || n.net.DNS == nil || want.domain == "" {
		want = browsing{}
	}
	if want == n.domain.browsed {
		return
	}
	n.leaveOffBrowsing()
	if n.domain.browsed = want; want.domain == "" {
		return
	}
	n.names.addInDomain(n.settings.Entry) // an earlier run may have left it there
	b, err := n.openBrowser(want)
	if err != nil {
		n.domainTrouble(healthDomain, "nobody can be found in the domain "+want.domain, err)
		return
	}
	n.disc.Store(&sources{Finder: n.disc.Load().Finder, domain: b, dead: n.deadClaim})
	n.domain.events = b.Events()
}

func (n *Node) openBrowser(want browsing) (DomainBrowser, error) {
	servers, err := dnssd.ParseServers(want.server)
	if err != nil {
		return nil, err
	}
	return n.net.DNS.Browse(n.ctx, dnssd.Config{
		Domain: want.domain, Servers: servers, Pinned: n.names.pinned, Ours: n.names.inDomain,
		Limits: dnssd.Limits{NewEvery: newcomers},
	})
}

// leaveOffBrowsing forgets the domain. When it returns nothing is asked any
// more.
func (n *Node) leaveOffBrowsing() {
	now := n.disc.Load()
	n.domain.events = nil
	n.clearHealth(healthDomain)
	if now.domain == nil {
		return
	}
	n.disc.Store(&sources{Finder: now.Finder, dead: n.deadClaim})
	if err := now.domain.Close(); err != nil {
		n.log.Debug("Domain not closed cleanly", "err", err)
	}
	for key := range n.claims {
		if isInDomain(key) {
			n.dropClaim(key)
		}
	}
}

// domainEvent follows what the domain tells: claims like those on the link.
func (n *Node) domainEvent(e dnssd.Event) {
	switch e.Kind {
	case dnssd.Trouble:
		n.domainTrouble(healthDomain, "the domain "+n.domain.browsed.domain+" cannot be asked who is there", e.Err)
		return
	case dnssd.Recovered:
		n.clearHealth(healthDomain)
		return
	case dnssd.Resync:
		n.reclaimDomain()
		return
	}
	if ev, ok := e.MDNS(); ok {
		ev.Peer = inDomain(ev.Peer)
		n.claimEvent(ev)
	}
}

// reclaimDomain takes the whole list anew after events were lost.
func (n *Node) reclaimDomain() {
	if b := n.disc.Load().domain; b != nil {
		here := map[string]bool{}
		for _, p := range b.Peers() {
			claim := inDomain(p.Peer)
			here[claim.Key] = true
			n.setClaim(claim)
		}
		n.dropMissing(here, true)
	}
}

// dropMissing drops the claims of one kind of source that are not here.
func (n *Node) dropMissing(here map[string]bool, domain bool) {
	for key := range n.claims {
		if isInDomain(key) == domain && !here[key] {
			n.dropClaim(key)
		}
	}
}

// deadClaim has a claim of the domain shown as offline: the dial that it was
// asked for did not find anybody. A record in a zone stays when its owner died.
func (n *Node) deadClaim(key string) {
	n.post(func() {
		if c := n.claims[key]; c != nil && !c.Silent {
			c.Silent = true
			n.touchClaim(key)
		}
	})
}

// domainTrouble tells in our words what a server, or our key, does not do.
func (n *Node) domainTrouble(code, text string, err error) {
	hint := "it is tried again by itself"
	if h := HintFor(err); h != "" {
		hint = h
	}
	n.setHealth(code, safetext.Line(text+": "+strings.TrimPrefix(err.Error(), "dnssd: ")).String(), hint)
}

// heldEntry is the entry as changes hand it on to each other.
type heldEntry struct{ entry DomainEntry }

// leave takes the entry out of the zone.
func (h *heldEntry) leave() error {
	if h.entry == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	err := h.entry.Close(ctx)
	h.entry = nil
	return err
}

// drop ends what keeps the entry and leaves it where it is: nobody waits for
// the server any more.
func (h *heldEntry) drop() {
	if h == nil || h.entry == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.entry.Close(ctx)
	h.entry = nil
}

// wishEntry is the entry that the settings want: that of a node that publishes,
// under the names that it has on the links.
func (n *Node) wishEntry() entryWish {
	s := n.settings
	if s.Domain == "" || s.Key == "" || n.ghost() || !n.publishing || n.net.DNS == nil {
		return entryWish{}
	}
	user, machine := mdns.SplitInstance(n.names.now())
	return entryWish{browsing{s.Domain, s.Server}, s.Key, user, machine, n.port}
}

// enterDomain makes our entry what it should be.
func (n *Node) enterDomain() {
	d, want := &n.domain, n.wishEntry()
	if want != d.wish {
		n.changeEntry(want)
		return
	}
	if d.entry == nil {
		return // there is none, or it follows
	}
	err := errors.Join(d.entry.SetText(withoutAvatar(n.presenceText())), d.entry.SetAddrs(n.routableAddrs()))
	if err != nil {
		n.log.Debug("Entry not changed", "err", err)
	}
}

// changeEntry takes the entry out and puts another one in, beside the engine.
func (n *Node) changeEntry(want entryWish) {
	d := &n.domain
	if d.stop != nil {
		d.stop()
	}
	if d.held == nil {
		d.held = &heldEntry{}
	}
	ctx, stop := context.WithCancel(n.ctx)
	d.turn++
	before, turned, held, turn := d.turned, make(chan struct{}), d.held, d.turn
	d.wish, d.entry, d.stop, d.turned = want, nil, stop, turned
	r := n.registration(want, turn)
	n.start(func() {
		defer stop()
		if before != nil {
			<-before
		}
		left := held.entry != nil && held.leave() == nil
		err := ctx.Err()
		if err == nil && want != (entryWish{}) {
			held.entry, err = n.register(ctx, r, want)
		}
		entry := held.entry
		close(turned)
		n.post(func() { n.entered(turn, left, entry, err) })
	})
}

// registration is our entry as package dnssd wants it.
func (n *Node) registration(want entryWish, turn int) dnssd.Registration {
	if want == (entryWish{}) {
		return dnssd.Registration{}
	}
	former := n.settings.Entry
	intended := mdns.InstanceName(want.user, want.machine)
	n.names.addInDomain(former, intended)
	if former == "" {
		n.keepEntry(intended) // should we die before we hear that it stands there
	}
	return dnssd.Registration{
		Domain: want.domain, User: want.user, Machine: want.machine, Port: want.port,
		Text: withoutAvatar(n.presenceText()), Former: former, Addrs: n.routableAddrs(),
		Notify: func(name string, trouble error) {
			n.post(func() { n.entryNews(turn, name, trouble) })
		},
	}
}

// register reads the key only now: its secret stays in memory no longer than
// the entry.
func (n *Node) register(ctx context.Context, r dnssd.Registration, want entryWish) (DomainEntry, error) {
	key, err := dnssd.ReadKey(want.key)
	if err != nil {
		return nil, err
	}
	if r.Servers, err = dnssd.ParseServers(want.server); err != nil {
		return nil, err
	}
	entry, err := n.net.DNS.Register(ctx, r, key)
	if err != nil {
		return nil, err // and no entry that is a nil *dnssd.Published
	}
	return entry, nil
}

// entered follows a change of our entry that has ended.
func (n *Node) entered(turn int, left bool, entry DomainEntry, err error) {
	if left && entry == nil {
		n.keepEntry("")
	}
	d := &n.domain
	switch {
	case turn != d.turn:
	case err != nil:
		n.notEntered(turn, err)
	case entry == nil:
		n.clearHealth(healthEntry)
	default:
		d.entry, d.failures = entry, 0
		n.entryNews(turn, entry.Name(), nil)
		n.enterDomain() // what was set meanwhile
		n.lookAtAddrs(turn)
	}
}

// notEntered says so and tries again later.
func (n *Node) notEntered(turn int, err error) {
	d := &n.domain
	n.entryTrouble(err)
	pause := min(enterFirst<<min(d.failures, 16), enterLast)
	d.failures++
	n.after(pause, func() {
		if turn == n.domain.turn {
			n.domain.wish = entryWish{}
			n.enterDomain()
		}
	})
}

func (n *Node) entryTrouble(err error) {
	n.domainTrouble(healthEntry, "you are not listed in the domain "+n.domain.wish.domain, err)
}

// entryNews follows what the keeper of our entry tells.
func (n *Node) entryNews(turn int, name string, trouble error) {
	if turn != n.domain.turn {
		return
	}
	n.names.addInDomain(name)
	n.names.alias(name)
	n.keepEntry(name)
	if trouble != nil {
		n.entryTrouble(trouble)
		return
	}
	n.clearHealth(healthEntry)
}

// lookAtAddrs keeps the addresses of our entry right as long as it is that one.
func (n *Node) lookAtAddrs(turn int) {
	n.after(addrsEvery, func() {
		if turn == n.domain.turn && n.domain.entry != nil {
			n.enterDomain()
			n.lookAtAddrs(turn)
		}
	})
}

// leaveDomain takes our entry out at the end of the node.
func (n *Node) leaveDomain(ctx context.Context) {
	var turned chan struct{}
	_ = n.call(ctx, func() error {
		if n.domain.wish != (entryWish{}) {
			n.changeEntry(entryWish{})
		}
		turned = n.domain.turned
		return nil
	})
	if turned == nil {
		return
	}
	select {
	case <-turned:
		_ = n.call(ctx, func() error { return nil }) // what follows it was done
	case <-ctx.Done():
	}
}

// keepEntry remembers which name we have, or may have left, in the domain:
// records in a zone outlive a crash.
func (n *Node) keepEntry(name string) {
	if n.settings.Entry == name {
		return
	}
	n.settings.Entry = name
	if err := n.prof.SaveSettings(n.settings); err != nil {
		n.log.Error("Entry not kept", "err", err)
	}
}

// checkDomainSetting checks a setting of the domain.
func checkDomainSetting(key, value string) error {
	var err error
	switch {
	case value == "":
		return nil // off
	case key == "discovery-domain":
		err = dnssd.CheckDomain(value)
	case key == "discovery-server":
		_, err = dnssd.ParseServers(value)
	case !filepath.IsAbs(value):
		return usage(fmt.Sprintf("%q is not the whole path of a file", value), "write the path from the root on")
	default:
		_, err = dnssd.ReadKey(value)
	}
	if err != nil {
		return usage(strings.TrimPrefix(err.Error(), "dnssd: "), HintFor(err))
	}
	return nil
}
