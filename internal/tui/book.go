package tui

import (
	"cmp"
	"slices"
	"strings"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// section of the roster, in the order of the screen.
type section int

const (
	asking section = iota
	near
	strangers
	quiet
	hidden // blocked and retired keys, and strangers who left
	sections
)

// entry is one row of the roster.
type entry struct {
	peer    chat.Peer
	name    safetext.Text
	label   safetext.Text // first group of the fingerprint
	request *chat.Request
	section section
	fold    string // what it is sorted by
	lower   string // the name, for filters
	where   string // the instance name, for filters
	under   bool   // a key in conflict, listed under its contact
}

func (e *entry) compare(o *entry) int {
	if c := cmp.Compare(e.section, o.section); c != 0 {
		return c
	}
	if c := strings.Compare(e.fold, o.fold); c != 0 {
		return c
	}
	if e.under != o.under {
		if o.under {
			return -1
		}
		return 1
	}
	return strings.Compare(e.peer.Key, o.peer.Key)
}

// book is the roster: everybody who was heard of, kept sorted. A change costs
// two binary searches, whatever the number of people.
type book struct {
	byKey   map[string]*entry
	order   []*entry
	count   [sections]int
	others  map[identity.Pin][]*entry // keys in conflict, by the contact whose name they claim
	version uint64                    // grows with every change
}

func newBook() *book {
	return &book{byKey: map[string]*entry{}, others: map[identity.Pin][]*entry{}}
}

// get returns the row of a key, or nil.
func (b *book) get(key string) *entry { return b.byKey[key] }

// put adds a peer or takes what is new about one.
func (b *book) put(p chat.Peer) *entry {
	e := b.byKey[p.Key]
	if p.Gone {
		if e != nil {
			b.take(e)
			delete(b.byKey, p.Key)
		}
		return nil
	}
	if e == nil {
		e = &entry{}
		b.byKey[p.Key] = e
	} else {
		b.take(e)
	}
	e.peer = p
	e.dress()
	b.place(e)
	b.followers(e)
	return e
}

// ask notes a request, or that there is none any more.
func (b *book) ask(r chat.Request) *entry {
	key := r.Fingerprint.String()
	e := b.byKey[key]
	if e == nil {
		if r.Gone {
			return nil
		}
		p := chat.Peer{Key: key, Fingerprint: r.Fingerprint, Name: r.Name, Trust: chat.Unknown, Asks: true}
		e = b.put(p)
	}
	b.take(e)
	if r.Gone {
		e.request, e.peer.Asks = nil, false
	} else {
		e.request = &r
	}
	b.place(e)
	return e
}

// replace takes a whole new list; what fresh names is newer than the list.
func (b *book) replace(peers []chat.Peer, requests []chat.Request, fresh map[string]bool) {
	old, version := b.byKey, b.version
	*b = *newBook()
	b.version = version + 1
	for key, e := range old {
		if fresh[key] {
			b.byKey[key] = e
			b.place(e)
		}
	}
	for _, p := range peers {
		if !fresh[p.Key] {
			b.put(p)
		}
	}
	for _, r := range requests {
		if !fresh[r.Fingerprint.String()] {
			b.ask(r)
		}
	}
}

// lose makes everybody somebody of whom nothing is known now.
func (b *book) lose() {
	for _, e := range slices.Clone(b.order) {
		p := e.peer
		p.Presence, p.Stream, p.Broken = chat.Offline, false, false
		b.put(p)
	}
}

// dress computes what the row shows, once a change.
func (e *entry) dress() {
	p := &e.peer
	e.name = p.Name
	if e.name.IsEmpty() {
		e.name = p.Nick
	}
	if e.name.IsEmpty() {
		e.name = p.Instance
	}
	e.label = safetext.Text{}
	if !p.Fingerprint.IsZero() {
		e.label = safetext.Line(p.Fingerprint.Label())
	}
	if e.name.IsEmpty() {
		e.name = e.label
	}
	e.lower, e.where = strings.ToLower(e.name.String()), strings.ToLower(p.Instance.String())
}

func (b *book) place(e *entry) {
	b.version++
	e.section, e.under = sectionOf(e), false
	e.fold = e.lower
	if e.peer.Trust == chat.Conflict {
		b.others[e.peer.Of] = append(b.others[e.peer.Of], e)
		if of := b.byKey[e.peer.Of.String()]; of != nil && of.peer.Trust != chat.Conflict {
			e.section, e.fold, e.under = of.section, of.fold, true
		}
	}
	i, _ := slices.BinarySearchFunc(b.order, e, (*entry).compare)
	b.order = slices.Insert(b.order, i, e)
	b.count[e.section]++
}

func (b *book) take(e *entry) {
	i, ok := slices.BinarySearchFunc(b.order, e, (*entry).compare)
	b.version++
	if e.peer.Trust == chat.Conflict {
		left := slices.DeleteFunc(b.others[e.peer.Of], func(o *entry) bool { return o == e })
		if b.others[e.peer.Of] = left; len(left) == 0 {
			delete(b.others, e.peer.Of)
		}
	}
	if ok {
		b.order = slices.Delete(b.order, i, i+1)
		b.count[e.section]--
	}
}

// followers moves the keys in conflict that are listed under a contact.
func (b *book) followers(of *entry) {
	if !of.peer.Contact() {
		return
	}
	for _, e := range slices.Clone(b.conflicts(of.peer.Fingerprint)) {
		b.take(e)
		b.place(e)
	}
}

// conflicts are the other keys that claim a contact's name.
func (b *book) conflicts(of identity.Pin) []*entry { return b.others[of] }

// lookAlike is the contact whose name a row goes by, or nil.
func (b *book) lookAlike(e *entry) *entry {
	if e == nil || e.peer.Namesake.IsZero() {
		return nil
	}
	return b.byKey[e.peer.Namesake.String()]
}

func sectionOf(e *entry) section {
	p := &e.peer
	here := p.Presence != chat.Offline && p.Presence != ""
	switch {
	case p.Trust == chat.Blocked || p.Trust == chat.Retired:
		return hidden
	case p.Contact() && here:
		return near
	case p.Contact():
		return quiet
	case p.Asks || e.request != nil:
		return asking
	case here || p.Trust == chat.Conflict:
		return strangers
	}
	return hidden
}

// of returns the rows of one section.
func (b *book) of(s section) []*entry {
	from := 0
	for i := range s {
		from += b.count[i]
	}
	return b.order[from : from+b.count[s]]
}

// shown returns the rows that can be walked through.
func (b *book) shown() []*entry { return b.order[:len(b.order)-b.count[hidden]] }

// find returns the rows that a word can mean (cli.md, PEER).
func (b *book) find(who string) []*entry {
	if e := b.byKey[who]; e != nil {
		return []*entry{e}
	}
	hex := strings.ToLower(who)
	var out []*entry
	for _, e := range b.order {
		p := &e.peer
		if strings.EqualFold(e.name.String(), who) || strings.EqualFold(p.Nick.String(), who) ||
			strings.EqualFold(p.Instance.String(), who) ||
			len(hex) >= 8 && strings.HasPrefix(p.Fingerprint.String(), hex) {
			out = append(out, e)
		}
	}
	return out
}

// matching returns the rows that a filter leaves, best first.
func (b *book) matching(filter string) []*entry {
	if filter == "" {
		return b.shown()
	}
	filter = strings.ToLower(filter)
	var first, rest []*entry
	for _, e := range b.order {
		switch i := strings.Index(e.lower, filter); {
		case i == 0:
			first = append(first, e)
		case i > 0, strings.Contains(e.where, filter),
			len(filter) >= 4 && strings.HasPrefix(e.peer.Key, filter):
			rest = append(rest, e)
		}
	}
	return append(first, rest...)
}
