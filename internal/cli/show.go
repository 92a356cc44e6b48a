package cli

import (
	"context"
	"errors"

	"llchat/internal/chat"
)

// engine is what a window shows, and how to part with it.
type engine struct {
	chat.API
	end func() error
}

// show opens the window at once and its engine beside it: a first frame waits
// for no disk. A failure to open ends the window and is the result.
func (a *app) show(ctx context.Context, o WindowOptions, open func(context.Context) (engine, error)) error {
	windowCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := &early{opened: make(chan struct{})}
	go func() {
		defer close(e.opened)
		if e.engine, e.err = open(windowCtx); e.err != nil {
			cancel()
		}
	}()
	err := a.Window(windowCtx, e, o)
	cancel()
	<-e.opened
	if e.err != nil {
		return calm(ctx, e.err)
	}
	return errors.Join(calm(ctx, err), e.engine.end())
}

// early is the API of an engine that is still being opened: calls wait for it.
type early struct {
	opened chan struct{} // the following is set once it is closed
	engine engine
	err    error
}

func (e *early) api(ctx context.Context) (chat.API, error) {
	select {
	case <-e.opened:
		return e.engine.API, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// with makes a call that has a result once the engine is there.
func with[T any](ctx context.Context, e *early, call func(chat.API) (T, error)) (T, error) {
	api, err := e.api(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return call(api)
}

// Status implements chat.API, as do the following.
func (e *early) Status(ctx context.Context) (chat.Status, error) {
	return with(ctx, e, func(a chat.API) (chat.Status, error) { return a.Status(ctx) })
}

func (e *early) Peers(ctx context.Context) ([]chat.Peer, error) {
	return with(ctx, e, func(a chat.API) ([]chat.Peer, error) { return a.Peers(ctx) })
}

func (e *early) Requests(ctx context.Context) ([]chat.Request, error) {
	return with(ctx, e, func(a chat.API) ([]chat.Request, error) { return a.Requests(ctx) })
}

func (e *early) Send(ctx context.Context, who, text string) (chat.Message, error) {
	return with(ctx, e, func(a chat.API) (chat.Message, error) { return a.Send(ctx, who, text) })
}

func (e *early) Accept(ctx context.Context, who string) (chat.Peer, error) {
	return with(ctx, e, func(a chat.API) (chat.Peer, error) { return a.Accept(ctx, who) })
}

func (e *early) Block(ctx context.Context, who string) (chat.Peer, error) {
	return with(ctx, e, func(a chat.API) (chat.Peer, error) { return a.Block(ctx, who) })
}

func (e *early) Add(ctx context.Context, address string) (chat.Peer, error) {
	return with(ctx, e, func(a chat.API) (chat.Peer, error) { return a.Add(ctx, address) })
}

func (e *early) Set(ctx context.Context, key, value string) error {
	_, err := with(ctx, e, func(a chat.API) (struct{}, error) { return struct{}{}, a.Set(ctx, key, value) })
	return err
}

func (e *early) Avatar(ctx context.Context, who string) ([]byte, error) {
	return with(ctx, e, func(a chat.API) ([]byte, error) { return a.Avatar(ctx, who) })
}

func (e *early) History(ctx context.Context, who string, before int64, n int) ([]chat.Message, error) {
	return with(ctx, e, func(a chat.API) ([]chat.Message, error) { return a.History(ctx, who, before, n) })
}

func (e *early) Focus(ctx context.Context, key string) error {
	_, err := with(ctx, e, func(a chat.API) (struct{}, error) { return struct{}{}, a.Focus(ctx, key) })
	return err
}

func (e *early) View(ctx context.Context, keys []string) error {
	_, err := with(ctx, e, func(a chat.API) (struct{}, error) { return struct{}{}, a.View(ctx, keys) })
	return err
}

func (e *early) Draft(ctx context.Context, key string) (string, error) {
	return with(ctx, e, func(a chat.API) (string, error) { return a.Draft(ctx, key) })
}

func (e *early) SetDraft(ctx context.Context, key, text string) error {
	_, err := with(ctx, e, func(a chat.API) (struct{}, error) { return struct{}{}, a.SetDraft(ctx, key, text) })
	return err
}

func (e *early) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	return with(ctx, e, func(a chat.API) (chat.Feed, error) { return a.Subscribe(ctx, since) })
}
