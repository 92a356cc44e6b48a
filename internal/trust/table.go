package trust

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// entry is a Contact with what its names look like. It is never changed.
type entry struct {
	Contact
	petKey    string
	claimKeys []string
	saved     time.Time // LastSeen as this entry last went to disk
}

func newEntry(c Contact) *entry {
	e := &entry{Contact: c.clone(), petKey: key(c.Petname), saved: c.LastSeen}
	for _, name := range c.Names {
		e.claimKeys = append(e.claimKeys, keys(name)...)
	}
	return e
}

// table is all entries at one moment. An edit works on a copy; once it is in
// the Store nobody changes it.
type table struct {
	entries map[identity.Pin]*entry
	index   func() map[string][]identity.Pin // accepted contacts by key
}

func newTable() *table { return tableOf(map[identity.Pin]*entry{}) }

func tableOf(entries map[identity.Pin]*entry) *table {
	t := &table{entries: entries}
	t.edited()
	return t
}

// edited makes the index be built anew: an edit asks it before it changes the
// entries, and the answer must not outlive that.
func (t *table) edited() { t.index = sync.OnceValue(t.buildIndex) }

func (t *table) clone() *table { return tableOf(maps.Clone(t.entries)) }

// buildIndex leaves out blocked and retired keys: their names are free, a
// blocked one is exactly a stranger (security.md 6.2).
func (t *table) buildIndex() map[string][]identity.Pin {
	index := make(map[string][]identity.Pin)
	add := func(k string, pin identity.Pin) {
		if k != "" && !slices.Contains(index[k], pin) {
			index[k] = append(index[k], pin)
		}
	}
	for pin, e := range t.entries {
		if !e.Accepted() {
			continue
		}
		add(e.petKey, pin)
		for _, k := range e.claimKeys {
			add(k, pin)
		}
	}
	return index
}

func (t *table) get(pin identity.Pin) (Contact, bool) {
	if e, ok := t.entries[pin]; ok {
		return e.clone(), true
	}
	return Contact{}, false
}

// put may be used on a table that no Store has yet.
func (t *table) put(c Contact) Contact {
	t.entries[c.Pin] = newEntry(c)
	t.edited()
	return c
}

func (t *table) remove(pin identity.Pin) {
	delete(t.entries, pin)
	t.edited()
}

// namesakes are the contacts, other than pin, whose name these claims use.
// First comes the one that a reader thinks of: by petname rather than by
// claim, then verified, then known for longest.
func (t *table) namesakes(pin identity.Pin, claims []string) []Contact {
	var mine []string
	for _, claim := range claims {
		mine = append(mine, keys(claim)...)
	}
	found := make(map[*entry]bool)
	for _, k := range mine {
		for _, other := range t.index()[k] {
			if other != pin {
				found[t.entries[other]] = true
			}
		}
	}
	entries := slices.SortedFunc(maps.Keys(found), func(a, b *entry) int {
		return cmp.Or(
			first(slices.Contains(mine, a.petKey), slices.Contains(mine, b.petKey)),
			first(a.State == Verified, b.State == Verified),
			a.Since.Compare(b.Since),
			comparePins(a.Pin, b.Pin),
		)
	})
	contacts := make([]Contact, len(entries))
	for i, e := range entries {
		contacts[i] = e.clone()
	}
	return contacts
}

// judge is Store.Judge on one table.
func (t *table) judge(pin identity.Pin, claims []string) (State, Contact) {
	if c, ok := t.get(pin); ok {
		return c.State, c
	}
	c := Contact{Pin: pin, State: Unknown, Names: cleanNames(claims)}
	if same := t.namesakes(pin, claims); len(same) > 0 {
		c.State, c.Of = Conflict, same[0].Pin
	}
	return c.State, c
}

// refusal is the error for what a key is.
func (t *table) refusal(c Contact) error {
	e := &Error{Pin: c.Pin, State: c.State, Of: c.Of, Petname: c.Petname}
	if of, ok := t.entries[c.Of]; ok {
		e.Petname = of.Petname
	}
	return e
}

// taken finds the key that has a petname, or a contact whose names it looks like.
func (t *table) taken(pin identity.Pin, petname string) (Contact, bool) {
	k, name := key(petname), clean(petname)
	for _, c := range t.all() {
		if c.Pin != pin && c.Petname != "" && (c.Petname == name || key(c.Petname) == k) {
			return c, true
		}
	}
	if same := t.namesakes(pin, []string{petname}); len(same) > 0 {
		return same[0], true
	}
	return Contact{}, false
}

// successor follows the keys that took the place of a retired one, to the
// contact at the end.
func (t *table) successor(pin identity.Pin) (Contact, bool) {
	for range len(t.entries) { // a file that was edited may go round in a circle
		e, ok := t.entries[pin]
		switch {
		case !ok:
			return Contact{}, false
		case e.Accepted():
			return e.clone(), true
		case e.State != Retired:
			return Contact{}, false
		}
		pin = e.ReplacedBy
	}
	return Contact{}, false
}

// petnameTaken reports whether a key other than pin has the petname or one
// that looks like it, in any state.
func (t *table) petnameTaken(pin identity.Pin, petname string) bool {
	k := key(petname)
	for _, e := range t.entries {
		if e.Pin != pin && e.Petname != "" && (e.Petname == petname || e.petKey == k) {
			return true
		}
	}
	return false
}

// freePetname cleans a petname and makes it unique; "" stays "".
func (t *table) freePetname(pin identity.Pin, petname string) string {
	name := safetext.Name(petname).String()
	if name == "" {
		return ""
	}
	return numbered(name, func(try string) bool { return t.petnameTaken(pin, try) })
}

// byPetname prefers the exact spelling, and takes another case of letters
// when that means one contact only.
func (t *table) byPetname(petname string) (Contact, bool) {
	name := safetext.Name(petname).String()
	var folded []*entry
	for _, e := range t.entries {
		switch {
		case e.Petname == "" || name == "":
		case e.Petname == name:
			return e.clone(), true
		case strings.EqualFold(e.Petname, name):
			folded = append(folded, e)
		}
	}
	if len(folded) != 1 {
		return Contact{}, false
	}
	return folded[0].clone(), true
}

// all is sorted for a reader.
func (t *table) all() []Contact {
	out := make([]Contact, 0, len(t.entries))
	for _, e := range t.entries {
		out = append(out, e.clone())
	}
	slices.SortFunc(out, func(a, b Contact) int {
		return cmp.Or(strings.Compare(a.Petname, b.Petname), comparePins(a.Pin, b.Pin))
	})
	return out
}

func comparePins(a, b identity.Pin) int { return slices.Compare(a[:], b[:]) }

// first orders true before false.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}
