package chat

import (
	"context"
	"time"

	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/trust"
)

// API is what a face of the engine may ask for: the window, the commands and
// the control socket all hold one. A *Node is one; so is the client of a
// running node's control socket. Every method may be called from any
// goroutine. Errors are *Error where the user can do something about them.
//
// Where a method takes who, that is a Peer.Key, a petname, a nick, an
// instance name, or at least 8 hex digits of a fingerprint (cli.md, PEER).
type API interface {
	Status(ctx context.Context) (Status, error)
	Peers(ctx context.Context) ([]Peer, error)
	Requests(ctx context.Context) ([]Request, error)

	// Send gives a message to the outbox and returns it as it stands there.
	// To a claim that never proved a key it first dials and pins the key that
	// answers (security.md 6.2); that may take seconds.
	Send(ctx context.Context, who, text string) (Message, error)

	// Write is Send for more than a text: a reply, or something about a message
	// that is there.
	Write(ctx context.Context, who string, w Writing) (Message, error)

	// Retry sends a message that failed again, as a new one. Delete removes a
	// message here, and only here.
	Retry(ctx context.Context, who, id string) (Message, error)
	Delete(ctx context.Context, who, id string) error

	// Versions are the texts that a message had, oldest first.
	Versions(ctx context.Context, who, id string) ([]Version, error)

	// Search returns at most n messages that hold every word of the query,
	// newest first, before the given row (0: all); with who only those of that
	// conversation.
	Search(ctx context.Context, query, who string, before int64, n int) ([]Message, error)

	// Typing tells Peer.Key that the user writes, or stopped, if the user lets
	// others know (setting typing).
	Typing(ctx context.Context, key string, writes bool) error

	// Accept pins a proven key; what it sent while waiting becomes messages. A
	// retired key becomes one that nobody knows again.
	Accept(ctx context.Context, who string) (Peer, error)
	Block(ctx context.Context, who string) (Peer, error)

	// AcceptAs is Accept under a petname, for another person than the contact whose
	// name a key in conflict claims. A petname that is, or looks like, somebody
	// else's is refused. Replace says that such a key is a new one of that
	// contact, whose exact petname confirms it: the new key is pinned under it, and
	// the old one retired.
	AcceptAs(ctx context.Context, who, petname string) (Peer, error)
	Replace(ctx context.Context, who, petname string) (Peer, error)

	// Unblock makes a blocked key one that nobody knows again.
	Unblock(ctx context.Context, who string) (Peer, error)

	// Rename changes the name under which a contact is kept here, and only here;
	// one that is taken gets a number.
	Rename(ctx context.Context, who, petname string) (Peer, error)

	// Forget removes a contact and the whole conversation here, and only here:
	// it is overwritten on disk. The key is one that nobody knows from then on.
	Forget(ctx context.Context, who string) error

	// Add looks for somebody at an address, without multicast: IPv4, IPv6 or a
	// host name, with or without a port. The key that answers is shown, and is
	// looked for there from then on; it is not pinned before something is sent
	// to it, or it is accepted.
	Add(ctx context.Context, address string) (Peer, error)

	// Set changes a setting: nick, status, message, visibility, strangers, typing,
	// displayed, prelude, mdns, lock-after, lock-network,
	// discovery-domain, discovery-server, discovery-key, first, last, email, jid
	// or avatar (the path of a picture).
	Set(ctx context.Context, key, value string) error

	// Avatar returns the picture of a contact that is kept here: PNG, JPEG, GIF
	// or WebP by its first octets (AvatarForm), decoded by nobody yet.
	Avatar(ctx context.Context, who string) ([]byte, error)

	// History returns at most n messages before the given row (0: the
	// newest), oldest first.
	History(ctx context.Context, who string, before int64, n int) ([]Message, error)

	// Message is one message of a conversation, by its id.
	Message(ctx context.Context, who, id string) (Message, error)

	// Export returns at most n messages of every conversation, with who those of
	// one, after the given row (0: from the beginning), in the order in which
	// they were first seen here, corrections applied. None means that there are
	// no more; it holds little at a time, so all of a long history can be read.
	Export(ctx context.Context, who string, after int64, n int) ([]Message, error)

	// Focus tells which conversation a person looks at right now, by Peer.Key;
	// empty for none. Its other end is checked when it falls silent.
	Focus(ctx context.Context, key string) error

	// View tells which rows a person sees right now, by Peer.Key, no more than
	// the first MaxView: whether they are still there is asked every two
	// minutes, in a crowd more rarely for those who are no contacts.
	View(ctx context.Context, keys []string) error

	// Draft and SetDraft keep what is being written, on disk, for Peer.Key: the
	// text, and what it is about. Without a text nothing is kept.
	Draft(ctx context.Context, key string) (Writing, error)
	SetDraft(ctx context.Context, key string, w Writing) error

	// Subscribe delivers events from now on. With since above zero every
	// stored fact with a higher number comes first.
	Subscribe(ctx context.Context, since uint64) (Feed, error)
}

// MaxView is how many rows in view count.
const MaxView = 128

// Feed is a subscription. A reader that falls behind loses no fact: state
// events coalesce, and in place of facts that no longer fit it gets one
// Resync that says where to ask again.
type Feed interface {
	// Next waits for events and returns all that are there, in order.
	Next(ctx context.Context) ([]Event, error)
	Close() error
}

// Trust is the trust of a key, in the six words of security.md 6.2.
type Trust = trust.State

// The states of a key. An empty Trust means that no key was proven yet.
const (
	Unknown  = trust.Unknown
	Pinned   = trust.Pinned
	Verified = trust.Verified
	Conflict = trust.Conflict
	Blocked  = trust.Blocked
	Retired  = trust.Retired
)

// Presence of a peer as shown: the TXT's avail is online.
type Presence string

// Presence values of cli.md.
const (
	Online  Presence = "online"
	Away    Presence = "away"
	DND     Presence = "dnd"
	Offline Presence = "offline"
)

// Peer is one row of the roster: a contact, a proven stranger, or a mere
// claim heard on the link.
type Peer struct {
	// Key names the row: the fingerprint, or "~" and the instance name for a
	// claim that never proved a key.
	Key         string        `json:"key"`
	Fingerprint identity.Pin  `json:"fingerprint"`
	Name        safetext.Text `json:"name"`
	Nick        safetext.Text `json:"nick"`
	Instance    safetext.Text `json:"instance"`
	Trust       Trust         `json:"trust"`
	Presence    Presence      `json:"presence"`
	Message     safetext.Text `json:"message"`
	Encrypts    *bool         `json:"encrypts"`
	Stream      bool          `json:"stream"`
	Addresses   []string      `json:"addresses"`
	LastSeen    time.Time     `json:"lastSeen,omitzero"`

	// Waiting: this peer has not accepted us yet.
	Waiting bool `json:"waiting,omitempty"`
	// Asks: a request of this peer waits for our answer.
	Asks bool `json:"asks,omitempty"`
	// Of is the contact whose name a key in conflict claims.
	Of identity.Pin `json:"of,omitzero"`
	// ReplacedBy is the key that took the place of a retired one.
	ReplacedBy identity.Pin `json:"replacedBy,omitzero"`
	// Namesake is another contact whose name this row goes by, or one that
	// looks like it: of a claim that never proved a key, and of a contact.
	Namesake identity.Pin `json:"namesake,omitzero"`
	// Broken: its last stream was cut off, not ended, and there is no new one:
	// what it said last may be missing (P-25).
	Broken bool `json:"broken,omitempty"`
	// Clock: this peer's clock is ahead of ours, or behind it, by more than a
	// few minutes. Nothing depends on it.
	Clock string `json:"clock,omitempty"`
	// Note says in words what keeps this peer from chatting.
	Note safetext.Text `json:"note,omitzero"`
	Card
	// Gone: the row is no more (it left, or became part of another row).
	Gone bool `json:"gone,omitempty"`
}

// Card is what a peer publishes about itself on the link, each only if it wants
// to (XEP-0174 15). Like a nick none of it is proven.
type Card struct {
	First  safetext.Text `json:"first,omitzero"`
	Last   safetext.Text `json:"last,omitzero"`
	Email  safetext.Text `json:"email,omitzero"` // several stand apart by spaces
	JID    safetext.Text `json:"jid,omitzero"`
	Avatar string        `json:"avatar,omitempty"` // SHA-1 of a contact's picture that API.Avatar gives
}

// Contact reports whether the user has accepted the peer.
func (p Peer) Contact() bool { return p.Trust == Pinned || p.Trust == Verified }

// Direction of a message.
type Direction string

// Directions.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// State of a message: queued, sent, delivered, displayed or failed for one
// of ours, received for one of theirs.
type State string

// Delivery states of cli.md.
const (
	Queued    State = "queued"
	Sent      State = "sent"
	Delivered State = "delivered"
	Displayed State = "displayed"
	Failed    State = "failed"
	Received  State = "received"
)

// Reasons that say why a message is not delivered yet.
const (
	ReasonNotHere   = "not-here"
	ReasonWaiting   = "waiting" // the other side has not accepted us yet
	ReasonNoReceipt = "no-receipt"
	ReasonNoAnswer  = "no-answer" // sent, and not acknowledged for 5 s
)

// Message is one message of a conversation.
type Message struct {
	ID        string        `json:"id"`
	Peer      identity.Pin  `json:"peer"`
	Name      safetext.Text `json:"name"`
	Room      string        `json:"room"`
	Direction Direction     `json:"direction"`
	Body      safetext.Text `json:"body"`
	Replaces  string        `json:"replaces"`
	State     State         `json:"state"`
	Reason    string        `json:"reason"`
	// Row orders the conversation and pages History.
	Row int64 `json:"row"`
	// Delayed: sent again after an outage.
	Delayed bool `json:"delayed,omitempty"`
	// Written is when we wrote it or first saw it.
	Written time.Time `json:"written"`

	// Kind is empty for a text. All others are about another message.
	Kind  string `json:"kind,omitempty"`
	About string `json:"about,omitempty"`
	// Reply is what this answers; Body does not repeat it.
	Reply *Quotation `json:"reply,omitempty"`
	// Spoiler: Body is hidden until asked for; Hint says what it is about.
	Spoiler bool          `json:"spoiler,omitempty"`
	Hint    safetext.Text `json:"hint,omitzero"`
	// Unstyled: signs such as * are no styling (XEP-0393).
	Unstyled bool `json:"unstyled,omitempty"`
	// Edited and Retracted are when Body changed last, and when it was taken
	// back.
	Edited    time.Time  `json:"edited,omitzero"`
	Retracted time.Time  `json:"retracted,omitzero"`
	Reactions []Reaction `json:"reactions,omitempty"`
}

// Request is a stranger who waits to be accepted.
type Request struct {
	Fingerprint identity.Pin    `json:"fingerprint"`
	Name        safetext.Text   `json:"name"`
	Body        safetext.Text   `json:"body"` // the newest waiting message
	Bodies      []safetext.Text `json:"bodies,omitempty"`
	Address     string          `json:"address,omitempty"`
	// Gone: accepted, blocked or pushed out of the queue.
	Gone bool `json:"gone,omitempty"`
}

// ConflictNotice tells that an unknown key claims a contact's name. At most
// one a contact and hour (P-15).
type ConflictNotice struct {
	Fingerprint identity.Pin  `json:"fingerprint"`
	Name        safetext.Text `json:"name"`
	Of          identity.Pin  `json:"of"`
	OfName      safetext.Text `json:"ofName"`
}

// HealthNotice tells that something became wrong, or right again (Gone).
type HealthNotice struct {
	health.Item
	Gone bool `json:"gone,omitempty"`
}

// Resync tells that the reader was too slow: subscribe again from Seq, and
// take Peers and Requests anew.
type Resync struct {
	Seq uint64 `json:"from"`
}

// Event is something that happened. Body is one of Peer, Message, Request,
// Typing, ConflictNotice, HealthNotice and Resync. In JSON the fields of Body follow
// type, seq and time in one flat object.
type Event struct {
	Seq  uint64
	Time time.Time
	Body any
}

// Status describes the node itself.
type Status struct {
	Name        safetext.Text `json:"name"` // instance name; empty when not published
	Nick        safetext.Text `json:"nick"`
	Status      Presence      `json:"status"`
	Message     safetext.Text `json:"message"`
	Fingerprint identity.Pin  `json:"fingerprint"`
	Port        uint16        `json:"port"`
	Addresses   []string      `json:"addresses"`
	Interfaces  []Interface   `json:"interfaces"`
	Visibility  string        `json:"visibility"`
	Strangers   string        `json:"strangers"`
	Running     bool          `json:"running"`          // a node holds the profile
	Ready       bool          `json:"ready"`            // can be found and dialled
	Locked      bool          `json:"locked,omitempty"` // by its passphrase: nothing more is known
	Fresh       bool          `json:"fresh"`            // the user never chose a nick: show the welcome
	Discovery   Discovery     `json:"discovery"`
	Profile     string        `json:"profile"`
	PostQuantum bool          `json:"postQuantum"`
	Health      []health.Item `json:"health"`
}

// Discovery is how people are found.
type Discovery struct {
	MDNS   string        `json:"mdns"`   // the setting: auto, own or avahi
	Uses   string        `json:"uses"`   // own or avahi; empty while nothing on the links is asked
	Most   int           `json:"most"`   // people that it lists at the most
	Domain string        `json:"domain"` // the unicast DNS-SD domain that is browsed, if any
	Entry  safetext.Text `json:"entry"`  // our instance name there, if we have one
}

// Interface is a network interface in use.
type Interface struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
}

// Exit codes of cli.md, carried by Error.
const (
	CodeError   = 1
	CodeUsage   = 2
	CodeNotYet  = 3
	CodeRefused = 4
	CodeNoSuch  = 5
)

// Error is a failure that the user can act on: what happened, what to do, and
// the exit code of cli.md.
type Error struct {
	Code       int    `json:"code"`
	Text       string `json:"error"`
	Hint       string `json:"hint,omitempty"`
	Candidates []Peer `json:"candidates,omitempty"` // an ambiguous name
}

func (e *Error) Error() string { return e.Text }
