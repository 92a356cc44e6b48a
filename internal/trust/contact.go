package trust

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"llchat/internal/identity"
)

// State is what a key is to us (security.md 6.2).
type State string

// The six states.
const (
	Unknown  State = "unknown"  // key proven, never accepted
	Pinned   State = "pinned"   // accepted by the user, first use
	Verified State = "verified" // compared: code, team phrase or fingerprint
	Conflict State = "conflict" // an unknown key that claims a contact's name
	Blocked  State = "blocked"  // the user's decision
	Retired  State = "retired"  // replaced by another key of the same person
)

// Ways to come into a state, for Contact.By. Others may be used too.
const (
	ByAccepted = "accepted" // the user accepted a request
	BySent     = "sent"     // the user wrote to it first
	ByPolicy   = "policy"   // strangers=accept
	ByReplaced = "replaced" // the user said that a contact has a new key
	ByBlocked  = "blocked"  // the user blocked it
)

// What the store keeps of a key.
const (
	maxNames = 8 // security.md 6.1
	maxAddrs = 4
)

// Contact is what we know about a key.
type Contact struct {
	Pin     identity.Pin
	Petname string // chosen by the user, unique; empty for a stranger
	State   State
	By      string    // how it came into State
	Since   time.Time // when it came into State

	FirstSeen, LastSeen time.Time
	Names               []string // last name claims, cleaned, newest first
	LastAddrs           []string // newest first, with or without port
	Security            Security // the highest seen (security.md 6.1)

	// ReplacedBy is the key that took the place of a Retired one.
	ReplacedBy identity.Pin

	// Of is the contact whose name a key in Conflict claims. It is derived
	// by Judge and never stored.
	Of identity.Pin
}

// Accepted reports whether the user accepted the key: pinned or verified.
func (c Contact) Accepted() bool { return c.State == Pinned || c.State == Verified }

// LogValue keeps names and whole pins out of logs (security.md 13, G-1).
func (c Contact) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("pin", c.Pin), slog.String("state", string(c.State)))
}

func (c Contact) clone() Contact {
	c.Names = slices.Clone(c.Names)
	c.LastAddrs = slices.Clone(c.LastAddrs)
	return c
}

// Error says what a key is that may not do what was asked. Its text holds no
// name, because errors end up in logs.
type Error struct {
	Pin     identity.Pin
	State   State
	Of      identity.Pin // Conflict: whose name it claims
	Petname string       // of Pin, or of Of in a Conflict
}

// Error is part of error.
func (e *Error) Error() string {
	text := "trust: key " + e.Pin.Label() + " is " + string(e.State)
	if !e.Of.IsZero() {
		text += " with " + e.Of.Label()
	}
	return text
}

// TakenError says whose name a petname is, or looks like, that was to be given
// to another key. Its text holds no name, because errors end up in logs.
type TakenError struct {
	Pin     identity.Pin
	State   State
	Petname string // of Pin; empty for a blocked key that never had one
}

// Error is part of error.
func (e *TakenError) Error() string {
	return "trust: the petname is, or looks like, a name of key " + e.Pin.Label()
}

// Refusals that are not about the state of a key.
var (
	ErrPetname = errors.New("trust: not usable as a petname")
	ErrFull    = errors.New("trust: no room for another key")
	ErrPin     = errors.New("trust: no key")
)
