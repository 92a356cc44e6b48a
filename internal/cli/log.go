package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// The bounds of L-28: what a peer provokes must not fill the disk.
const (
	maxLog    = 1 << 20 // octets of one file
	logFiles  = 5       // the newest and four before it
	linesASec = 20      // of one kind, that is one message
	maxKinds  = 256     // messages are constants: more would be a mistake of ours
)

// newLogger logs to the file of a profile, at most this much.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	h := slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})
	return slog.New(&rated{Handler: h, kinds: &kinds{seen: map[string]*kind{}}})
}

// logFile is a log that is put aside when it has grown. It is for this user
// only (security.md G-5).
type logFile struct {
	path string

	mu   sync.Mutex // guards the following
	file *os.File
	size int64
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(line)) > maxLog {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// turn puts the file aside as .1, that one as .2 and so on; the oldest goes.
func (l *logFile) turn() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	for i := logFiles - 1; i > 0; i-- {
		from := l.path
		if i > 1 {
			from = fmt.Sprintf("%s.%d", l.path, i-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", l.path, i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return l.open()
}

// Close implements io.Closer.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// rated passes on at most linesASec lines of one kind a second and counts the
// rest: the next line of that kind says how many.
type rated struct {
	slog.Handler
	kinds *kinds
}

type kinds struct {
	mu   sync.Mutex // guards the following
	seen map[string]*kind
}

type kind struct {
	since   time.Time
	written int
	dropped int
}

// Handle implements slog.Handler.
func (r *rated) Handle(ctx context.Context, rec slog.Record) error {
	ok, dropped := r.kinds.take(rec.Message, rec.Time)
	if !ok {
		return nil
	}
	if dropped > 0 {
		rec = rec.Clone()
		rec.AddAttrs(slog.Int("notWritten", dropped))
	}
	return r.Handler.Handle(ctx, rec)
}

func (k *kinds) take(message string, now time.Time) (ok bool, dropped int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.seen[message]
	if s == nil {
		if len(k.seen) >= maxKinds {
			clear(k.seen)
		}
		s = &kind{since: now}
		k.seen[message] = s
	}
	if now.Sub(s.since) >= time.Second {
		s.since, s.written = now, 0
	}
	if s.written >= linesASec {
		s.dropped++
		return false, 0
	}
	s.written++
	dropped, s.dropped = s.dropped, 0
	return true, dropped
}

// WithAttrs implements slog.Handler.
func (r *rated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &rated{Handler: r.Handler.WithAttrs(attrs), kinds: r.kinds}
}

// WithGroup implements slog.Handler.
func (r *rated) WithGroup(name string) slog.Handler {
	return &rated{Handler: r.Handler.WithGroup(name), kinds: r.kinds}
}
