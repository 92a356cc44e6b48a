package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestNewName_Bounds(t *testing.T) {
	l63 := strings.Repeat("x", 63)
	tests := []struct {
		name   string
		labels []string
		want   error
	}{
		{"root", nil, nil},
		{"any octets", []string{"a.b\\c\x00\xff ", "local"}, nil},
		{"63 octets", []string{l63}, nil},
		{"64 octets", []string{l63 + "x"}, ErrLabel},
		{"empty label", []string{"a", "", "b"}, ErrLabel},
		{"255 octets (RFC 6762 appendix C)", []string{l63, l63, l63, l63[:62]}, nil},
		{"256 octets", []string{l63, l63, l63, l63}, ErrName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b [][]byte
			for _, l := range tt.labels {
				b = append(b, []byte(l))
			}
			n, err := NewName(b...)
			if !errors.Is(err, tt.want) {
				t.Fatalf("NewName error = %v, want %v", err, tt.want)
			}
			if err == nil && !slices.Equal(n.Labels(), tt.labels) {
				t.Errorf("Labels() = %q, want %q", n.Labels(), tt.labels)
			}
		})
	}
}

func TestMustName_Panics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustName("")
}

func TestName_Child(t *testing.T) {
	n, err := presence.Child("romeo@orchard")
	if err != nil || n != romeo {
		t.Errorf("Child = %v, %v; want %v", n, err, romeo)
	}
	if _, err := presence.Child(""); !errors.Is(err, ErrLabel) {
		t.Errorf("empty label: %v", err)
	}
	if _, err := presence.Child(strings.Repeat("x", 64)); !errors.Is(err, ErrLabel) {
		t.Errorf("long label: %v", err)
	}
	l := strings.Repeat("x", 63)
	if _, err := MustName(l, l, l, "y").Child(l); !errors.Is(err, ErrName) {
		t.Errorf("long name: %v", err)
	}
}

func TestName_Parts(t *testing.T) {
	if got := romeo.First(); got != "romeo@orchard" {
		t.Errorf("First = %q", got)
	}
	if got := romeo.Parent(); got != presence {
		t.Errorf("Parent = %v", got)
	}
	root := Name{}
	if !root.IsRoot() || root.Parent() != root || root.First() != "" || root.Len() != 1 || root.String() != "." {
		t.Errorf("root: %v %q %d %s", root.Parent(), root.First(), root.Len(), root)
	}
	if got := romeo.AppendWire(nil); len(got) != romeo.Len() || !bytes.Equal(got, []byte("\x0dromeo@orchard\x09_presence\x04_tcp\x05local\x00")) {
		t.Errorf("AppendWire = %q", got)
	}
}

// RFC 6762 section 16: only ASCII letters lose their case.
func TestName_Case(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"Romeo", "rOMEO", true},
		{"a", "b", false},
		{"É", "é", false},
		{"[", "{", false},
		{"@", "`", false},
		{"ab", "abc", false},
	}
	for _, tt := range tests {
		a, b := MustName(tt.a, "local"), MustName(tt.b, "LOCAL")
		if got := a.Equal(b); got != tt.want {
			t.Errorf("%v.Equal(%v) = %v, want %v", a, b, got, tt.want)
		}
		if got := a.Key() == b.Key(); got != tt.want {
			t.Errorf("keys of %v and %v equal: %v, want %v", a, b, got, tt.want)
		}
	}
}

func TestName_HasSuffix(t *testing.T) {
	tests := []struct {
		n, suffix Name
		want      bool
	}{
		{romeo, presence, true},
		{romeo, MustName("_PRESENCE", "_tcp", "Local"), true},
		{romeo, romeo, true},
		{romeo, Name{}, true},
		{presence, romeo, false},
		{MustName("xlocal"), MustName("local"), false},
		// The octets of a label are not a label border.
		{MustName("x\x05local"), MustName("local"), false},
	}
	for _, tt := range tests {
		if got := tt.n.HasSuffix(tt.suffix); got != tt.want {
			t.Errorf("%v.HasSuffix(%v) = %v, want %v", tt.n, tt.suffix, got, tt.want)
		}
	}
}

func TestName_String(t *testing.T) {
	n := MustName("a.b\\c\x1b[2J\xff", "local")
	if got, want := n.String(), `a\.b\\c\027[2J\255.local.`; got != want {
		t.Errorf("String = %s, want %s", got, want)
	}
}
