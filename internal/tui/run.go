package tui

import (
	"context"
	"io"

	"llchat/internal/chat"
)

// Options says where the window is and how it begins.
type Options struct {
	In      io.Reader // nil is the terminal
	Out     io.Writer // nil is standard output
	Env     []string  // nil is the process's
	Welcome bool      // show the welcome screen even when a nick was chosen
	Demo    bool      // say that the other side is an echo
	Plain   bool      // line mode, whatever the terminal is
}

// Run shows the window until the user quits or ctx ends.
func Run(ctx context.Context, api chat.API, opt Options) error {
	return Plain(ctx, api, opt.In, opt.Out)
}

// Plain is the line mode.
func Plain(ctx context.Context, api chat.API, in io.Reader, out io.Writer) error {
	<-ctx.Done()
	return ctx.Err()
}
