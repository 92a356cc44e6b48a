package chat

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"

	"llchat/internal/mdns/avahi"
	"llchat/internal/mdns/link"
)

// Options says which node to open and how.
type Options struct {
	Profile    string   // name or folder; empty is the default profile
	Temporary  bool     // a throw-away profile in place of Profile
	Held       *Held    // in place of Profile; the node closes it, also one that does not come to be
	Passive    bool     // browse and dial, but never publish and never listen
	Hold       bool     // without a nick yet: not on the wire until Set gives one
	Nick       string   // the rest: kept settings, overridden when not empty
	Port       uint16   //
	Visibility string   // open, quiet or ghost
	Strangers  string   // ask, accept or refuse
	MDNS       string   // auto, own or avahi
	Interfaces []string // names; empty is every usable one
	Log        *slog.Logger
	Wire       io.Writer // --debug-wire
	Network    *Network  // nil is the real one
}

// Network is how a node touches the link: discovery, listening, dialling.
// Tests and the demo bring one of their own.
type Network struct {
	// Source opens the multicast side; it may be called again after the
	// source that it returned has ended.
	Source func() (link.Source, error)
	// Avahi finds people through avahi-daemon; nil: there is none. Shared tells
	// whether Source could use port 5353 now; nil: never again.
	Avahi  func(ctx context.Context, c avahi.Config) (Finder, error)
	Shared func() bool
	// DNS browses domains; nil: none, whatever the settings say.
	DNS    *DNS
	Listen func(ctx context.Context, port uint16) ([]net.Listener, uint16, error)
	Dial   func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// Lookup finds the addresses of a host name; nil: there are none.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Interfaces are the ones in use, for Status; nil: none.
	Interfaces func() []Interface
}
