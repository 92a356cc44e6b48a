//go:build lab && linux

package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	runTime  = 90 * time.Second // for a program that ends by itself
	stopTime = 30 * time.Second // after SIGTERM, before SIGKILL
)

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// as changes how a program is started.
type as func(*exec.Cmd)

func asUser(uid uint32) as {
	return func(c *exec.Cmd) {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: uid}
	}
}

func withEnv(vars ...string) as {
	return func(c *exec.Cmd) { c.Env = append(c.Env, vars...) }
}

func withInput(in string) as {
	return func(c *exec.Cmd) { c.Stdin = strings.NewReader(in) }
}

// command is a program of the host, not started yet.
func (h *host) command(ctx context.Context, how []as, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = h.environment()
	c.Dir = h.dir
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for _, f := range how {
		f(c)
	}
	return c
}

// start starts c inside the host.
func (h *host) start(c *exec.Cmd) (err error) {
	h.do(func() { err = c.Start() })
	return err
}

// run runs a program to its end.
func (h *host) run(t testing.TB, how []as, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	c := h.command(ctx, how, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	begin := time.Now()
	if err := h.start(c); err != nil {
		t.Fatalf("%s: %v", h.name, err)
	}
	err := c.Wait()
	if err != nil && !isExit(err) {
		t.Fatalf("%s: %s: %v", h.name, strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: %s: still running after %v\n%s%s", h.name, strings.Join(args, " "), runTime, &stdout, &stderr)
	}
	return result{stdout.String(), stderr.String(), c.ProcessState.ExitCode(), time.Since(begin)}
}

func isExit(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// process is a program that runs on in a host.
type process struct {
	t     testing.TB
	what  string
	cmd   *exec.Cmd
	in    io.WriteCloser // its standard input
	ended chan struct{}  // closed when it is gone
	read  sync.WaitGroup

	mu    sync.Mutex
	lines []string      // standard output so far
	next  int           // lines before it were taken by want
	more  chan struct{} // closed and replaced when a line comes
	said  bytes.Buffer  // standard error
}

// background starts a program that runs on until stop or the test's end.
func (h *host) background(t testing.TB, how []as, args ...string) *process {
	t.Helper()
	p := &process{t: t, what: h.name + ": " + strings.Join(args, " "), ended: make(chan struct{}), more: make(chan struct{})}
	p.cmd = h.command(context.Background(), how, args...)
	if err := p.connect(); err != nil {
		t.Fatal(err)
	}
	if err := h.start(p.cmd); err != nil {
		t.Fatalf("%s: %v", p.what, err)
	}
	go func() {
		p.read.Wait()
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s\n%s%s", p.what, p.output(), p.errors())
		}
	})
	return p
}

// connect takes what the program says, unless that has a place already.
func (p *process) connect() (err error) {
	if p.cmd.Stdout != nil {
		return nil
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	p.cmd.Stderr = (*sayer)(p)
	p.read.Go(func() { p.collect(out) })
	return nil
}

// sayer collects standard error.
type sayer process

func (s *sayer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(b)
}

func (p *process) collect(out io.Reader) {
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n") + "\n"
}

func (p *process) errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// alive reports whether the program still runs.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// tell writes a line to its standard input.
func (p *process) tell(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatalf("%s: %v", p.what, err)
	}
}

// hangUp ends its standard input and waits for it to end.
func (p *process) hangUp() {
	p.t.Helper()
	_ = p.in.Close()
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		p.t.Fatalf("%s: still running after its input ended\n%s", p.what, p.errors())
	}
}

// signal sends a signal to this very process.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// stop ends it: first kindly.
func (p *process) stop() {
	p.signal(unix.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		p.kill()
	}
}

// kill ends it as a power cut would.
func (p *process) kill() {
	p.signal(unix.SIGKILL)
	<-p.ended
}

// want waits for a line for which ok holds, after the last one that was
// wanted, and returns it.
func (p *process) want(within time.Duration, what string, ok func(line string) bool) string {
	p.t.Helper()
	deadline := time.After(within)
	for {
		line, more, found := p.take(ok)
		if found {
			return line
		}
		select {
		case <-more:
		case <-deadline:
			p.t.Fatalf("%s: not within %v: %s\n%s%s", p.what, within, what, p.output(), p.errors())
		case <-p.ended:
			if line, _, found := p.take(ok); found {
				return line
			}
			p.t.Fatalf("%s: ended without: %s\n%s%s", p.what, what, p.output(), p.errors())
		}
	}
}

func (p *process) take(ok func(string) bool) (string, <-chan struct{}, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next < len(p.lines) {
		line := p.lines[p.next]
		p.next++
		if ok(line) {
			return line, nil, true
		}
	}
	return "", p.more, false
}

// wantText waits for a line that contains all parts.
func (p *process) wantText(within time.Duration, parts ...string) string {
	p.t.Helper()
	return p.want(within, strings.Join(parts, " ... "), func(line string) bool { return containsAll(line, parts) })
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}
