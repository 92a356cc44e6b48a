package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// idHelp says where the ids of messages are.
const idHelp = "\n\nID is the id of a message, as llchat history PEER --json has it.\n\n"

// aboutCommands say something about a message that is there.
func (a *app) aboutCommands() []*cobra.Command {
	return []*cobra.Command{
		a.reactCommand(), a.retractCommand(), a.retryCommand(),
		a.command(spec{
			use: "delete PEER ID", short: "Remove one message from this disk", least: 2, most: 2,
			long:    "Removes a message here, and only here: it is overwritten. The other side keeps its\nown; llchat retract takes one back there, too." + idHelp + peerHelp,
			example: "llchat delete bob 0c5f2a9e6b7d41c38f10a2b4c6d8e0f1", complete: a.completePeer,
			run: func(ctx context.Context, args []string) error { return a.deleteMessage(ctx, args[0], args[1]) },
		}),
		a.command(spec{
			use: "versions PEER ID", short: "The texts that a corrected message had", least: 2, most: 2,
			long:    "Prints the texts that a message had, oldest first." + idHelp + peerHelp,
			example: "llchat versions bob 0c5f2a9e6b7d41c38f10a2b4c6d8e0f1", complete: a.completePeer,
			run: func(ctx context.Context, args []string) error { return a.versions(ctx, args[0], args[1]) },
		}),
	}
}

func (a *app) reactCommand() *cobra.Command {
	var timeout time.Duration
	cmd := a.command(spec{
		use: "react PEER ID [EMOJI...]", short: "React to a message", least: 2, most: -1,
		long: "Gives a message of either side these emoji, in place of those that you gave it\n" +
			"before; none takes them back." + idHelp + peerHelp,
		example: "llchat react bob 9a4e1b7c3d5f60728e9fa0b1c2d3e4f5 👍", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			return a.send(ctx, args[0], chat.Writing{Reacts: args[1], Emoji: args[2:]}, timeout)
		},
	})
	timeoutFlag(cmd, &timeout)
	return cmd
}

func (a *app) retractCommand() *cobra.Command {
	var timeout time.Duration
	cmd := a.command(spec{
		use: "retract PEER ID", short: "Take a message of yours back", least: 2, most: 2,
		long: "Takes a message of yours back: its text goes on both sides, if the other side's\n" +
			"program does so. What they have read they have read." + idHelp + peerHelp,
		example: "llchat retract bob 0c5f2a9e6b7d41c38f10a2b4c6d8e0f1", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			return a.send(ctx, args[0], chat.Writing{Retracts: args[1]}, timeout)
		},
	})
	timeoutFlag(cmd, &timeout)
	return cmd
}

func (a *app) retryCommand() *cobra.Command {
	var timeout time.Duration
	cmd := a.command(spec{
		use: "retry PEER ID", short: "Send a message that failed again", least: 2, most: 2,
		long: "Sends a message of yours that failed again, as a new one with an id of its own; the\n" +
			"old one goes. What waits goes out by itself." + idHelp + peerHelp,
		example: "llchat retry bob 0c5f2a9e6b7d41c38f10a2b4c6d8e0f1", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			return a.deliver(ctx, sending{who: args[0], timeout: timeout, give: func(ctx context.Context, r *reached) (chat.Message, error) {
				return r.Retry(ctx, args[0], args[1])
			}})
		},
	})
	timeoutFlag(cmd, &timeout)
	return cmd
}

func (a *app) deleteMessage(ctx context.Context, who, id string) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	return r.Delete(ctx, who, id)
}

func (a *app) versions(ctx context.Context, who, id string) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	list, err := r.Versions(ctx, who, id)
	if err != nil {
		return err
	}
	for _, v := range list {
		line, err := typed("text", v)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(v.Body.String(), "\n", "\n                 | ")
		if err := a.print(line, fmt.Sprintf("%s %s\n", v.Written.Local().Format("2006-01-02 15:04"), text)); err != nil {
			return err
		}
	}
	return nil
}
