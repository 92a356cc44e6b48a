package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

// secretCommands are about the keys of the profile.
func (a *app) secretCommands() []*cobra.Command {
	return []*cobra.Command{
		a.passphraseCommand(),
		a.command(spec{
			use: "lock", short: "Forget the keys until the passphrase is given again",
			long: "Makes the node that runs forget its keys: it says goodbye, closes the history and\n" +
				"takes its window off the screen. It stays there, and llchat unlock, or the\n" +
				"passphrase where the window was, brings it back. What others write meanwhile waits\n" +
				"with them. Without a passphrase there is nothing to lock with.",
			example: "llchat lock",
			run:     func(ctx context.Context, _ []string) error { return a.lock(ctx) },
		}),
		a.command(spec{
			use: "unlock", short: "Give a locked node its passphrase",
			long:    "Gives a node that was locked the passphrase: it is on the network again, and\nmessages that wait go out.",
			example: "llchat unlock\nllchat unlock --passphrase-file /run/secrets/llchat",
			run: func(ctx context.Context, _ []string) error {
				client, err := a.client(ctx)
				if err != nil || client == nil {
					return errors.Join(err, a.say("no node runs: there is nothing to unlock"))
				}
				defer func() { _ = client.Close() }()
				return a.unlock(ctx, client)
			},
		}),
		a.command(spec{
			use: "panic", short: "Destroy keys, history and contacts at once, without a question",
			long: "Makes the profile unreadable for good, in less than a second: the files of the\n" +
				"keys are overwritten first, then all else that llchat keeps there goes, and the\n" +
				"node that runs ends without a goodbye. It asks nothing and needs no passphrase.\n\n" +
				"Nothing brings it back. Backups, and what a flash disk or a file system keeps of\n" +
				"overwritten files, are out of reach: only a passphrase protects those.",
			example: "llchat panic\nllchat panic --profile work",
			run:     func(ctx context.Context, _ []string) error { return a.panic(ctx) },
		}),
	}
}

func (a *app) passphraseCommand() *cobra.Command {
	var file string
	cmd := a.command(spec{
		use: "passphrase set|change|remove", short: "Protect keys, contacts and history with a passphrase", least: 1, most: 1,
		long: "Puts the profile under a passphrase, gives it another one, or takes it away, also\n" +
			"while a node runs. With one, who has your disk but not the passphrase reads no\n" +
			"message, no name of a contact and no key; llchat asks for it at every start.\n" +
			"Nobody can recover it.\n\n" +
			"It is asked for at the terminal and never shown. Scripts give it in a file of mode\n" +
			"0600, a pipe (/dev/fd/3) or standard input (-), one line each, the present one\n" +
			"before the new one; services as the systemd credential llchat-passphrase. It is\n" +
			"never an argument and never in the environment.",
		example:  "llchat passphrase set\nllchat passphrase change\nllchat passphrase set --new-passphrase-file /run/secrets/llchat",
		complete: oneOf("set", "change", "remove"),
		run:      func(ctx context.Context, args []string) error { return a.changePassphrase(ctx, args[0], file) },
	})
	cmd.Flags().StringVar(&file, "new-passphrase-file", "", "`FILE` the new passphrase is its first line (- is standard input)")
	return cmd
}

// passphraseWords say what was done.
var passphraseWords = map[string]string{
	"set":    "there is a passphrase now: llchat asks for it at every start, and nobody can recover it",
	"change": "the passphrase is changed",
	"remove": "there is no passphrase any more: who can read the disk can read the messages",
}

func (a *app) changePassphrase(ctx context.Context, what, file string) error {
	words, ok := passphraseWords[what]
	if !ok {
		return usage(fmt.Sprintf("passphrase: there is no %q", what), "llchat passphrase set, change or remove")
	}
	set, done, err := a.keeper(ctx)
	if err != nil {
		return err
	}
	defer done()
	var old, fresh []byte
	defer func() { clear(old); clear(fresh) }()
	if what != "set" {
		if old, err = a.passphrase(ctx, "Present passphrase"); err != nil {
			return err
		}
	}
	if what != "remove" {
		if fresh, err = a.newPassphrase(ctx, file); err != nil {
			return err
		}
	}
	if err := set(ctx, old, fresh); err != nil {
		return err
	}
	return a.say(words)
}

// keeper is who changes passphrases: the node that runs, or the profile.
func (a *app) keeper(ctx context.Context) (set func(context.Context, []byte, []byte) error, done func(), err error) {
	client, err := a.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	if client != nil {
		return client.SetPassphrase, func() { _ = client.Close() }, nil
	}
	return func(_ context.Context, old, fresh []byte) error {
		held, err := chat.Hold(a.profile) // not before: a person may type for long
		if err != nil {
			return err
		}
		return errors.Join(held.SetPassphrase(old, fresh), held.Close())
	}, func() {}, nil
}

// say says for people that something was done; programs have the exit code.
func (a *app) say(text string) error {
	if a.json {
		return nil
	}
	_, err := fmt.Fprintln(a.Stdout, text)
	return err
}

func (a *app) lock(ctx context.Context) error {
	client, err := a.client(ctx)
	if err != nil {
		return err
	}
	if client == nil {
		return a.say("no node runs: there is nothing to lock")
	}
	defer func() { _ = client.Close() }()
	if err := client.Lock(ctx); err != nil {
		return err
	}
	return a.say("locked: llchat unlock asks for the passphrase")
}

// unlock gives a locked node what it asks for.
func (a *app) unlock(ctx context.Context, s chat.Secrets) error {
	var err error
	if a.secret, err = a.passphrase(ctx, "Passphrase"); err != nil {
		return err
	}
	return a.tryOut(ctx, func(secret []byte) error { return s.Unlock(ctx, secret) })
}

const (
	// panicDial is how long a running node is looked for: keys go meanwhile.
	panicDial = 200 * time.Millisecond
	// panicTime is how long it may take to end.
	panicTime = 3 * time.Second
)

// panic destroys the profile. The node that runs does so, too, and stops
// writing; neither waits for the other.
func (a *app) panic(ctx context.Context) error {
	if err := chat.Exists(a.profile); err != nil { // looking for a node would make it
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, panicDial)
	client, _ := a.client(dialing) // before its socket goes
	cancel()
	var node sync.WaitGroup
	stuck := false
	if client != nil {
		node.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, a.panicTime)
			defer cancel()
			stuck = errors.Is(client.Panic(ctx), context.DeadlineExceeded) // it may be gone before it answers
		})
	}
	left, err := chat.Destroy(a.profile)
	if client != nil {
		if noProfile(err) {
			err = nil // the node was faster: it was there a moment ago
		}
		node.Wait()
		_ = client.Close()
		// What it wrote between: a second time finds nothing, or that.
		if again, e := chat.Destroy(a.profile); !noProfile(e) {
			left, err = again, e
		}
	}
	if err == nil && stuck {
		return &chat.Error{
			Code: chat.CodeError, Text: "destroyed, but the node that runs does not answer: what it has in memory is still there",
			Hint: "end its process at once",
		}
	}
	return a.destroyed(left, err)
}

// noProfile reports that there was nothing to destroy.
func noProfile(err error) bool {
	e, ok := errors.AsType[*chat.Error](err)
	return ok && e.Code == chat.CodeNoSuch
}

// destroyed says what is left after a panic.
func (a *app) destroyed(left []string, err error) error {
	if err != nil {
		return err
	}
	text := "destroyed: keys, contacts and history"
	if len(left) > 0 {
		text += "; left, for llchat did not make them: " + oneLine(strings.Join(left, ", "))
	}
	return a.say(text)
}
