package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
	"llchat/internal/health"
)

const (
	// quietHolder is how long a node may hold the profile while its socket
	// does not answer: it is starting, or ending (at most endTime).
	quietHolder = 6 * time.Second

	// shortHolder is how long a daemon or window waits for a command that
	// holds the profile, such as send, to be done.
	shortHolder = 15 * time.Second

	// retryTime is the time between two tries.
	retryTime = 50 * time.Millisecond
)

// client connects to the node that holds the profile; nil when none does. A
// node that was started without $XDG_RUNTIME_DIR, from cron for one, listens
// in the profile.
func (a *app) client(ctx context.Context) (*control.Client, error) {
	places, err := chat.Places(a.profile)
	if err != nil {
		return nil, err
	}
	c, err := control.Dial(ctx, places.Socket)
	if inside := filepath.Join(places.Profile, filepath.Base(places.Socket)); errors.Is(err, control.ErrNoNode) && inside != places.Socket {
		c, err = control.Dial(ctx, inside)
	}
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
	deadline := time.Now().Add(quietHolder)
	for {
		r, err := a.reachOnce(ctx, what)
		if !errors.Is(err, chat.ErrLocked) || time.Now().After(deadline) {
			return r, err
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(retryTime):
		return nil
	case <-ctx.Done():
		return ctx.Err()
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
	if what == network {
		n, err := a.open(ctx, chat.Options{Passive: true})
		if err != nil {
			return nil, err
		}
		return &reached{API: n, end: func() { _ = n.end() }}, nil
	}
	held, err := a.hold(ctx)
	if err != nil {
		return nil, err
	}
	n, err := chat.Open(ctx, chat.Options{Profile: a.profile, Held: held, Passive: true, Network: chat.Nowhere()})
	if err != nil {
		return nil, err
	}
	a.warn(ctx, n)
	return &reached{API: n, end: func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		_ = n.Close(end)
	}}, nil
}

// warn says what was found wrong with the disk by a command that has no health
// to show it in.
func (a *app) warn(ctx context.Context, n *chat.Node) {
	s, err := n.Status(ctx)
	if err != nil || a.json {
		return
	}
	for _, h := range s.Health {
		if h.Severity < health.Warning || !strings.HasPrefix(h.Code, "history-") {
			continue // no network was looked at
		}
		fmt.Fprintf(a.Stderr, "llchat: %s: %s\n", h.Severity, oneLine(h.Text))
		if h.Hint != "" {
			fmt.Fprintf(a.Stderr, "llchat: hint: %s\n", oneLine(h.Hint))
		}
	}
}

// take opens a node that stays. A node that runs already is ErrLocked at
// once; commands that hold the profile for a moment are waited for.
func (a *app) take(ctx context.Context, opt chat.Options) (*running, error) {
	quiet, short := time.Now().Add(quietHolder), time.Now().Add(shortHolder)
	for {
		r, err := a.open(ctx, opt)
		if !errors.Is(err, chat.ErrLocked) {
			return r, err
		}
		h, herr := a.holder(ctx)
		switch {
		case herr != nil:
			return nil, herr
		case h == runs:
			return nil, err
		case h == unseen && time.Now().After(quiet):
			return nil, fmt.Errorf("its control socket does not answer: %w", err)
		case h == passes && time.Now().After(short):
			return nil, &chat.Error{
				Code: chat.CodeError, Text: "another llchat command holds this profile",
				Hint: "end it first (watch, perhaps), or use another profile: --profile NAME",
			}
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// holder says who holds the profile.
type holder int

const (
	unseen holder = iota // nobody whose socket answers
	passes               // a command, for as long as it runs
	runs                 // a node
)

func (a *app) holder(ctx context.Context) (holder, error) {
	client, err := a.client(ctx)
	if client == nil {
		return unseen, err
	}
	defer func() { _ = client.Close() }()
	s, err := client.Status(ctx)
	switch {
	case ctx.Err() != nil:
		return unseen, ctx.Err()
	case err != nil:
		return unseen, nil // it is just ending
	case s.Running:
		return runs, nil
	}
	return passes, nil
}
