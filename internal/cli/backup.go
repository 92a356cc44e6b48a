package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// backupCommands keep who we are and whom we know elsewhere.
func (a *app) backupCommands() []*cobra.Command {
	var from, to string
	backup := a.command(spec{
		use: "backup FILE", short: "Identity, contacts and settings in one sealed file", least: 1, most: 1,
		long: "Writes who you are, whom you know and your settings into one file, sealed with a\n" +
			"passphrase of its own. No message is in it: llchat export has those. A file that is\n" +
			"there is not replaced. A node may run meanwhile.\n\n" +
			"Who has the file and its passphrase can be you. The passphrase is asked for twice;\n" +
			"scripts give it like any other, see llchat help passphrase.",
		example: "llchat backup alice.llchat\nllchat backup alice.llchat --backup-passphrase-file /run/secrets/backup",
		run:     func(ctx context.Context, args []string) error { return a.backup(ctx, args[0], from) },
	})
	restore := a.command(spec{
		use: "restore FILE", short: "Take a backup in", least: 1, most: 1,
		long: "Takes a backup into the profile: into a new one all of it, into one of the same\n" +
			"identity the contacts. Nobody comes to stand lower: who is verified here stays that,\n" +
			"who is blocked stays blocked, and what is newer here stays. A profile of another\n" +
			"identity is left alone (--profile NAME makes a new one). No node may run.\n\n" +
			"Do not use one identity on two machines at once: messages would reach one or the\n" +
			"other.",
		example: "llchat restore alice.llchat\nllchat restore alice.llchat --profile alice",
		run:     func(ctx context.Context, args []string) error { return a.restore(ctx, args[0], to) },
	})
	const help = "`FILE` its first line is the passphrase (- is standard input)"
	backup.Flags().StringVar(&from, "backup-passphrase-file", "", help)
	restore.Flags().StringVar(&to, "backup-passphrase-file", "", help)
	for _, cmd := range []*cobra.Command{backup, restore} {
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault // a file
		}
	}
	return []*cobra.Command{backup, restore}
}

func (a *app) backup(ctx context.Context, path, file string) error {
	if err := chat.Exists(a.profile); err != nil {
		return err
	}
	own, err := a.ownPassphrase(ctx)
	if err != nil {
		return err
	}
	defer clear(own)
	secret, err := a.newPassphrase(ctx, file)
	if err != nil {
		return err
	}
	defer clear(secret)
	if err := chat.Backup(a.profile, path, own, secret); err != nil {
		return err
	}
	return a.say("kept: identity, contacts and settings. Without its passphrase nobody can read the file, nor can you")
}

// ownPassphrase is that of the profile; nil: it opens without.
func (a *app) ownPassphrase(ctx context.Context) ([]byte, error) {
	protected, err := chat.Protected(a.profile)
	if err != nil || !protected {
		return nil, err
	}
	return a.passphrase(ctx, "Passphrase of the profile")
}

func (a *app) restore(ctx context.Context, path, file string) error {
	own, err := a.ownPassphrase(ctx)
	if err != nil {
		return err
	}
	defer clear(own)
	var secret []byte
	switch {
	case file != "":
		secret, err = a.secretFrom(file)
	case a.isTTY(a.Stderr):
		secret, err = a.ask(ctx, "Passphrase of the backup")
	default:
		err = usage("there is nobody to ask for the passphrase of the backup", "--backup-passphrase-file FILE; - is standard input")
	}
	if err != nil {
		return err
	}
	defer clear(secret)
	done, err := chat.Restore(ctx, a.profile, path, own, secret)
	if err != nil {
		return err
	}
	return a.say(restoredText(done))
}

func restoredText(r chat.Restored) string {
	var said []string
	if r.Fresh {
		said = append(said, "you are "+strings.Join(r.Pin.Groups(), " "))
	}
	said = append(said, fmt.Sprintf("contacts: %d new", r.Added))
	if r.Raised > 0 {
		said = append(said, fmt.Sprintf("%d stand higher than before", r.Raised))
	}
	return "restored; " + strings.Join(said, ", ")
}
