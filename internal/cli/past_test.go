package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// What people read of the past; nothing in a message can pass for a line of
// ours.
func TestPastText(t *testing.T) {
	at := noon.Local().Format("2006-01-02 15:04")
	edited, taken, forged := toBob, fromBob, fromBob
	edited.Edited, taken.Retracted, taken.Body = noon, noon, safetext.Text{}
	forged.Body = safetext.Body("hi\n2026-01-02 12:00 carol: the code")
	for _, c := range []struct {
		m    chat.Message
		want string
	}{
		{toBob, at + " to bob, delivered: lunch?\n"},
		{edited, at + " to bob, delivered: lunch? (edited)\n"},
		{taken, at + " bob: (taken back)\n"},
		{forged, at + " bob: hi\n                 | 2026-01-02 12:00 carol: the code\n"},
	} {
		if got := pastText(c.m); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// The commands of the past need the disk alone, and print what they are for.
func TestPastCommands(t *testing.T) {
	at := noon.Local().Format("2006-01-02 15:04")
	both := at + " to bob, delivered: lunch?\n" + at + " bob: one\n                 | two\n"
	for args, want := range map[string]string{
		"history bob":              both,
		"history bob --before abc": both,
		"search lunch":             at + " bob: one\n                 | two\n" + at + " to bob, delivered: lunch?\n",
		"search lunch -n 1":        at + " bob: one\n                 | two\n",
		"search one --from bob":    at + " bob: one\n                 | two\n",
		"export --format text":     both,
		"forget bob --yes":         "forgotten: bob\n",
		"forget bob --json":        "",
		"rename bob Robert":        "renamed to bob  " + strings.Join(bobs.Groups(), " ") + "\n",
		"unblock bob":              "unblocked bob  " + strings.Join(bobs.Groups(), " ") + "\n",
	} {
		o := try(t, &stub{}, strings.Fields(args)...)
		if o.code != 0 || o.out != want || len(o.needs) != 1 || o.needs[0] != disk {
			t.Errorf("%s: %+v\nwant %q", args, o, want)
		}
	}
	if o := try(t, &stub{}, "export"); strings.Count(o.out, "\n") != 2 || !strings.HasPrefix(o.out, `{"type":"message","id":`) {
		t.Errorf("export: %s", o.out)
	}
	for _, args := range []string{"history", "history bob -n 0", "search", "search x -n 1001", "export --format xml", "export a b", "rename bob", "passphrase", "passphrase frob", "lock x"} {
		if o := try(t, &stub{}, strings.Fields(args)...); o.code != chat.CodeUsage || o.out != "" {
			t.Errorf("%s: %+v", args, o)
		}
	}
	for _, args := range []string{"history bob", "search x", "export", "forget bob", "rename bob x", "unblock bob", "history bob --before x"} {
		if o := try(t, &stub{err: ambiguous}, strings.Fields(args)...); o.code != chat.CodeRefused && !strings.HasPrefix(args, "history bob") {
			t.Errorf("%s: %+v", args, o)
		}
	}
}

// A person at a terminal is asked before something is forgotten for good.
func TestForgetAsks(t *testing.T) {
	for answer, want := range map[string]int{"y\n": 0, "yes\n": 0, "\n": 1, "n\n": 1, "": 1, "yup\n": 1} {
		api := &stub{}
		o := trial{api: api, running: true, terminal: true, stdin: answer}.run(t.Context(), "forget", "bob")
		if o.code != want || (want == 0) != (len(api.texts) == 1) {
			t.Errorf("%q: %+v, %q", answer, o, api.texts)
		}
	}
}

// long is an engine with a long past.
type long struct {
	stub
	rows  int64
	asked []int64
	most  int
}

func (l *long) Export(_ context.Context, _ string, after int64, n int) (page []chat.Message, _ error) {
	l.asked, l.most = append(l.asked, after), max(l.most, n)
	for row := after + 1; row <= min(l.rows, after+int64(n)); row++ {
		m := fromBob
		m.Row, m.Body = row, safetext.Body(fmt.Sprint(row))
		page = append(page, m)
	}
	return page, nil
}

// Export holds one page at a time, and gives each message once, in order.
func TestExportInPages(t *testing.T) {
	l := &long{rows: 600}
	var out strings.Builder
	a := newApp(Program{Stdout: &out})
	a.connect = func(context.Context, need) (*reached, error) { return &reached{API: l, end: func() {}}, nil }
	if err := a.export(t.Context(), "", false); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int64{0, 256, 512, 600}, l.asked); d != "" || l.most > pastPage {
		t.Errorf("pages of %d: %s", l.most, d)
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !strings.HasSuffix(line, fmt.Sprintf(" bob: %d", i+1)) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
}
