package chat

import (
	"slices"

	"llchat/internal/identity"
	"llchat/internal/peer"
	"llchat/internal/trust"
)

// namesakeOf is the contact whose name a claim goes by that never proved a
// key (T-13).
func (n *Node) namesakeOf(c peer.Claim) identity.Pin {
	nick, _ := c.Text.Get("nick")
	same, _ := n.trust.Namesake(identity.Pin{}, []string{c.Instance, nick})
	return same.Pin
}

// namesake is the contact whose name another contact goes by. Only a petname
// counts, which the user gave: or one who takes a contact's name would have
// both marked.
func (n *Node) namesake(r *remote, c trust.Contact) identity.Pin {
	names := n.claimedNames(r)
	if len(names) == 0 && len(c.Names) > 0 {
		names = c.Names[:1] // it is not here: what it bore last
	}
	same, _ := n.trust.NamedLike(r.pin, names)
	return same.Pin
}

// nameBook is what namesakes are told by: the names of every contact.
type nameBook []contactNames

type contactNames struct {
	pin   identity.Pin
	names []string
}

// bookOf makes the list.
func bookOf(contacts []trust.Contact) nameBook {
	var b nameBook
	for _, c := range contacts {
		if c.Accepted() {
			b = append(b, contactNames{c.Pin, append([]string{c.Petname}, c.Names...)})
		}
	}
	return b
}

func (b nameBook) equal(other nameBook) bool {
	return slices.EqualFunc(b, other, func(x, y contactNames) bool {
		return x.pin == y.pin && slices.Equal(x.names, y.names)
	})
}

// nameNamesakes looks at every row again once the names of contacts changed.
func (n *Node) nameNamesakes(contacts []trust.Contact) {
	book := bookOf(contacts)
	if book.equal(n.book) {
		return
	}
	n.book = book
	for key := range n.claims {
		n.touchClaim(key)
	}
	for _, c := range contacts {
		n.touch(c.Pin)
	}
}
