package chat

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
)

// The pictures of contacts (XEP-0174 11.2). They are fetched for contacts and
// nobody else (L-18), when the TXT record of a claim that the contact's key
// answered at names one that is not kept. Who asks for somebody's picture says
// whom they know, so only the open profile does. Like a nick a picture is a
// claim: anybody on the link can announce one under somebody else's name.
const (
	maxAvatar   = history.MaxAvatar
	avatarGap   = time.Second         // between two fetches (L-24)
	avatarPause = time.Minute         // between two of one contact, whatever its TXT record does
	avatarTries = 3                   // of one picture; the next one then, or the next start
	avatarLife  = 90 * 24 * time.Hour // then it is fetched again (XEP-0174 15: expire icons)
)

// avatarFinder is a Finder that knows NULL records.
type avatarFinder interface {
	SetAvatar(img []byte) error
	Avatar(ctx context.Context, key string) ([]byte, error)
}

// avatars is what is kept and wanted of contacts' pictures. All of it is about
// contacts, of which there are as many as the user accepted.
type avatars struct {
	kept    map[identity.Pin]string // hash of what is on disk
	asked   map[identity.Pin]*avatarAsked
	waiting []identity.Pin
	busy    bool // one is being fetched, or the gap after it lasts
}

// avatarAsked is what was asked of one contact.
type avatarAsked struct {
	hash    string
	tries   int
	next    time.Time // not before then
	pending bool      // waits in the queue, or for next
}

// recallAvatars reads whose pictures are on disk.
func (n *Node) recallAvatars() error {
	if err := n.hist.ExpireAvatars(time.Now().Add(-avatarLife)); err != nil {
		return err
	}
	kept, err := n.hist.Avatars()
	n.avatars = avatars{kept: kept, asked: map[identity.Pin]*avatarAsked{}}
	return err
}

// avatarHash is the phsh of a TXT record in its one form; empty when it is none.
func avatarHash(phsh string) string {
	phsh = strings.ToLower(phsh)
	if raw, err := hex.DecodeString(phsh); err != nil || len(raw) != 20 { // SHA-1
		return ""
	}
	return phsh
}

// tendAvatar follows what a row says about a picture: it is asked for when it
// is a contact's and not here, and gone with who is no contact any more.
func (n *Node) tendAvatar(row peer.Row) {
	a := &n.avatars
	if !isContact(row.Trust) {
		if _, ok := a.kept[row.Pin]; ok && row.Trust != "" {
			n.dropAvatar(row.Pin)
		}
		delete(a.asked, row.Pin)
		return
	}
	hash := avatarHash(row.Avatar)
	if hash == "" || hash == a.kept[row.Pin] || n.opt.Passive || n.settings.Visibility != VisibleOpen {
		return
	}
	q := a.asked[row.Pin]
	if q == nil {
		q = &avatarAsked{}
		a.asked[row.Pin] = q
	}
	if q.hash != hash {
		q.hash, q.tries = hash, 0
	}
	if q.pending || q.tries >= avatarTries {
		return
	}
	q.pending = true
	if wait := time.Until(q.next); wait > 0 {
		n.after(wait, func() { n.queueAvatar(row.Pin) })
		return
	}
	n.queueAvatar(row.Pin)
}

// wantAvatars looks at all contacts again: the open profile asks for what others
// do not.
func (n *Node) wantAvatars() {
	for pin := range n.remotes {
		n.touch(pin)
	}
}

// dropAvatar removes a picture.
func (n *Node) dropAvatar(pin identity.Pin) {
	delete(n.avatars.kept, pin)
	if err := n.hist.DropAvatar(pin); err != nil {
		n.log.Error("Avatar not removed", "err", err)
	}
}

func (n *Node) queueAvatar(pin identity.Pin) {
	n.avatars.waiting = append(n.avatars.waiting, pin)
	n.nextAvatar()
}

// nextAvatar takes the next contact of the queue: from our own store when we
// have that picture of anybody (174-11.5), else from the link.
func (n *Node) nextAvatar() {
	a := &n.avatars
	for !a.busy && len(a.waiting) > 0 {
		pin := a.waiting[0]
		a.waiting = a.waiting[1:]
		q := a.asked[pin]
		if q == nil {
			continue
		}
		q.pending = false
		key, hash := n.avatarClaim(pin)
		if hash == "" || hash == a.kept[pin] {
			continue
		}
		if img, err := n.hist.AvatarByHash(hash); err == nil {
			n.keepAvatar(pin, hash, img)
			continue
		}
		n.fetchAvatar(pin, q, key, hash)
	}
}

// avatarClaim is where a contact's picture is now: a claim on a link at which
// its key answered.
func (n *Node) avatarClaim(pin identity.Pin) (key, hash string) {
	r := n.remotes[pin]
	if r == nil || n.settings.Visibility != VisibleOpen {
		return "", ""
	}
	if state, _ := n.judge(r); !isContact(state) {
		return "", ""
	}
	for _, c := range n.claimsOf(pin) {
		if phsh, _ := c.Text.Get("phsh"); c.Pin == pin && !isInDomain(c.Key) {
			return c.Key, avatarHash(phsh)
		}
	}
	return "", ""
}

func (n *Node) fetchAvatar(pin identity.Pin, q *avatarAsked, key, hash string) {
	f, ok := n.disc.Load().Finder.(avatarFinder)
	if !ok {
		return
	}
	n.avatars.busy = true
	q.hash = hash
	q.tries++
	q.next = time.Now().Add(avatarPause << (q.tries - 1))
	n.start(func() {
		img, err := f.Avatar(n.ctx, key)
		n.post(func() { n.gotAvatar(pin, hash, img, err) })
	})
}

// gotAvatar keeps a picture that came. One that nobody may have is not asked
// for again; one that did not come is, later.
func (n *Node) gotAvatar(pin identity.Pin, hash string, img []byte, err error) {
	q := n.avatars.asked[pin]
	switch {
	case err == nil && len(img) > 0 && checkAvatar(img) == nil:
		n.keepAvatar(pin, hash, img)
	case err == nil && q != nil && q.hash == hash:
		q.tries = avatarTries
	case err != nil:
		n.log.Debug("Avatar not fetched", "err", err)
	}
	n.touch(pin)
	n.after(avatarGap, func() {
		n.avatars.busy = false
		n.nextAvatar()
	})
}

// keepAvatar writes a picture of a contact down, if it still is what the
// contact calls its own.
func (n *Node) keepAvatar(pin identity.Pin, hash string, img []byte) {
	if _, now := n.avatarClaim(pin); now != hash || mdns.AvatarHash(img) != hash {
		return
	}
	if err := n.hist.SetAvatar(pin, hash, img, time.Now()); err != nil {
		n.log.Error("Avatar not kept", "err", err)
		return
	}
	n.avatars.kept[pin] = hash
	n.touch(pin)
}

// avatarOf is the hash of the picture that is shown for a row: a contact's, the
// one it names now, or while it is not here the last one.
func (n *Node) avatarOf(row peer.Row) string {
	kept := n.avatars.kept[row.Pin]
	if !isContact(row.Trust) || row.Announced && kept != avatarHash(row.Avatar) {
		return ""
	}
	return kept
}

// Avatar implements API.
func (n *Node) Avatar(ctx context.Context, who string) (img []byte, err error) {
	err = n.call(ctx, func() error {
		row, err := n.resolve(who)
		if err != nil {
			return err
		}
		if row.Avatar != "" {
			img, err = n.hist.Avatar(row.Fingerprint)
		}
		if err == nil && img == nil || errors.Is(err, history.ErrNotFound) {
			return &Error{
				Code: CodeNoSuch, Text: fmt.Sprintf("there is no picture of %s here", row.Name),
				Hint: "pictures of contacts are fetched when they publish one; those of others never are",
			}
		}
		return err
	})
	return slices.Clone(img), err
}

// showAvatar gives discovery our picture. It is published while the TXT record
// names it, see withCard.
func (n *Node) showAvatar() {
	f, ok := n.disc.Load().Finder.(avatarFinder)
	if !ok {
		return
	}
	if err := f.SetAvatar(n.settings.Avatar); err != nil {
		n.log.Debug("Avatar not published", "err", err)
	}
}
