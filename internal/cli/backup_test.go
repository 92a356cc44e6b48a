//go:build unix

package cli

import (
	"path/filepath"
	"strings"
	"syscall"
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

// A backup into a folder that is not there, and a restore of what is no file:
// both are refused in their own words, and a pipe keeps nobody waiting.
func TestBackupPlaces(t *testing.T) {
	dir := home(t)
	p := &person{}
	p.runs(t, dir, 0, "whoami")
	away := filepath.Join(t.TempDir(), "nodir")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	secret := " --backup-passphrase-file " + secretFile(t, "battery\n", 0o600)
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"backup " + filepath.Join(away, "a.llchat"), "there is no folder " + away, chat.CodeError},
		{"backup " + filepath.Join(pipe, "a.llchat"), "", chat.CodeError},
		{"restore " + pipe, "no regular file", chat.CodeError},
		{"restore " + filepath.Dir(pipe), "no regular file", chat.CodeError},
		{"restore " + away, "there is no file", chat.CodeNoSuch},
	} {
		p := &person{}
		p.runs(t, dir, c.code, c.args+secret)
		if said := p.errs.String(); !strings.Contains(said, c.want) || strings.Contains(said, "moved or removed") {
			t.Errorf("%s: said %q, want %q", c.args, said, c.want)
		}
	}
}

// a setting about locking is kept without a passphrase, and it is said that
// it does nothing yet.
func TestR7_LockSettingsWithoutPassphrase(t *testing.T) {
	dir := home(t)
	for _, c := range []struct {
		args string
		said bool
	}{{"lock-after 5", true}, {"lock-network keep", true}, {"lock-after 0", false}, {"lock-network leave", false}, {"status away", false}} {
		p := &person{}
		p.runs(t, dir, 0, "set "+c.args)
		if said := strings.Contains(p.errs.String(), "llchat passphrase set"); said != c.said {
			t.Errorf("%s: said %q", c.args, &p.errs)
		}
	}
	protect(t, dir, horse)
	p := &person{answers: []string{horse}}
	p.runs(t, dir, 0, "set lock-after 5")
	if p.errs.Len() > 0 {
		t.Errorf("with a passphrase: said %q", &p.errs)
	}
}
