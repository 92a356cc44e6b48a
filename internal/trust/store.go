package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"llchat/internal/identity"
)

// Files is the part of a profile that a Store needs.
type Files interface {
	// Read returns a file of at most max octets, or fs.ErrNotExist.
	Read(name string, max int) ([]byte, error)
	// Write replaces a file, has it on disk when it returns, and keeps the
	// previous one under the name with ".1".
	Write(name string, data []byte) error
}

const (
	fileName     = "trust"
	previousName = fileName + ".1"
)

// seenEvery is how much older LastSeen on disk may be than in memory.
const seenEvery = time.Hour

// Store is the pin store of one profile.
type Store struct {
	files   Files
	current atomic.Pointer[table]

	// mu is held by whoever changes the store, over the write to disk.
	mu sync.Mutex
}

// errUnchanged ends an edit that has nothing to write.
var errUnchanged = errors.New("trust: nothing to change")

// Open reads the pin store. No file is an empty store, but only if there was
// none before either.
func Open(f Files) (*Store, error) {
	s := &Store{files: f}
	data, err := f.Read(fileName, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := neverWritten(f); err != nil {
			return nil, err
		}
		s.current.Store(newTable())
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open pin store: %w", err)
	}
	t, err := decode(data)
	if err != nil {
		return nil, err
	}
	s.current.Store(t)
	return s, nil
}

// neverWritten guards against a pin store that got lost (P-26).
func neverWritten(f Files) error {
	_, err := f.Read(previousName, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("open pin store: %w", err)
	}
	return &FileError{Problem: "the file is gone, its previous version is there", Hint: hintLost}
}

// change runs an edit on a copy of the table, writes the copy and puts it in
// place. After an error everything is as it was.
func (s *Store) change(edit func(*table) (Contact, error)) (Contact, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.current.Load().clone()
	c, err := edit(next)
	switch {
	case errors.Is(err, errUnchanged):
		return c, nil
	case err != nil:
		return Contact{}, err
	}
	if err := s.save(next); err != nil {
		return Contact{}, err
	}
	s.current.Store(next)
	return c.clone(), nil
}

func (s *Store) save(t *table) error {
	data, err := encode(t)
	if err != nil {
		return err
	}
	if err := s.files.Write(fileName, data); err != nil {
		return fmt.Errorf("write pin store: %w", err)
	}
	return nil
}

// Get returns what is kept about a key.
func (s *Store) Get(pin identity.Pin) (Contact, bool) { return s.current.Load().get(pin) }

// All returns every key that is kept, sorted by petname.
func (s *Store) All() []Contact { return s.current.Load().all() }

// ByPetname returns the key with that petname, in any state.
func (s *Store) ByPetname(name string) (Contact, bool) { return s.current.Load().byPetname(name) }

// Successor returns the contact whose key took the place of a retired one, over
// as many steps as there were; for a contact that is itself.
func (s *Store) Successor(pin identity.Pin) (Contact, bool) { return s.current.Load().successor(pin) }

// Judge says what a proven key that makes these name claims (user@machine or
// nick) is now: its own state when it is kept, else Conflict when a claim
// equals or looks like the petname or a last claim of a contact, else Unknown.
// It changes nothing and never waits.
func (s *Store) Judge(pin identity.Pin, names []string) (State, Contact) {
	return s.current.Load().judge(pin, names)
}

// Namesake returns the contact whose name the key claims although it is
// another key. For a pinned or verified key that is a mark beside its name and
// changes nothing else (README 5.4).
func (s *Store) Namesake(pin identity.Pin, names []string) (Contact, bool) {
	same := s.current.Load().namesakes(pin, names)
	if len(same) == 0 {
		return Contact{}, false
	}
	return same[0], true
}

// NamedLike is Namesake for a contact: only petnames of others count, which
// the user gave, or both of two contacts would be marked.
func (s *Store) NamedLike(pin identity.Pin, names []string) (Contact, bool) {
	var mine []string
	for _, name := range names {
		mine = append(mine, keys(name)...)
	}
	for _, c := range s.current.Load().namesakes(pin, names) {
		if slices.Contains(mine, key(c.Petname)) {
			return c, true
		}
	}
	return Contact{}, false
}

// Seen notes that a contact was here: call it when its stream is ready, never
// for a claim. Keys that are no contacts are left alone. The disk is written
// when a name or address is new, else at most once an hour.
func (s *Store) Seen(pin identity.Pin, names []string, addr string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.current.Load()
	was, ok := current.entries[pin]
	if !ok || !was.Accepted() {
		return nil
	}
	is := was.Contact.seen(names, addr, now)
	next := current.clone()
	next.put(is)
	if slices.Equal(is.Names, was.Names) {
		next.index = current.index // dear to build, and still right
	}
	age := is.LastSeen.Sub(was.saved)
	if is.knowsMoreThan(was.Contact) || age.Abs() >= seenEvery {
		if err := s.save(next); err != nil {
			return err
		}
	} else {
		next.entries[pin].saved = was.saved
	}
	s.current.Store(next)
	return nil
}

// seen returns the contact as it is after it was here.
func (c Contact) seen(names []string, addr string, now time.Time) Contact {
	is := c.clone()
	is.LastSeen = stamp(now)
	is.Names = newest(names, c.Names)
	if addr = cleanAddr(addr); addr != "" {
		others := slices.DeleteFunc(slices.Clone(c.LastAddrs), func(a string) bool { return a == addr })
		is.LastAddrs = append([]string{addr}, others[:min(len(others), maxAddrs-1)]...)
	}
	return is
}

// knowsMoreThan ignores order: a peer that swaps two names all the time shall
// not keep the disk busy.
func (c Contact) knowsMoreThan(was Contact) bool {
	fresh := func(list []string) func(string) bool {
		return func(s string) bool { return !slices.Contains(list, s) }
	}
	return slices.ContainsFunc(c.Names, fresh(was.Names)) ||
		slices.ContainsFunc(c.LastAddrs, fresh(was.LastAddrs))
}
