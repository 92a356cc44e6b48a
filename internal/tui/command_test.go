package tui

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		line  string
		calls []string
		shown string
	}{
		{"/msg chloe hi there", []string{"send " + pinOf("chloe").String() + " hi there"}, "chloe"},
		{"/msg chloe", nil, "✓ chloe"},
		{"/msg nobody hi", nil, "nobody here is called nobody"},
		{"/nick Anna B", []string{"set nick Anna B"}, "others see you as"},
		{"/nick", nil, "change the name"},
		{"/status reading", []string{"set message reading"}, ""},
		{"/status away", []string{"set status away"}, ""},
		{"/away lunch", []string{"set status away", "set message lunch"}, "away"},
		{"/visibility quiet", []string{"set visibility quiet"}, "the network sees you as quiet"},
		{"/visibility", nil, "what the network learns"},
		{"/dnd", []string{"set status dnd"}, "busy"},
		{"/back", []string{"set status avail", "set message "}, "available"},
		{"/accept wei", []string{"accept " + pinOf("wei").String()}, "is accepted"},
		{"/block ivo", []string{"block " + pinOf("ivo").String()}, "is blocked"},
		{"/block nobody", []string{"block nobody"}, "no such peer"},
		{"/who iv", nil, "Write to › iv"},
		{"/help del", nil, "delivered"},
		{"/acept wei", nil, "did you mean /accept"},
		{"/etc/passwd is a file", nil, "write //"},
		{"//quit is not a command", []string{"send " + bobKey + " /quit is not a command"}, "/quit is not a command"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			inWindow(t, meeting(), 120, 36, func(d *driver) {
				d.keys("ctrl+k")
				d.typing("bob")
				d.keys("enter")
				d.typing(tt.line)
				d.keys("enter")
				if diff := cmp.Diff(tt.calls, d.called()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				d.has(tt.shown)
			})
		})
	}
}

func TestQuitCommand(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.typing("/quit")
		d.keys("enter")
		if !d.quit {
			t.Error("/quit does not quit")
		}
	})
}

func TestCompletion(t *testing.T) {
	inWindow(t, meeting(), 120, 36, func(d *driver) {
		d.keys("alt+2")
		d.typing("/m")
		d.has("/msg PERSON", "write to somebody")
		d.keys("tab")
		d.typing("f")
		d.keys("tab")
		if got := d.m.current().draft.String(); got != `/msg "Füsun 漢" ` {
			t.Errorf("draft is %q", got)
		}
		d.typing("merhaba")
		d.keys("enter")
		if diff := cmp.Diff([]string{"send " + pinOf("Füsun 漢").String() + " merhaba"}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.typing("/msg grace")
		d.keys("tab")
		if got := d.m.current().draft.String(); got != "/msg "+pinOf("grace").String()+" " {
			t.Errorf("a name of two keys completes to %q", got)
		}
		d.keys("tab")
		if got := d.m.current().draft.String(); got != "/msg "+pinOf("mallory").String()+" " {
			t.Errorf("the second Tab makes %q", got)
		}
	})
}

func TestHelp(t *testing.T) {
	for _, w := range []int{120, 80, 40} {
		withBob(t, w, 24, func(d *driver) {
			d.typing("my draft")
			d.keys("f1")
			d.has("MARKS", "verified", "type to filter")
			d.typing("newest")
			d.has("PgUp PgDn")
			d.hasNot("MARKS")
			d.typing("zzz")
			d.has("nothing about that")
			d.keys("esc")
			d.has("my draft")
		})
	}
}
