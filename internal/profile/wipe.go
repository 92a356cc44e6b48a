package profile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wipePrefix begins the names of files that are to be overwritten.
const wipePrefix = ".wipe-"

// swap puts data in place of the file called name, like Write, but overwrites
// what was there instead of keeping it.
func (p *Profile) swap(name string, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swapLocked(name, data)
}

func (p *Profile) swapLocked(name string, data []byte) error {
	// A second name for the old file: after a crash the next Lock finds it and
	// overwrites it. Where there are no links the open file has to do.
	second := wipePrefix + randomName()
	if err := p.step("link old"); err != nil {
		return fmt.Errorf("write %s: %w", p.Path(name), err)
	}
	linked := p.root.Link(name, second) == nil
	var old *os.File
	if !linked {
		old, _ = p.root.OpenFile(name, os.O_WRONLY|noWait, 0)
	}
	if err := p.replace(name, data); err != nil {
		if linked {
			_ = p.drop(second)
		}
		if old != nil {
			old.Close()
		}
		return err
	}
	if linked {
		return p.drop(second)
	}
	if old == nil {
		return nil
	}
	return errors.Join(p.overwrite(old), old.Close())
}

func randomName() string {
	var random [16]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// drop overwrites and removes a file. One that has another name in the folder
// only loses this one.
func (p *Profile) drop(name string) error {
	err := p.wipe(name)
	if err == nil {
		err = p.step("unlink")
	}
	if err == nil {
		err = p.root.Remove(name)
	}
	if err == nil {
		err = p.syncFolder()
	}
	if err != nil && !missing(err) {
		return fmt.Errorf("overwrite %s: %w", p.Path(name), err)
	}
	return nil
}

// wipe overwrites a file unless it is in use under another name, which a crash
// between making a link and removing its first name leaves behind.
func (p *Profile) wipe(name string) error {
	info, err := p.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || p.hasOtherName(name, info) {
		return err
	}
	f, err := p.root.OpenFile(name, os.O_WRONLY|noWait, 0)
	if err != nil {
		return err
	}
	return errors.Join(p.overwrite(f), f.Close())
}

func (p *Profile) hasOtherName(name string, info fs.FileInfo) bool {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return true // nothing in use may be overwritten
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		other, err := e.Info()
		return err == nil && e.Name() != name && os.SameFile(other, info)
	})
}

// overwrite fills a file with zeros on the disk. What a file system keeps as
// copies, or a flash disk as worn out blocks, is not within reach.
func (p *Profile) overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := p.step("overwrite"); err != nil {
		return err
	}
	if _, err := f.WriteAt(make([]byte, min(info.Size(), maxPrevious)), 0); err != nil {
		return err
	}
	return f.Sync()
}

// sweep overwrites and removes files of writes that were cut off.
func (p *Profile) sweep() {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return // they do no harm
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) || strings.HasPrefix(e.Name(), wipePrefix) {
			_ = p.drop(e.Name())
		}
	}
}

// Files of a profile, in the order in which Destroy takes them. An ending
// after a dot, or after a dash as SQLite makes them, belongs to the name.
var (
	destroyFirst = []string{keyName, "identity"}
	destroyNext  = []string{"trust", "added", configName, historyName, "log", socketName, lockName}
)

// Destroy makes the profile unreadable for good (R-8, P-21): it overwrites and
// removes the files of the keys and brings that to the disk, then all else
// that llchat keeps there. It needs no lock and no passphrase, and goes on
// when something fails. Files that llchat did not make stay, and so does the
// folder with them; their names come back. A history that is open in this
// process can be read by it until it ends.
func (p *Profile) Destroy() (left []string, err error) {
	p.ForgetKey()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if missing(err) {
		return nil, nil // another process was faster
	}
	if err != nil {
		return nil, fmt.Errorf("destroy profile: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if isKey(e.Name()) {
			if err := p.drop(e.Name()); err != nil {
				errs = append(errs, err, p.root.RemoveAll(e.Name()))
			}
		}
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case isKey(name):
		case belongs(name, destroyNext):
			errs = append(errs, p.root.RemoveAll(name))
		default:
			left = append(left, name)
		}
	}
	errs = append(errs, p.syncFolder())
	if folder, ok := runtimeFolder(p.dir); ok {
		errs = append(errs, os.RemoveAll(folder))
	}
	if len(left) == 0 {
		errs = append(errs, os.Remove(p.dir))
	}
	// Two may do this at once: what is gone is gone.
	errs = slices.DeleteFunc(errs, missing)
	if err := errors.Join(errs...); err != nil {
		return left, fmt.Errorf("destroy profile: %w", err)
	}
	return left, nil
}

func isKey(name string) bool {
	return strings.HasPrefix(name, tempPrefix) || strings.HasPrefix(name, wipePrefix) || belongs(name, destroyFirst)
}

// belongs reports whether name is one of these, with or without an ending.
func belongs(name string, these []string) bool {
	return slices.ContainsFunc(these, func(file string) bool {
		ending, ok := strings.CutPrefix(name, file)
		return ok && (ending == "" || ending[0] == '.' || ending[0] == '-') && filepath.Base(name) == name
	})
}
