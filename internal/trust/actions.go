package trust

import (
	"time"

	"llchat/internal/identity"
)

const (
	// maxContacts bounds what a person decides about. Full of the longest
	// names they are less than maxFile.
	maxContacts = 4096
	// maxByPolicy is what strangers=accept may fill of it: strangers alone
	// shall not use up the room for contacts.
	maxByPolicy = maxContacts / 2
)

// Accept pins an unknown key; by says how (ByAccepted, BySent, ByPolicy). An
// empty petname is made from the name claims; one that is taken gets a number.
// The claims must be those of the live stream, and the claim that was dialled. A
// contact stays as it is. Conflict and Blocked are an *Error. A retired key only
// becomes unknown again, and only when the user accepts it knowingly, by
// ByAccepted; else it is an *Error, too.
func (s *Store) Accept(pin identity.Pin, petname string, names []string, by string, now time.Time) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		switch state, c := t.judge(pin, names); {
		case c.Accepted():
			return c, errUnchanged
		case state == Unknown:
			return t.admit(c, Pinned, petname, names, by, now)
		case state == Retired && by == ByAccepted:
			t.remove(pin)
			return Contact{Pin: pin, State: Unknown, Names: c.Names}, nil
		default:
			return Contact{}, t.refusal(c)
		}
	})
}

// AcceptAs pins a key under a petname that the user gave it: an unknown key, or
// one in conflict that the user said is another person. The petname is taken as
// it is or not at all: one that is, or looks like, the name of another key that
// is kept is a *TakenError.
func (s *Store) AcceptAs(pin identity.Pin, petname string, names []string, by string, now time.Time) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		state, c := t.judge(pin, names)
		switch {
		case state != Conflict && state != Unknown:
			return Contact{}, t.refusal(c)
		case key(petname) == "":
			return Contact{}, ErrPetname
		}
		if of, taken := t.taken(pin, petname); taken {
			return Contact{}, &TakenError{Pin: of.Pin, State: of.State, Petname: of.Petname}
		}
		return t.admit(c, Pinned, petname, names, by, now)
	})
}

// Verify makes an unknown or pinned key verified. Call it only with the key of
// the live connection over which the code, the phrase or the fingerprint was
// compared (P-04); by says which. A verified key stays as it is.
func (s *Store) Verify(pin identity.Pin, names []string, by string, now time.Time) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		switch state, c := t.judge(pin, names); state {
		case Verified:
			return c, errUnchanged
		case Unknown:
			return t.admit(c, Verified, "", names, by, now)
		case Pinned:
			c.State, c.By, c.Since = Verified, by, stamp(now)
			return t.put(c), nil
		default:
			return Contact{}, t.refusal(c)
		}
	})
}

// Replace says that the pinned contact old has the new key pin, which is in
// conflict with it: typed must be the petname of old. The new key is pinned
// under that petname, the old one retired. A verified contact cannot be
// replaced this way: a state is never lowered.
func (s *Store) Replace(old, pin identity.Pin, typed string, names []string, now time.Time) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		was, ok := t.get(old)
		if !ok || was.State != Pinned {
			return Contact{}, t.refusal(known(was, old))
		}
		if clean(typed) != was.Petname {
			return Contact{}, ErrPetname
		}
		return t.succeed(was, pin, Pinned, names, ByReplaced, now)
	})
}

// ReplaceVerified does the same for a pinned or verified contact, after the
// NEW key was verified as for Verify; it is then verified.
func (s *Store) ReplaceVerified(old, pin identity.Pin, names []string, by string, now time.Time) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		was, ok := t.get(old)
		if !ok || !was.Accepted() {
			return Contact{}, t.refusal(known(was, old))
		}
		return t.succeed(was, pin, Verified, names, by, now)
	})
}

// Block blocks a key in any state. names are the claims of a key that is not
// kept yet, for the list of blocked keys.
func (s *Store) Block(pin identity.Pin, now time.Time, names ...string) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		c, ok := t.get(pin)
		switch {
		case ok && c.State == Blocked:
			return c, errUnchanged
		case !ok:
			if err := t.room(pin, ByBlocked); err != nil {
				return Contact{}, err
			}
			c = Contact{Pin: pin, FirstSeen: stamp(now), LastSeen: stamp(now), Names: cleanNames(names)}
		}
		c.State, c.By, c.Since, c.ReplacedBy = Blocked, ByBlocked, stamp(now), identity.Pin{}
		return t.put(c), nil
	})
}

// Unblock makes a blocked key unknown: nothing is kept of it.
func (s *Store) Unblock(pin identity.Pin) error {
	_, err := s.change(func(t *table) (Contact, error) {
		c, ok := t.get(pin)
		if !ok || c.State != Blocked {
			return Contact{}, t.refusal(known(c, pin))
		}
		t.remove(pin)
		return Contact{}, nil
	})
	return err
}

// Forget removes all that is kept of a key. Keys that were in conflict with it
// are unknown from then on.
func (s *Store) Forget(pin identity.Pin) error {
	_, err := s.change(func(t *table) (Contact, error) {
		c, ok := t.get(pin)
		if !ok {
			return Contact{}, t.refusal(known(c, pin))
		}
		t.remove(pin)
		return Contact{}, nil
	})
	return err
}

// Rename changes the petname of a key that is kept; one that is taken gets a
// number.
func (s *Store) Rename(pin identity.Pin, petname string) (Contact, error) {
	return s.change(func(t *table) (Contact, error) {
		c, ok := t.get(pin)
		if !ok {
			return Contact{}, t.refusal(known(c, pin))
		}
		name := t.freePetname(pin, petname)
		switch name {
		case "":
			return Contact{}, ErrPetname
		case c.Petname:
			return c, errUnchanged
		}
		c.Petname = name
		return t.put(c), nil
	})
}

// known is c, or what a key is that is not kept.
func known(c Contact, pin identity.Pin) Contact {
	if c.State == "" {
		return Contact{Pin: pin, State: Unknown}
	}
	return c
}

// room reports whether one more key may be kept.
func (t *table) room(pin identity.Pin, by string) error {
	most := maxContacts
	if by == ByPolicy {
		most = maxByPolicy
	}
	switch {
	case pin.IsZero():
		return ErrPin
	case len(t.entries) >= most:
		return ErrFull
	}
	return nil
}

// admit keeps a key that was not kept.
func (t *table) admit(c Contact, to State, petname string, names []string, by string, now time.Time) (Contact, error) {
	if err := t.room(c.Pin, by); err != nil {
		return Contact{}, err
	}
	if petname = t.freePetname(c.Pin, petname); petname == "" {
		petname = t.freePetname(c.Pin, suggest(names, c.Pin.Label()))
	}
	at := stamp(now)
	return t.put(Contact{
		Pin: c.Pin, Petname: petname, State: to, By: by, Since: at,
		FirstSeen: at, LastSeen: at, Names: cleanNames(names),
	}), nil
}

// succeed gives the petname of was to pin, which must be in conflict with it.
func (t *table) succeed(was Contact, pin identity.Pin, to State, names []string, by string, now time.Time) (Contact, error) {
	state, c := t.judge(pin, names)
	if state != Conflict || !t.claims(pin, names, was.Pin) {
		return Contact{}, t.refusal(c)
	}
	petname := was.Petname
	was.Petname = ""
	was.State, was.By, was.Since, was.ReplacedBy = Retired, by, stamp(now), pin
	t.put(was)
	is, err := t.admit(c, to, petname, names, by, now)
	if err != nil {
		return Contact{}, err
	}
	was.Petname = t.freePetname(was.Pin, withEnding(petname, " (old)"))
	t.put(was)
	return is, nil
}

// claims reports whether the names are those of the contact of.
func (t *table) claims(pin identity.Pin, names []string, of identity.Pin) bool {
	for _, c := range t.namesakes(pin, names) {
		if c.Pin == of {
			return true
		}
	}
	return false
}
