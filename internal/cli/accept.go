package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// whose says whose key it is that is accepted.
type whose struct {
	as       string // another person's, with this petname
	newKeyOf string // a new one of this contact
}

func (a *app) acceptCommand() *cobra.Command {
	var w whose
	var cmd *cobra.Command
	cmd = a.command(spec{
		use: "accept PEER", short: "Let somebody who asked talk to you", least: 1, most: 1,
		long: "Accepts somebody whose request waits (llchat peers shows it). What they wrote\n" +
			"while waiting becomes a conversation. Compare fingerprints when it matters who\n" +
			"that is.\n\n" +
			"A key that claims the name of a contact is in conflict: nothing is sent to it until\n" +
			"you decide. Ask the contact in another way first. If it is another person, --as keeps\n" +
			"it under a name that you will not take for anybody else's. If the contact has a new\n" +
			"key, --new-key-of with the exact name of the contact puts this key in place of the\n" +
			"old one. What waited for the old key is not sent; llchat history 'NAME (old)' shows\n" +
			"what was written with it. If it is neither, llchat block hides it.\n\n" + peerHelp,
		example:  "llchat accept alice\nllchat accept 3f9c0a71 --as 'Alice (work)'\nllchat accept 3f9c0a71 --new-key-of alice",
		complete: a.completePeer,
		run: func(ctx context.Context, args []string) error {
			as, newKey := cmd.Flags().Changed("as"), cmd.Flags().Changed("new-key-of")
			switch {
			case as && newKey:
				return usage("it is another person, or a new key of a contact: not both", "llchat accept PEER --as NAME")
			case as && w.as == "" || newKey && w.newKeyOf == "":
				return usage("an empty name decides nothing", "llchat accept PEER --as NAME")
			}
			return a.accept(ctx, args[0], w)
		},
	})
	cmd.Flags().StringVar(&w.as, "as", "", "`NAME` keep it under this name; in a conflict: it is another person")
	cmd.Flags().StringVar(&w.newKeyOf, "new-key-of", "", "`CONTACT` it is a new key of this contact, whose exact name confirms that")
	for _, flag := range []string{"as", "new-key-of"} { // a name that confirms is typed, not completed
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
	return cmd
}

// accept says what was accepted. A retired key is not, yet.
func (a *app) accept(ctx context.Context, who string, w whose) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	var p chat.Peer
	switch {
	case w.as != "":
		p, err = r.AcceptAs(ctx, who, w.as)
	case w.newKeyOf != "":
		p, err = r.Replace(ctx, who, w.newKeyOf)
	default:
		p, err = r.Accept(ctx, who)
	}
	if err != nil {
		return err
	}
	word := "accepted"
	switch {
	case !p.Contact():
		word = "not retired any more, and not accepted either:"
	case w.newKeyOf != "":
		word = "accepted as the new key of"
	}
	return a.print(chat.Event{Body: p}, fmt.Sprintf("%s %s  %s\n", word, p.Name, strings.Join(p.Fingerprint.Groups(), " ")))
}
