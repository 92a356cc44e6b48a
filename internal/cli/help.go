package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpFlag is --help of llchat itself. To cobra it always looks unset, so
// that cobra leaves the help to us: what fang prints there asks the terminal
// for its colours first, and waits.
type helpFlag bool

func (h *helpFlag) Set(string) error { *h = true; return nil }
func (*helpFlag) String() string     { return "false" }
func (*helpFlag) Type() string       { return "bool" }
func (*helpFlag) IsBoolFlag() bool   { return true }

func (a *app) helpCommand() *cobra.Command {
	var cmd *cobra.Command
	cmd = a.command(spec{
		use: "help [COMMAND]", short: "Help about a command", most: 1,
		example: "llchat help send",
		complete: func(_ *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return commandNames(cmd.Root(), args, start), cobra.ShellCompDirectiveNoFileComp
		},
		run: func(_ context.Context, args []string) error {
			if len(args) == 0 {
				a.printHelp(cmd.Root())
				return nil
			}
			for _, c := range cmd.Root().Commands() {
				if c.Name() == args[0] {
					c.InitDefaultHelpFlag()
					a.printHelp(c)
					return nil
				}
			}
			return a.noCommand(args[0])
		},
	})
	return cmd
}

func commandNames(root *cobra.Command, args []string, start string) []cobra.Completion {
	var names []cobra.Completion
	for _, c := range root.Commands() {
		if len(args) == 0 && !c.Hidden && strings.HasPrefix(c.Name(), start) {
			names = append(names, c.Name())
		}
	}
	return names
}

// printHelp prints what a command is for, how it is called, its flags and,
// last, examples.
func (a *app) printHelp(cmd *cobra.Command) {
	w := a.Stdout
	about := cmd.Long
	if about == "" {
		about = cmd.Short + "."
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n", about, useLine(cmd))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprint(w, "\nCommands:\n")
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				fmt.Fprintf(t, "  %s\t%s\n", c.Name(), c.Short)
			}
		}
		_ = t.Flush()
	}
	printFlags(w, "Flags", cmd.LocalNonPersistentFlags())
	if cmd.HasParent() {
		printFlags(w, "Global flags", cmd.InheritedFlags())
	} else {
		printFlags(w, "Global flags", cmd.PersistentFlags())
	}
	fmt.Fprintf(w, "\nExamples:\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
}

// useLine is how a command is called.
func useLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if cmd.HasAvailableSubCommands() {
		line += " [COMMAND]"
	}
	return line + useArgs(cmd) + " [FLAGS]"
}

// useArgs is what follows the name of a command.
func useArgs(cmd *cobra.Command) string {
	_, args, found := strings.Cut(cmd.Use, " ")
	if !found {
		return ""
	}
	return " " + args
}

func printFlags(w io.Writer, title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	set.VisitAll(func(f *pflag.Flag) {
		name, text := flagText(f)
		fmt.Fprintf(t, "  %s\t%s\n", name, text)
	})
	_ = t.Flush()
}

// flagText is a flag as it is written, and what it does.
func flagText(f *pflag.Flag) (name, text string) {
	word, text := "", f.Usage
	if rest, ok := strings.CutPrefix(f.Usage, "`"); ok { // "`FILE` what it is"
		word, text, _ = strings.Cut(rest, "` ")
	}
	name = "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if word != "" {
		name += " " + word
	}
	switch f.DefValue {
	case "", "0", "0s", "false", "[]":
		return name, text
	}
	return name, fmt.Sprintf("%s (default %s)", text, f.DefValue)
}
