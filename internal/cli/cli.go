// Package cli is llchat on the command line: subcommands, their JSON, exit
// codes and the control socket. It knows the engine's API and nothing else;
// the window is handed in by main.
//
// Run is what main calls, and what tests call in its place. The contract with
// everything that starts llchat is docs/json.md.
package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"llchat/internal/chat"
)

// Window shows api until the user leaves. Plain is line mode.
type Window func(ctx context.Context, api chat.API, o WindowOptions) error

// WindowOptions says how to show it.
type WindowOptions struct {
	In    io.Reader
	Out   io.Writer
	Plain bool
	Demo  bool
}

// Program is everything a run of llchat touches outside itself.
type Program struct {
	Window  Window
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string
	// Network is how nodes touch the link; nil is the real one.
	Network func() (*chat.Network, error)
}

// app is one run.
type app struct {
	Program
	profile    string
	interfaces []string
	json       bool
	plain      bool
	logLevel   string
	debugWire  string
	help       bool // --help of llchat itself
	secretFile string

	tree    *cobra.Command
	err     error // what went wrong, see command
	connect func(ctx context.Context, what need) (*reached, error)
	isTTY   func(any) bool
	secret  []byte                              // the passphrase between being given and being used
	lines   *bufio.Reader                       // of standard input, when passphrases come from there
	prompt  func(prompt string) ([]byte, error) // in place of the terminal; nil outside of tests

	panicTime time.Duration
}

// Run does what args say and returns the exit code of cli.md. SIGINT, SIGTERM
// and SIGHUP end what is under way politely.
func Run(ctx context.Context, p Program, args []string) int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	return newApp(p).run(ctx, args)
}

func newApp(p Program) *app {
	a := &app{Program: p, isTTY: isTerminal, panicTime: panicTime}
	a.connect = a.reach
	return a
}

// run is Run without signals. No error reaches fang, which would ask the
// terminal for its colours before it prints one (2 s on a terminal that does
// not answer); report prints them.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	a.tree = root
	root.SetArgs(args)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	err := fang.Execute(ctx, root, fang.WithoutVersion(), fang.WithoutManpage(), fang.WithoutCompletions(),
		fang.WithErrorHandler(func(io.Writer, fang.Styles, error) {}))
	if a.err == nil {
		a.err = err
	}
	// Where the flags could not be read, --json still says who reads on.
	a.json = a.json || wantsJSON(args)
	return a.report(a.err)
}

// wantsJSON looks for --json anywhere among the flags.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		switch value, found := strings.CutPrefix(arg, "--json="); {
		case arg == "--":
			return false
		case arg == "--json":
			return true
		case found:
			on, _ := strconv.ParseBool(value)
			return on
		}
	}
	return false
}

func (a *app) root() *cobra.Command {
	var opt nodeFlags
	var version bool
	root := a.command(spec{
		use:   "llchat",
		short: "Chat with the people on this network, encrypted, without a server",
		long: "llchat finds the people on this network and lets you talk to them directly:\n" +
			"no server, no account. Everything you write is encrypted to the other device.\n\n" +
			"Without a command it opens the window (line mode with --plain, or where there\n" +
			"is no terminal). What --nick, --visibility, --strangers and --mdns choose is kept in\n" +
			"the profile.",
		example: "llchat\nllchat demo\nllchat send bob 'lunch?'",
		most:    -1,
		run: func(ctx context.Context, args []string) error {
			switch {
			case version:
				_, err := fmt.Fprintf(a.Stdout, "llchat %s\n", a.Version)
				return err
			case len(args) > 0:
				return a.noCommand(args[0])
			}
			return a.window(ctx, opt)
		},
	})
	f := root.PersistentFlags()
	f.StringVar(&a.profile, "profile", "", "`NAME|DIR` the profile: one identity (LLCHAT_HOME moves all of them)")
	f.StringArrayVar(&a.interfaces, "interface", nil, "`NAME` use only this network interface (repeatable)")
	f.BoolVar(&a.json, "json", false, "one JSON object a line")
	f.BoolVar(&a.plain, "plain", false, "lines in place of the window")
	f.StringVar(&a.logLevel, "log-level", "warn", "`LEVEL` what goes to the log file: error, warn, info or debug")
	f.StringVar(&a.debugWire, "debug-wire", "", "`FILE` write the streams to this file, without their texts")
	_ = root.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions(
		[]cobra.Completion{"error", "warn", "info", "debug"}, cobra.ShellCompDirectiveNoFileComp))
	f.StringVar(&a.secretFile, "passphrase-file", "", "`FILE` the passphrase is its first line (- is standard input)")
	opt.add(root)
	root.Flags().BoolVar(&version, "version", false, "the version of llchat")
	root.Flags().VarPF((*helpFlag)(&a.help), "help", "h", "this help").NoOptDefVal = "true"
	root.SetFlagErrorFunc(a.flagError)
	root.AddCommand(a.nodeCommands()...)
	root.AddCommand(a.askCommands()...)
	root.AddCommand(a.doCommands()...)
	root.AddCommand(a.aboutCommands()...)
	root.AddCommand(a.pastCommands()...)
	root.AddCommand(a.rosterCommands()...)
	root.AddCommand(a.secretCommands()...)
	root.AddCommand(a.backupCommands()...)
	root.AddCommand(a.selfCommands()...)
	root.SetHelpCommand(a.helpCommand())
	return root
}

// spec is a command to be: one definition for its run, help, completion and
// manual page.
type spec struct {
	use, short, long, example string
	least, most               int // arguments; most below zero: any number
	complete                  cobra.CompletionFunc
	run                       func(ctx context.Context, args []string) error
}

// command makes a command whose errors stay in a.err.
func (a *app) command(s spec) *cobra.Command {
	if s.complete == nil {
		s.complete = cobra.NoFileCompletions
	}
	cmd := &cobra.Command{
		Use: s.use, Short: s.short, Long: s.long, Example: s.example,
		Args: cobra.ArbitraryArgs, ValidArgsFunction: s.complete,
		SilenceErrors: true, SilenceUsage: true, DisableFlagsInUseLine: true,
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.printHelp(cmd) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.err = a.start(cmd, s, args)
		return nil
	}
	return cmd
}

// start checks what every command has in common and runs it.
func (a *app) start(cmd *cobra.Command, s spec, args []string) error {
	if a.help {
		a.printHelp(cmd)
		return nil
	}
	few := len(args) < s.least
	if few || s.most >= 0 && len(args) > s.most {
		word := "many"
		if few {
			word = "few"
		}
		return usage(fmt.Sprintf("%s: too %s arguments", cmd.Name(), word), "usage: "+cmd.CommandPath()+useArgs(cmd))
	}
	if !utf8.ValidString(strings.Join(args, "")) { // what is sent or kept would be something else
		return usage(cmd.Name()+": an argument is not UTF-8 text", "convert it first: iconv -t UTF-8 does")
	}
	if _, err := a.level(); err != nil {
		return err
	}
	return s.run(cmd.Context(), args)
}

// level reads --log-level.
func (a *app) level() (level slog.Level, err error) {
	switch a.logLevel {
	case "error", "warn", "info", "debug":
		return level, level.UnmarshalText([]byte(a.logLevel))
	}
	return level, usage(fmt.Sprintf("there is no log level %q", a.logLevel), "levels: error, warn, info, debug")
}

// isTerminal reports whether w is a terminal that a person looks at.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
