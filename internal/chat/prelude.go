package chat

import (
	"llchat/internal/health"
	"llchat/internal/profile"
)

// What the setting prelude can be (K3).
const (
	PreludeBare = "bare" // no names before TLS
	PreludeFull = "full" // both names, for foreign software that insists on them
)

const healthPrelude = "prelude"

// checkPrelude: names in clear are for who publishes them anyhow. Elsewhere
// nothing leaks, so the setting is refused there.
func checkPrelude(s profile.Settings) error {
	if s.Prelude == PreludeFull && s.Visibility != VisibleOpen {
		return usage("prelude full says your name to everybody on the network, and visibility "+s.Visibility+" says it to nobody",
			"llchat set visibility open, or leave prelude at "+PreludeBare)
	}
	return nil
}

// settlePrelude follows the settings: a profile that is not open says no names
// in clear, whatever was set while it was.
func (n *Node) settlePrelude() {
	full := n.settings.Prelude == PreludeFull && n.settings.Visibility == VisibleOpen
	n.fullPrelude.Store(full)
	if !full {
		n.clearHealth(healthPrelude)
		return
	}
	n.healthItem(health.Info, healthPrelude,
		"your name and that of who you talk to cross the network in clear before each stream is encrypted (prelude full)",
		"llchat set prelude "+PreludeBare+" takes that back")
}
