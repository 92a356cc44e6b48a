package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
)

// endTime is how long a node may take to say goodbye, so that all of the end
// fits into the 5 s of cli.md (daemon).
const endTime = 4 * time.Second

// nodeFlags are the flags of commands that are nodes.
type nodeFlags struct {
	nick, visibility, strangers, mdns string
	port                              uint16
}

func (o *nodeFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.nick, "nick", "", "`NAME` the name that others see")
	f.Uint16Var(&o.port, "port", 0, "`PORT` listen there (without it: where the profile did before)")
	f.StringVar(&o.visibility, "visibility", "", "`WORD` the network learns: open (nick and status), quiet (neither), ghost (nothing)")
	f.StringVar(&o.strangers, "strangers", "", "`WORD` people you do not know may: ask, accept (reach you) or refuse")
	f.StringVar(&o.mdns, "mdns", "", "`WORD` who speaks multicast DNS: auto, own (sockets), avahi (avahi-daemon)")
	for flag, words := range map[string][]cobra.Completion{
		"visibility": {chat.VisibleOpen, chat.VisibleQuiet, chat.VisibleGhost},
		"mdns":       {chat.MDNSAuto, chat.MDNSOwn, chat.MDNSAvahi},
		"strangers":  {chat.StrangersAsk, chat.StrangersAccept, chat.StrangersRefuse},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
}

// options are the flags as the engine wants them.
func (o *nodeFlags) options() chat.Options {
	return chat.Options{Nick: o.nick, Port: o.port, Visibility: o.visibility, Strangers: o.strangers, MDNS: o.mdns}
}

func (a *app) nodeCommands() []*cobra.Command {
	var d, e nodeFlags
	daemon := a.command(spec{
		use: "daemon", short: "A node without a window",
		long: "Runs a node until SIGTERM or SIGINT. It prints one line when it can be found and\n" +
			"dialled: ready NAME@HOST PORT FINGERPRINT (a ghost has - in place of the name).\n" +
			"Made for systemd (Type=notify), too. What --nick, --visibility, --strangers and\n" +
			"--mdns choose is kept in the profile.",
		example: "llchat daemon --nick bob\nllchat daemon --visibility quiet --strangers refuse",
		run:     func(ctx context.Context, _ []string) error { return a.daemon(ctx, d, nil) },
	})
	d.add(daemon)
	echo := a.command(spec{
		use: "echo", short: "A node that accepts everybody and answers every message with its text",
		long: "Runs a node for trying things out, in a profile of its own (echo): it accepts\n" +
			"everybody and answers every message with its text.",
		example: "llchat echo --nick parrot",
		run: func(ctx context.Context, _ []string) error {
			if a.profile == "" {
				a.profile = "echo"
			}
			e.strangers = chat.StrangersAccept
			if e.nick == "" {
				e.nick = "echo"
			}
			return a.daemon(ctx, e, chat.Echo)
		},
	})
	echo.Flags().StringVar(&e.nick, "nick", "", "`NAME` the name that others see (without it: echo)")
	demo := a.command(spec{
		use: "demo", short: "Try the window alone, with an echo in the same process",
		long: "Opens the window in a throw-away profile, with an echo for company in the same\n" +
			"process. Nothing leaves this machine; everything else is as on a network.",
		example: "llchat demo",
		run:     func(ctx context.Context, _ []string) error { return a.demo(ctx) },
	})
	return []*cobra.Command{daemon, echo, demo}
}

// running is a node of this process with its control socket.
type running struct {
	*guard
	first   *chat.Node // the one that was opened; there may be another now
	socket  *control.Listener
	served  sync.WaitGroup
	stop    context.CancelFunc
	closers []io.Closer
}

// open starts a node on the profile and answers on its control socket.
func (a *app) open(ctx context.Context, opt chat.Options) (*running, error) {
	places, err := chat.Places(a.profile)
	if err != nil {
		return nil, err
	}
	opt.Profile, opt.Interfaces = a.profile, a.interfaces
	if a.Network != nil {
		if opt.Network, err = a.Network(); err != nil {
			return nil, err
		}
	}
	r := &running{stop: func() {}}
	if err := a.openLogs(&opt, places.Log, r); err != nil {
		return nil, errors.Join(err, r.release())
	}
	if opt.Held == nil {
		opt.Held, err = a.hold(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.release())
	}
	if r.first, err = chat.Open(ctx, opt); err != nil {
		_ = r.release()
		return nil, err
	}
	r.guard = newGuard(a.profile, opt.Passive, r.first, func(ctx context.Context, held *chat.Held) (*chat.Node, error) {
		opt.Held = held
		return chat.Open(ctx, opt)
	})
	if r.socket, err = control.Listen(places.Socket); err != nil {
		return nil, errors.Join(err, r.end())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	r.served.Go(func() {
		if err := control.Serve(serving, r.socket, r.guard); err != nil {
			opt.Log.Error("Control socket ended", "err", err)
		}
	})
	r.served.Go(func() {
		r.guard.lockWhenIdle(serving, func(err error) { opt.Log.Error("Not locked as it should be", "err", err) })
	})
	return r, nil
}

// openLogs opens the log and, if asked for, the record of the streams.
func (a *app) openLogs(opt *chat.Options, path string, r *running) error {
	level, err := a.level()
	if err != nil {
		return err
	}
	file, err := openLog(path)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	r.closers = append(r.closers, file)
	opt.Log = newLogger(file, level)
	if a.debugWire == "" {
		return nil
	}
	wire, err := os.OpenFile(a.debugWire, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("--debug-wire: %w", err)
	}
	r.closers = append(r.closers, wire)
	opt.Wire = wire
	return nil
}

// end says goodbye and waits for it, at most endTime. The socket goes first:
// once the node has ended the profile is free, and what the next node puts in
// the socket's place must not be removed by us. Calls under way are answered
// by the node.
func (r *running) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if r.socket != nil {
		_ = r.socket.Close()
	}
	err := r.close(ctx)
	r.stop()
	r.served.Wait()
	return errors.Join(err, r.release())
}

func (r *running) release() error {
	var errs []error
	for _, c := range r.closers {
		errs = append(errs, c.Close())
	}
	r.closers = nil
	return errors.Join(errs...)
}

// daemon runs a node until ctx ends; bot, if any, runs beside it, and its
// failure ends the node.
func (a *app) daemon(ctx context.Context, o nodeFlags, bot func(context.Context, chat.API) error) error {
	r, err := a.take(ctx, o.options())
	if err != nil {
		return calm(ctx, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	if bot != nil {
		work.Go(func() {
			if err := bot(ctx, r.guard); err != nil {
				cancel(err)
			}
		})
	}
	err = a.sayReady(ctx, r.first)
	if err == nil {
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-r.over:
		}
	}
	notify("STOPPING=1")
	cancel(nil)
	work.Wait()
	return errors.Join(calm(ctx, err), r.end())
}

// calm makes being told to stop no error.
func calm(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// sayReady prints the line of cli.md when the node can be found and dialled.
func (a *app) sayReady(ctx context.Context, n *chat.Node) error {
	s, err := n.Ready(ctx)
	if err != nil {
		return err
	}
	name := s.Name.String()
	if name == "" {
		name = "-"
	}
	notify("READY=1")
	_, err = fmt.Fprintf(a.Stdout, "ready %s %d %s\n", name, s.Port, s.Fingerprint)
	return err
}

// notify tells systemd (Type=notify), if it waits to be told.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, state)
}

// window shows the node that holds the profile, or one that lives as long as
// the window.
func (a *app) window(ctx context.Context, o nodeFlags) error {
	opt := o.options()
	opt.Hold = true
	var err error
	if opt.Held, err = a.beforehand(ctx); err != nil {
		return calm(ctx, err)
	}
	return a.show(ctx, a.windowOptions(), func(ctx context.Context) (engine, error) {
		r, err := a.take(ctx, opt)
		if errors.Is(err, chat.ErrLocked) {
			return a.attach(ctx, o)
		}
		if err != nil {
			return engine{}, err
		}
		return engine{API: r.guard, end: r.end, lockable: r.guard, over: r.over}, nil
	})
}

// beforehand asks for a passphrase while the screen is not the window's yet,
// also for a node that runs and is locked.
func (a *app) beforehand(ctx context.Context) (*chat.Held, error) {
	held, err := a.hold(ctx)
	if !errors.Is(err, chat.ErrLocked) {
		return held, err
	}
	client, err := a.client(ctx)
	if client == nil {
		return nil, err // it is starting or ending: opening waits for it
	}
	defer func() { _ = client.Close() }()
	if s, err := client.Status(ctx); err != nil || !s.Locked {
		return nil, err
	}
	return nil, a.unlock(ctx, client)
}

// attach reaches the node that holds the profile. What the flags ask of it is
// done where a running node can.
func (a *app) attach(ctx context.Context, o nodeFlags) (engine, error) {
	if o.port != 0 {
		return engine{}, usage("a node runs on this profile: --port is for starting one",
			"stop it first, or leave the flag out")
	}
	client, err := a.client(ctx)
	if err != nil {
		return engine{}, err
	}
	if client == nil {
		return engine{}, chat.ErrLocked
	}
	for _, s := range [][2]string{{"nick", o.nick}, {"visibility", o.visibility}, {"strangers", o.strangers}, {"mdns", o.mdns}} {
		if s[1] == "" {
			continue
		}
		if err := client.Set(ctx, s[0], s[1]); err != nil {
			return engine{}, errors.Join(err, client.Close())
		}
	}
	w := &watched{Client: client}
	return engine{API: w, lockable: w, end: func() error {
		_ = client.Close() // the node runs on
		return nil
	}}, nil
}

func (a *app) windowOptions() WindowOptions {
	return WindowOptions{
		In: a.Stdin, Out: a.Stdout,
		Plain: a.plain || os.Getenv("LLCHAT_PLAIN") == "1" || os.Getenv("TERM") == "dumb" || !a.isTTY(a.Stdout),
	}
}

func (a *app) demo(ctx context.Context) error {
	o := a.windowOptions()
	o.Demo = true
	return a.show(ctx, o, func(ctx context.Context) (engine, error) {
		n, err := chat.Demo(ctx, "you")
		if err != nil {
			return engine{}, err
		}
		return engine{API: n, end: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), endTime)
			defer cancel()
			return n.Close(ctx)
		}}, nil
	})
}
