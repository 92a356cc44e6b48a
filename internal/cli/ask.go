package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// askCommands only look.
func (a *app) askCommands() []*cobra.Command {
	var wait time.Duration
	var count int
	var since uint64
	status := &cobra.Command{
		Use: "status", Short: "What runs, under which name, and what is wrong", Args: cobra.NoArgs,
		Example: "llchat status --json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) },
	}
	whoami := &cobra.Command{
		Use: "whoami", Short: "Your name and fingerprint", Args: cobra.NoArgs,
		Example: "llchat whoami",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.whoami(cmd.Context()) },
	}
	peers := &cobra.Command{
		Use: "peers", Short: "Who is here and whom you know", Args: cobra.NoArgs,
		Example: "llchat peers\nllchat peers --wait 10s --for 2 --json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.peers(cmd.Context(), wait, count) },
	}
	peers.Flags().DurationVar(&wait, "wait", 0, "wait this long for people to be here")
	peers.Flags().IntVar(&count, "for", 1, "with --wait: return as soon as this many are online")
	watch := &cobra.Command{
		Use: "watch", Short: "Events as they happen", Args: cobra.NoArgs,
		Example: "llchat watch --json --since 1",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.watch(cmd.Context(), since) },
	}
	watch.Flags().Uint64Var(&since, "since", 0, "first everything stored after this number")
	return []*cobra.Command{status, whoami, peers, watch}
}

func (a *app) status(ctx context.Context) error {
	r, err := a.reach(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	v, err := typed("status", s)
	if err != nil {
		return err
	}
	return a.print(v, statusText(s))
}

func statusText(s chat.Status) string {
	var b strings.Builder
	state := "no node runs"
	switch {
	case s.Ready:
		state = "running as " + s.Name.String()
	case s.Running:
		state = "running, not announced yet"
	}
	fmt.Fprintf(&b, "%s\nnick         %s\nstatus       %s %s\nfingerprint  %s\n",
		state, s.Nick, s.Status, s.Message, strings.Join(s.Fingerprint.Groups(), " "))
	fmt.Fprintf(&b, "visibility   %s\nstrangers    %s\nprofile      %s\n", s.Visibility, s.Strangers, s.Profile)
	if s.Running {
		fmt.Fprintf(&b, "port         %d\n", s.Port)
	}
	for _, i := range s.Interfaces {
		fmt.Fprintf(&b, "interface    %s %s\n", i.Name, strings.Join(i.Addresses, " "))
	}
	if !s.PostQuantum {
		b.WriteString("no post-quantum protection: GODEBUG switches it off\n")
	}
	for _, h := range s.Health {
		fmt.Fprintf(&b, "%-12s %s\n", h.Severity, h.Text)
		if h.Hint != "" {
			fmt.Fprintf(&b, "             %s\n", h.Hint)
		}
	}
	return b.String()
}

func (a *app) whoami(ctx context.Context) error {
	r, err := a.reach(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	v, err := typed("whoami", map[string]any{
		"name": s.Name, "nick": s.Nick, "fingerprint": s.Fingerprint, "groups": s.Fingerprint.Groups(),
	})
	if err != nil {
		return err
	}
	return a.print(v, fmt.Sprintf("%s\n%s\n", s.Nick, strings.Join(s.Fingerprint.Groups(), " ")))
}

// peers lists the roster; with wait it returns as soon as enough are online.
func (a *app) peers(ctx context.Context, wait time.Duration, count int) error {
	what := disk
	if wait > 0 {
		what = network
	}
	r, err := a.reach(ctx, what)
	if err != nil {
		return err
	}
	defer r.end()
	var late error
	if wait > 0 {
		late = a.waitForPeers(ctx, r, wait, count)
	}
	rows, err := r.Peers(ctx)
	if err != nil {
		return err
	}
	if err := a.printPeers(rows); err != nil {
		return err
	}
	return late
}

func (a *app) waitForPeers(ctx context.Context, r *reached, wait time.Duration, count int) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	feed, err := r.Subscribe(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	for {
		rows, err := r.Peers(ctx)
		if err == nil && online(rows) >= count {
			return nil
		}
		if err == nil {
			_, err = feed.Next(ctx)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return &chat.Error{Code: chat.CodeNotYet, Text: fmt.Sprintf("fewer than %d are here", count)}
		}
		if err != nil {
			return err
		}
	}
}

func online(rows []chat.Peer) int {
	n := 0
	for _, p := range rows {
		if p.Presence != chat.Offline {
			n++
		}
	}
	return n
}

func (a *app) printPeers(rows []chat.Peer) error {
	if a.json {
		for _, p := range rows {
			if err := a.print(chat.Event{Body: p}, ""); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for _, p := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Presence, trustWord(p), p.Instance,
			fingerprintLabel(p), remark(p))
	}
	return w.Flush()
}

func trustWord(p chat.Peer) string {
	if p.Trust == "" {
		return "key not proven"
	}
	return string(p.Trust)
}

func fingerprintLabel(p chat.Peer) string {
	if p.Fingerprint.IsZero() {
		return "-"
	}
	return p.Fingerprint.Label()
}

func remark(p chat.Peer) string {
	switch {
	case p.Asks:
		return "waits for you to accept"
	case p.Waiting:
		return "has not accepted you yet"
	case !p.Note.IsEmpty():
		return p.Note.String()
	}
	return p.Message.String()
}

// watch prints events until it is interrupted. Facts are never left out: when
// this reader was too slow it asks again from the number it has.
func (a *app) watch(ctx context.Context, since uint64) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	r, err := a.reach(ctx, network)
	if err != nil {
		return err
	}
	defer r.end()
	for {
		from, err := a.watchFrom(ctx, r, since)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		since = from
	}
}

// watchFrom prints until the feed says resync, and returns where to go on.
func (a *app) watchFrom(ctx context.Context, r *reached, since uint64) (uint64, error) {
	feed, err := r.Subscribe(ctx, since)
	if err != nil {
		return 0, err
	}
	defer func() { _ = feed.Close() }()
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return 0, err
		}
		for _, e := range events {
			if err := a.print(e, eventText(e)); err != nil {
				return 0, err
			}
			if resync, ok := e.Body.(chat.Resync); ok {
				return max(resync.Seq, 1), nil
			}
		}
	}
}

// eventText is a line for people.
func eventText(e chat.Event) string {
	at := e.Time.Local().Format("15:04:05")
	switch b := e.Body.(type) {
	case chat.Peer:
		return fmt.Sprintf("%s %s is %s (%s)\n", at, b.Name, b.Presence, trustWord(b))
	case chat.Message:
		if b.Direction == chat.In {
			return fmt.Sprintf("%s %s: %s\n", at, b.Name, indent(b.Body.String()))
		}
		return fmt.Sprintf("%s to %s, %s: %s\n", at, b.Name, b.State, indent(b.Body.String()))
	case chat.Request:
		if b.Gone {
			return ""
		}
		return fmt.Sprintf("%s %s (%s) waits for you to accept: %s\n", at, b.Name, b.Fingerprint.Label(), indent(b.Body.String()))
	case chat.ConflictNotice:
		return fmt.Sprintf("%s another key (%s) claims the name of %s\n", at, b.Fingerprint.Label(), b.OfName)
	case chat.HealthNotice:
		if b.Gone {
			return fmt.Sprintf("%s right again: %s\n", at, b.Text)
		}
		return fmt.Sprintf("%s %s: %s\n", at, b.Severity, b.Text)
	}
	return ""
}

// indent keeps the lines of a message from looking like lines of ours.
func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n         | ") }
