package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
)

// endTime is how long a node may take to say goodbye (cli.md, daemon).
const endTime = 5 * time.Second

// nodeFlags are the flags of commands that are nodes.
type nodeFlags struct {
	nick, visibility, strangers string
	port                        uint16
}

func (o *nodeFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.nick, "nick", "", "the name that others see")
	f.Uint16Var(&o.port, "port", 0, "listen on this port (default: the one kept in the profile)")
	f.StringVar(&o.visibility, "visibility", "", "open (nick and status on the network) or quiet (neither)")
	f.StringVar(&o.strangers, "strangers", "", "people you do not know may: ask, accept (reach you), refuse")
}

func (a *app) nodeCommands() []*cobra.Command {
	var d, e nodeFlags
	daemon := &cobra.Command{
		Use:     "daemon",
		Short:   "A node without a window",
		Example: "llchat daemon --nick bob\nllchat daemon --visibility quiet",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.daemon(cmd.Context(), d, nil) },
	}
	d.add(daemon)
	echo := &cobra.Command{
		Use:     "echo",
		Short:   "A node that accepts everybody and answers every message with its text",
		Example: "llchat echo --nick parrot",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.profile == "" {
				a.profile = "echo"
			}
			e.strangers = chat.StrangersAccept
			if e.nick == "" {
				e.nick = "echo"
			}
			return a.daemon(cmd.Context(), e, chat.Echo)
		},
	}
	echo.Flags().StringVar(&e.nick, "nick", "", "the name that others see")
	demo := &cobra.Command{
		Use:     "demo",
		Short:   "Try the window alone: an echo peer in the same process, a throw-away profile",
		Example: "llchat demo",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
	return []*cobra.Command{daemon, echo, demo}
}

// running is a node of this process with its control socket.
type running struct {
	*chat.Node
	closers []func()
}

// open starts a node on the profile and answers on its control socket.
func (a *app) open(ctx context.Context, o nodeFlags, hold bool) (*running, error) {
	places, err := chat.Places(a.profile)
	if err != nil {
		return nil, err
	}
	r := &running{}
	opt := chat.Options{
		Profile: a.profile, Hold: hold, Nick: o.nick, Port: o.port,
		Visibility: o.visibility, Strangers: o.strangers, Interfaces: a.interfaces,
	}
	if err := a.openLogs(&opt, places.Log, r); err != nil {
		return nil, err
	}
	if r.Node, err = chat.Open(ctx, opt); err != nil {
		r.release()
		return nil, err
	}
	socket, err := control.Listen(places.Socket)
	if err != nil {
		r.end()
		return nil, err
	}
	r.serve(socket)
	return r, nil
}

// openLogs opens the log and, if asked for, the record of the streams.
func (a *app) openLogs(opt *chat.Options, path string, r *running) error {
	log, file, err := a.logger(path)
	if err != nil {
		return err
	}
	opt.Log = log
	r.closers = append(r.closers, func() { _ = file.Close() })
	if a.debugWire == "" {
		return nil
	}
	wire, err := os.OpenFile(a.debugWire, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		r.release()
		return fmt.Errorf("--debug-wire: %w", err)
	}
	opt.Wire = wire
	r.closers = append(r.closers, func() { _ = wire.Close() })
	return nil
}

func (r *running) serve(l *net.UnixListener) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = control.Serve(ctx, l, r.Node) }) // ends with the node
	r.closers = append(r.closers, func() { cancel(); work.Wait() })
}

// end says goodbye and waits for it, at most endTime.
func (r *running) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	err := r.Close(ctx)
	r.release()
	return err
}

func (r *running) release() {
	for _, f := range r.closers {
		f()
	}
	r.closers = nil
}

// untilSignal is ctx that also ends on SIGINT and SIGTERM.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// daemon runs a node until a signal; bot, if any, runs beside it.
func (a *app) daemon(ctx context.Context, o nodeFlags, bot func(context.Context, chat.API) error) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	r, err := a.open(ctx, o, false)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	if bot != nil {
		work.Go(func() { _ = bot(ctx, r.Node) })
	}
	err = a.sayReady(ctx, r)
	if err == nil {
		<-ctx.Done()
	}
	work.Wait()
	if endErr := r.end(); endErr != nil && err == nil {
		err = endErr
	}
	return err
}

// sayReady prints the line of cli.md when the node can be found and dialled.
func (a *app) sayReady(ctx context.Context, r *running) error {
	s, err := r.Ready(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // ended before there was a network
		}
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

// window shows the node that runs, or starts one for as long as it is open.
func (a *app) window(ctx context.Context, o nodeFlags) error {
	client, err := a.client(ctx)
	if err != nil {
		return err
	}
	if client != nil {
		defer func() { _ = client.Close() }()
		return a.Window(ctx, client, a.windowOptions())
	}
	r, err := a.open(ctx, o, true)
	if err != nil {
		return err
	}
	err = a.Window(ctx, r.Node, a.windowOptions())
	if endErr := r.end(); endErr != nil && err == nil {
		err = endErr
	}
	return err
}

func (a *app) windowOptions() WindowOptions {
	return WindowOptions{
		In: a.Stdin, Out: a.Stdout,
		Plain: a.plain || os.Getenv("LLCHAT_PLAIN") == "1" || os.Getenv("TERM") == "dumb" || !isTerminal(a.Stdout),
	}
}

func (a *app) demo(ctx context.Context) error {
	n, err := chat.Demo(ctx, "you")
	if err != nil {
		return err
	}
	o := a.windowOptions()
	o.Demo = true
	err = a.Window(ctx, n, o)
	end, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if endErr := n.Close(end); endErr != nil && err == nil {
		err = endErr
	}
	return err
}
