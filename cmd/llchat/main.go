// Command llchat is chat for the people on one network: XEP-0174 with
// mandatory mutual TLS, in a terminal. Main wires the rooms together and
// gives the exit code; everything else is in internal/.
package main

import (
	"context"
	"io"
	"os"
	"runtime/debug"

	"llchat/internal/chat"
	"llchat/internal/cli"
	"llchat/internal/tui"
)

// version is set by -ldflags "-X main.version=..." in a release.
var version = ""

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, nil))
}

// run is llchat. A network in place of the real one is for tests.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer, network func() (*chat.Network, error)) int {
	return cli.Run(ctx, cli.Program{
		Window: window, Stdin: in, Stdout: out, Stderr: errs, Version: versionName(), Network: network,
	}, args)
}

// window shows the terminal window, or line mode where there is no terminal
// that can move its cursor.
func window(ctx context.Context, api chat.API, o cli.WindowOptions) error {
	if o.Plain {
		return tui.Plain(ctx, api, o.In, o.Out)
	}
	return tui.Run(ctx, api, tui.Options{In: o.In, Out: o.Out, Env: os.Environ(), Demo: o.Demo})
}

func versionName() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
