//go:build unix

package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// a person is asked for both passphrases, and told what came of it; a
// script gives them in files.
func TestR9_BackupCommands(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	p := &person{answers: []string{horse}}
	p.runs(t, dir, 0, "whoami --json")
	me := p.out.String()
	file := filepath.Join(t.TempDir(), "me.llchat")
	p = &person{answers: []string{horse, "battery", "staple"}}
	p.runs(t, dir, chat.CodeUsage, "backup "+file)
	p = &person{answers: []string{horse, "battery", "battery"}}
	p.runs(t, dir, 0, "backup "+file)
	p.wasAsked(t, "Passphrase of the profile", "New passphrase", "The same again")
	p = &person{answers: []string{horse, "battery", "battery"}}
	p.runs(t, dir, chat.CodeError, "backup "+file)

	p = &person{answers: []string{"battery"}}
	p.runs(t, dir, 0, "restore "+file+" --profile other")
	p.wasAsked(t, "Passphrase of the backup")
	if !strings.Contains(p.out.String(), "restored; you are ") {
		t.Errorf("said %q", &p.out)
	}
	p = &person{}
	p.runs(t, dir, 0, "whoami --json --profile other")
	if p.out.String() != me {
		t.Errorf("restored is %s, want %s", &p.out, me)
	}
	p = &person{}
	p.runs(t, dir, 0, "restore "+file+" --profile third --backup-passphrase-file "+secretFile(t, "battery\n", 0o600))
	p.wasAsked(t)
	p = &person{}
	p.runs(t, dir, chat.CodeNoSuch, "backup x --profile nobody")
}
