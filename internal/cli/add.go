package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

func (a *app) addCommand() *cobra.Command {
	return a.command(spec{
		use: "add ADDRESS[:PORT]", short: "Reach somebody by address, where the network shows nobody", least: 1, most: 1,
		long: "Looks for somebody at an address: IPv4, IPv6, or a host name; without a port at\n" +
			"5298. Nothing is multicast, so this works across routers, where the access point\n" +
			"filters, and as ghost. (llchat status shows the addresses of the other side.)\n\n" +
			"It shows the name and the fingerprint of the key that answered, and lists it from\n" +
			"then on, also after a restart: whoever else sits at that address later is not told\n" +
			"who you are. Adding pins nothing; the first message, or llchat accept, does.\n" +
			"Compare fingerprints when it matters who that is.",
		example: "llchat add 192.0.2.7:41873\nllchat add '[fe80::7%wlan0]:41873'\nllchat add nuc.example.org",
		run:     func(ctx context.Context, args []string) error { return a.add(ctx, args[0]) },
	})
}

func (a *app) add(ctx context.Context, address string) error {
	defer a.startPatience(address)()
	r, err := a.connect(ctx, network)
	if err != nil {
		return err
	}
	defer r.end()
	p, err := r.Add(ctx, address)
	if err != nil {
		return err
	}
	return a.print(chat.Event{Body: p}, addedText(p))
}

// addedText says who answered, and what that is worth.
func addedText(p chat.Peer) string {
	worth := "pinned by your first message to it: compare the fingerprint before that"
	if p.Contact() {
		worth = "a contact of yours already"
	}
	return fmt.Sprintf("added %s (%s)  %s\n%s\n", p.Name, trustWord(p), strings.Join(p.Fingerprint.Groups(), " "), worth)
}
