package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// What is said about a message that is there goes to the node as such, and waits
// for its receipt like a text.
func TestAboutMessages(t *testing.T) {
	id := toBob.ID
	for args, want := range map[string]string{
		"send bob --reply " + id + " yes":            "bob: reply " + id + " yes",
		"send bob --replace " + id + " lunch at one": "bob: replace " + id + " lunch at one",
		"react bob " + id + " 👍":                     "bob: react " + id + " 👍",
		"react bob " + id:                            "bob: react " + id,
		"retract bob " + id:                          "bob: retract " + id,
		"retry bob " + id:                            "bob: retry " + id,
		"delete bob " + id:                           "delete bob " + id,
	} {
		api := &stub{sent: toBob, events: []chat.Event{{Body: toBob}}}
		if o := try(t, api, strings.Fields(args)...); o.code != 0 || o.out != "" || len(api.texts) != 1 || api.texts[0] != want {
			t.Errorf("%s: %+v, the node heard %q; want %q", args, o, api.texts, want)
		}
	}
	at := noon.Local().Format("2006-01-02 15:04")
	if o := try(t, &stub{}, "versions", "bob", id); o.out != at+" lunhc?\n"+at+" lunch?\n                 | at one\n" {
		t.Errorf("versions: %q", o.out)
	}
	for args, code := range map[string]int{
		"react bob " + id + " hello": chat.CodeUsage, "react bob": chat.CodeUsage, "retract bob": chat.CodeUsage, "retry bob": chat.CodeUsage,
		"delete bob": chat.CodeUsage, "versions bob": chat.CodeUsage, "retract bob " + id + " --timeout 0s": chat.CodeUsage,
		"send bob --reply x --replace y z": chat.CodeUsage,
	} {
		api := &stub{}
		if o := try(t, api, strings.Fields(args)...); o.code != code || len(api.texts) > 0 || !strings.Contains(o.err, "hint") && !strings.Contains(args, "--reply") {
			t.Errorf("%s: %+v, the node heard %q; want code %d and a hint", args, o, api.texts, code)
		}
	}
	for _, args := range []string{"delete bob x", "versions bob x", "retry bob x"} {
		api := &stub{err: &chat.Error{Code: chat.CodeNoSuch, Text: "there is no such message"}}
		if o := try(t, api, strings.Fields(args)...); o.code != chat.CodeNoSuch {
			t.Errorf("%s: %+v", args, o)
		}
	}
}

// What is not UTF-8 is wrong usage wherever it stands: nothing is altered
// without a word.
func TestArgumentsAreUTF8(t *testing.T) {
	for _, args := range [][]string{
		{"send", "bob", "a\xffb"}, {"search", "a\xffb"}, {"rename", "bob", "\xff"}, {"set", "message", "\xc3"}, {"set", "nick", "\xed\xa0\x80"},
	} {
		api := &stub{}
		if o := try(t, api, args...); o.code != chat.CodeUsage || len(api.texts) > 0 || !strings.Contains(o.err, "UTF-8") {
			t.Errorf("%q: %+v, the node heard %q", args, o, api.texts)
		}
	}
	x := trial{api: &stub{}, running: true, stdin: "a\xffb"}
	if o := x.run(t.Context(), "send", "bob", "-"); o.code != chat.CodeUsage || len(x.api.texts) > 0 || !strings.Contains(o.err, "UTF-8") {
		t.Errorf("standard input: %+v", o)
	}
}

// Each thing that send refuses has a hint that helps with it.
func TestSendHints(t *testing.T) {
	for _, c := range []struct{ args, stdin, hint string }{
		{"send bob -", strings.Repeat("x", 64<<10), "32768 octets at most"},
		{"send bob -", strings.Repeat("x", 10<<20), "32768 octets at most"},
		{"send bob -", "a\x00b", "remove it"},
		{"send bob -", "\x1b[2J", "remove it"},
		{"send bob x --timeout banana", "", "--help lists the flags"},
		{"send bob -x", "", "comes after --"},
		{"search  ", "", "llchat search"},
	} {
		x := trial{api: &stub{}, running: true, stdin: c.stdin}
		if o := x.run(t.Context(), strings.Split(c.args, " ")...); o.code != chat.CodeUsage || !strings.Contains(o.err, c.hint) || len(o.needs) > 0 {
			t.Errorf("%s: %+v, want the hint %q", c.args, o, c.hint)
		}
	}
}

// nowhere is an engine in whose past nothing is found.
type nowhere struct{ stub }

func (*nowhere) Search(context.Context, string, string, int64, int) ([]chat.Message, error) {
	return nil, nil
}

// People are told that nothing was found, programs by there being no line.
func TestSearchFindsNothing(t *testing.T) {
	for args, want := range map[string]string{"search x": "llchat: nothing found\n", "search x --json": ""} {
		var out, errs bytes.Buffer
		a := newApp(Program{Stdout: &out, Stderr: &errs})
		a.connect = func(context.Context, need) (*reached, error) { return &reached{API: &nowhere{}, end: func() {}}, nil }
		if code := a.run(t.Context(), strings.Fields(args)); code != 0 || out.Len() > 0 || errs.String() != want {
			t.Errorf("%s: code %d, %q and %q, want %q", args, code, out.String(), errs.String(), want)
		}
	}
}
