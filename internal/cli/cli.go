// Package cli is llchat on the command line: subcommands, their JSON, exit
// codes and the control socket. It knows the engine's API and nothing else;
// the window is handed in by main.
//
// Run is what main calls, and what tests call in its place. The contract with
// everything that starts llchat is docs/json.md.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"

	"llchat/internal/chat"
	"llchat/internal/safetext"
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
}

// Run does what args say and returns the exit code of cli.md.
func Run(ctx context.Context, p Program, args []string) int {
	a := &app{Program: p}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := fang.Execute(ctx, root,
		fang.WithoutVersion(),
		fang.WithErrorHandler(func(io.Writer, fang.Styles, error) {}))
	return a.report(err)
}

func (a *app) root() *cobra.Command {
	var opt nodeFlags
	root := &cobra.Command{
		Use:   "llchat",
		Short: "Chat with the people on this network, encrypted, without a server",
		Long: "llchat finds the people on this network and lets you talk to them directly:\n" +
			"no server, no account. Everything you write is encrypted to the other device.",
		Example:       "llchat\nllchat demo\nllchat send bob 'lunch?'",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.window(cmd.Context(), opt) },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.profile, "profile", "", "profile `NAME or DIR` (LLCHAT_HOME moves all profiles)")
	f.StringArrayVar(&a.interfaces, "interface", nil, "use this network interface only (repeatable)")
	f.BoolVar(&a.json, "json", false, "one JSON object a line")
	f.BoolVar(&a.plain, "plain", false, "lines in place of the window")
	f.StringVar(&a.logLevel, "log-level", "warn", "what goes to the log file: error, warn, info or debug")
	f.StringVar(&a.debugWire, "debug-wire", "", "write the streams to this `FILE`, without their texts")
	opt.add(root)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &chat.Error{Code: chat.CodeUsage, Text: err.Error(), Hint: "llchat --help"}
	})
	root.AddCommand(a.nodeCommands()...)
	root.AddCommand(a.askCommands()...)
	root.AddCommand(a.doCommands()...)
	root.AddCommand(a.selfCommands()...)
	return root
}

// report says what went wrong, where people and where programs read it.
func (a *app) report(err error) int {
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		e = explain(err)
	}
	if a.json {
		_ = json.NewEncoder(a.Stderr).Encode(e)
		return e.Code
	}
	word := "error"
	if e.Code == chat.CodeNotYet {
		word = "not yet"
	}
	fmt.Fprintf(a.Stderr, "llchat: %s: %s\n", word, oneLine(e.Text))
	for _, c := range e.Candidates {
		fmt.Fprintf(a.Stderr, "  %s\n", candidate(c))
	}
	if e.Hint != "" {
		fmt.Fprintf(a.Stderr, "llchat: hint: %s\n", oneLine(e.Hint))
	}
	return e.Code
}

// oneLine keeps anything that came from outside from moving the cursor.
func oneLine(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = safetext.Line(l).String()
	}
	return strings.Join(lines, "; ")
}

func candidate(p chat.Peer) string {
	fingerprint := "key not proven"
	if !p.Fingerprint.IsZero() {
		fingerprint = p.Fingerprint.String() + "  " + string(p.Trust)
	}
	return fmt.Sprintf("%s  %s", p.Instance, fingerprint)
}

// explain finds the exit code and the hint for errors of lower rooms.
func explain(err error) *chat.Error {
	e := &chat.Error{Code: chat.CodeError, Text: err.Error()}
	switch {
	case errors.Is(err, chat.ErrLocked):
		e.Text = "another llchat holds this profile"
		e.Hint = "use that one, or give this one a profile of its own: --profile NAME"
	case errors.Is(err, context.Canceled):
		e.Text = "stopped"
	case strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "accepts "),
		strings.HasPrefix(err.Error(), "requires "):
		e.Code, e.Hint = chat.CodeUsage, "llchat --help"
	default:
		e.Hint = chat.HintFor(err)
	}
	return e
}

// logger writes to the log file of the profile.
func (a *app) logger(path string) (*slog.Logger, io.Closer, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, nil, &chat.Error{
			Code: chat.CodeUsage, Text: fmt.Sprintf("there is no log level %q", a.logLevel),
			Hint: "levels: error, warn, info, debug",
		}
	}
	f, err := openLog(path)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})), f, nil
}

// print writes one object as JSON, or its text for people.
func (a *app) print(v any, text string) error {
	if !a.json {
		_, err := io.WriteString(a.Stdout, text)
		return err
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(append(line, '\n'))
	return err
}

// typed puts the type in front of an object's fields (cli.md, JSON).
func typed(kind string, v any) (json.RawMessage, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	front, err := json.Marshal(struct {
		Type string `json:"type"`
	}{kind})
	if err != nil || len(body) <= len("{}") {
		return front, err
	}
	return append(append(front[:len(front)-1], ','), body[1:]...), nil
}

// isTerminal reports whether w is a terminal that a person looks at.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isTTY(f)
}
