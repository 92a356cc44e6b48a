package cli

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"llchat/internal/chat"
)

const (
	// lockTime is what the goodbye may take when the keys are to be forgotten.
	lockTime = 2 * time.Second

	// blankTime is what a window may take to write its drafts and go.
	blankTime = 2 * time.Second
)

// guard is a node that can be locked: while it is, there is no node and no key
// in this process, only the lock of the profile. It is a chat.API and the
// chat.Secrets of the control socket.
type guard struct {
	forward
	profile string
	passive bool
	reopen  func(context.Context, *chat.Held) (*chat.Node, error)

	turn sync.Mutex // held while the node comes or goes

	mu      sync.Mutex // guards the following
	node    *chat.Node // nil while locked off the network
	held    *chat.Held // the profile meanwhile
	kept    bool       // locked on the network: node has no key
	blank   func()     // ends what shows the node; waits for it
	locking bool       // the window goes, and then the node

	used time.Time // when somebody gave a command last

	over chan struct{} // closed by Panic
	once sync.Once
}

func newGuard(profile string, passive bool, node *chat.Node, reopen func(context.Context, *chat.Held) (*chat.Node, error)) *guard {
	g := &guard{profile: profile, passive: passive, node: node, reopen: reopen, over: make(chan struct{}), used: time.Now()}
	g.forward.api = func(context.Context) (chat.API, error) {
		g.use()
		return g.open()
	}
	return g
}

// open is the node, unless it is locked.
func (g *guard) open() (chat.API, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.node == nil || g.kept {
		return nil, chat.ErrProfileLocked
	}
	return g.node, nil
}

func (g *guard) now() (*chat.Node, *chat.Held) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.node, g.held
}

func (g *guard) set(n *chat.Node, h *chat.Held) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.node, g.held, g.kept = n, h, false
}

// onLock says what is to end before the keys go; nil: nothing.
func (g *guard) onLock(blank func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blank = blank
}

func (g *guard) locked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.node == nil || g.kept || g.locking
}

// blankOut takes the window away. It answers calls until it has gone, and is
// locked from now on to whoever asks whether it is to come back. With keep the
// node stays.
func (g *guard) blankOut(keep bool) {
	g.mu.Lock()
	g.locking = true
	blank := g.blank
	g.mu.Unlock()
	if blank != nil {
		blank()
	}
	g.mu.Lock()
	g.locking, g.kept = false, keep
	if !keep {
		g.node = nil
	}
	g.mu.Unlock()
}

// Status implements chat.API: also while locked, without what the passphrase
// keeps.
func (g *guard) Status(ctx context.Context) (chat.Status, error) {
	n, held := g.now()
	var s chat.Status
	switch {
	case n != nil:
		return n.Status(ctx)
	case held != nil:
		s = held.Status()
	default: // it is just being locked
		s = chat.Status{Locked: true, Interfaces: []chat.Interface{}, Addresses: []string{}, PostQuantum: true}
	}
	s.Running = !g.passive
	return s, nil
}

// SetPassphrase implements chat.Secrets.
func (g *guard) SetPassphrase(ctx context.Context, old, passphrase []byte) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	switch n, held := g.now(); {
	case n != nil:
		return n.SetPassphrase(ctx, old, passphrase)
	case held != nil:
		return held.SetPassphrase(old, passphrase)
	}
	return chat.ErrProfileLocked
}

// Lock implements chat.Secrets. The window goes first, so that its drafts are
// kept; then the streams, with a goodbye; then all that was in memory.
func (g *guard) Lock(ctx context.Context) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	node, _ := g.now()
	if node == nil || g.locked() {
		return nil
	}
	if ok, err := node.Protected(); err != nil {
		return err
	} else if !ok {
		return &chat.Error{
			Code: chat.CodeError, Text: "there is no passphrase: a lock that everybody can open protects nothing",
			Hint: "llchat passphrase set",
		}
	}
	_, keep, err := node.LockPolicy(ctx)
	if err != nil {
		return err
	}
	g.blankOut(keep)
	if keep {
		err := node.Conceal(context.WithoutCancel(ctx))
		debug.FreeOSMemory()
		return err
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockTime)
	defer cancel()
	err = node.Close(end)
	held, holdErr := chat.Hold(g.profile)
	g.set(nil, held)
	debug.FreeOSMemory() // what is not in use goes back to the system, keys among it
	return errors.Join(err, holdErr)
}

// Unlock implements chat.Secrets.
func (g *guard) Unlock(ctx context.Context, passphrase []byte) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	node, held := g.now()
	if node != nil {
		return g.reveal(ctx, node, passphrase)
	}
	var err error
	if held == nil { // it could not be taken again when it was locked
		if held, err = chat.Hold(g.profile); err != nil {
			return err
		}
		g.set(nil, held)
	}
	if err := held.Unlock(passphrase); err != nil {
		return err
	}
	if node, err = g.reopen(ctx, held); err != nil {
		held, holdErr := chat.Hold(g.profile)
		g.set(nil, held)
		return errors.Join(err, holdErr)
	}
	g.set(node, nil)
	g.use()
	return nil
}

// reveal unlocks a node that stayed on the network. Where somebody else was
// faster the passphrase has to be right all the same: who asks at a locked window
// shows by it that the window may be opened.
func (g *guard) reveal(ctx context.Context, node *chat.Node, passphrase []byte) error {
	if !g.locked() {
		return node.CheckPassphrase(passphrase)
	}
	if err := node.Reveal(ctx, passphrase); err != nil {
		return err
	}
	g.set(node, nil)
	g.use()
	return nil
}

// CheckHistory implements chat.Secrets. It is no use of the node.
func (g *guard) CheckHistory(ctx context.Context) (string, error) {
	if n, _ := g.now(); n != nil {
		return n.CheckHistory(ctx)
	}
	return chat.HistoryLocked, nil
}

// Panic implements chat.Secrets. It waits for nothing and nobody.
func (g *guard) Panic(context.Context) error {
	var err error
	if n, _ := g.now(); n != nil {
		err = n.Destroy()
	} else {
		_, err = chat.Destroy(g.profile)
	}
	g.once.Do(func() { close(g.over) })
	return err
}

// close ends the node, politely unless there was a panic.
func (g *guard) close(ctx context.Context) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-g.over:
		cancel()
	default:
	}
	var err error
	switch n, held := g.now(); {
	case n != nil:
		err = n.Close(ctx)
	case held != nil:
		err = held.Close()
	}
	select {
	case <-g.over:
		return nil // of what is destroyed nothing can be closed well
	default:
		return err
	}
}
