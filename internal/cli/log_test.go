package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// L-28: five files of 1 MiB, for their owner only, and nothing beyond.
func TestL28_LogTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := append(bytes.Repeat([]byte("x"), 999), '\n')
	for range 10 * maxLog / len(line) {
		if _, err := l.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != logFiles {
		t.Fatalf("%d files, %v; want %d", len(files), err, logFiles)
	}
	for _, f := range files {
		if i, err := os.Stat(f); err != nil || i.Size() > maxLog || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want at most %d octets, 0600", f, i, err, maxLog)
		}
	}
	if _, err := openLog(filepath.Join(path, "log")); err == nil {
		t.Error("a log below a file")
	}
}

// A log that is there is gone on with, and put aside when it is full.
func TestL28_LogGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), maxLog-1), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Write([]byte("two\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "two\n" {
		t.Errorf("the new file holds %.20q, %v", got, err)
	}
	if i, err := os.Stat(path + ".1"); err != nil || i.Size() != maxLog-1 {
		t.Errorf("the old one: %v, %v", i, err)
	}
}

// L-28: 20 lines a second of one kind; the rest is counted, not written.
func TestL28_LinesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newLogger(&out, slog.LevelInfo)
		for i := range 1000 {
			log.With("peer", fmt.Sprint(i)).Info("Dial failed")
		}
		log.Info("Another kind")
		if got := strings.Count(out.String(), "Dial failed"); got != linesASec {
			t.Errorf("%d lines, want %d", got, linesASec)
		}
		if !strings.Contains(out.String(), "Another kind") {
			t.Error("a flood of one kind silenced another")
		}
		time.Sleep(time.Second)
		out.Reset()
		log.Info("Dial failed")
		if want := fmt.Sprintf("notWritten=%d", 1000-linesASec); !strings.Contains(out.String(), want) {
			t.Errorf("the next line is %q, want %s", out.String(), want)
		}
	})
}
