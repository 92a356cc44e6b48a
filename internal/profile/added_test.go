package profile

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddedSurvives(t *testing.T) {
	p, err := Temporary()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if list, err := p.Added(); list != nil || err != nil {
		t.Fatalf("before anything was added: %v, %v", list, err)
	}
	want := []Added{{"192.0.2.7:5298", strings.Repeat("ab", 32), "bob@nuc"}, {"nuc.example.org:2000", strings.Repeat("cd", 32), ""}}
	if err := p.SaveAdded(want); err != nil {
		t.Fatal(err)
	}
	got, err := p.Added()
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// P-26: what cannot be read is said, not dropped.
func TestDamagedAdded(t *testing.T) {
	for _, data := range []string{
		"", "{", "[]", `{"version":0}`, `{"version":2,"added":[]}`, `{"version":1,"added":[` + strings.Repeat(`{},`, MaxAdded) + `{}]}`,
	} {
		list, err := parseAdded("/p/added", []byte(data))
		if e, ok := errors.AsType[*Error](err); !ok || e.Hint == "" || e.Path != "/p/added" {
			t.Errorf("%.30q: %v, %v; want the path and a hint", data, list, err)
		}
	}
}

// FuzzAdded: what is read is written and read again as the same, within limits.
func FuzzAdded(f *testing.F) {
	f.Add([]byte(`{"version":1,"added":[{"address":"192.0.2.7:5298","key":"ab","name":"bob@nuc"}]}`))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"added":null,"later":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseAdded("added", data)
		if err != nil {
			return
		}
		if len(list) > MaxAdded {
			t.Fatalf("%d addresses", len(list))
		}
		out, err := formatAdded(list)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseAdded("added", out)
		if err != nil || len(list)+len(again) > 0 && !cmp.Equal(list, again) {
			t.Fatalf("%v became %v, %v", list, again, err)
		}
	})
}
