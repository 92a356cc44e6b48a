package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// rosterCommands change who is kept, and under which name.
func (a *app) rosterCommands() []*cobra.Command {
	var sure bool
	forget := a.command(spec{
		use: "forget PEER", short: "Remove somebody, and all that was written, from this disk", least: 1, most: 1,
		long: "Removes a contact and the whole conversation from this disk: it is overwritten.\n" +
			"The other side keeps its own. The key is that of a stranger from then on. On a\n" +
			"terminal it asks first.\n\n" + peerHelp,
		example: "llchat forget mallory\nllchat forget 3f9c0a71 --yes", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error { return a.forget(ctx, args[0], sure) },
	})
	forget.Flags().BoolVar(&sure, "yes", false, "do not ask")
	return []*cobra.Command{
		a.command(spec{
			use: "unblock PEER", short: "Take back a block: the key is that of a stranger again", least: 1, most: 1,
			long:    "Takes back a block. The key is that of a stranger again, who may ask.\n\n" + peerHelp,
			example: "llchat unblock 3f9c0a71", complete: a.completePeer,
			run: func(ctx context.Context, args []string) error {
				return a.decide(ctx, args[0], chat.API.Unblock, "unblocked")
			},
		}),
		forget,
		a.command(spec{
			use: "rename PEER PETNAME", short: "Keep a contact under another name", least: 2, most: 2,
			long: "Changes the name under which you keep a contact. Only you see it; one that is\n" +
				"taken gets a number.\n\n" + peerHelp,
			example: "llchat rename bob 'Bob (work)'", complete: a.completePeer,
			run: func(ctx context.Context, args []string) error {
				return a.decide(ctx, args[0], func(api chat.API, ctx context.Context, who string) (chat.Peer, error) {
					return api.Rename(ctx, who, args[1])
				}, "renamed to")
			},
		}),
	}
}

func (a *app) forget(ctx context.Context, who string, sure bool) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	if !sure && a.isTTY(a.Stdin) && a.isTTY(a.Stderr) {
		fmt.Fprintf(a.Stderr, "Forget %s and all that was written? This cannot be undone. [y/N] ", oneLine(who))
		var answer string
		_, _ = fmt.Fscanln(a.Stdin, &answer)
		if a := strings.ToLower(answer); a != "y" && a != "yes" {
			return &chat.Error{Code: chat.CodeError, Text: "nothing was forgotten"}
		}
	}
	if err := r.Forget(ctx, who); err != nil {
		return err
	}
	return a.say("forgotten: " + oneLine(who))
}
