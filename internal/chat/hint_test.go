package chat_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// What the file system refuses comes with something to do about it.
func TestHintForSystemErrors(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, "make room"},
		{syscall.EROFS, "write there"},
		{syscall.EACCES, "write there"},
		{fs.ErrNotExist, "moved or removed"},
		{errors.New("else"), ""},
	} {
		err := fmt.Errorf("write settings: %w", &fs.PathError{Op: "open", Path: "/p/config", Err: tt.err})
		if got := chat.HintFor(err); got == "" && tt.want != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%v: hint %q, want something with %q", tt.err, got, tt.want)
		}
	}
}

// P-26: a file that cannot be trusted is named, with what to do.
func TestCorruptFilesAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, folder := lantest.New(t, 8).Host(), t.TempDir()+"/p"
		closeNode(t, host.Node(chat.Options{Profile: folder, Nick: "alice"}))
		for _, name := range []string{"identity", "trust", "config", "added"} {
			path := filepath.Join(folder, name)
			before, readErr := os.ReadFile(path)
			if err := os.WriteFile(path, []byte("{garbage"), 0o600); err != nil {
				t.Fatal(err)
			}
			n, err := chat.Open(context.Background(), chat.Options{Profile: folder, Network: host.Network()})
			if err == nil {
				closeNode(t, n)
				t.Fatalf("%s: opened", name)
			}
			if !strings.Contains(err.Error(), path) || chat.HintFor(err) == "" {
				t.Errorf("%s: error %q, hint %q; want the path and a hint", name, err, chat.HintFor(err))
			}
			if readErr != nil {
				_ = os.Remove(path)
			} else if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A profile that is removed under a running node says so where it is missed.
func TestRemovedProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, folder := lantest.New(t, 9).Host(), t.TempDir()+"/p"
		n := host.Node(chat.Options{Profile: folder, Nick: "alice"})
		ready(t, n)
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		err := n.Set(t.Context(), "status", "away")
		if err == nil || !strings.Contains(err.Error(), folder) || !strings.Contains(chat.HintFor(err), "moved or removed") {
			t.Errorf("error %v, hint %q; want the folder and that it is gone", err, chat.HintFor(err))
		}
		closeNode(t, n)
	})
}
