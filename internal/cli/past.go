package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

const (
	// somePast is how many messages are shown when nothing is said, maxPast how
	// many at the most: llchat export gives all.
	somePast = 50
	maxPast  = 1000

	// pastPage is how many messages export and search hold at once.
	pastPage = 256
)

// pastCommands read the history.
func (a *app) pastCommands() []*cobra.Command {
	return []*cobra.Command{a.historyCommand(), a.searchCommand(), a.exportCommand()}
}

func (a *app) historyCommand() *cobra.Command {
	var count int
	var before string
	cmd := a.command(spec{
		use: "history PEER", short: "What was written with somebody", least: 1, most: 1,
		long: "Prints the newest messages of a conversation, oldest first; with --before those\n" +
			"before the message with this id. Needs no node.\n\n" + peerHelp,
		example: "llchat history bob\nllchat history bob -n 10 --json", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			if err := checkCount(count); err != nil {
				return err
			}
			return a.history(ctx, args[0], before, count)
		},
	})
	cmd.Flags().IntVarP(&count, "count", "n", somePast, "`N` this many messages, at most 1000")
	cmd.Flags().StringVar(&before, "before", "", "`ID` only messages before this one")
	return cmd
}

func (a *app) searchCommand() *cobra.Command {
	var count int
	var from string
	cmd := a.command(spec{
		use: "search QUERY", short: "Find messages by their words", least: 1, most: -1,
		long: "Prints the newest messages that hold every word, newest first. \"Several words\" in\n" +
			"quotes stand side by side, and a star ends a word that may go on: lak*. Case and\n" +
			"accents do not count. With --from only what this person wrote. Needs no node.",
		example: "llchat search lunch\nllchat search '\"the blue folder\"' --from bob",
		run: func(ctx context.Context, args []string) error {
			if err := checkCount(count); err != nil {
				return err
			}
			query := strings.Join(args, " ")
			if strings.TrimSpace(query) == "" {
				return usage("search: there is no word to look for", "llchat search WORD")
			}
			return a.search(ctx, query, from, count)
		},
	})
	cmd.Flags().IntVarP(&count, "count", "n", somePast, "`N` at most this many, at most 1000")
	cmd.Flags().StringVar(&from, "from", "", "`PEER` only what this person wrote")
	_ = cmd.RegisterFlagCompletionFunc("from", func(c *cobra.Command, _ []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completePeer(c, nil, start)
	})
	return cmd
}

func (a *app) exportCommand() *cobra.Command {
	var format string
	cmd := a.command(spec{
		use: "export [PEER]", short: "All messages, for keeping or for other programs", most: 1,
		long: "Prints all messages of every conversation, or of one, in the order in which they\n" +
			"were first seen here, corrections applied: a JSON object a line, or as text. What\n" +
			"it prints is readable by everybody who gets the file. Needs no node.\n\n" + peerHelp,
		example: "llchat export > all.jsonl\nllchat export bob --format text", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			if a.json {
				format = "jsonl"
			}
			if format != "jsonl" && format != "text" {
				return usage(fmt.Sprintf("export: there is no format %q", format), "formats: jsonl, text")
			}
			return a.export(ctx, strings.Join(args, ""), format == "jsonl")
		},
	})
	cmd.Flags().StringVar(&format, "format", "jsonl", "`FORMAT` jsonl or text")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(
		[]cobra.Completion{"jsonl", "text"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func checkCount(n int) error {
	if n < 1 || n > maxPast {
		return usage(fmt.Sprintf("-n takes 1 to %d", maxPast), "llchat export gives all messages")
	}
	return nil
}

func (a *app) history(ctx context.Context, who, before string, count int) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	var row int64
	if before != "" {
		m, err := r.Message(ctx, who, before)
		if err != nil {
			return err
		}
		if row = m.Row; row <= 1 {
			return nil // nothing is before the first one; 0 would be the end
		}
	}
	list, err := r.History(ctx, who, row, count)
	if err != nil {
		return err
	}
	return a.messages(a.Stdout, list, a.json)
}

func (a *app) search(ctx context.Context, query, from string, count int) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	none := true
	for row := int64(0); count > 0; {
		page, err := r.Search(ctx, query, from, row, pastPage)
		if err != nil {
			return err
		}
		found := page
		if from != "" {
			found = theirs(page)
		}
		found = found[:min(len(found), count)]
		if err := a.messages(a.Stdout, found, a.json); err != nil {
			return err
		}
		none = none && len(found) == 0
		count -= len(found)
		if len(page) < pastPage {
			break
		}
		row = page[len(page)-1].Row
	}
	if none {
		return a.note("nothing found")
	}
	return nil
}

// theirs are the messages that the other side wrote.
func theirs(list []chat.Message) []chat.Message {
	var in []chat.Message
	for _, m := range list {
		if m.Direction == chat.In {
			in = append(in, m)
		}
	}
	return in
}

func (a *app) export(ctx context.Context, who string, asJSON bool) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	out := bufio.NewWriter(a.Stdout)
	for row := int64(0); ; {
		page, err := r.Export(ctx, who, row, pastPage)
		if err != nil {
			return err
		}
		if err := a.messages(out, page, asJSON); err != nil {
			return err
		}
		if len(page) == 0 {
			return out.Flush()
		}
		row = page[len(page)-1].Row
	}
}

// messages prints messages. Whatever a peer wrote was cleaned before it came
// here: a chat.Message holds nothing else.
func (a *app) messages(w io.Writer, list []chat.Message, asJSON bool) error {
	for _, m := range list {
		line := []byte(pastText(m))
		if asJSON {
			var err error
			if line, err = json.Marshal(chat.Event{Body: m}); err != nil {
				return err
			}
			line = append(line, '\n')
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// pastText is a message for people.
func pastText(m chat.Message) string {
	at, name := m.Written.Local().Format("2006-01-02 15:04"), m.Name.String()
	body := strings.ReplaceAll(m.Body.String(), "\n", "\n                 | ")
	switch {
	case !m.Retracted.IsZero():
		body = "(taken back)"
	case !m.Edited.IsZero():
		body += " (edited)"
	}
	if m.Direction == chat.Out {
		return fmt.Sprintf("%s to %s, %s: %s\n", at, name, m.State, body)
	}
	return fmt.Sprintf("%s %s: %s\n", at, name, body)
}
