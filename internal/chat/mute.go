package chat

import (
	"net/netip"
	"time"

	"llchat/internal/health"
	"llchat/internal/mdns"
)

const (
	// muteLook is how often a link is looked at that is new and silent.
	muteLook = 2 * time.Second
	// muteEarly is when it is first told: four questions have gone out by then
	// (after 0, 1, 3 and 7 s), and whoever is here answers the first within
	// half a second (RFC 6762 section 6).
	muteEarly = 8 * time.Second
	// muteAfter is how long a link may be without a word from any machine after
	// it is first looked at: six questions have gone out by then (RFC 6762
	// section 5.2: after 0, 1, 3, 7, 15 and 31 s).
	muteAfter = time.Minute
	// muteTime is how long after its last word a link counts as silent: whoever
	// is here has said who it is again within the TTL of a PTR record (RFC 6762
	// section 10).
	muteTime = 75 * time.Minute

	healthMute = "nobody-answers "
)

// linkStats is a Finder that has sockets of its own.
type linkStats interface{ Stats() mdns.Stats }

// watchLinks tells of links on which we ask and hear ourselves, and nobody
// else is ever heard. From one machine that looks the same whether nobody is
// here or multicast is filtered, so it is a remark; it is a warning where a
// stream proves that somebody is.
func (n *Node) watchLinks() {
	f, ok := n.disc.Load().Finder.(linkStats)
	if !ok {
		n.unmute(nil)
		return
	}
	s, now, mute, young := f.Stats(), time.Now(), map[string]time.Time{}, false
	for _, l := range s.Links {
		if s.Silent || l.NoEcho || l.Echo.IsZero() || now.Sub(l.Foreign) < muteTime {
			continue
		}
		since, known := n.mute[l.Name]
		if !known {
			since = now
		}
		mute[l.Name] = since
		switch silent := now.Sub(since); {
		case silent >= muteAfter:
			n.tellMute(l.Name)
			continue
		case silent >= muteEarly:
			n.healthItem(health.Info, healthMute+l.Name, "nobody has answered yet on "+l.Name,
				"if others are here, multicast may be filtered: llchat doctor says more; llchat add ADDRESS reaches people all the same")
		}
		young = true
	}
	n.unmute(mute)
	if young {
		n.watchSoon()
	}
}

// watchSoon has the links looked at in a moment.
func (n *Node) watchSoon() {
	if n.search.soon {
		return
	}
	n.search.soon = true
	n.after(muteLook, func() {
		n.search.soon = false
		n.watchLinks()
	})
}

// unmute takes back what was said of links that are not silent any more.
func (n *Node) unmute(mute map[string]time.Time) {
	for name := range n.mute {
		if _, still := mute[name]; !still {
			n.clearHealth(healthMute + name)
		}
	}
	n.mute = mute
}

func (n *Node) tellMute(link string) {
	if n.talksOn(link) {
		n.setHealth(healthMute+link, "nobody answers on "+link+", and yet somebody is there: multicast seems filtered on this network",
			"llchat doctor says more; llchat add ADDRESS reaches people all the same")
		return
	}
	n.healthItem(health.Info, healthMute+link, "nobody answers on "+link+": nobody else is here, or multicast seems filtered",
		"llchat doctor says more; llchat add ADDRESS reaches people all the same")
}

// talksOn reports whether a stream goes to a neighbour on a link.
func (n *Node) talksOn(link string) bool {
	if n.net.Interfaces == nil {
		return false
	}
	for _, i := range n.net.Interfaces() {
		if i.Name != link {
			continue
		}
		for _, text := range i.Addresses {
			if p, err := netip.ParsePrefix(text); err == nil && n.talksIn(p, link) {
				return true
			}
		}
	}
	return false
}

func (n *Node) talksIn(network netip.Prefix, link string) bool {
	for _, r := range n.remotes {
		for _, l := range r.live {
			a := l.conn.Peer().Addr.Addr().Unmap()
			if (a.Zone() == "" || a.Zone() == link) && network.Contains(a.WithZone("")) {
				return true
			}
		}
	}
	return false
}
