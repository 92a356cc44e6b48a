package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

const (
	// sendTries is how often a message is given to another node when the one
	// that had it ended, and againTime is what each has for it at least.
	sendTries = 3
	againTime = 5 * time.Second

	// maxInput bounds what send reads from stdin: more than fits in a message,
	// so that a text that is too long is refused, not cut.
	maxInput = 1 << 20

	// quietTime is how long send says nothing on a terminal.
	quietTime = time.Second

	// lookTime is how long a node that has just started looks around before
	// it believes that a name is borne by only one peer.
	lookTime = 1500 * time.Millisecond
)

func (a *app) sendCommand() *cobra.Command {
	var w chat.Writing
	var timeout time.Duration
	cmd := a.command(spec{
		use: "send PEER TEXT...|-", short: "Send one message and wait until it is on their disk", least: 1, most: -1,
		long: "Sends one message and waits until it is on the other side's disk. With - the\n" +
			"text comes from standard input. What cannot be delivered now is kept and goes out\n" +
			"with the next node of this profile (exit code 3). Writing to somebody unknown pins\n" +
			"the key that answers, before any text leaves. With --reply it answers a message,\n" +
			"with --replace it corrects one of yours; llchat history PEER --json has their ids.\n\n" + peerHelp,
		example:  "llchat send bob 'lunch?'\nllchat send bob@nuc --timeout 1m 'are you there?'\necho 'a long text' | llchat send bob -",
		complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			if len(args) == 1 {
				return usage("send: there is no text", "llchat send PEER TEXT, or - as the text to read it from standard input")
			}
			var err error
			if w.Text, err = a.text(args[1:]); err != nil {
				return err
			}
			return a.send(ctx, args[0], w, timeout)
		},
	})
	timeoutFlag(cmd, &timeout)
	f := cmd.Flags()
	f.StringVar(&w.Reply, "reply", "", "`ID` answer this message")
	f.StringVar(&w.Replaces, "replace", "", "`ID` correct this message of yours")
	f.StringVar(&w.ID, "id", "", "`ID` the id it gets, 32 hex digits: sent twice under one id it arrives once")
	for _, flag := range []string{"reply", "replace", "id"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
	return cmd
}

// timeoutFlag is for commands that wait for a receipt.
func timeoutFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", 10*time.Second, "`DURATION` wait at most this long for the receipt")
}

// send sends what is written and says how it went by its exit code.
func (a *app) send(ctx context.Context, who string, w chat.Writing, timeout time.Duration) error {
	if err := w.Check(); err != nil {
		return err
	}
	if w.ID == "" {
		w.ID = chat.NewID()
	}
	return a.deliver(ctx, sending{
		who: who, id: w.ID, timeout: timeout, message: w.Reacts == "" && w.Retracts == "" && w.Replaces == "",
		give: func(ctx context.Context, r *reached) (chat.Message, error) { return a.hand(ctx, r, who, w) },
	})
}

// deliver gives something to the engine and waits for its receipt. When the node
// ends before it answered, what has an id is given to the next one: that knows
// what is on the disk, and sends nothing twice.
func (a *app) deliver(ctx context.Context, s sending) error {
	if s.timeout <= 0 {
		return usage("the timeout must be above zero", "a time like 10s or 1m30s: --timeout 10s")
	}
	defer a.startPatience(s.who)()
	s.a, s.began = a, time.Now()
	last, err := s.attempt(ctx, s.timeout)
	for tries := 0; s.id != "" && tries < sendTries && errors.Is(err, chat.ErrEnded) && ctx.Err() == nil; tries++ {
		s.again = true
		last, err = s.attempt(ctx, max(againTime, s.timeout-time.Since(s.began)))
	}
	if errors.Is(err, chat.ErrEnded) {
		err = s.lost()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return a.sendResult(last)
}

// text is the message: the words, or standard input for "-".
func (a *app) text(words []string) (string, error) {
	if len(words) != 1 || words[0] != "-" {
		return strings.Join(words, " "), nil
	}
	in, err := io.ReadAll(io.LimitReader(a.Stdin, maxInput))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return strings.TrimRight(string(in), "\r\n"), nil
}

// startPatience says once on a terminal that something is being waited for.
// Once stop has returned nothing more is said.
func (a *app) startPatience(who string) (stop func()) {
	if a.json || !a.isTTY(a.Stderr) {
		return func() {}
	}
	said := make(chan struct{})
	t := time.AfterFunc(quietTime, func() {
		defer close(said)
		fmt.Fprintf(a.Stderr, "llchat: waiting for %s ...\n", oneLine(who))
	})
	return func() {
		if !t.Stop() {
			<-said
		}
	}
}

// hand gives the message to the engine. A node that has just started does not
// know yet who is here: it looks around first, and waits for a name to appear.
func (a *app) hand(ctx context.Context, r *reached, who string, w chat.Writing) (chat.Message, error) {
	if r.running || isContact(ctx, r, who) {
		return r.Write(ctx, who, w)
	}
	for {
		if err := look(ctx); err != nil {
			return chat.Message{}, err
		}
		m, err := r.Write(ctx, who, w)
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.CodeNoSuch || !timeFor(ctx, lookTime) {
			return m, err
		}
	}
}

// look waits for lookTime, or for half of what is left when that is less, so
// that there is time to send.
func look(ctx context.Context) error {
	d := lookTime
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end)/2)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func timeFor(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return !ok || time.Until(end) > d
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

// sendResult prints the final event and gives the exit code its reason.
func (a *app) sendResult(e chat.Event) error {
	m := e.Body.(chat.Message)
	delivered := m.State == chat.Delivered || m.State == chat.Displayed
	if !delivered && m.State != chat.Failed && m.Reason == "" {
		m.Reason = chat.ReasonNoReceipt
		e.Body = m
	}
	if err := a.print(e, ""); err != nil {
		return err
	}
	switch {
	case delivered:
		return nil
	case m.State == chat.Failed:
		return &chat.Error{Code: chat.CodeRefused, Text: fmt.Sprintf("not sent: %s", m.Reason)}
	}
	return &chat.Error{Code: chat.CodeNotYet, Text: whyNotYet(m.Name.String(), m.Reason)}
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
