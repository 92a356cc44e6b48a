// Package mdns finds the others on the link and lets them find us: XEP-0174
// over multicast DNS (RFC 6762) and DNS-SD (RFC 6763).
//
// Call [Open] first; it browses at once. [Node.Publish] puts our instance on
// the air, [Node.SetText] changes its TXT record, [Node.Withdraw] says goodbye.
// [Node.Rename] changes who we are, [Node.Silence] makes a ghost of us.
// What others announce arrives as an [Event] on [Node.Events] and is always
// available whole from [Node.Peers].
//
// Everything this package reports is a claim: anybody on the link can send any
// of it. Names and values are raw octets, not fit for a terminal. They suggest
// where to knock, they never say who opens.
//
// One goroutine owns the engine (package engine, a pure state machine); all
// methods are safe for concurrent use. The event queue is bounded: when the
// reader is far behind, the queue is emptied and one Resync event tells it to
// call Peers. Bounds are those of security.md L-20 to L-25.
package mdns

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"llchat/internal/mdns/engine"
	"llchat/internal/mdns/link"
)

// ErrClosed is returned by every method of a Node that was closed.
var ErrClosed = errors.New("mdns: node is closed")

// Config says on which links a node lives and what it is called there.
type Config struct {
	Source  link.Source           // where packets come from and go to; the node runs and stops it
	User    string                // our user part, UserPart of the nick or Word
	Machine string                // our machine part and host label, from Machine
	Port    uint16                // the port our XMPP listener has
	Limits  Limits                // zero value: the defaults of security.md
	Pinned  func(key string) bool // instance keys that are never evicted; may be nil; called by the node's goroutine, must not call the node
	Live    func(key string) bool // instance keys with an authenticated stream right now: no packet makes them leave or move (T-24); like Pinned
	Silent  bool                  // start as after Silence: send and hear nothing until Publish or Rename
	Random  io.Reader             // seed for jitter; nil: crypto/rand

	// Jumps calls f when the machine woke up, until its context ends; nil:
	// netmon.Jumps.
	Jumps func(ctx context.Context, f func(slept time.Duration))
}

// Limits bounds what strangers on the link can make us keep and do. A zero
// field means the default.
type Limits struct {
	Peers     int // instances kept, 8,192 (L-22)
	PerSource int // instances kept per source address, 64 (L-22)
	Events    int // events queued for the reader, 1,024
}

// Peer is what announcements claim about one service instance.
type Peer struct {
	Key      string // lower-cased instance label, stable map key
	Instance string // the label as received: raw octets, hostile
	Text     Text   // TXT record, raw values
	Host     string // SRV target, raw
	Port     uint16
	Addrs    []netip.AddrPort // best first, zones set; at most 8, on-link only (L-25)
	Seen     time.Time        // last time a record of it was heard
	Expires  time.Time        // when the claim ends unless it is heard again
}

// Kind says what an event is about.
type Kind int

// The kinds of events.
const (
	Joined   Kind = iota + 1 // an instance is there: Peer
	Changed                  // TXT, SRV or addresses changed: Peer
	Left                     // an instance is gone: Peer, Cause
	Renamed                  // our own instance has a new name: Name, Cause
	Resync                   // events were lost: read Peers
	Overload                 // the link is crowded: Shed instances or packets were not looked at
	Health                   // a fact about us or a link changed: Cause, Name of the link; see Stats
	Doubted                  // an instance with a live stream does not answer: Peer
)

// The causes of Left and Renamed.
const (
	CauseGoodbye    = string(engine.Goodbye)    // it said so
	CauseExpired    = string(engine.Expired)    // its records ran out
	CauseUnanswered = string(engine.Unanswered) // it did not answer when asked
	CauseLinkLost   = string(engine.LinkLost)   // our link to it is gone
	CauseEvicted    = string(engine.Evicted)    // there was no room for it (L-22)
	CauseConflict   = "conflict"                // Renamed: somebody else has the name
)

// The causes of Health.
const (
	CauseNoEcho    = string(engine.NoEcho)    // what we multicast on link Name does not come back: it is filtered on this machine
	CauseEcho      = string(engine.Echo)      // it does again
	CauseNoLinks   = string(engine.NoLinks)   // no usable network
	CauseLinks     = string(engine.SomeLinks) // there is one again
	CauseMoved     = string(engine.Moved)     // a link came, went, or has other addresses
	CauseWoke      = string(engine.Woke)      // the clock jumped: the machine slept
	CauseContested = string(engine.Contested) // somebody speaks for our name
	CauseTaken     = "port taken"             // port 5353 is held by another program: the node ends, see Err
)

// Event is one thing that happened.
type Event struct {
	Kind  Kind
	Cause string // of Left, Renamed and Health: one of the Cause constants
	Peer  Peer
	Name  string
	Shed  int
}

// Stats are facts about a node since it was opened.
type Stats = engine.Stats

// LinkStats are facts about one link. Foreign that stays zero, or old while
// others should be here, means that the network filters multicast or that
// nobody is here; NoEcho means that this machine filters it.
type LinkStats = engine.LinkStats

// Open starts a node on the links of c.Source and browses at once, unless
// c.Silent. The node
// lives until Close or until ctx ends.
func Open(ctx context.Context, c Config) (*Node, error) {
	return open(ctx, c)
}
