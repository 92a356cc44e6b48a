package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// completeTime is what a press of the tab key may cost.
const completeTime = 300 * time.Millisecond

// oneOf completes the first argument with fixed words.
func oneOf(words ...cobra.Completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePeer completes the first argument with people, if a node runs. It
// never starts one.
func (a *app) completePeer(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
	defer cancel()
	client, err := a.client(ctx)
	if err != nil || client == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = client.Close() }()
	rows, err := client.Peers(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return peerWords(rows), cobra.ShellCompDirectiveNoFileComp
}

// peerWords are the rows as words for a shell.
func peerWords(rows []chat.Peer) []cobra.Completion {
	var words []cobra.Completion
	for _, p := range rows {
		if word := peerWord(p); word != "" {
			words = append(words, cobra.CompletionWithDesc(word, trustWord(p)+", "+string(p.Presence)))
		}
	}
	return words
}

// peerWord is a row as one word that no shell can read anything into: a peer
// chooses its names, and completion scripts hand words to compgen -W, which
// runs a $(command) in them. Who has no such name is named by fingerprint.
func peerWord(p chat.Peer) string {
	for _, name := range []string{p.Name.String(), p.Instance.String()} {
		if name != "" && strings.Trim(name, shellSafe) == "" && !strings.HasPrefix(name, "-") {
			return name
		}
	}
	if p.Fingerprint.IsZero() {
		return ""
	}
	return p.Fingerprint.String()[:16]
}

const shellSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@"

// completeSetting completes the name of a setting and its values.
func completeSetting(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	values := map[string][]cobra.Completion{
		"status":       {"avail", "away", "dnd"},
		"visibility":   {chat.VisibleOpen, chat.VisibleQuiet, chat.VisibleGhost},
		"lock-network": {chat.LockLeave, chat.LockKeep},
		"prelude":      {chat.PreludeBare, chat.PreludeFull},
		"mdns":         {chat.MDNSAuto, chat.MDNSOwn, chat.MDNSAvahi},
		"strangers":    {chat.StrangersAsk, chat.StrangersAccept, chat.StrangersRefuse},
	}
	switch len(args) {
	case 0:
		return []cobra.Completion{
			"nick", "status", "message", "visibility", "strangers", "prelude", "mdns", "lock-after", "lock-network",
			"discovery-domain", "discovery-server", "discovery-key", "first", "last", "email", "jid", "avatar",
		}, cobra.ShellCompDirectiveNoFileComp
	case 1:
		if args[0] == "discovery-key" || args[0] == "avatar" {
			return nil, cobra.ShellCompDirectiveDefault // a file
		}
		return values[args[0]], cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
