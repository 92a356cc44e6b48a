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
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// askCommands only look.
func (a *app) askCommands() []*cobra.Command {
	return []*cobra.Command{
		a.command(spec{
			use: "status", short: "What runs, under which name, and what is wrong",
			example: "llchat status\nllchat status --json",
			run:     func(ctx context.Context, _ []string) error { return a.status(ctx) },
		}),
		a.command(spec{
			use: "whoami", short: "Your name and fingerprint",
			example: "llchat whoami\nllchat whoami --json",
			run:     func(ctx context.Context, _ []string) error { return a.whoami(ctx) },
		}),
		a.peersCommand(),
		a.watchCommand(),
		a.doctorCommand(),
	}
}

func (a *app) peersCommand() *cobra.Command {
	var w wanted
	var cmd *cobra.Command
	cmd = a.command(spec{
		use: "peers", short: "Who is here and whom you know",
		long: "Lists who is here and whom you know: name, presence, trust, instance name, the\n" +
			"first group of the fingerprint, and a remark. With --wait or --for the exit code\n" +
			"is 3 when fewer are online than wanted.",
		example: "llchat peers\nllchat peers --wait 10s --for 2 --json",
		run: func(ctx context.Context, _ []string) error {
			w.check = cmd.Flags().Changed("for") || w.wait > 0
			if w.wait < 0 || w.count < 0 {
				return usage("--wait and --for cannot be below zero", "llchat peers --wait 10s --for 2")
			}
			return a.peers(ctx, w)
		},
	})
	cmd.Flags().DurationVar(&w.wait, "wait", 0, "`DURATION` wait at most this long for people to be here")
	cmd.Flags().IntVar(&w.count, "for", 1, "`N` return as soon as this many are online")
	return cmd
}

func (a *app) watchCommand() *cobra.Command {
	var since uint64
	var cmd *cobra.Command
	cmd = a.command(spec{
		use: "watch", short: "Events as they happen",
		long: "Prints events until it is interrupted, from now on; with --since first all that\n" +
			"was stored after that number. Reading goes on where it stopped with the last\n" +
			"seq that was read.",
		example: "llchat watch\nllchat watch --json --since 0",
		run: func(ctx context.Context, _ []string) error {
			if cmd.Flags().Changed("since") {
				since = max(since, 1) // to the engine 0 is now; no fact has the number 1
			}
			return calm(ctx, a.watch(ctx, since))
		},
	})
	cmd.Flags().Uint64Var(&since, "since", 0, "`SEQ` first everything stored after this number")
	return cmd
}

func (a *app) status(ctx context.Context) error {
	r, err := a.connect(ctx, disk)
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

// discoveryText says how people are found, where that is not the usual way.
func discoveryText(d chat.Discovery) string {
	var b strings.Builder
	if d.Uses == chat.MDNSAvahi {
		fmt.Fprintf(&b, "discovery    through avahi-daemon, at most %d people\n", d.Most)
	}
	if d.Domain != "" {
		fmt.Fprintf(&b, "domain       %s\n", strings.TrimSpace(d.Domain+" "+d.Entry.String()))
	}
	return b.String()
}

func statusText(s chat.Status) string {
	var b strings.Builder
	state := "no node runs"
	switch {
	case s.Locked:
		state = "locked: llchat unlock asks for the passphrase"
	case s.Ready && s.Name.IsEmpty():
		state = "running without a name"
	case s.Ready:
		state = "running as " + s.Name.String()
	case s.Running:
		state = "running, not announced yet"
	}
	fmt.Fprintf(&b, "%s\nnick         %s\nstatus       %s\n", state, s.Nick,
		strings.TrimSpace(string(s.Status)+" "+s.Message.String()))
	if !s.Locked {
		fmt.Fprintf(&b, "fingerprint  %s\n", strings.Join(s.Fingerprint.Groups(), " "))
	}
	fmt.Fprintf(&b, "visibility   %s\nstrangers    %s\nprofile      %s\n", s.Visibility, s.Strangers, s.Profile)
	if s.Running && !s.Locked {
		fmt.Fprintf(&b, "port         %d\n", s.Port)
	}
	b.WriteString(discoveryText(s.Discovery))
	for _, i := range s.Interfaces {
		fmt.Fprintf(&b, "interface    %s %s\n", i.Name, strings.Join(i.Addresses, " "))
	}
	if s.Running && !s.Locked {
		for _, at := range s.Addresses { // what others give to llchat add
			fmt.Fprintf(&b, "reached at   %s\n", at)
		}
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
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if s.Locked {
		return chat.ErrProfileLocked
	}
	v, err := typed("whoami", self{s.Name, s.Nick, s.Fingerprint, s.Fingerprint.Groups()})
	if err != nil {
		return err
	}
	name := s.Nick.String()
	switch {
	case name == "" && s.Name.IsEmpty():
		name = "no nick yet: llchat set nick NAME"
	case name == "":
		name = s.Name.String()
	case !s.Name.IsEmpty():
		name += "  " + s.Name.String()
	}
	return a.print(v, fmt.Sprintf("%s\n%s\n", name, strings.Join(s.Fingerprint.Groups(), " ")))
}

// self is the output of `llchat whoami --json`.
type self struct {
	Name        safetext.Text `json:"name"`
	Nick        safetext.Text `json:"nick"`
	Fingerprint identity.Pin  `json:"fingerprint"`
	Groups      []string      `json:"groups"`
}

// wanted says how many people peers waits for, and how long.
type wanted struct {
	check bool // too few is exit code 3
	wait  time.Duration
	count int
}

// peers lists the roster; with wait it returns as soon as enough are online.
func (a *app) peers(ctx context.Context, w wanted) error {
	what := disk
	if w.wait > 0 {
		what = network
	}
	r, err := a.connect(ctx, what)
	if err != nil {
		return err
	}
	defer r.end()
	if w.wait > 0 {
		if err := a.waitForPeers(ctx, r, w); err != nil {
			return err
		}
	}
	rows, err := r.Peers(ctx)
	if err != nil {
		return err
	}
	if err := a.printPeers(rows); err != nil {
		return err
	}
	if !r.running && w.wait == 0 && !a.json {
		fmt.Fprintln(a.Stderr, "llchat: hint: no node runs, so nobody was looked for: llchat peers --wait 5s looks around")
	}
	if n := online(rows); w.check && n < w.count {
		return &chat.Error{Code: chat.CodeNotYet, Text: fmt.Sprintf("%d online, %d wanted", n, w.count)}
	}
	return nil
}

// waitForPeers returns when enough are online or the time is over.
func (a *app) waitForPeers(ctx context.Context, r *reached, w wanted) error {
	waiting, cancel := context.WithTimeout(ctx, w.wait)
	defer cancel()
	feed, err := r.Subscribe(waiting, 0)
	for err == nil {
		var rows []chat.Peer
		if rows, err = r.Peers(waiting); err == nil && online(rows) >= w.count {
			break
		}
		if err == nil {
			_, err = feed.Next(waiting)
		}
	}
	if feed != nil {
		_ = feed.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
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
	if len(rows) == 0 {
		return a.print(nil, "nobody is here yet\n")
	}
	names := namesOf(rows)
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for _, p := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Presence, trustWord(p), p.Instance,
			fingerprintLabel(p), remark(p, names))
	}
	return w.Flush()
}

// namesOf is what the proven keys of the roster are called.
func namesOf(rows []chat.Peer) map[identity.Pin]safetext.Text {
	names := map[identity.Pin]safetext.Text{}
	for _, p := range rows {
		if !p.Fingerprint.IsZero() {
			names[p.Fingerprint] = p.Name
		}
	}
	return names
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

// remark says what is to be known of a row; whom it may be mistaken for comes
// first.
func remark(p chat.Peer, names map[identity.Pin]safetext.Text) string {
	var said []string
	if warn := lookAlike(p, names); warn != "" {
		said = append(said, warn)
	}
	switch {
	case !p.ReplacedBy.IsZero():
		said = append(said, strings.TrimSpace("replaced by "+p.ReplacedBy.Label()+" "+names[p.ReplacedBy].String()))
	case p.Asks:
		said = append(said, "waits for you to accept")
	case p.Waiting:
		said = append(said, "has not accepted you yet")
	case !p.Note.IsEmpty():
		said = append(said, p.Note.String())
	case !p.Message.IsEmpty():
		said = append(said, p.Message.String())
	}
	return strings.Join(said, "; ")
}

// lookAlike says in words that a row goes by the name of a contact and is not
// that contact.
func lookAlike(p chat.Peer, names map[identity.Pin]safetext.Text) string {
	other := func(pin identity.Pin) string {
		if name := names[pin].String(); name != "" {
			return name + " (" + pin.Label() + ")"
		}
		return pin.Label()
	}
	switch {
	case p.Trust == chat.Conflict && !p.Of.IsZero():
		return "NOT the " + other(p.Of) + " you know: another key claims that name"
	case p.Namesake.IsZero():
		return ""
	case p.Contact():
		return "not your contact " + other(p.Namesake) + ", whose name is like it"
	}
	return "not the " + other(p.Namesake) + " you know: the name is like it, the key is not proven"
}

// watch prints events until it is interrupted. Facts are never left out: when
// this reader was too slow it asks again from the number it has.
func (a *app) watch(ctx context.Context, since uint64) error {
	r, err := a.connect(ctx, network)
	if err != nil {
		return err
	}
	defer r.end()
	for {
		from, err := a.watchFrom(ctx, r, since)
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
		return fmt.Sprintf("%s another key (%s) claims the name of %s: nothing is sent to it until you decide (llchat accept --help)\n", at, b.Fingerprint.Label(), b.OfName)
	case chat.HealthNotice:
		if b.Gone {
			return fmt.Sprintf("%s right again: %s\n", at, b.Code)
		}
		return fmt.Sprintf("%s %s: %s\n", at, b.Severity, b.Text)
	}
	return "" // a resync is for programs
}

// indent keeps the lines of a message from looking like lines of ours.
func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n         | ") }
