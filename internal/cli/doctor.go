package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

func (a *app) doctorCommand() *cobra.Command {
	return a.command(spec{
		use: "doctor", short: "What works on each interface, and what mends the rest",
		long: "Looks at each network interface for about nine seconds: addresses, multicast, who\n" +
			"is heard, who can be dialled, who holds port 5353, VPNs, and as root the rules of\n" +
			"the firewall. For each thing that does not work it names the cause and the one\n" +
			"command that mends it. It changes nothing, and works with and without a running\n" +
			"node. Its output holds no name, key or address: it can be published.",
		example: "llchat doctor\nsudo llchat doctor --json\nllchat doctor --interface wlan0",
		run:     func(ctx context.Context, _ []string) error { return a.doctor(ctx) },
	})
}

func (a *app) doctor(ctx context.Context) error {
	if !a.json && a.isTTY(a.Stderr) {
		fmt.Fprintln(a.Stderr, "listening for nine seconds ...")
	}
	d, err := chat.Diagnose(ctx, a.profile, a.interfaces, a.self(ctx))
	if err != nil {
		return err
	}
	v, err := typed("doctor", d)
	if err != nil {
		return err
	}
	return a.print(v, d.Text())
}

// self asks the node that runs for this profile who it is; nil when none
// answers. What is wrong with the profile is not what doctor is asked about.
func (a *app) self(ctx context.Context) *chat.Status {
	c, err := a.client(ctx)
	if err != nil || c == nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	s, err := c.Status(ctx)
	if err != nil {
		return nil
	}
	return &s
}
