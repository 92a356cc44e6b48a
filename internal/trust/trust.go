// Package trust keeps the pins: which keys the user accepted, under which
// petname, and what a key is to us now.
package trust

import (
	"errors"
	"time"

	"llchat/internal/identity"
)

// State is what a key is to us (security.md 6.2).
type State string

// The six states.
const (
	Unknown  State = "unknown"
	Pinned   State = "pinned"
	Verified State = "verified"
	Conflict State = "conflict"
	Blocked  State = "blocked"
	Retired  State = "retired"
)

// Contact is what we keep about a key.
type Contact struct {
	Pin       identity.Pin
	Petname   string
	State     State
	By        string
	Since     time.Time
	FirstSeen time.Time
	LastSeen  time.Time
	Names     []string
	LastAddrs []string
	Of        identity.Pin
}

// Error says why a key may not do what was asked.
type Error struct {
	Pin     identity.Pin
	State   State
	Of      identity.Pin
	Petname string
}

func (e *Error) Error() string { return "trust: " + string(e.State) }

// Files is the part of a profile that a Store needs.
type Files interface {
	Read(name string, max int) ([]byte, error)
	Write(name string, data []byte) error
}

// Store is the pin store.
type Store struct{}

// Open reads the pin store.
func Open(f Files) (*Store, error) { return nil, errors.ErrUnsupported }

// Get returns the contact with that pin.
func (s *Store) Get(pin identity.Pin) (Contact, bool) { return Contact{}, false }

// All returns every contact.
func (s *Store) All() []Contact { return nil }

// ByPetname returns the contact with that petname.
func (s *Store) ByPetname(name string) (Contact, bool) { return Contact{}, false }

// Judge says what a proven key with these name claims is now. It changes nothing.
func (s *Store) Judge(pin identity.Pin, names []string) (State, Contact) {
	return Unknown, Contact{}
}

// Namesake returns the contact whose name the contact pin claims, if any.
func (s *Store) Namesake(pin identity.Pin, names []string) (Contact, bool) {
	return Contact{}, false
}

// Accept pins an unknown key. An empty petname is made from the name claims.
func (s *Store) Accept(pin identity.Pin, petname string, names []string, by string, now time.Time) (Contact, error) {
	return Contact{}, errors.ErrUnsupported
}

// Block blocks a key; names are the claims of a key that is no contact.
func (s *Store) Block(pin identity.Pin, now time.Time, names ...string) (Contact, error) {
	return Contact{}, errors.ErrUnsupported
}

// Unblock makes a blocked key unknown.
func (s *Store) Unblock(pin identity.Pin) error { return errors.ErrUnsupported }

// Forget removes what we know about a key.
func (s *Store) Forget(pin identity.Pin) error { return errors.ErrUnsupported }

// Rename changes the petname.
func (s *Store) Rename(pin identity.Pin, petname string) (Contact, error) {
	return Contact{}, errors.ErrUnsupported
}

// Seen notes that a contact was here.
func (s *Store) Seen(pin identity.Pin, names []string, addr string, now time.Time) error {
	return errors.ErrUnsupported
}
