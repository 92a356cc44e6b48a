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
}

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
