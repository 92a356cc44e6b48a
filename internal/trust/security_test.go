package trust

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	hybrid  = Security{tls.VersionTLS13, tls.X25519MLKEM768}
	classic = Security{tls.VersionTLS13, tls.X25519}
)

func TestT32_Below(t *testing.T) {
	tests := []struct {
		name     string
		is, seen Security
		want     bool
	}{
		{"the same", hybrid, hybrid, false},
		{"a better group", hybrid, classic, false},
		{"a weaker group", classic, hybrid, true},
		{"first of all", classic, Security{}, false},
		{"nothing", Security{}, classic, true},
		{"an older version", Security{tls.VersionTLS12, tls.X25519MLKEM768}, hybrid, true},
		{"a group that nobody knows", Security{tls.VersionTLS13, tls.CurveP256}, classic, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.is.Below(tt.seen); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// T-32: the record only rises, and only for contacts.
func TestT32_Secured(t *testing.T) {
	s, d := village(t)
	steps := []struct{ is, before, kept Security }{
		{classic, Security{}, classic},
		{hybrid, classic, hybrid},
		{classic, hybrid, hybrid},
		{Security{tls.VersionTLS12, tls.CurveP256}, hybrid, hybrid},
	}
	for i, step := range steps {
		before, err := s.Secured(pin("bob"), step.is)
		if err != nil || before != step.before {
			t.Errorf("step %d: before it %v, %v; want %v", i, before, err, step.before)
		}
		for where, store := range map[string]*Store{"memory": s, "disk": open(t, d)} {
			if c, _ := store.Get(pin("bob")); c.Security != step.kept {
				t.Errorf("step %d: %s has %v, want %v", i, where, c.Security, step.kept)
			}
		}
	}
	disk := string(d.files["trust"])
	if before, err := s.Secured(pin("nobody"), hybrid); err != nil || before != (Security{}) {
		t.Errorf("an unknown key: %v, %v", before, err)
	}
	if diff := cmp.Diff(disk, string(d.files["trust"])); diff != "" {
		t.Errorf("an unknown key changed the file: %s", diff)
	}
	if _, err := s.Block(pin("bob"), t1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secured(pin("bob"), hybrid); err != nil {
		t.Error(err)
	}
	if c, _ := s.Get(pin("bob")); c.Security != hybrid || c.State != Blocked {
		t.Errorf("the blocked key is %+v", c)
	}
}

// A file of version 1 is read, and written as one of version 2.
func TestOlderFile(t *testing.T) {
	old, err := os.ReadFile(filepath.Join("testdata", "trust-1.golden"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := decode(old)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := encode(table)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(old), `"version": 1`, `"version": 2`, 1)
	if diff := cmp.Diff(want, string(fresh)); diff != "" {
		t.Error(diff)
	}
}
