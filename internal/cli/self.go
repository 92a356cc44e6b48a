package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// selfCommands are about the program itself.
func (a *app) selfCommands() []*cobra.Command {
	return []*cobra.Command{
		a.command(spec{
			use: "paths", short: "Where the profile keeps what", example: "llchat paths\nllchat paths --json --profile work",
			run: func(context.Context, []string) error { return a.paths() },
		}),
		a.command(spec{
			use: "version", short: "The version of llchat", example: "llchat version",
			run: func(context.Context, []string) error { return a.version() },
		}),
		a.completionCommand(),
		a.manCommand(),
	}
}

func (a *app) paths() error {
	p, err := chat.Places(a.profile)
	if err != nil {
		return err
	}
	v, err := typed("paths", p)
	if err != nil {
		return err
	}
	return a.print(v, fmt.Sprintf(
		"profile   %s\nidentity  %s\nkey       %s\ntrust     %s\nconfig    %s\nhistory   %s\nlog       %s\nlock      %s\nsocket    %s\n",
		p.Profile, p.Identity, p.Key, p.Trust, p.Config, p.History, p.Log, p.Lock, p.Socket))
}

// versionInfo is the output of `llchat version --json`.
type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (a *app) version() error {
	i := versionInfo{a.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	v, err := typed("version", i)
	if err != nil {
		return err
	}
	return a.print(v, fmt.Sprintf("llchat %s (%s, %s)\n", i.Version, i.Go, i.System))
}

// shells are the ones that completion scripts exist for.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
	"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
}

func (a *app) completionCommand() *cobra.Command {
	var cmd *cobra.Command
	cmd = a.command(spec{
		use: "completion SHELL", short: "A script that completes llchat's commands in your shell", least: 1, most: 1,
		long: "Prints a script that completes commands, flags and the names of people who are\n" +
			"here. SHELL is bash, fish, powershell or zsh.",
		example: "llchat completion bash > ~/.local/share/bash-completion/completions/llchat\n" +
			"llchat completion zsh > \"${fpath[1]}/_llchat\"\n" +
			"llchat completion fish > ~/.config/fish/completions/llchat.fish",
		complete: oneOf("bash", "fish", "powershell", "zsh"),
		run: func(_ context.Context, args []string) error {
			script, ok := shells[args[0]]
			if !ok {
				return usage(fmt.Sprintf("there is no completion for %q", args[0]), "shells: bash, fish, powershell, zsh")
			}
			return script(cmd.Root(), a.Stdout)
		},
	})
	return cmd
}
