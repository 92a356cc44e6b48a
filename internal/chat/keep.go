package chat

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"llchat/internal/history"
	"llchat/internal/profile"
	"llchat/internal/safetext"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// closure says why the history is closed though the node runs. Until it is
// open again nothing is taken that would have to be stored, and nothing is
// confirmed: who wrote keeps it.
type closure uint8

const (
	notClosed closure = iota
	concealed         // locked, and still on the network
	mending           // what can be read of a damaged one is carried over
	broken            // that failed
)

// keeping is how the history comes and goes while the node runs.
type keeping struct {
	why    closure
	missed map[*live]struct{} // streams that brought what was not taken
	mended time.Time          // when mending began last
	stop   context.CancelFunc // of mending
	over   chan struct{}      // closed when that has ended
}

// Values of the setting lock-network: what a lock does with the network.
const (
	LockLeave = "leave"
	LockKeep  = "keep"
)

// maxLockAfter is a week: who wants longer wants never.
const maxLockAfter = 7 * 24 * 60

// lockMinutes reads the setting lock-after.
func lockMinutes(value string) (int, error) {
	minutes, err := strconv.Atoi(value)
	if err != nil || minutes < 0 || minutes > maxLockAfter {
		return 0, usage(fmt.Sprintf("lock-after cannot be %q", value), "minutes without a command or a key press, at most a week (10080); 0 is never")
	}
	return minutes, nil
}

// LockPolicy says after how long without use the node is to be locked (0:
// never), and whether it then stays on the network.
func (n *Node) LockPolicy(ctx context.Context) (after time.Duration, keep bool, err error) {
	err = n.call(ctx, func() error {
		minutes, err := lockMinutes(n.settings.LockAfter)
		after, keep = time.Duration(minutes)*time.Minute, n.settings.LockNetwork == LockKeep
		return err
	})
	return after, keep, err
}

// Conceal closes the history and forgets the key of the profile; the node stays
// on the network. Presence and streams go on; no message is taken and
// none goes out. What stays in memory is the identity, which TLS needs, and the
// names of contacts; no text. All feeds end, and until Reveal nothing but
// Status is to be asked.
func (n *Node) Conceal(ctx context.Context) error {
	return n.call(ctx, func() error {
		if n.keeping.why == concealed {
			return nil
		}
		n.stopMending()
		n.settleFirst()
		n.keeping.why = concealed
		err := n.hist.Suspend()
		n.prof.ForgetKey()
		n.hub.empty()
		for _, r := range n.remotes {
			if r.request != nil {
				q := *r.request
				q.Messages = nil
				r.request = &q
			}
		}
		return errors.Join(err, n.announce())
	})
}

// Reveal is the inverse of Conceal. What others kept meanwhile comes now.
func (n *Node) Reveal(ctx context.Context, passphrase []byte) error {
	if err := n.prof.Unlock(passphrase); err != nil {
		return passphraseError(err)
	}
	return n.call(ctx, func() error {
		if n.keeping.why != concealed {
			return nil
		}
		if err := n.withHistory(func(_ string, key [32]byte) error { return n.hist.Resume(key) }); err != nil {
			n.prof.ForgetKey()
			return err
		}
		requests, err := n.hist.Requests()
		for _, r := range requests {
			n.remote(r.Pin).request = &r
		}
		n.resumed()
		return errors.Join(err, n.announce())
	})
}

// resumed goes on after the history was closed. Streams that brought something
// meanwhile end: their other side sends it again on the next one (spec 5.7),
// and gets a receipt for it.
func (n *Node) resumed() {
	n.keeping.why = notClosed
	for _, r := range n.remotes {
		for _, l := range r.live {
			switch _, missed := n.keeping.missed[l]; {
			case missed:
				l.conn.Abort(xmlstream.Error{Condition: xmlstream.Reset})
			case l.accepted:
				n.pump(l)
			}
		}
	}
	n.keeping.missed = nil
	n.retryAll()
}

// putOff follows a message while there is nothing to store it in. Who asked for
// a receipt gets none, and keeps it (spec 5.7). Who did not would take it for
// delivered, and is told; who is not accepted is told nothing (P-19).
func (n *Node) putOff(l *live, s stanza.Message) []stanza.Stanza {
	n.missedOn(l)
	if !l.accepted || s.Type == "error" || s.Type == "groupchat" || s.Received != "" || s.Payloads.Displayed != "" {
		return nil
	}
	if _, content := incoming(l.remote.pin, s); !content || s.Request && s.ID != "" {
		return nil
	}
	return []stanza.Stanza{stanza.Message{ID: s.ID, Type: "error", Error: stanza.NewError("resource-constraint")}}
}

// missedOn notes that a stream brought something that was not taken.
func (n *Node) missedOn(l *live) {
	if n.keeping.missed == nil {
		n.keeping.missed = map[*live]struct{}{}
	}
	maps.DeleteFunc(n.keeping.missed, func(l *live, _ struct{}) bool { return n.find(l.conn) == nil })
	n.keeping.missed[l] = struct{}{}
}

// shownStatus is the status that others see: nobody is there while locked.
func (n *Node) shownStatus() string {
	if n.keeping.why == concealed && n.settings.Status == "avail" {
		return "away"
	}
	return n.settings.Status
}

// concealedStatus is what can be told without the passphrase.
func (n *Node) concealedStatus(s Status) Status {
	about := lockedStatus(n.prof, n.settings)
	about.Port, about.Running, about.Ready, about.Interfaces, about.Discovery = s.Port, s.Running, s.Ready, s.Interfaces, s.Discovery
	about.Discovery.Entry = safetext.Text{}
	return about
}

// lockedStatus is what a profile says without its passphrase.
func lockedStatus(p *profile.Profile, s profile.Settings) Status {
	withDefaults(&s)
	st := faceSettings(s)
	st.Profile, st.Locked, st.PostQuantum = p.Dir(), true, postQuantum()
	st.Interfaces, st.Addresses = []Interface{}, []string{} // never null in JSON
	st.Discovery.MDNS = s.MDNS
	return st
}

// mendPause is how long a history that was mended has to last: a disk that goes
// on damaging it shall not be filled with copies.
const mendPause = time.Hour

// mayMend reports whether mending is for now. A command that holds the profile
// for a moment leaves it to the next start.
func (n *Node) mayMend() bool {
	k := &n.keeping
	return k.why == notClosed && !n.opt.Passive && (k.mended.IsZero() || time.Since(k.mended) >= mendPause)
}

// mend carries what can be read over into a new history while the node runs.
func (n *Node) mend() {
	if !n.mayMend() {
		return
	}
	key, err := n.prof.StoreKey()
	if err != nil {
		n.log.Error("History not mended", "err", err)
		return
	}
	n.settleFirst()
	ctx, stop := context.WithCancel(n.ctx)
	over := make(chan struct{})
	n.keeping.why, n.keeping.mended, n.keeping.stop, n.keeping.over = mending, time.Now(), stop, over
	n.start(func() {
		defer clear(key[:])
		_ = n.hist.Suspend() // of a damaged file; what matters is that it is closed
		saved, err := history.Salvage(ctx, n.prof.Path(historyFile), key)
		open := n.hist.Resume(key)
		close(over)
		n.post(func() { n.mendEnded(over, saved, err, open) })
	})
}

// stopMending waits until nobody works on the files any more. What was begun
// begins anew at the next opening: the mark is there.
func (n *Node) stopMending() {
	if n.keeping.why == mending {
		n.keeping.stop()
		<-n.keeping.over
		n.keeping.over = nil
	}
}

func (n *Node) mendEnded(over chan struct{}, saved history.Salvaged, err, open error) {
	if n.keeping.over != over {
		return // locked meanwhile
	}
	n.keeping.stop()
	if err != nil || open != nil {
		n.log.Error("History not mended", "err", errors.Join(err, open))
	}
	if open != nil {
		n.keeping.why = broken
		return
	}
	if err == nil {
		n.log.Warn("History salvaged", "messages", saved.Messages, "gaps", saved.Gaps)
		for _, item := range salvagedItems(saved) {
			n.healthItem(item.Severity, item.Code, item.Text, item.Hint)
		}
		n.clearHealth(healthDamaged)
		if err := n.unmark(); err != nil {
			n.log.Error("Mark of damage not removed", "err", err)
		}
	}
	n.resumed()
	n.emit(Resync{}) // rows may be gone that somebody shows
}

// closedError says of a call that needs the history why it is closed.
func (n *Node) closedError(err error) error {
	if !errors.Is(err, history.ErrClosed) {
		return err
	}
	switch n.keeping.why {
	case concealed:
		return ErrProfileLocked
	case mending:
		return &Error{Code: CodeError, Text: "the history was damaged and is being mended", Hint: "try again in a moment"}
	case broken:
		return &Error{Code: CodeError, Text: textDamaged, Hint: hintRestart}
	}
	return err
}
