package history

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"llchat/internal/identity"
)

// childEnv holds the database path and the number of the run when the test
// binary is to be the process that gets killed.
const childEnv = "LLCHAT_HISTORY_CHILD"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		var run int
		var path string
		if _, err := fmt.Sscanf(spec, "%d %s", &run, &path); err != nil {
			panic(err)
		}
		victim(path, run)
	}
	os.Exit(m.Run())
}

// killEnv is how many processes TestKill9 kills in place of 8; D1 wants 1,000
// once.
const killEnv = "LLCHAT_SOAK_KILLS"

const victims = 6 // goroutines of the killed process

// victim writes until it is killed and tells of everything only after the
// store said that it is done: one line, one write.
func victim(path string, run int) {
	s, err := Open(path, testKey)
	if err != nil {
		panic(err)
	}
	for g := range victims {
		go func() {
			for n := 0; ; n++ {
				if err := step(s, g, run*1_000_000+g*100_000+n); err != nil {
					panic(err)
				}
			}
		}()
	}
	select {}
}

// step does one round of one conversation: a message there, one back, a
// receipt, now and then a stranger who is taken on.
func step(s *Store, g, n int) error {
	m, _, err := s.Append(in(pin(g), n, body(n)))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "stored %d %d %d\n", g, n, m.Seq)
	if m, _, err = s.Append(out(pin(g), n, body(n))); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "queued %d %d %d\n", g, n, m.Seq)
	if m, err = s.Mark(pin(g), id(n), Delivered, ""); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "delivered %d %d %d\n", g, n, m.Seq)
	if n%5 != 0 {
		return nil
	}
	if _, err := s.AddRequest(Request{Pin: stranger(n), Last: epoch.AddDate(0, 0, n)}); err != nil {
		return err
	}
	if _, _, err := s.AddRequestMessage(stranger(n), RequestMessage{id(n), body(n), epoch}); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "asked %d %d %d\n", g, n, s.NextSeq())
	if n%10 != 0 {
		return nil
	}
	if _, err := s.TakeRequest(stranger(n)); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "taken %d %d %d\n", g, n, s.NextSeq())
	return nil
}

// stranger is nobody's conversation; asking a day apart is below the rate.
func stranger(n int) identity.Pin { return pin(victims + n) }

func body(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat(line, 1+n%40)) }

// said is one thing the killed process said.
type said struct {
	what string
	g, n int
	seq  uint64
}

// TestKill9: whatever the store said was done is there after kill -9, at any
// moment and again and again on the same file; numbers never come twice.
func TestKill9(t *testing.T) {
	t.Parallel()
	kills := 8
	if v := os.Getenv(killEnv); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	path := dbPath(t)
	dice := rand.New(rand.NewPCG(174, 9))
	var all []said
	var before uint64
	for run := range kills {
		lines := murder(t, path, run, 20+dice.IntN(300))
		var highest uint64
		seen := map[uint64]bool{}
		for _, l := range lines {
			if l.seq <= before || seen[l.seq] {
				t.Fatalf("run %d: number %d was given out before", run, l.seq)
			}
			seen[l.seq] = true
			highest = max(highest, l.seq)
		}
		before = highest
		all = append(all, lines...)
		if run%4 != 0 && run != kills-1 {
			continue // the next process opens what this one left
		}
		s := open(t, path)
		verify(t, s, all)
		before = max(before, s.NextSeq())
		closeStore(t, s)
	}
	t.Logf("%d kills, %d things promised and kept", kills, len(all))
}

// murder starts a process on the store and kills it once it said some lines.
// It returns what was said until it was dead.
func murder(t *testing.T, path string, run, after int) []said {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", childEnv, run, path))
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []said
	for r := bufio.NewReader(pipe); ; {
		text, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var l said
		if _, err := fmt.Sscanf(text, "%s %d %d %d\n", &l.what, &l.g, &l.n, &l.seq); err != nil {
			t.Fatalf("run %d: %q: %v", run, text, err)
		}
		if lines = append(lines, l); len(lines) == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(lines) < after {
		t.Fatalf("run %d: the process ended by itself after %d lines: %v", run, len(lines), err)
	}
	return lines
}

func verify(t *testing.T, s *Store, all []said) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	taken := map[int]bool{}
	for _, l := range all {
		if l.what == "taken" {
			taken[l.n] = true
		}
	}
	for _, l := range all {
		switch l.what {
		case "stored", "queued", "delivered":
			verifyMessage(t, s, l)
		case "asked":
			verifyAsked(t, s, stranger(l.n), l.n, taken[l.n])
		}
	}
}

func verifyMessage(t *testing.T, s *Store, l said) {
	t.Helper()
	var m Message
	var ok bool
	err := s.read("verify", func(c *conn) error {
		var err error
		m, ok, err = find(c, pin(l.g), id(l.n), l.what != "stored")
		return err
	})
	if err != nil || !ok || m.Body != body(l.n) || m.Seq < l.seq {
		t.Fatalf("%s %d: lost (%v, %v, number %d after %d)", l.what, l.n, ok, err, m.Seq, l.seq)
	}
	if l.what == "delivered" && m.State != Delivered {
		t.Fatalf("%d was delivered and is %s", l.n, m.State)
	}
}

// verifyAsked: a stranger's message waits, or became a message, never both
// and never neither, but for those that the queue of 50 pushed out.
func verifyAsked(t *testing.T, s *Store, p identity.Pin, n int, taken bool) {
	t.Helper()
	r, waits, err := s.Request(p)
	if err != nil {
		t.Fatal(err)
	}
	m, stored, err := s.Get(p, id(n))
	switch {
	case err != nil:
		t.Fatal(err)
	case waits && stored:
		t.Fatalf("message %d waits and is stored", n)
	case waits && (len(r.Messages) != 1 || r.Messages[0].Body != body(n)):
		t.Fatalf("request %d holds %v", n, r.Messages)
	case taken && (!stored || m.Body != body(n)):
		t.Fatalf("taken %d: lost", n)
	}
}
