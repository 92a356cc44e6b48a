package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"llchat/internal/chat"
)

func (a *app) avatarCommand() *cobra.Command {
	var file string
	cmd := a.command(spec{
		use: "avatar PEER", short: "The picture of a contact", least: 1, most: 1,
		long: "Writes the picture that a contact publishes, and that was fetched while it was\n" +
			"here, as it came: PNG, JPEG, GIF or WebP. llchat does not open it. Anybody on the\n" +
			"network can publish one under somebody else's name.\n\n" + peerHelp,
		example: "llchat avatar bob -o bob.png\nllchat avatar bob | display", complete: a.completePeer,
		run: func(ctx context.Context, args []string) error { return a.avatar(ctx, args[0], file) },
	})
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` a new file for it, in place of the standard output")
	return cmd
}

// picture is an avatar in JSON.
type picture struct {
	Form string `json:"form"`
	Data []byte `json:"data"`
}

func (a *app) avatar(ctx context.Context, who, file string) error {
	if file == "" && !a.json && a.isTTY(a.Stdout) {
		return usage("a picture is nothing for a terminal", "llchat avatar PEER -o FILE")
	}
	r, err := a.connect(ctx, disk)
	if err != nil {
		return err
	}
	defer r.end()
	img, err := r.Avatar(ctx, who)
	switch {
	case err != nil:
		return err
	case file != "":
		err = writeNew(file, img)
	case !a.json:
		_, err = a.Stdout.Write(img)
		return err
	}
	if err != nil || !a.json {
		return err
	}
	line, err := typed("avatar", picture{chat.AvatarForm(img), img})
	if err != nil {
		return err
	}
	return a.print(line, "")
}

// writeNew makes a file that only we can read, and replaces none.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage(fmt.Sprintf("%s is there already", name), "name a new file")
	case err != nil:
		return fmt.Errorf("write the picture: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the picture: %w", err), os.Remove(name))
	}
	return nil
}
