package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
)

// startTime is how long a node may hold the profile before its socket answers.
const startTime = 3 * time.Second

// client connects to the node that holds the profile; nil when none does.
func (a *app) client(ctx context.Context) (*control.Client, error) {
	places, err := chat.Places(a.profile)
	if err != nil {
		return nil, err
	}
	c, err := control.Dial(ctx, places.Socket)
	if errors.Is(err, control.ErrNoNode) {
		return nil, nil
	}
	return c, err
}

// need says what a command wants when no node runs.
type need int

const (
	disk    need = iota // what is on disk will do
	network             // a node for as long as the command runs
)

// reached is an engine to give commands to.
type reached struct {
	chat.API
	running bool // it is a node that was there before
	end     func()
}

// reach finds the node that runs, or makes what the command needs. A profile
// that is held while no socket answers belongs to a node that is just
// starting, or ending: for these few moments it is tried again.
func (a *app) reach(ctx context.Context, what need) (*reached, error) {
	deadline := time.Now().Add(startTime)
	for {
		r, err := a.reachOnce(ctx, what)
		if !errors.Is(err, chat.ErrLocked) || time.Now().After(deadline) {
			return r, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (a *app) reachOnce(ctx context.Context, what need) (*reached, error) {
	client, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	if client != nil {
		return &reached{API: client, running: true, end: func() { _ = client.Close() }}, nil
	}
	var n *chat.Node
	if what == disk {
		n, err = chat.OpenOffline(ctx, a.profile)
	} else {
		n, err = chat.Open(ctx, chat.Options{Profile: a.profile, Passive: true, Interfaces: a.interfaces})
	}
	if err != nil {
		return nil, err
	}
	return &reached{API: n, end: func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		_ = n.Close(end)
	}}, nil
}

// openLog opens the log of a profile for this user only (security.md G-5),
// and starts it anew when it has grown to its limit (L-28).
func openLog(path string) (*os.File, error) {
	if i, err := os.Stat(path); err == nil && i.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

const maxLog = 1 << 20
