package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/trust"
)

// conflictPause is the time between two notices about one contact (P-15).
const conflictPause = time.Hour

// conflict notes that an unknown key claims a contact's name: listed under
// that contact, one quiet notice an hour, its text thrown away. Who sent it
// keeps it, and sends it again once the user has decided for it.
func (n *Node) conflict(r *remote, of trust.Contact) {
	n.touch(r.pin)
	if r.request != nil {
		if err := n.hist.DropRequest(r.pin); err != nil {
			n.log.Error("Request not removed", "err", err)
		}
		n.requestGone(r)
	}
	if time.Since(n.noticed[of.Pin]) < conflictPause {
		return
	}
	n.noticed[of.Pin] = time.Now()
	n.emit(ConflictNotice{
		Fingerprint: r.pin, Name: safetext.Name(claimedName("", r.names)),
		Of: of.Pin, OfName: safetext.Name(of.Petname),
	})
}

// AcceptAs implements API.
func (n *Node) AcceptAs(ctx context.Context, who, petname string) (Peer, error) {
	if err := checkNick(petname); err != nil {
		return Peer{}, notPetname(petname)
	}
	return n.decide(ctx, who, func(r *remote) error {
		switch state, of := n.judge(r); {
		case isContact(state):
			return n.contactAlready(of)
		case state != trust.Unknown && state != trust.Conflict:
			return notAcceptable(r.pin, state, of)
		}
		_, err := n.trust.AcceptAs(r.pin, petname, n.claimedNames(r), trust.ByAccepted, time.Now())
		if err != nil {
			return petnameError(petname, err)
		}
		n.rebind()
		n.touch(r.pin)
		return n.takeRequest(r)
	})
}

// Replace implements API.
func (n *Node) Replace(ctx context.Context, who, petname string) (Peer, error) {
	return n.decide(ctx, who, func(r *remote) error {
		state, of := n.judge(r)
		switch {
		case isContact(state):
			return n.contactAlready(of)
		case state != trust.Conflict:
			return notInConflict(r.pin, state)
		}
		old, ok := n.trust.ByPetname(petname)
		if !ok || !old.Accepted() {
			return wrongPetname(petname, of)
		}
		if _, err := n.trust.Replace(old.Pin, r.pin, petname, n.claimedNames(r), time.Now()); err != nil {
			return replaceError(petname, old, of, err)
		}
		if at, ok := n.noticed[old.Pin]; ok { // the hour is the person's, not the key's
			n.noticed[r.pin] = at
			delete(n.noticed, old.Pin)
		}
		return errors.Join(n.part(n.remote(old.Pin), retiring), n.takeRequest(r))
	})
}

// heir is the key to which what was written to a key may go now: that of the
// contact itself, or the one by which the user said that it was replaced.
func (n *Node) heir(pin identity.Pin) (identity.Pin, error) {
	if c, ok := n.trust.Successor(pin); ok {
		return c.Pin, nil
	}
	state, _ := n.judge(n.remote(pin))
	return pin, &Error{Code: CodeRefused, Text: fmt.Sprintf("%s is %s: nothing is sent to it", n.nameOf(pin), state)}
}

// inConflict lists the keys that claim a contact's name.
func (n *Node) inConflict(of identity.Pin) []Peer {
	n.refresh()
	var found []Peer
	for _, row := range n.rows {
		if row.Trust == trust.Conflict && row.Of == of {
			found = append(found, row.Peer)
		}
	}
	sortPeers(found)
	return found
}

// contactAlready is the answer to a decision about a contact's name that was
// meant for another key with that name.
func (n *Node) contactAlready(c trust.Contact) error {
	name := safetext.Name(c.Petname)
	e := &Error{
		Code: CodeRefused, Text: fmt.Sprintf("%s (%s) is a contact already", name, c.Pin.Label()),
		Hint: "llchat rename changes the name under which you keep it",
	}
	if e.Candidates = n.inConflict(c.Pin); len(e.Candidates) > 0 {
		e.Hint = fmt.Sprintf("name the other key that claims the name of %s by 8 hex digits of its fingerprint", name)
	}
	return e
}

// conflictError says that a key gets nothing before the user has decided.
func conflictError(pin identity.Pin, of trust.Contact, what string) *Error {
	name := safetext.Name(of.Petname)
	e := &Error{
		Code: CodeRefused,
		Text: fmt.Sprintf("key %s claims the name of %s, whose key is %s: %s", pin.Label(), name, of.Pin.Label(), what),
		Hint: fmt.Sprintf("ask %s in another way. A new key of that person: llchat accept %s --new-key-of %s. Another person: llchat accept %[2]s --as NAME",
			name, pin.Label(), shellWord(name.String())),
	}
	if of.State == trust.Verified {
		e.Hint = fmt.Sprintf("ask %s in another way. Another person: llchat accept %s --as NAME. %s", name, pin.Label(), notComparable)
	}
	return e
}

// shellWord writes a name so that a shell reads nothing into it: a petname may
// be what a peer once called itself, and hints are copied.
func shellWord(name string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@"
	if name != "" && strings.Trim(name, plain) == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// notComparable says why a verified contact cannot have a new key yet
// (security.md 6.2: verification of the new key first, and never lower).
const notComparable = "A verified contact gets a new key only after that was compared, and this llchat cannot compare keys yet"

func notAcceptable(pin identity.Pin, state trust.State, of trust.Contact) error {
	switch state {
	case trust.Conflict:
		return conflictError(pin, of, "decide first who that is")
	case trust.Blocked:
		return &Error{Code: CodeRefused, Text: "this key is blocked", Hint: "unblock it first"}
	case trust.Retired:
		return &Error{
			Code: CodeRefused, Text: "this key was replaced by a newer one of the same person",
			Hint: "llchat accept " + pin.Label() + " makes it a stranger's again, which can be accepted then",
		}
	}
	return &Error{Code: CodeRefused, Text: "this key is " + string(state)}
}

// retiredError says where to write instead.
func (n *Node) retiredError(row Peer) error {
	e := &Error{Code: CodeRefused, Text: fmt.Sprintf("the key of %s was replaced by a newer one: nothing is sent to it", row.Name)}
	if c, ok := n.trust.Successor(row.Fingerprint); ok {
		e.Hint = fmt.Sprintf("write to %s (%s)", safetext.Name(c.Petname), c.Pin.Label())
	}
	return e
}

func notInConflict(pin identity.Pin, state trust.State) error {
	return &Error{
		Code: CodeRefused, Text: fmt.Sprintf("key %s is %s and claims no contact's name: it takes nobody's place", pin.Label(), state),
		Hint: "llchat accept " + pin.Label() + " makes it a contact of its own",
	}
}

func notPetname(petname string) error {
	return usage(fmt.Sprintf("%q is no name for a contact", safetext.Name(petname).String()),
		"use 1 to 63 octets of letters, digits, spaces and signs")
}

// wrongPetname is the answer to a confirmation that confirms nothing.
func wrongPetname(petname string, of trust.Contact) error {
	return usage(fmt.Sprintf("%q is not whose name this key claims: nothing was done", safetext.Name(petname).String()),
		fmt.Sprintf("type the name of the contact exactly as you keep it: %q", safetext.Name(of.Petname).String()))
}

// petnameError says why a petname cannot be given to another person.
func petnameError(petname string, err error) error {
	taken, ok := errors.AsType[*trust.TakenError](err)
	if !ok {
		if errors.Is(err, trust.ErrPetname) {
			return notPetname(petname)
		}
		return err
	}
	what := "your contact"
	if taken.State == trust.Blocked || taken.State == trust.Retired {
		what = "the " + string(taken.State) + " key"
	}
	return &Error{
		Code: CodeRefused,
		Text: fmt.Sprintf("%q is, or looks like, a name of %s %s (%s): nothing was done", safetext.Name(petname).String(),
			what, safetext.Name(taken.Petname), taken.Pin.Label()),
		Hint: "give a name that you will not take for anybody else's",
	}
}

// replaceError says why a key does not take the place of old.
func replaceError(petname string, old, of trust.Contact, err error) error {
	if errors.Is(err, trust.ErrPetname) {
		return wrongPetname(petname, of)
	}
	e, ok := errors.AsType[*trust.Error](err)
	switch {
	case !ok:
		return err
	case e.Pin == old.Pin && e.State == trust.Verified:
		return &Error{
			Code: CodeRefused, Text: fmt.Sprintf("%s is verified, and stays it: nothing was done", safetext.Name(old.Petname)),
			Hint: notComparable + ". Until then, keep the new key as another person: --as NAME",
		}
	}
	return wrongPetname(petname, of)
}
