package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"llchat/internal/chat"
)

const (
	// maxInput bounds what send reads from stdin: more than fits in a message,
	// so that a text that is too long is refused, not cut.
	maxInput = 1 << 20

	// quietTime is how long send says nothing on a terminal.
	quietTime = time.Second

	// lookTime is how long a node that has just started looks around before
	// it believes that a name is borne by only one peer.
	lookTime = 1500 * time.Millisecond
)

// doCommands change something.
func (a *app) doCommands() []*cobra.Command {
	var timeout time.Duration
	send := &cobra.Command{
		Use: "send PEER [TEXT...|-]", Short: "Send one message and wait until it is on their disk",
		Example: "llchat send bob 'lunch?'\necho 'a long text' | llchat send bob -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.send(cmd.Context(), args[0], args[1:], timeout)
		},
	}
	send.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the receipt")
	accept := &cobra.Command{
		Use: "accept PEER", Short: "Let somebody who asked talk to you", Args: cobra.ExactArgs(1),
		Example: "llchat accept alice",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], chat.API.Accept, "accepted")
		},
	}
	block := &cobra.Command{
		Use: "block PEER", Short: "Hear nothing more from somebody", Args: cobra.ExactArgs(1),
		Example: "llchat block mallory",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], chat.API.Block, "blocked")
		},
	}
	set := &cobra.Command{
		Use: "set nick|status|message|strangers VALUE", Short: "Settings that others can see at once",
		Example:   "llchat set status away\nllchat set strangers refuse",
		Args:      cobra.ExactArgs(2),
		ValidArgs: []string{"nick", "status", "message", "strangers"},
		RunE:      func(cmd *cobra.Command, args []string) error { return a.set(cmd.Context(), args[0], args[1]) },
	}
	return []*cobra.Command{send, accept, block, set}
}

// send sends one message and says how it went by its exit code.
func (a *app) send(ctx context.Context, who string, words []string, timeout time.Duration) error {
	text, err := a.text(words)
	if err != nil {
		return err
	}
	r, err := a.reach(ctx, network)
	if err != nil {
		return err
	}
	defer r.end()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	feed, err := r.Subscribe(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	patience := a.startPatience(who)
	defer patience.Stop()
	m, err := a.hand(ctx, r, who, text)
	if err != nil {
		return err
	}
	last, err := follow(ctx, feed, m)
	if err != nil {
		return err
	}
	return a.sendResult(last)
}

// text is the message: the words, or standard input for "-" and for none.
func (a *app) text(words []string) (string, error) {
	if len(words) > 0 && (len(words) > 1 || words[0] != "-") {
		return strings.Join(words, " "), nil
	}
	in, err := io.ReadAll(io.LimitReader(a.Stdin, maxInput))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return strings.TrimRight(string(in), "\r\n"), nil
}

// startPatience says once on a terminal that something is being waited for.
func (a *app) startPatience(who string) *time.Timer {
	return time.AfterFunc(quietTime, func() {
		if isTerminal(a.Stderr) {
			fmt.Fprintf(a.Stderr, "llchat: waiting for %s ...\n", oneLine(who))
		}
	})
}

// hand gives the message to the engine. A node that has just started does not
// know yet who is here: it looks around first, and waits for a name to appear.
func (a *app) hand(ctx context.Context, r *reached, who, text string) (chat.Message, error) {
	if r.running || isContact(ctx, r, who) {
		return r.Send(ctx, who, text)
	}
	select {
	case <-time.After(lookTime):
	case <-ctx.Done():
	}
	for {
		m, err := r.Send(ctx, who, text)
		e, ok := errors.AsType[*chat.Error](err)
		if !ok || e.Code != chat.CodeNoSuch {
			return m, err
		}
		select {
		case <-time.After(lookTime):
		case <-ctx.Done():
			return m, err
		}
	}
}

// isContact reports whether the user keeps somebody under exactly this name.
func isContact(ctx context.Context, r *reached, who string) bool {
	rows, err := r.Peers(ctx)
	if err != nil {
		return false
	}
	for _, p := range rows {
		if p.Contact() && (p.Name.String() == who || p.Key == who) {
			return true
		}
	}
	return false
}

// follow waits for the end of a message's journey, or for a reason why it
// cannot end now.
func follow(ctx context.Context, feed chat.Feed, m chat.Message) (chat.Event, error) {
	last := chat.Event{Time: m.Written, Body: m}
	for {
		events, err := feed.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
		for _, e := range events {
			got, ok := e.Body.(chat.Message)
			if !ok || got.ID != m.ID || got.Direction != chat.Out {
				continue
			}
			last = e
			if got.State == chat.Delivered || got.State == chat.Displayed || got.State == chat.Failed ||
				got.Reason == chat.ReasonWaiting {
				return last, nil
			}
		}
	}
}

// sendResult prints the final event and gives the exit code its reason.
func (a *app) sendResult(e chat.Event) error {
	m := e.Body.(chat.Message)
	if a.json {
		if err := a.print(e, ""); err != nil {
			return err
		}
	}
	switch {
	case m.State == chat.Delivered, m.State == chat.Displayed:
		return nil
	case m.State == chat.Failed:
		return &chat.Error{Code: chat.CodeRefused, Text: fmt.Sprintf("not sent: %s", m.Reason)}
	}
	reason := m.Reason
	if reason == "" {
		reason = chat.ReasonNoReceipt
	}
	return &chat.Error{Code: chat.CodeNotYet, Text: whyNotYet(m.Name.String(), reason)}
}

func whyNotYet(name, reason string) string {
	switch reason {
	case chat.ReasonWaiting:
		return fmt.Sprintf("waiting for acceptance: %s has to accept you first; the message is kept (waiting)", name)
	case chat.ReasonNotHere:
		return fmt.Sprintf("%s is not here; the message is kept and goes out when both are (not-here)", name)
	}
	return fmt.Sprintf("%s has not confirmed it yet; the message is kept (%s)", name, reason)
}

// decide accepts or blocks somebody.
func (a *app) decide(ctx context.Context, who string,
	do func(chat.API, context.Context, string) (chat.Peer, error), word string,
) error {
	r, err := a.reach(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	p, err := do(r, ctx, who)
	if err != nil {
		return err
	}
	return a.print(chat.Event{Body: p}, fmt.Sprintf("%s %s\n", word, p.Name))
}

func (a *app) set(ctx context.Context, key, value string) error {
	r, err := a.reach(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	return r.Set(ctx, key, value)
}

// selfCommands are about the program itself.
func (a *app) selfCommands() []*cobra.Command {
	paths := &cobra.Command{
		Use: "paths", Short: "Where the profile keeps what", Args: cobra.NoArgs, Example: "llchat paths",
		RunE: func(*cobra.Command, []string) error { return a.paths() },
	}
	version := &cobra.Command{
		Use: "version", Short: "The version of llchat", Args: cobra.NoArgs, Example: "llchat version",
		RunE: func(*cobra.Command, []string) error { return a.version() },
	}
	return []*cobra.Command{paths, version}
}

func (a *app) paths() error {
	p, err := chat.Places(a.profile)
	if err != nil {
		return err
	}
	v, err := typed("paths", p)
	if err != nil {
		return err
	}
	return a.print(v, fmt.Sprintf(
		"profile   %s\nidentity  %s\nkey       %s\ntrust     %s\nconfig    %s\nhistory   %s\nlog       %s\nlock      %s\nsocket    %s\n",
		p.Profile, p.Identity, p.Key, p.Trust, p.Config, p.History, p.Log, p.Lock, p.Socket))
}

func (a *app) version() error {
	v, err := typed("version", map[string]string{
		"version": a.Version, "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH,
	})
	if err != nil {
		return err
	}
	return a.print(v, fmt.Sprintf("llchat %s (%s, %s/%s)\n", a.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
}

// isTTY reports whether f is a terminal.
func isTTY(f interface{ Fd() uintptr }) bool { return term.IsTerminal(int(f.Fd())) }
