package history

import (
	"errors"
	"time"

	"llchat/internal/identity"
)

// Limits of security.md 9.
const (
	maxBody          = 32 << 10            // L-12, octets
	maxID            = 128                 // L-15, octets
	maxOutbox        = 1000                // L-14, messages a contact
	maxOutboxBytes   = 8 << 20             // L-14, octets a contact
	maxOutboxAge     = 30 * 24 * time.Hour // L-14
	maxRequests      = 50                  // L-11, keys that wait
	maxRequestRate   = 200                 // L-11, new keys an hour
	maxRequestBodies = 3                   // L-11, messages a key
	maxRequestBytes  = 4 << 10             // L-11, octets of text a key
	maxRequestNames  = 8                   // claims kept of a stranger
	maxRequestText   = 255                 // octets of a name, nick or address
	maxDraft         = 2 * maxBody         // a draft may be longer than a message
	maxPage          = 1000                // rows one read returns
)

// Limits of our own for what is said about messages: generous for people,
// small beside the stanza that would have to carry more (L-08).
const (
	maxHint     = 255 // octets of the words over a spoiler
	maxVersions = 16  // texts kept of one message besides the first one
	maxEmoji    = 20  // reactions of one person to one message
	maxEmojiLen = 64  // octets of one reaction; the longest emoji has 35
)

// Direction of a message.
type Direction string

// Directions.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// State of a message, in the words of cli.md.
type State string

// States: received belongs to direction in, the others to direction out.
const (
	Queued    State = "queued"
	Sent      State = "sent"
	Delivered State = "delivered"
	Displayed State = "displayed"
	Failed    State = "failed"
	Received  State = "received"
)

// Kind says what a message is.
type Kind string

// Kinds. All but Chat are said about another message, the target.
const (
	Chat       Kind = ""
	Correction Kind = "correction" // XEP-0308
	Retraction Kind = "retraction" // XEP-0424
	Reaction   Kind = "reaction"   // XEP-0444
	Deleted    Kind = "deleted"    // removed here, by this user; only its id is left
)

// kinds are kept as numbers; the order is that of schema 2 and may only grow.
var kinds = []Kind{Chat, Correction, Retraction, Reaction, Deleted}

// Message is one message of a conversation.
type Message struct {
	Row       int64  // orders the conversation by when we first saw the message
	Seq       uint64 // renewed whenever the message changes
	ID        string // at most 128 octets
	Peer      identity.Pin
	Direction Direction
	Body      string // as written or received; not yet safe to show
	State     State
	Reason    string    // why it is not delivered yet
	Time      time.Time // when we wrote it or first saw it; milliseconds, UTC
	Delay     time.Time // the peer's word for when it was written; never orders

	Kind   Kind
	Target string   // id of the message that this one is about; not of kind Chat
	Emoji  []string // kind Reaction: the complete set, none to take all back

	Reply    string // id of the message that this one answers
	Quote    Range  // the part of Body that repeats what is answered
	Spoiler  bool   // hidden until asked for
	Hint     string // what a spoiler is about
	Unstyled bool   // XEP-0393: show the text as it is
	Markable bool   // the sender wants to know when it was displayed

	// What became of it. Body is the newest text, and empty once retracted.
	Edited    time.Time // when we saw the newest text, zero if it is the first
	Retracted time.Time // when we saw that the sender took it back
	Ours      []string  // our reactions
	Theirs    []string  // the reactions of the peer
}

// Range is a part of a body, counted in code points (XEP-0426): from Start up
// to, without, End.
type Range struct{ Start, End uint32 }

// Request is a stranger's key that waits for the user.
type Request struct {
	Pin         identity.Pin
	Seq         uint64
	Names       []string // claims, newest first, at most 8
	Nick        string
	Addr        string
	First, Last time.Time
	Messages    []RequestMessage

	// PushedOut holds the keys that had to leave the queue for this one. Only
	// AddRequest sets it.
	PushedOut []identity.Pin
}

// RequestMessage is a message that waits with its request.
type RequestMessage struct {
	ID   string
	Body string
	Time time.Time
}

// Fact is something numbered and stored: exactly one of the pointers is set.
type Fact struct {
	Seq     uint64
	Message *Message
	Request *Request
}

// Answers to a call that could not be done; the store is unchanged.
var (
	ErrClosed   = errors.New("history: closed")
	ErrFull     = errors.New("history: outbox is full")            // L-14
	ErrTooLarge = errors.New("history: text or id is too large")   // L-12, L-15
	ErrNotFound = errors.New("history: no such message")           //
	ErrRate     = errors.New("history: too many new keys at once") // L-11
	ErrGone     = errors.New("history: the message was taken back")
)

// Troubles that an *Error may wrap.
var (
	// ErrNoSpace: the disk is full. Nothing stored is lost, the message at
	// hand is not stored, and the store goes on once there is room.
	ErrNoSpace = errors.New("no space left on the disk")
	// ErrDamaged: the file is not whole. Salvage saves what can be read.
	ErrDamaged = errors.New("the file is damaged")
)

// Error is trouble with the file that the user can act on.
type Error struct {
	Path    string
	Problem string // what is wrong, lower case
	Hint    string // what to do about it
	Err     error  // the cause; may be nil
}

func (e *Error) Error() string { return "history " + e.Path + ": " + e.Problem }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
