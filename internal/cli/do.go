package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// doCommands change something.
func (a *app) doCommands() []*cobra.Command {
	return []*cobra.Command{
		a.sendCommand(),
		a.addCommand(),
		a.avatarCommand(),
		a.acceptCommand(),
		a.command(spec{
			use: "block PEER", short: "Hear nothing more from somebody", least: 1, most: 1,
			long:    "Blocks a key: nothing from it is shown, nothing goes to it.\n\n" + peerHelp,
			example: "llchat block mallory", complete: a.completePeer,
			run: func(ctx context.Context, args []string) error {
				return a.decide(ctx, args[0], chat.API.Block, "blocked")
			},
		}),
		a.command(spec{
			use: "set SETTING VALUE", short: "Settings that others can see at once, and how they find you",
			least: 2, most: 2,
			long: "Changes a setting of the profile, also of the node that runs:\n\n  nick       the name that others see\n" +
				"  status     avail, away or dnd\n" +
				"  message    a line beside it; '' for none\n" +
				"  visibility what the network learns: open (nick and status), quiet (neither, under\n" +
				"             new names and a new port), ghost (nothing: only who knows your address\n" +
				"             reaches you). Conversations go on.\n" +
				"  strangers  people you do not know may: ask, accept (reach you), refuse\n" +
				"  prelude    bare, or full: your name and the other one's cross the network in clear\n" +
				"             before TLS, for foreign clients that insist (visibility open only)\n" +
				"  mdns       who speaks multicast DNS: auto, own (sockets of llchat), avahi (the\n" +
				"             daemon, which lists fewer people)\n\n" +
				"With a passphrase (llchat passphrase set):\n\n" +
				"  lock-after    minutes without a command or a key press until llchat locks; 0 is\n" +
				"                never, and the rule\n" +
				"  lock-network  leave (contacts see you go, and the rule), or keep: you are away, and\n" +
				"                what others write waits with them until you unlock\n\n" +
				"What visibility open publishes besides, each only if you set it; '' takes it back:\n\n" +
				"  first, last, email, jid   your names, your addresses (several apart by spaces)\n" +
				"  avatar                    a picture file, PNG, JPEG, GIF or WebP, at most 256 by 256\n" +
				"                            pixels and 8,192 octets; better 1,200\n\n" +
				"Where multicast does not reach, a DNS domain can list people. Its servers learn\n" +
				"who asks, and with a key what you publish; '' is off, and the rule:\n\n" +
				"  discovery-domain  a domain that lists people, as example.org\n" +
				"  discovery-server  addresses of its name servers; '' for those of the system\n" +
				"  discovery-key     file with the TSIG key that may list you there, mode 0600",
			example: "llchat set status away\nllchat set message 'back at two'\nllchat set visibility quiet\nllchat set strangers refuse\nllchat set discovery-domain example.org", complete: completeSetting,
			run: func(ctx context.Context, args []string) error { return a.set(ctx, args[0], args[1]) },
		}),
	}
}

// peerHelp says what may stand for PEER.
const peerHelp = "PEER is a name (bob, bob@nuc) if one peer only bears it, or at least 8 hex digits\n" +
	"of a fingerprint. The name under which you keep a contact means that contact, even\n" +
	"where strangers use it; a name of several others sends nothing and lists them."

// decide accepts or blocks somebody.
func (a *app) decide(ctx context.Context, who string,
	do func(chat.API, context.Context, string) (chat.Peer, error), word string,
) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	p, err := do(r, ctx, who)
	if err != nil {
		return err
	}
	return a.print(chat.Event{Body: p}, fmt.Sprintf("%s %s  %s\n", word, p.Name, strings.Join(p.Fingerprint.Groups(), " ")))
}

func (a *app) set(ctx context.Context, key, value string) error {
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	if (key == "discovery-key" || key == "avatar") && value != "" { // the node may run elsewhere
		if value, err = filepath.Abs(value); err != nil {
			return err
		}
	}
	if err := r.Set(ctx, key, value); err != nil {
		return err
	}
	return a.noteUnlockable(key, value)
}

// noteUnlockable says of a setting about locking that it does nothing yet:
// without a passphrase there is nothing to lock with.
func (a *app) noteUnlockable(key, value string) error {
	if !strings.HasPrefix(key, "lock-") || value == "0" || value == chat.LockLeave {
		return nil
	}
	protected, err := chat.Protected(a.profile)
	if err != nil || protected {
		return err
	}
	return a.note("kept, but nothing locks yet: it counts once there is a passphrase (llchat passphrase set)")
}
