package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"llchat/internal/health"
	"llchat/internal/mdns"
	"llchat/internal/mdns/avahi"
	"llchat/internal/mdns/link"
	"llchat/internal/safetext"
)

// Words of the setting mdns: who speaks multicast DNS for us.
const (
	MDNSAuto  = "auto"  // own, and avahi while another program has port 5353 for itself
	MDNSOwn   = "own"   // sockets of our own
	MDNSAvahi = "avahi" // avahi-daemon, by D-Bus
)

const (
	// discoveryPause is how long links that ended are left alone.
	discoveryPause = 5 * time.Second
	// backPause is how often a fallback looks whether the port can be shared
	// again.
	backPause = 10 * time.Second
	// keepTime is how long people stay listed who are not found in the other
	// way yet: mdns.md 2.3.
	keepTime = 10 * time.Second
	// maxPeople is how many sockets of our own list (L-22).
	maxPeople = 8192
)

// search is how people are looked for on the links:
//
//	           port taken, auto                 port shared again
//	own ----------------------------> avahi --------------------> own
//	 |  ended                           |  no daemon
//	 +-----> nothing, for a while <-----+
type search struct {
	uses  string             // MDNSOwn or MDNSAvahi; empty: nothing is there to be asked
	taken error              // why auto does without sockets of its own
	said  string             // the last failure that the log has
	soon  bool               // silent links are looked at again in a moment
	round int                // counts what is begun; the end of an earlier one is no news
	busy  chan struct{}      // closed when what was begun in the background has ended
	stop  context.CancelFunc // gives that up
}

// wantFinder is who should speak for us now. A ghost says nothing either way;
// without anything it is given a node that opens no socket.
func (n *Node) wantFinder() string {
	switch mode := n.settings.MDNS; {
	case n.ghost() && n.search.uses != "":
		return n.search.uses
	case n.ghost():
		return MDNSOwn
	case mode == MDNSAvahi, mode == MDNSAuto && n.search.taken != nil:
		return MDNSAvahi
	}
	return MDNSOwn
}

// openDiscovery starts browsing. Nothing is published before publish.
func (n *Node) openDiscovery() error {
	n.begin()
	if n.wantFinder() == MDNSAvahi {
		n.setFinder(nobody{}, "")
		n.openAvahi()
		return nil
	}
	source, err := n.net.Source()
	if err != nil {
		return fmt.Errorf("multicast: %w", err)
	}
	user, machine := n.discoveryNames()
	d, err := mdns.Open(n.ctx, mdns.Config{
		Source:  source,
		User:    user,
		Machine: machine,
		Port:    n.port,
		Pinned:  n.names.pinned,
		Live:    n.names.live,
		Limits:  mdns.Limits{Peers: maxPeople},
		Silent:  n.ghost(),
		Random:  rand.Reader,
	})
	if err != nil {
		return fmt.Errorf("multicast: %w", err)
	}
	n.setFinder(d, MDNSOwn)
	return nil
}

// begin opens a round: what is under way in the background is given up.
func (n *Node) begin() {
	n.search.round++
	if n.search.stop != nil {
		n.search.stop()
		n.search.stop = nil
	}
}

func (n *Node) setFinder(f Finder, uses string) {
	next := &sources{Finder: f, dead: n.deadClaim}
	if old := n.disc.Load(); old != nil {
		next.domain = old.domain
	}
	n.disc.Store(next)
	n.events, n.search.uses = f.Events(), uses
	n.watchSoon()
	n.showAvatar()
}

// background runs f beside the engine; then gets its end, if nothing else was
// begun meanwhile.
func (n *Node) background(f func(ctx context.Context), then func()) {
	ctx, stop := context.WithCancel(n.ctx)
	before, busy, round := n.search.busy, make(chan struct{}), n.search.round
	n.search.busy, n.search.stop = busy, stop
	n.start(func() {
		if before != nil {
			<-before
		}
		f(ctx)
		close(busy)
		n.post(func() {
			if round == n.search.round {
				then()
			}
		})
	})
}

// openAvahi reaches avahi-daemon, which may take seconds. The node that it
// makes lives in the context of the attempt, so that who gives the attempt up
// ends the node.
func (n *Node) openAvahi() {
	user, machine := n.discoveryNames()
	c := avahi.Config{
		User: user, Machine: machine, Port: n.port, Pinned: n.names.pinned, Random: rand.Reader, Interfaces: n.opt.Interfaces,
	}
	var f Finder
	err := avahi.ErrSystem
	n.background(func(ctx context.Context) {
		if n.net.Avahi == nil {
			return
		}
		if f, err = n.net.Avahi(ctx, c); err == nil && ctx.Err() != nil {
			_ = f.Close() // given up meanwhile
		}
	}, func() {
		if err != nil {
			n.discoveryFailed(errors.Join(errAvahi, err))
			return
		}
		n.search.stop = nil // it lives on
		n.setFinder(f, MDNSAvahi)
		n.discoveryThere()
	})
}

// discoveryEnded follows links that ended by themselves. Streams live on.
func (n *Node) discoveryEnded() {
	n.events = nil
	if n.ctx.Err() != nil {
		return
	}
	err := n.disc.Load().Err()
	if n.search.uses == MDNSAvahi {
		err = errors.Join(errAvahi, err)
	}
	n.begin()
	n.search.uses = ""
	n.forgetClaims()
	n.discoveryFailed(err)
}

// discoveryFailed goes the other way, or says what is wrong and tries again.
func (n *Node) discoveryFailed(err error) {
	if errors.Is(err, link.ErrTaken) && n.settings.MDNS == MDNSAuto && n.net.Avahi != nil && n.search.taken == nil {
		n.search.taken = err
		n.rediscover()
		return
	}
	n.logFailure(err)
	text, hint := discoveryWords(err)
	if n.search.taken != nil {
		var taken string
		taken, hint = discoveryWords(n.search.taken)
		text = taken + ", and " + text
	}
	n.search.taken = nil // next time from the beginning
	n.clearHealth(healthAvahi)
	n.healthItem(health.Error, healthDiscovery, "nobody can be found on the network: "+text, hint)
	round := n.search.round
	n.after(discoveryPause, func() {
		if round == n.search.round {
			n.rediscover()
		}
	})
}

// logFailure keeps what the system said in the log, once while it stays so: the
// user is told in words what is wrong.
func (n *Node) logFailure(err error) {
	said := errors.Join(n.search.taken, err)
	if said.Error() != n.search.said {
		n.search.said = said.Error()
		n.log.Warn("Discovery failed", "err", said)
	}
}

// errAvahi marks what went wrong between us and avahi-daemon.
var errAvahi = errors.New("by avahi-daemon")

// discoveryWords says what is wrong and what to do about it.
func discoveryWords(err error) (text, hint string) {
	switch {
	case errors.Is(err, link.ErrTaken):
		return "another program holds port 5353 for itself alone", "end the program that holds the port, or let it share (avahi: disallow-other-stacks=no)"
	case errors.Is(err, avahi.ErrSystem):
		return "this system has no Avahi", "llchat set mdns auto"
	case errors.Is(err, avahi.ErrNoDaemon):
		return "avahi-daemon does not run", "start it (systemctl start avahi-daemon), or: llchat set mdns auto"
	case errors.Is(err, avahi.ErrRefused):
		return "avahi-daemon does not let programs of users publish",
			"disable-user-service-publishing=no in /etc/avahi/avahi-daemon.conf, or: llchat set mdns auto"
	case errors.Is(err, errAvahi):
		return "avahi-daemon cannot be reached on this machine", "llchat set mdns auto"
	}
	return err.Error(), "it is tried again every few seconds"
}

// rediscover tries links that had ended, and is found again under the same
// name.
func (n *Node) rediscover() {
	if err := n.openDiscovery(); err != nil {
		n.discoveryFailed(err)
		return
	}
	if n.search.uses != "" {
		n.discoveryThere()
	}
}

// discoveryThere follows the opening of a way to look for people.
func (n *Node) discoveryThere() {
	n.search.said = ""
	n.clearHealth(healthDiscovery)
	n.clearHealth(healthAvahi)
	n.watchClaims()
	if n.publishing {
		n.announceSelf()
	}
	round := n.search.round
	n.after(keepTime, func() {
		if round == n.search.round {
			n.reclaim()
		}
	})
	if n.search.uses == MDNSAvahi {
		hint := "llchat set mdns auto"
		if n.search.taken != nil {
			hint = "let others share port 5353 (disallow-other-stacks=no in avahi-daemon.conf): llchat then uses it by itself"
			n.after(backPause, func() { n.tryBack(round) })
		}
		n.healthItem(health.Info, healthAvahi, fmt.Sprintf(
			"people are found through avahi-daemon, which lists about 1,000 at the most (llchat: %d)", avahi.MaxPeers), hint)
	}
}

// tryBack gives the fallback up when port 5353 can be shared again.
func (n *Node) tryBack(round int) {
	if round != n.search.round {
		return
	}
	if n.ghost() || n.net.Shared == nil || !n.net.Shared() {
		n.after(backPause, func() { n.tryBack(round) })
		return
	}
	n.search.taken = nil
	n.swapFinder()
}

// chooseFinder follows the setting mdns.
func (n *Node) chooseFinder() {
	n.search.taken = nil // as if for the first time
	if !n.ghost() && n.wantFinder() != n.search.uses {
		n.swapFinder()
	}
}

// swapFinder says goodbye in one way and comes back in the other. Who is
// listed stays so meanwhile.
func (n *Node) swapFinder() {
	n.begin()
	old := n.disc.Load().Finder
	n.setFinder(nobody{}, "")
	n.background(func(ctx context.Context) {
		polite, cancel := context.WithTimeout(ctx, goodbyeTime)
		defer cancel()
		if err := errors.Join(old.Withdraw(polite), old.Close()); err != nil {
			n.log.Debug("Discovery not closed cleanly", "err", err)
		}
	}, n.rediscover)
}

// forgetClaims empties the list of who is here on the links.
func (n *Node) forgetClaims() {
	for key := range n.claims {
		if !isInDomain(key) {
			n.dropClaim(key)
		}
	}
}

// introduce takes the name that the user has just chosen in place of the
// generated one, before anything was published.
func (n *Node) introduce() {
	n.begin()
	if err := n.disc.Load().Finder.Close(); err != nil {
		n.log.Debug("Discovery not closed cleanly", "err", err)
	}
	n.events = nil
	n.forgetClaims()
	n.takeNames()
	if err := n.openDiscovery(); err != nil {
		n.discoveryFailed(err)
	}
}

// publish announces the node. A profile without a nick that a window is about
// to ask for one stays off the wire until then (Options.Hold).
func (n *Node) publish() {
	if n.opt.Passive || n.publishing || n.opt.Hold && n.settings.Nick == "" {
		return
	}
	if n.opt.Hold && n.settings.User == "" {
		n.introduce()
	}
	n.publishing = true
	if n.events != nil { // else discoveryThere does it
		n.announceSelf()
	}
	n.tendDomain()
}

// discoveryStatus is how people are found now.
func (n *Node) discoveryStatus() Discovery {
	d := Discovery{MDNS: n.settings.MDNS, Domain: n.domain.browsed.domain}
	if !n.ghost() {
		d.Uses = n.search.uses
	}
	switch d.Uses {
	case MDNSOwn:
		d.Most = maxPeople
	case MDNSAvahi:
		d.Most = avahi.MaxPeers
	}
	if n.domain.entry != nil {
		d.Entry = safetext.Line(n.domain.entry.Name())
	}
	return d
}
