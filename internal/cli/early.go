package cli

import (
	"context"

	"llchat/internal/chat"
)

// forward is a chat.API that hands every call to the engine of the moment.
type forward struct {
	api func(ctx context.Context) (chat.API, error)
}

// early is the API of an engine that is still being opened: calls wait for it.
type early struct {
	forward
	opened chan struct{} // the following is set once it is closed
	engine engine
	err    error
}

func newEarly() *early {
	e := &early{opened: make(chan struct{})}
	e.forward.api = e.wait
	return e
}

func (e *early) wait(ctx context.Context) (chat.API, error) {
	select {
	case <-e.opened:
		return e.engine.API, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// with makes a call that has a result, if there is an engine.
func with[T any](ctx context.Context, f forward, call func(chat.API) (T, error)) (T, error) {
	api, err := f.api(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return call(api)
}

// Status implements chat.API, as do the following.
func (f forward) Status(ctx context.Context) (chat.Status, error) {
	return with(ctx, f, func(a chat.API) (chat.Status, error) { return a.Status(ctx) })
}

func (f forward) Peers(ctx context.Context) ([]chat.Peer, error) {
	return with(ctx, f, func(a chat.API) ([]chat.Peer, error) { return a.Peers(ctx) })
}

func (f forward) Requests(ctx context.Context) ([]chat.Request, error) {
	return with(ctx, f, func(a chat.API) ([]chat.Request, error) { return a.Requests(ctx) })
}

func (f forward) Send(ctx context.Context, who, text string) (chat.Message, error) {
	return with(ctx, f, func(a chat.API) (chat.Message, error) { return a.Send(ctx, who, text) })
}

func (f forward) Accept(ctx context.Context, who string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.Accept(ctx, who) })
}

func (f forward) Block(ctx context.Context, who string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.Block(ctx, who) })
}

func (f forward) Add(ctx context.Context, address string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.Add(ctx, address) })
}

func (f forward) Set(ctx context.Context, key, value string) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.Set(ctx, key, value) })
	return err
}

func (f forward) Avatar(ctx context.Context, who string) ([]byte, error) {
	return with(ctx, f, func(a chat.API) ([]byte, error) { return a.Avatar(ctx, who) })
}

func (f forward) History(ctx context.Context, who string, before int64, n int) ([]chat.Message, error) {
	return with(ctx, f, func(a chat.API) ([]chat.Message, error) { return a.History(ctx, who, before, n) })
}

func (f forward) Focus(ctx context.Context, key string) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.Focus(ctx, key) })
	return err
}

func (f forward) View(ctx context.Context, keys []string) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.View(ctx, keys) })
	return err
}

func (f forward) Draft(ctx context.Context, key string) (chat.Writing, error) {
	return with(ctx, f, func(a chat.API) (chat.Writing, error) { return a.Draft(ctx, key) })
}

func (f forward) SetDraft(ctx context.Context, key string, w chat.Writing) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.SetDraft(ctx, key, w) })
	return err
}

func (f forward) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	return with(ctx, f, func(a chat.API) (chat.Feed, error) { return a.Subscribe(ctx, since) })
}

func (f forward) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	return with(ctx, f, func(a chat.API) (chat.Message, error) { return a.Write(ctx, who, w) })
}

func (f forward) Retry(ctx context.Context, who, id string) (chat.Message, error) {
	return with(ctx, f, func(a chat.API) (chat.Message, error) { return a.Retry(ctx, who, id) })
}

func (f forward) Delete(ctx context.Context, who, id string) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.Delete(ctx, who, id) })
	return err
}

func (f forward) Versions(ctx context.Context, who, id string) ([]chat.Version, error) {
	return with(ctx, f, func(a chat.API) ([]chat.Version, error) { return a.Versions(ctx, who, id) })
}

func (f forward) Search(ctx context.Context, query, who string, before int64, n int) ([]chat.Message, error) {
	return with(ctx, f, func(a chat.API) ([]chat.Message, error) { return a.Search(ctx, query, who, before, n) })
}

func (f forward) Typing(ctx context.Context, key string, writes bool) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.Typing(ctx, key, writes) })
	return err
}

func (f forward) Unblock(ctx context.Context, who string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.Unblock(ctx, who) })
}

func (f forward) AcceptAs(ctx context.Context, who, petname string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.AcceptAs(ctx, who, petname) })
}

func (f forward) Replace(ctx context.Context, who, petname string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.Replace(ctx, who, petname) })
}

func (f forward) Rename(ctx context.Context, who, petname string) (chat.Peer, error) {
	return with(ctx, f, func(a chat.API) (chat.Peer, error) { return a.Rename(ctx, who, petname) })
}

func (f forward) Forget(ctx context.Context, who string) error {
	_, err := with(ctx, f, func(a chat.API) (struct{}, error) { return struct{}{}, a.Forget(ctx, who) })
	return err
}

func (f forward) Message(ctx context.Context, who, id string) (chat.Message, error) {
	return with(ctx, f, func(a chat.API) (chat.Message, error) { return a.Message(ctx, who, id) })
}

func (f forward) Export(ctx context.Context, who string, after int64, n int) ([]chat.Message, error) {
	return with(ctx, f, func(a chat.API) ([]chat.Message, error) { return a.Export(ctx, who, after, n) })
}
