package chat

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"llchat/internal/health"
	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
)

// discoveryPause is how long links that ended are left alone.
const discoveryPause = 5 * time.Second

// openDiscovery starts browsing. Nothing is published before publish.
func (n *Node) openDiscovery() error {
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
		Silent:  n.ghost(),
		Random:  rand.Reader,
	})
	if err != nil {
		return fmt.Errorf("multicast: %w", err)
	}
	n.disc.Store(d)
	n.events = d.Events()
	return nil
}

// discoveryEnded follows links that ended by themselves. Streams live on.
func (n *Node) discoveryEnded() {
	n.events = nil
	if n.ctx.Err() != nil {
		return
	}
	n.forgetClaims()
	n.discoveryFailed(n.disc.Load().Err())
}

func (n *Node) discoveryFailed(err error) {
	hint := "it is tried again every few seconds"
	if errors.Is(err, link.ErrTaken) {
		hint = "end the program that holds the port, or let it share (avahi: disallow-other-stacks=no)"
	}
	n.healthItem(health.Error, healthDiscovery, fmt.Sprintf("nobody can be found on the network: %v", err), hint)
	n.after(discoveryPause, n.rediscover)
}

// rediscover tries links that had ended, and is found again under the same
// name.
func (n *Node) rediscover() {
	if err := n.openDiscovery(); err != nil {
		n.discoveryFailed(err)
		return
	}
	n.clearHealth(healthDiscovery)
	if n.publishing {
		n.announceSelf()
	}
}

// forgetClaims empties the list of who is here.
func (n *Node) forgetClaims() {
	for key := range n.claims {
		n.dropClaim(key)
	}
}

// introduce takes the name that the user has just chosen in place of the
// generated one, before anything was published.
func (n *Node) introduce() {
	if err := n.disc.Load().Close(); err != nil {
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
	if n.events != nil { // else rediscover does it
		n.announceSelf()
	}
}
