package tui

import (
	"llchat/internal/chat"
	"llchat/internal/tui/ink"
)

// standing is what a peer's trust looks like in the four places where it is
// shown: mark, word, rail and prompt (ui/README.md 6.2).
type standing struct {
	mark  ink.Glyph
	rail  ink.Glyph
	style ink.Style
	short ink.Own // for 20 columns
	long  ink.Own
	lock  ink.Own // why nothing can be written; empty: it can
	alarm bool
	twin  bool // goes by the name of a contact
}

var (
	cannotEncrypt = standing{
		mark: ink.MarkPlain, rail: ink.RailNone, style: ink.Err,
		short: ink.Const("cannot encrypt"), long: ink.Const("cannot encrypt"),
		lock: ink.Const("this program cannot encrypt, so nothing is sent to it"),
	}
	unproven = standing{
		mark: ink.MarkNew, rail: ink.RailNew, style: ink.New,
		short: ink.Const("unproven"), long: ink.Const("only a name so far, no key proven"),
	}
	standings = map[chat.Trust]standing{
		chat.Verified: {
			mark: ink.MarkVerified, rail: ink.RailVerified, style: ink.OK,
			short: ink.Const("verified"), long: ink.Const("verified"),
		},
		chat.Pinned: {
			mark: ink.MarkPinned, rail: ink.RailPinned, style: ink.Fg,
			short: ink.Const("pinned"), long: ink.Const("pinned, not verified"),
		},
		chat.Unknown: {
			mark: ink.MarkNew, rail: ink.RailNew, style: ink.New,
			short: ink.Const("new key"), long: ink.Const("new key, never compared"),
		},
		chat.Conflict: {
			mark: ink.MarkConflict, rail: ink.RailConflict, style: ink.Fg | ink.OnBad | ink.Bold, alarm: true,
			short: ink.Const("KEY!"), long: ink.Const("KEY! another key claims this name"),
			lock: ink.Const("not the key you accepted, so nothing is sent to it"),
		},
		chat.Blocked: {
			mark: ink.MarkBlocked, rail: ink.RailNone, style: ink.Mut,
			short: ink.Const("blocked"), long: ink.Const("blocked"),
			lock: ink.Const("you blocked this key"),
		},
		chat.Retired: {
			mark: ink.MarkBlocked, rail: ink.RailNone, style: ink.Mut,
			short: ink.Const("retired"), long: ink.Const("retired, replaced by a newer key"),
			lock: ink.Const("this key was replaced by a newer one"),
		},
	}
)

// standingOf is how a peer stands. One that goes by another contact's name, or
// by one that looks like it, says so wherever its trust is shown (T-13).
func standingOf(p *chat.Peer) standing {
	s := plainStanding(p)
	if p.Namesake.IsZero() || s.alarm || !s.lock.IsEmpty() {
		return s
	}
	switch p.Trust {
	case chat.Verified:
		s.short, s.long = ink.Const("verified, look-alike"), ink.Const("verified, but goes by another contact's name")
	case chat.Pinned:
		s.short, s.long = ink.Const("pinned, look-alike"), ink.Const("pinned, but goes by another contact's name")
	case chat.Unknown:
		s.short, s.long = ink.Const("new key, look-alike"), ink.Const("new key that goes by a contact's name")
	default:
		s.short, s.long = ink.Const("look-alike"), ink.Const("looks like a contact, no key proven")
	}
	s.twin = true
	return s
}

func plainStanding(p *chat.Peer) standing {
	if s, ok := standings[p.Trust]; ok && (p.Encrypts == nil || *p.Encrypts || s.alarm || p.Trust == chat.Blocked) {
		return s
	}
	if p.Encrypts != nil && !*p.Encrypts {
		return cannotEncrypt
	}
	return unproven
}

// presenceWord is what to say about somebody who is not simply here.
func presenceWord(p chat.Presence) ink.Own {
	switch p {
	case chat.Away:
		return ink.Const("away")
	case chat.DND:
		return ink.Const("busy")
	case chat.Offline:
		return ink.Const("not here")
	}
	return ink.Const("here")
}

// stateWord says in words how far a message of ours came.
func stateWord(m *chat.Message) (ink.Own, ink.Style) {
	switch m.State {
	case chat.Delivered:
		return ink.Const("delivered"), ink.Mut
	case chat.Displayed:
		return ink.Const("read"), ink.Acc
	case chat.Failed:
		return ink.Const("not sent"), ink.Err
	}
	switch {
	case m.Reason == chat.ReasonWaiting:
		return ink.Const("waiting for acceptance"), ink.New
	case m.State == chat.Sent && m.Reason == chat.ReasonNoReceipt:
		return ink.Const("sent, no receipt"), ink.New
	case m.State == chat.Sent:
		return ink.Const("sent"), ink.Mut
	case m.Reason == chat.ReasonNotHere:
		return ink.Const("waiting, not here"), ink.New
	}
	return ink.Const("waiting"), ink.New
}
