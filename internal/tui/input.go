package tui

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// keyboard is a terminal that can be taken from the program that reads it.
//
// A program that is killed does not wait for its reader: it tells it to stop
// and closes, at once, what it told it with. A reader that was woken too late
// sleeps on until the next key and takes that, which by then may be of a
// passphrase. One that quits waits, but not for long. A reader that is left
// finds its way here, where nothing is there for it.
type keyboard struct {
	*os.File

	mu   sync.Mutex // held while reading; guards gone
	gone bool
}

// Read implements io.Reader. It is called when there is something to read.
func (k *keyboard) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return 0, io.EOF
	}
	return k.File.Read(p)
}

// take leaves what is typed from here on to others.
func (k *keyboard) take() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = true
}

// inputOf returns what the window reads, and how to end that for good.
func inputOf(opt Options) (in io.Reader, end func()) {
	in = opt.In
	if in == nil {
		in = os.Stdin
	}
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return in, func() {}
	}
	k := &keyboard{File: f}
	return k, k.take
}
