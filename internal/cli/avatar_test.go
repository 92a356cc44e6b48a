package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// smallPNG is the header of a picture of 1 by 1 pixels.
var smallPNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01")

// The octets as they came, to a file or to the standard output, and never to a
// terminal, for which they could be anything (security.md 10).
func TestAvatar(t *testing.T) {
	s := &stub{}
	o := try(t, s, "avatar", "bob")
	if o.code != 0 || o.out != string(smallPNG) || o.err != "" {
		t.Errorf("%+v", o)
	}
	file := filepath.Join(t.TempDir(), "bob.png")
	if o = try(t, s, "avatar", "bob", "-o", file); o.code != 0 || o.out != "" || o.err != "" {
		t.Errorf("-o: %+v", o)
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, smallPNG) {
		t.Errorf("file: %q, %v", got, err)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode() != fs.FileMode(0o600) {
		t.Errorf("file: %v, %v", fi, err)
	}
	if o = try(t, s, "avatar", "bob", "-o", file); o.code != 2 || !strings.Contains(o.err, "is there already") {
		t.Errorf("over a file: %+v", o)
	}
	if o = try(t, s, "avatar", "bob", "--json"); o.code != 0 || o.out != `{"type":"avatar","form":"png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"}`+"\n" {
		t.Errorf("JSON: %+v", o)
	}
	s.err = &chat.Error{Code: chat.CodeNoSuch, Text: "there is no picture of bob here"}
	if o = try(t, s, "avatar", "bob"); o.code != 5 || o.out != "" {
		t.Errorf("none: %+v", o)
	}
}

func TestAvatarNotToATerminal(t *testing.T) {
	var out bytes.Buffer
	a := newApp(Program{Stdout: &out})
	a.isTTY = func(any) bool { return true }
	err := a.avatar(t.Context(), "bob", "")
	if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.CodeUsage || out.Len() > 0 {
		t.Errorf("error %v, written %q", err, out.String())
	}
}

// The node that runs may be elsewhere: it is told the whole path.
func TestSetAvatarTellsTheWholePath(t *testing.T) {
	t.Chdir(t.TempDir())
	s := &stub{}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ value, want string }{
		{"me.png", "avatar=" + filepath.Join(here, "me.png")},
		{"/tmp/me.png", "avatar=/tmp/me.png"},
		{"", "avatar="},
	} {
		s.texts = nil
		if o := try(t, s, "set", "avatar", c.value); o.code != 0 || len(s.texts) != 1 || s.texts[0] != c.want {
			t.Errorf("%q: %+v, %q", c.value, o, s.texts)
		}
	}
}
