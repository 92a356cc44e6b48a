package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) manCommand() *cobra.Command {
	var cmd *cobra.Command
	cmd = a.command(spec{
		use: "man", short: "The manual page", example: "llchat man | man -l -\nllchat man > /usr/local/share/man/man1/llchat.1",
		run: func(context.Context, []string) error { return writeMan(a.Stdout, cmd.Root(), a.Version) },
	})
	return cmd
}

// writeMan writes the manual page in the man(7) macros, from the same
// definitions that help and completion come from.
func writeMan(w io.Writer, root *cobra.Command, version string) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH LLCHAT 1 \"\" \"llchat %s\" \"User Commands\"\n", roff(version))
	fmt.Fprintf(&b, ".SH NAME\nllchat \\- %s\n", roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	b.WriteString(".SH SYNOPSIS\n.B llchat\n[\\fICOMMAND\\fR] [\\fIFLAGS\\fR]\n")
	b.WriteString(".SH DESCRIPTION\n" + paragraphs(root.Long))
	b.WriteString(".SH COMMANDS\n")
	for _, c := range root.Commands() {
		if !c.Hidden {
			manCommand(&b, c)
		}
	}
	b.WriteString(".SH OPTIONS OF THE WINDOW\n")
	manFlags(&b, root.LocalNonPersistentFlags())
	b.WriteString(".SH GLOBAL OPTIONS\n")
	manFlags(&b, root.PersistentFlags())
	for _, s := range manSections {
		fmt.Fprintf(&b, ".SH %s\n%s", s.title, s.text)
	}
	b.WriteString(".SH EXAMPLES\n.nf\n" + roff(root.Example) + "\n.fi\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func manCommand(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, ".SS %s%s\n", roff(c.Name()), roff(useArgs(c)))
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	b.WriteString(paragraphs(about))
	manFlags(b, c.LocalNonPersistentFlags())
	b.WriteString(".PP\n.RS\n.nf\n" + roff(c.Example) + "\n.fi\n.RE\n")
}

func manFlags(b *strings.Builder, set *pflag.FlagSet) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name, text := flagText(f)
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(text))
	})
}

// paragraphs sets text; lines that are indented stay as they are.
func paragraphs(text string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(p, " ") {
			b.WriteString(".PP\n.nf\n" + roff(p) + "\n.fi\n")
			continue
		}
		b.WriteString(".PP\n" + roff(p) + "\n")
	}
	return b.String()
}

// roff escapes what has a meaning to roff, line by line.
func roff(s string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(s), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// manSections are what no command says of itself.
var manSections = []struct{ title, text string }{
	{"EXIT STATUS", codes(
		"0", "Done; for send: the message is on the other side's disk.",
		"1", "Error; for doctor: something is wrong with the network, remarks aside.",
		"2", "Wrong usage.",
		"3", "Not yet: the message is kept on disk and sent by the next node of this profile.",
		"4", "Refused for safety: ambiguous name, conflict, wrong key, cannot encrypt, blocked.",
		"5", "No such peer.")},
	{"ENVIRONMENT", codes(
		"LLCHAT_HOME", "The folder of all profiles.",
		"XDG_DATA_HOME", "Without LLCHAT_HOME, profiles are in llchat in this folder.",
		"XDG_RUNTIME_DIR", "Where control sockets are; without it, in the profile.",
		"LLCHAT_PLAIN", "1: line mode in place of the window.",
		"NOTIFY_SOCKET", "Set by systemd: llchat daemon says when it is ready.")},
	{"FILES", ".PP\n" + roff("Each profile is a folder, 0700: identity (the keys), key (of the store), trust (pins), "+
		"config, history.db, log, lock. llchat paths prints where they are.") + "\n"},
	{"CONTROL SOCKET", ".PP\n" + roff("A running node answers on a socket, JSON-RPC 2.0, one message a line; "+
		"llchat paths prints where. Methods have the names of the commands, subscribe streams the events of watch. "+
		"docs/json.md in the sources documents both, and the output of --json.") + "\n"},
}

// codes is a list of words and what they mean.
func codes(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(pairs[i]), roff(pairs[i+1]))
	}
	return b.String()
}
