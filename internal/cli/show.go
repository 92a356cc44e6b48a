package cli

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
)

// engine is what a window shows, and how to part with it.
type engine struct {
	chat.API
	end      func() error
	lockable lockable        // nil: it has no passphrase
	over     <-chan struct{} // closed when the profile was destroyed
}

// lockable is an engine whose keys may be taken away.
type lockable interface {
	onLock(blank func())
	locked() bool
	Unlock(ctx context.Context, passphrase []byte) error
}

// show opens the window at once and its engine beside it: a first frame waits
// for no disk. A failure to open ends the window and is the result. A window
// whose engine is locked goes, and comes back with the passphrase.
func (a *app) show(ctx context.Context, o WindowOptions, open func(context.Context) (engine, error)) error {
	e := newEarly()
	view := newView(ctx)
	go func() {
		defer close(e.opened)
		if e.engine, e.err = open(view.ctx); e.err != nil {
			view.cancel()
			return
		}
		view.follow(e.engine)
	}()
	err := view.run(a, e, o)
	<-e.opened
	if e.err != nil {
		return calm(ctx, e.err)
	}
	for err == nil && ctx.Err() == nil && e.engine.lockable != nil && e.engine.lockable.locked() {
		if err = a.unlockFor(ctx, e.engine.lockable, o); err != nil {
			break
		}
		view = newView(ctx)
		view.follow(e.engine)
		err = view.run(a, e.engine.API, o)
	}
	return errors.Join(calm(ctx, err), e.engine.end())
}

// unlockFor asks for the passphrase where the window was. In line mode, where
// somebody may still be reading the lines, nothing is asked.
func (a *app) unlockFor(ctx context.Context, l lockable, o WindowOptions) error {
	if o.Plain {
		return chat.ErrProfileLocked
	}
	var err error
	if a.secret, err = a.passphrase(ctx, "Locked. Passphrase"); err != nil {
		return err
	}
	return a.tryOut(ctx, func(secret []byte) error { return l.Unlock(ctx, secret) })
}

// view is a window from its opening to its end.
type view struct {
	ctx    context.Context
	cancel context.CancelFunc
	gone   chan struct{} // the window is not on the screen any more
}

func newView(ctx context.Context) *view {
	v := &view{gone: make(chan struct{})}
	v.ctx, v.cancel = context.WithCancel(ctx)
	return v
}

func (v *view) run(a *app, api chat.API, o WindowOptions) error {
	defer v.cancel()
	defer close(v.gone)
	return a.Window(v.ctx, api, o)
}

// follow ends the window when its engine is locked or destroyed.
func (v *view) follow(e engine) {
	if e.lockable != nil {
		e.lockable.onLock(func() {
			v.cancel()
			select {
			case <-v.gone:
			case <-time.After(blankTime):
			}
		})
	}
	if e.over != nil {
		go func() {
			select {
			case <-e.over:
				v.cancel()
			case <-v.ctx.Done():
			}
		}()
	}
}

// watched is the client of a running node behind a window: when the node is
// locked, the window goes too.
type watched struct {
	*control.Client
	isLocked atomic.Bool

	mu    sync.Mutex // guards blank
	blank func()
}

func (w *watched) onLock(blank func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blank = blank
}

func (w *watched) locked() bool { return w.isLocked.Load() }

// Unlock implements chat.Secrets.
func (w *watched) Unlock(ctx context.Context, passphrase []byte) error {
	err := w.Client.Unlock(ctx, passphrase)
	w.isLocked.Store(err != nil)
	return err
}

// Subscribe implements chat.API.
func (w *watched) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	feed, err := w.Client.Subscribe(ctx, since)
	if err != nil {
		w.look(ctx)
		return nil, err
	}
	return &watchedFeed{feed, w}, nil
}

// look asks whether it was a lock that ended the events.
func (w *watched) look(ctx context.Context) {
	s, err := w.Status(ctx)
	if err != nil || !s.Locked {
		return
	}
	w.isLocked.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blank != nil {
		go w.blank() // it waits for the window, which may wait for us
	}
}

type watchedFeed struct {
	chat.Feed
	w *watched
}

// Next implements chat.Feed.
func (f *watchedFeed) Next(ctx context.Context) ([]chat.Event, error) {
	events, err := f.Feed.Next(ctx)
	if err != nil && ctx.Err() == nil {
		f.w.look(ctx)
	}
	return events, err
}
