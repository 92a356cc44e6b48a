package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"llchat/internal/chat"
)

// Options says where the window is and how it begins.
type Options struct {
	In      io.Reader // nil is the terminal
	Out     io.Writer // nil is standard output
	Env     []string  // nil is the process's
	Welcome bool      // show the welcome screen even when a nick was chosen
	Demo    bool      // the other side is an echo: open its conversation
	Plain   bool      // line mode, whatever the terminal is

	more []tea.ProgramOption // of tests
}

const (
	// framesPerSecond bounds what the renderer's ticker costs while nothing
	// happens (ui/README.md 4).
	framesPerSecond = 30
	// lastWrites is what drafts may take when the window closes.
	lastWrites = 2 * time.Second
)

// Run shows the window until the user quits or ctx ends; either is no error.
// On a terminal that cannot be painted it is the line mode instead.
func Run(ctx context.Context, api chat.API, opt Options) error {
	if opt.Env == nil {
		opt.Env = os.Environ()
	}
	if opt.Out == nil {
		opt.Out = os.Stdout
	}
	if opt.Plain || terminalOf(opt.Env).dumb || notATerminal(opt.Out) {
		in := opt.In
		if in == nil {
			in = os.Stdin
		}
		return Plain(ctx, api, in, opt.Out)
	}
	return window(ctx, api, opt)
}

// notATerminal reports whether out is a file or a pipe. A writer that is no
// file is a terminal of the caller's making.
func notATerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && !term.IsTerminal(int(f.Fd()))
}

func window(ctx context.Context, api chat.API, opt Options) error {
	release := captureLog()
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newModel(ctx, api, opt)
	in, endInput := inputOf(opt)
	defer endInput() // what comes next may ask for a passphrase
	p := tea.NewProgram(m, append([]tea.ProgramOption{
		tea.WithOutput(opt.Out), tea.WithEnvironment(opt.Env),
		tea.WithFPS(framesPerSecond), tea.WithInput(in),
	}, opt.more...)...)
	// Not tea.WithContext: a program that is killed does not wait for its reader.
	defer context.AfterFunc(ctx, p.Quit)()

	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		pump(ctx, api, p.Send)
	}()
	_, err := p.Run()
	ended := ctx.Err() != nil

	// What was being written is on disk before anything else ends.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer done()
	m.saveAll(last)
	cancel()
	<-pumped
	if err == nil || ended || errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return fmt.Errorf("show window: %w", err)
}

// captureLog keeps what libraries write with the standard logger off the
// screen. The program's own log is a file.
func captureLog() (release func()) {
	old := log.Writer()
	log.SetOutput(io.Discard)
	return func() { log.SetOutput(old) }
}

// Bounds of the pump: batches a second (style page 8), and how long to wait
// before asking again for a feed that ended.
const (
	batchEvery = time.Second / 30
	feedRetry  = time.Second
)

// pump is the one reader of the feed. It hands over what came in batches and
// subscribes again when the feed ends or says that it fell behind.
func pump(ctx context.Context, api chat.API, send func(tea.Msg)) {
	var since uint64
	for missed := false; ctx.Err() == nil; missed = true {
		feed, err := api.Subscribe(ctx, since)
		if err == nil {
			if missed {
				send(feedMsg{reload: true})
			}
			since, err = drain(ctx, feed, since, send)
			feed.Close()
		}
		if err == nil {
			continue // a resync: ask again at once
		}
		if ctx.Err() == nil {
			send(feedMsg{err: err})
		}
		pause := time.NewTimer(feedRetry)
		select {
		case <-ctx.Done():
			pause.Stop()
		case <-pause.C:
		}
	}
}

// drain reads a feed until it ends, and returns the number to ask from. No
// error means that the feed wants to be asked again.
func drain(ctx context.Context, feed chat.Feed, since uint64, send func(tea.Msg)) (uint64, error) {
	for {
		events, err := feed.Next(ctx)
		if err != nil {
			return since, err
		}
		for i, ev := range events {
			if r, ok := ev.Body.(chat.Resync); ok {
				send(feedMsg{events: events[:i]})
				return r.Seq, nil
			}
			since = max(since, ev.Seq)
		}
		send(feedMsg{events: events})
		next := time.NewTimer(batchEvery)
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
		}
	}
}
