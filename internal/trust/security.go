package trust

import (
	"crypto/tls"
	"fmt"
	"slices"

	"llchat/internal/identity"
)

// Security is how a finished handshake protects a connection.
type Security struct {
	Version uint16      // of TLS
	Group   tls.CurveID // of the key exchange
}

// What the two can be (security.md 4.1), the weakest first, by the names that
// the file has for them.
var (
	versions = []named{{uint16(tls.VersionTLS13), "1.3"}}
	groups   = []named{{uint16(tls.X25519), "X25519"}, {uint16(tls.X25519MLKEM768), "X25519MLKEM768"}}
)

type named struct {
	id   uint16
	name string
}

// rank is the place of id in a list, from 1 on; 0 for what is not in it.
func rank(list []named, id uint16) int {
	return 1 + slices.IndexFunc(list, func(n named) bool { return n.id == id })
}

// nameOf is what the file calls id; empty for what is not in the list.
func nameOf(list []named, id uint16) string {
	if r := rank(list, id); r > 0 {
		return list[r-1].name
	}
	return ""
}

// idOf is the other way; 0 for no name.
func idOf(list []named, name string) uint16 {
	for _, n := range list {
		if n.name == name {
			return n.id
		}
	}
	return 0
}

// Below reports whether s is weaker than what was seen before, in one of the
// two. Nothing is weaker than nothing.
func (s Security) Below(seen Security) bool {
	return rank(versions, s.Version) < rank(versions, seen.Version) ||
		rank(groups, uint16(s.Group)) < rank(groups, uint16(seen.Group))
}

// highest has the stronger one of each.
func (s Security) highest(other Security) Security {
	if rank(versions, other.Version) > rank(versions, s.Version) {
		s.Version = other.Version
	}
	if rank(groups, uint16(other.Group)) > rank(groups, uint16(s.Group)) {
		s.Group = other.Group
	}
	return s
}

// checkSecurity wants what newRecord writes: known names, or none.
func (r record) checkSecurity() error {
	if r.TLS != "" && idOf(versions, r.TLS) == 0 || r.Group != "" && idOf(groups, r.Group) == 0 {
		return fmt.Errorf("TLS %q with the group %q is not known", r.TLS, r.Group)
	}
	return nil
}

// Secured notes how a stream with a contact is protected, and returns the
// highest that was seen with it before (T-32). Call it with the state of a
// handshake that has returned, for the key that it proved. Keys that are no
// contacts are left alone.
func (s *Store) Secured(pin identity.Pin, is Security) (before Security, err error) {
	if c, _ := s.Get(pin); !c.Accepted() || c.Security.highest(is) == c.Security {
		return c.Security, nil
	}
	_, err = s.change(func(t *table) (Contact, error) {
		c, _ := t.get(pin)
		if before = c.Security; !c.Accepted() {
			return c, errUnchanged
		}
		c.Security = before.highest(is)
		return t.put(c), nil
	})
	return before, err
}
