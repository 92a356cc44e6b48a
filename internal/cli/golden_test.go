package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files and the examples of docs/json.md")

// golden compares with a file, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it):\n%s", path, got)
	}
}

var allCommands = []string{
	"", "accept", "add", "avatar", "backup", "block", "completion", "daemon", "delete", "demo", "doctor", "echo", "export", "forget", "help", "history", "lock", "man", "panic",
	"passphrase", "paths", "peers", "react", "rename", "restore", "retract", "retry", "search", "send", "set", "status", "unblock", "unlock", "version", "versions", "watch", "whoami",
}

// The help of every command: fits a terminal of 100 columns, examples last.
func TestHelp(t *testing.T) {
	var all bytes.Buffer
	for _, name := range allCommands {
		o := try(t, &stub{}, append(strings.Fields(name), "--help")...)
		if o.code != 0 || o.err != "" || len(o.needs) != 0 {
			t.Errorf("%s --help: %+v", name, o)
		}
		if viaHelp := try(t, &stub{}, append([]string{"help"}, strings.Fields(name)...)...); viaHelp.out != o.out {
			t.Errorf("help %s: %s\n--help: %s", name, viaHelp.out, o.out)
		}
		_, examples, found := strings.Cut(o.out, "\nExamples:\n")
		if !found || strings.Contains(examples, "\n\n") || !strings.Contains(examples, "llchat "+name) {
			t.Errorf("%s: no examples at the end:\n%s", name, o.out)
		}
		for line := range strings.Lines(o.out) {
			if n := utf8.RuneCountInString(line); n > 101 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
		all.WriteString("$ llchat " + name + " --help\n" + o.out + "\n")
	}
	golden(t, "help.txt", all.Bytes())
}

// No command is missing in the list above.
func TestAllCommands(t *testing.T) {
	root := newApp(Program{}).root()
	if got, want := len(root.Commands()), len(allCommands)-2; got != want { // help is added when it runs
		t.Errorf("%d commands, %d in the test", got, want)
	}
}

// The manual page has every command and every flag, and no line that roff
// would take for a request of its own.
func TestMan(t *testing.T) {
	o := try(t, &stub{}, "man")
	for _, name := range allCommands[1:] {
		if !regexp.MustCompile(`(?m)^\.SS ` + name + `( |$)`).MatchString(o.out) {
			t.Errorf("no section for %s", name)
		}
	}
	for _, flag := range []string{"json", "profile", "debug-wire", "timeout", "since", "wait", "port", "strangers"} {
		if !strings.Contains(o.out, `\-\-`+strings.ReplaceAll(flag, "-", `\-`)) {
			t.Errorf("no flag %s", flag)
		}
	}
	request := regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|B|RS|RE|nf|fi)( |$)`)
	for line := range strings.Lines(o.out) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !request.MatchString(line) {
			t.Errorf("a stray request: %s", line)
		}
	}
	golden(t, "llchat.1", []byte(o.out))
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		"a-b": `a\-b`, `a\b`: `a\eb`, ".x\n'y": "\\&.x\n\\(aqy", "plain": "plain",
	} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Every shell gets a script, and nothing else.
func TestCompletionScripts(t *testing.T) {
	for shell, mark := range map[string]string{
		"bash": "__start_llchat", "zsh": "#compdef llchat", "fish": "complete -c llchat", "powershell": "Register-ArgumentCompleter",
	} {
		if o := try(t, &stub{}, "completion", shell); o.code != 0 || !strings.Contains(o.out, mark) {
			t.Errorf("%s: %d %.200s", shell, o.code, o.out)
		}
	}
}
