package cli

import (
	"context"
	"errors"
	"time"

	"llchat/internal/chat"
)

// idleLook is how often it is looked whether the time of lock-after is over. A
// setting that is changed counts from the next look on.
const idleLook = 5 * time.Second

// use notes that somebody gave a command.
func (g *guard) use() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used = time.Now()
}

func (g *guard) idle() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.used)
}

// lockWhenIdle locks the node when nobody has used it for the time of the
// setting lock-after, until ctx ends. Without a passphrase, which is asked
// only then, it goes on waiting.
func (g *guard) lockWhenIdle(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(idleLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, _ := g.now()
		if n == nil || g.locked() {
			continue
		}
		after, _, err := n.LockPolicy(ctx)
		if err != nil || after == 0 || g.idle() < after {
			continue
		}
		if ok, err := n.Protected(); err != nil || !ok {
			continue
		}
		if err := g.Lock(ctx); err != nil && !errors.Is(err, context.Canceled) {
			failed(err)
		}
	}
}

// What only looks, or goes on by itself, as a window does while nobody sits at
// it, is no use of the node.

// Peers implements chat.API, as do the following.
func (g *guard) Peers(ctx context.Context) ([]chat.Peer, error) {
	return unused(g, func(a chat.API) ([]chat.Peer, error) { return a.Peers(ctx) })
}

func (g *guard) Requests(ctx context.Context) ([]chat.Request, error) {
	return unused(g, func(a chat.API) ([]chat.Request, error) { return a.Requests(ctx) })
}

func (g *guard) Avatar(ctx context.Context, who string) ([]byte, error) {
	return unused(g, func(a chat.API) ([]byte, error) { return a.Avatar(ctx, who) })
}

func (g *guard) View(ctx context.Context, keys []string) error {
	_, err := unused(g, func(a chat.API) (struct{}, error) { return struct{}{}, a.View(ctx, keys) })
	return err
}

func (g *guard) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	return unused(g, func(a chat.API) (chat.Feed, error) { return a.Subscribe(ctx, since) })
}

// unused is a call that is no use of the node.
func unused[T any](g *guard, call func(chat.API) (T, error)) (T, error) {
	api, err := g.open()
	if err != nil {
		var none T
		return none, err
	}
	return call(api)
}
