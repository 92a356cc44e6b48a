package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/term"

	"llchat/internal/chat"
)

const (
	// maxSecret is more than a passphrase may have, so that one that is too long
	// is refused and not cut.
	maxSecret = 4096

	// askTries is how often a person is asked.
	askTries = 3

	// credential is the name of the passphrase among systemd's credentials.
	credential = "llchat-passphrase"
)

// errNoPassphrase is for commands that need the passphrase here and have nobody
// to ask for it. It does not name llchat unlock, which needs a running node.
var errNoPassphrase = &chat.Error{
	Code: chat.CodeRefused, Text: "the passphrase is missing: there is no terminal to ask for it",
	Hint: "start it on a terminal, or with --passphrase-file FILE (- is standard input)",
}

// hold takes the profile if it has a passphrase, which is asked for once; nil
// is one that opens without. Nothing is asked where a node runs: ErrLocked.
func (a *app) hold(ctx context.Context) (*chat.Held, error) {
	protected, err := chat.Protected(a.profile)
	if err != nil || !protected {
		return nil, err
	}
	if a.secret == nil { // before the profile is taken: a person may take long
		client, err := a.client(ctx)
		if client != nil {
			return nil, errors.Join(chat.ErrLocked, client.Close())
		}
		if err != nil {
			return nil, err
		}
		if a.secret, err = a.passphrase(ctx, "Passphrase"); err != nil {
			return nil, err
		}
	}
	held, err := chat.Hold(a.profile)
	if err != nil {
		return nil, err
	}
	if err := a.tryOut(ctx, held.Unlock); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held, nil
}

// tryOut gives the passphrase to unlock; a person may try again. What is typed
// while one is tried, which takes a moment, is neither shown nor read by what
// comes next.
func (a *app) tryOut(ctx context.Context, unlock func([]byte) error) error {
	defer a.silence()()
	for try := 1; ; try++ {
		err := unlock(a.secret)
		clear(a.secret)
		a.secret = nil
		e, ok := errors.AsType[*chat.Error](err)
		if !ok || e.Code != chat.CodeRefused || try == askTries || !a.asks() {
			return err
		}
		fmt.Fprintf(a.Stderr, "llchat: %s\n", oneLine(e.Text))
		if a.secret, err = a.passphrase(ctx, "Passphrase"); err != nil {
			return err
		}
	}
}

// silence keeps the terminal of a person who is asked from showing what they
// type, until end is called.
func (a *app) silence() (end func()) {
	if !a.asks() || a.prompt != nil {
		return func() {}
	}
	f, done, err := a.terminal()
	if err != nil {
		return func() {}
	}
	shows, err := hush(f)
	if err != nil {
		return done
	}
	return func() {
		shows()
		done()
	}
}

// asks reports whether a person is there to be asked.
func (a *app) asks() bool { return a.secretFile == "" && !a.haveCredential() && a.isTTY(a.Stderr) }

func (a *app) haveCredential() bool {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(folder, credential))
	return err == nil
}

// passphrase comes from --passphrase-file, from systemd, or from the person at
// the terminal: never from an argument or the environment (G-6).
func (a *app) passphrase(ctx context.Context, prompt string) ([]byte, error) {
	switch {
	case a.secretFile != "":
		return a.secretFrom(a.secretFile)
	case a.haveCredential():
		return a.secretFrom(filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), credential))
	case a.asks():
		return a.ask(ctx, prompt)
	}
	return nil, errNoPassphrase
}

// secretFrom reads the first line of a file; "-" is standard input.
func (a *app) secretFrom(path string) ([]byte, error) {
	if path == "-" {
		if a.lines == nil {
			a.lines = bufio.NewReaderSize(a.Stdin, maxSecret)
		}
		return firstLine(a.lines)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, &chat.Error{
			Code: chat.CodeRefused, Text: fmt.Sprintf("others can read the passphrase in %s (mode %04o)", path, info.Mode().Perm()),
			Hint: fmt.Sprintf("chmod 600 '%s'", path),
		}
	}
	return firstLine(bufio.NewReaderSize(f, maxSecret))
}

func firstLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, usage("the passphrase is too long", "")
		}
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	secret := bytes.Clone(bytes.TrimRight(line, "\r\n"))
	clear(line)
	if len(secret) == 0 {
		return nil, usage("the passphrase is empty", "its file has it in the first line")
	}
	return secret, nil
}

// ask asks the person at the terminal, who may write a message on standard
// input at the same time. Nothing is shown.
func (a *app) ask(ctx context.Context, prompt string) ([]byte, error) {
	if a.prompt != nil {
		return a.prompt(prompt)
	}
	f, done, err := a.terminal()
	if err != nil {
		return nil, err
	}
	defer done()
	fmt.Fprintf(a.Stderr, "%s: ", prompt)
	secret, err := readHidden(ctx, f)
	fmt.Fprintln(a.Stderr)
	switch {
	case err != nil:
		return nil, err
	case len(secret) == 0:
		return nil, usage("no passphrase was given", "")
	}
	return secret, nil
}

// terminal is where the person sits: standard input may be a pipe.
func (a *app) terminal() (f *os.File, done func(), err error) {
	if f, ok := a.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f, func() {}, nil
	}
	f, err = os.OpenFile(terminalName(), os.O_RDWR, 0)
	if err != nil { // nobody sits there
		return nil, nil, errNoPassphrase
	}
	return f, func() { _ = f.Close() }, nil
}

func terminalName() string {
	if runtime.GOOS == "windows" {
		return "CONIN$"
	}
	return "/dev/tty"
}

// readHidden reads a line without echo. Being told to stop ends it, and gives
// the terminal back as it was.
func readHidden(ctx context.Context, f *os.File) ([]byte, error) {
	fd := int(f.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	type answer struct {
		secret []byte
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		secret, err := term.ReadPassword(fd)
		got <- answer{secret, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return nil, fmt.Errorf("passphrase: %w", r.err)
		}
		return r.secret, nil
	case <-ctx.Done():
		_ = term.Restore(fd, state)
		return nil, ctx.Err()
	}
}

// newPassphrase gets the one to be: from a file, or twice from a person.
func (a *app) newPassphrase(ctx context.Context, file string) ([]byte, error) {
	if file != "" {
		return a.secretFrom(file)
	}
	if !a.isTTY(a.Stderr) {
		return nil, usage("there is nobody to ask for the new passphrase", "--new-passphrase-file FILE; - is standard input")
	}
	first, err := a.ask(ctx, "New passphrase")
	if err != nil {
		return nil, err
	}
	second, err := a.ask(ctx, "The same again")
	defer clear(second)
	if err == nil && !bytes.Equal(first, second) {
		err = usage("the two are not the same: nothing was changed", "")
	}
	if err != nil {
		clear(first)
		return nil, err
	}
	return first, nil
}
