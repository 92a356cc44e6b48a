package history

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"llchat/internal/identity"
)

var (
	testKey = [32]byte{1, 2, 3, 31: 9}
	epoch   = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	bob     = pin(1)
	carol   = pin(2)
)

func pin(n int) identity.Pin {
	return identity.Pin{0: byte(n), 1: byte(n >> 8), 2: byte(n >> 16), 3: byte(n >> 24), 31: 0xee}
}

func dbPath(t testing.TB) string { return filepath.Join(t.TempDir(), "history.db") }

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, testKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func memory(t testing.TB) *Store {
	t.Helper()
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func id(n int) string { return fmt.Sprintf("%032x", n) }

func out(to identity.Pin, n int, body string) Message {
	return Message{ID: id(n), Peer: to, Direction: Out, State: Queued, Body: body, Time: epoch.Add(time.Duration(n) * time.Second)}
}

func in(from identity.Pin, n int, body string) Message {
	return Message{ID: id(n), Peer: from, Direction: In, State: Received, Body: body, Time: epoch.Add(time.Duration(n) * time.Second)}
}

func add(t testing.TB, s *Store, m Message) Message {
	t.Helper()
	got, fresh, err := s.Append(m)
	if err != nil || !fresh {
		t.Fatalf("Append(%s) = fresh %v, %v", m.ID, fresh, err)
	}
	return got
}

// addAll stores messages with one commit.
func addAll(t testing.TB, s *Store, list []Message) {
	t.Helper()
	err := s.write("test", func(c *conn) error {
		for _, m := range list {
			if _, _, _, err := s.append(c, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func bodies(list []Message) []string {
	var got []string
	for _, m := range list {
		got = append(got, m.Body)
	}
	return got
}

// must passes a value through and fails the test on an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
