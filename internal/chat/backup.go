package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"llchat/internal/identity"
	"llchat/internal/profile"
	"llchat/internal/trust"
)

// Restored tells what Restore has done.
type Restored struct {
	Pin   identity.Pin
	Fresh bool // the profile had no identity before
	trust.Merged
}

// Backup writes a sealed file with the identity, the contacts, the settings and
// the addresses given by hand; no message is in it. own is the passphrase
// of the profile, if it has one. A file that is there is not replaced. It works
// beside a running node.
func Backup(nameOrDir, path string, own, passphrase []byte) error {
	if err := Exists(nameOrDir); err != nil {
		return err
	}
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return err
	}
	p, err := openProfile(nameOrDir)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	if err := p.Unlock(own); err != nil {
		return passphraseError(err)
	}
	sealed, err := p.Backup(passphrase)
	if err != nil {
		return passphraseError(err)
	}
	return writeBackup(path, sealed)
}

// checkFolder wants a folder to put a backup into.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Code: CodeError, Text: "backup: there is no folder " + dir, Hint: "make it first, or choose another place"}
	case err == nil && !info.IsDir():
		return &Error{Code: CodeError, Text: "backup: " + dir + " is no folder", Hint: "choose another place"}
	case err != nil:
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// writeBackup makes a file of mode 0600 that is whole or absent, and must not be
// there.
func writeBackup(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".llchat-backup-*") // 0600
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
			err = writeNew(path, data) // a file system without links
		}
	}
	_ = os.Remove(f.Name())
	if errors.Is(err, fs.ErrExist) {
		return &Error{Code: CodeError, Text: path + " is there already, and is not replaced", Hint: "choose another name, or move it away"}
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Restore takes a backup into a profile: into a new one all of it, into one of
// the same identity the contacts, of which none comes to stand lower than it
// does. A profile of another identity is left alone. No node may run.
func Restore(_ context.Context, nameOrDir, path string, own, passphrase []byte) (Restored, error) {
	sealed, err := readBackup(path)
	if err != nil {
		return Restored{}, err
	}
	files, err := profile.OpenBackup(sealed, passphrase)
	if err != nil {
		return Restored{}, backupError(err)
	}
	defer clear(files["identity"])
	held, err := Hold(nameOrDir)
	if err != nil {
		return Restored{}, err
	}
	defer func() { _ = held.Close() }()
	if err := held.Unlock(own); err != nil {
		return Restored{}, err
	}
	return restore(held.p, files)
}

// readBackup looks before it opens: opening a pipe waits for somebody to write.
func readBackup(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Code: CodeNoSuch, Text: "restore: there is no file " + path, Hint: "nothing was changed"}
	case err == nil && !info.Mode().IsRegular():
		return nil, &Error{Code: CodeError, Text: "restore: " + path + " is no regular file", Hint: "nothing was changed; copy the backup into a file first"}
	case err != nil:
		return nil, fmt.Errorf("restore: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, profile.MaxBackup+1))
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return data, nil
}

func backupError(err error) error {
	switch newer, ok := errors.AsType[*profile.NewerBackup](err); {
	case ok:
		return &Error{Code: CodeError, Text: newer.Error(), Hint: "restore it with that llchat; nothing was changed"}
	case errors.Is(err, profile.ErrBackup):
		return &Error{Code: CodeError, Text: err.Error(), Hint: "nothing was changed"}
	case errors.Is(err, profile.ErrPassphrase):
		return &Error{Code: CodeRefused, Text: "the passphrase is not that of the backup, or the file was changed", Hint: "nothing was changed"}
	}
	return passphraseError(err)
}

// restore writes the identity before the contacts: cut off between, the same
// backup goes in again.
func restore(p *profile.Profile, files map[string][]byte) (Restored, error) {
	id, err := identity.Parse(files["identity"])
	if err != nil {
		return Restored{}, &Error{Code: CodeError, Text: "the identity in the backup cannot be read", Hint: "nothing was changed"}
	}
	defer id.Erase()
	done := Restored{Pin: id.Pin()}
	if done.Fresh, err = mayRestore(p, id.Pin()); err != nil {
		return Restored{}, err
	}
	store, err := trust.Open(p)
	if err != nil {
		return Restored{}, fmt.Errorf("%s: %w", p.Path("trust"), err)
	}
	if data := files["trust"]; data != nil {
		if err := trust.Check(data); err != nil {
			return Restored{}, fmt.Errorf("contacts of the backup: %w", err)
		}
	}
	if done.Fresh {
		if err := p.Create("identity", files["identity"]); err != nil {
			return Restored{}, fmt.Errorf("restore: %w", err)
		}
	}
	if err := p.TakeIn(files); err != nil {
		return Restored{}, err
	}
	if data := files["trust"]; data != nil {
		if done.Merged, err = store.Merge(data); err != nil {
			return Restored{}, fmt.Errorf("restore: %w", err)
		}
	}
	return done, nil
}

// mayRestore reports whether a profile is without an identity. One that has
// another than the backup is refused: its contacts know it by that.
func mayRestore(p *profile.Profile, pin identity.Pin) (fresh bool, err error) {
	const max = 64 << 10 // more than identity.Load reads
	text, err := p.Read("identity", max)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer clear(text)
	id, err := identity.Parse(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", p.Path("identity"), err)
	}
	defer id.Erase()
	if !id.Pin().Equal(pin) {
		return false, &Error{
			Code: CodeRefused, Text: "this profile has another identity than the backup: nothing was changed",
			Hint: "restore into a profile of its own: --profile NAME",
		}
	}
	return false, nil
}
