package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
)

// The first frame waits for no disk: the window runs while its engine opens,
// and its calls wait.
func TestShowOpensTheWindowFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var shown, answered time.Duration
		ended := false
		a := newApp(Program{Stdout: &bytes.Buffer{}, Window: func(ctx context.Context, api chat.API, _ WindowOptions) error {
			shown = time.Since(start)
			_, err := api.Status(ctx)
			answered = time.Since(start)
			return err
		}})
		err := a.show(t.Context(), WindowOptions{}, func(context.Context) (engine, error) {
			time.Sleep(time.Second)
			return engine{API: &stub{}, end: func() error { ended = true; return nil }}, nil
		})
		if err != nil || shown != 0 || answered != time.Second || !ended {
			t.Errorf("shown after %v, answered after %v, ended %v, %v", shown, answered, ended, err)
		}
	})
}

// What keeps the engine from opening ends the window and is what is said.
func TestShowFailsWithTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the pin store is damaged")
		a := newApp(Program{Window: func(ctx context.Context, _ chat.API, _ WindowOptions) error {
			<-ctx.Done()
			return nil
		}})
		err := a.show(t.Context(), WindowOptions{}, func(context.Context) (engine, error) {
			time.Sleep(time.Second)
			return engine{}, broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
	})
}

// Who leaves before the engine is there waits for it, so that it says goodbye.
func TestShowLeftEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		a := newApp(Program{Window: func(context.Context, chat.API, WindowOptions) error { return nil }})
		err := a.show(t.Context(), WindowOptions{}, func(context.Context) (engine, error) {
			time.Sleep(time.Second)
			return engine{API: &stub{}, end: func() error { ended = true; return nil }}, nil
		})
		if err != nil || !ended {
			t.Errorf("ended %v, %v", ended, err)
		}
	})
}
