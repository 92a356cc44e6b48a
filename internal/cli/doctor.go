package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

func (a *app) doctorCommand() *cobra.Command {
	return a.command(spec{
		use: "doctor", short: "What works on each interface, and what mends the rest",
		long: "Looks at each network interface for about nine seconds: addresses, multicast, who\n" +
			"is heard, who can be dialled, who holds port 5353, VPNs, as root the rules of the\n" +
			"firewall, and whether all of the history on disk can be read. For each thing that\n" +
			"does not work it names the cause and the one command that mends it. It changes\n" +
			"nothing (a node that runs mends its history), and works without one, too. For a\n" +
			"ghost it sends nothing, and looks only at what needs no packet; for a quiet profile\n" +
			"it asks what every browser asks, and names nobody. Its output holds no name, key or\n" +
			"address: it can be published. The exit code is 0 when nothing is wrong, remarks\n" +
			"aside, and 1 when something is.",
		example: "llchat doctor\nsudo llchat doctor --json\nllchat doctor --interface wlan0",
		run:     func(ctx context.Context, _ []string) error { return a.doctor(ctx) },
	})
}

func (a *app) doctor(ctx context.Context) error {
	if !a.json && a.isTTY(a.Stderr) {
		said := time.AfterFunc(quietTime, func() { fmt.Fprintln(a.Stderr, "llchat: listening for nine seconds ...") })
		defer said.Stop()
	}
	// A node that cannot be asked counts as none: what is wrong with the
	// profile is not what doctor is asked about.
	var self chat.API
	if c, err := a.client(ctx); err == nil && c != nil {
		defer func() { _ = c.Close() }()
		self = c
	}
	d, err := chat.Diagnose(ctx, a.profile, a.interfaces, self)
	if err != nil {
		return err
	}
	v, err := typed("doctor", d)
	if err != nil {
		return err
	}
	if err := a.print(v, d.Text()); err != nil {
		return err
	}
	return verdict(d)
}

// verdict makes exit code 1 of a network on which something is wrong; what, and
// what mends it, is in the report.
func verdict(d chat.Diagnosis) error {
	wrong := d.Wrong()
	if len(wrong) == 0 {
		return nil
	}
	return &chat.Error{Code: chat.CodeError, Text: "something is wrong: " + strings.Join(wrong, ", ")}
}
