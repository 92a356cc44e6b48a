package trust

import "time"

// Merged tells what Merge has done.
type Merged struct {
	Added  int // keys that were not kept
	Raised int // keys that stand higher now
}

// Merge takes in a pin store of a backup, as Open would read it. It never
// lowers what is known here: a verified key stays verified, a blocked or retired
// one stays that, and what is older does not take the place of what is newer. A
// petname that is taken gets a number.
func (s *Store) Merge(file []byte) (done Merged, err error) {
	from, err := decode(file)
	if err != nil {
		return Merged{}, err
	}
	_, err = s.change(func(t *table) (Contact, error) {
		for _, c := range from.all() {
			was, kept := t.get(c.Pin)
			if !kept {
				if err := t.room(c.Pin, c.By); err != nil {
					return Contact{}, err
				}
				c.Petname = t.freePetname(c.Pin, c.Petname)
				t.put(c)
				done.Added++
				continue
			}
			is := was.merge(c)
			if is.State != was.State {
				done.Raised++
			}
			t.put(is)
		}
		return Contact{}, nil
	})
	if err != nil {
		return Merged{}, err
	}
	return done, nil
}

// merge is a contact with what an earlier record of its key says.
func (c Contact) merge(from Contact) Contact {
	switch {
	case !c.Accepted(): // blocked or retired: only the user ends that, here
	case !from.Accepted():
		// Blocked or replaced after what is known here.
		if from.Since.After(c.Since) {
			c.State, c.By, c.Since, c.ReplacedBy = from.State, from.By, from.Since, from.ReplacedBy
		}
	case from.State == Verified && c.State == Pinned:
		c.State, c.By, c.Since = Verified, from.By, from.Since
	}
	c.FirstSeen, c.LastSeen = earlier(c.FirstSeen, from.FirstSeen), later(c.LastSeen, from.LastSeen)
	c.Names = newest(c.Names, from.Names)
	c.Security = c.Security.highest(from.Security)
	return c
}

// earlier and later leave out times that are not known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Check reports what is wrong with the pin store of a backup.
func Check(file []byte) error {
	_, err := decode(file)
	return err
}
