package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// previous ends the name of the version of a file before this one.
const previous = ".1"

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

// maxPrevious bounds what Write reads to keep as the previous version. No file
// that goes through Write comes near it.
const maxPrevious = 64 << 20

// Read returns the contents of the file called name, at most max octets. The
// file must be a regular one of ours with mode 0600; anything else is an
// *Error. The error wraps fs.ErrNotExist when there is no such file, and
// ErrSealed when it is sealed and the passphrase was not given yet.
func (p *Profile) Read(name string, max int) ([]byte, error) {
	limit := max
	if _, ok := sealable(name); ok {
		limit += sealOverhead
	}
	data, err := p.readRaw(name, limit)
	if err != nil {
		return nil, err
	}
	if data, err = p.plain(name, data); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Path(name), err)
	}
	if len(data) > max {
		return nil, tooLong(p.Path(name), max)
	}
	return data, nil
}

func tooLong(path string, max int) error {
	return damaged(path, fmt.Sprintf("more than %d octets", max))
}

// readRaw reads a file as it is on the disk.
func (p *Profile) readRaw(name string, max int) ([]byte, error) {
	if !plainName(name) {
		return nil, fmt.Errorf("read %q: not a file name", name)
	}
	// Lstat and the comparison below refuse links on every system.
	link, err := p.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Path(name), err)
	}
	if err := p.checkFile(name, link); err != nil {
		return nil, err
	}
	f, err := p.root.OpenFile(name, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Path(name), err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Path(name), err)
	}
	if !os.SameFile(info, link) {
		return nil, &Error{Path: p.Path(name), Problem: "was exchanged while it was opened"}
	}
	if err := p.checkFile(name, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Path(name), err)
	}
	if len(data) > max {
		return nil, tooLong(p.Path(name), max)
	}
	return data, nil
}

// checkFile refuses what is no private regular file.
func (p *Profile) checkFile(name string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &Error{Path: p.Path(name), Problem: "is not a regular file", Hint: "move it away"}
	}
	return checkAccess(p.Path(name), info, 0o600)
}

// Write puts data in place of the file called name, whole or not at all, and
// keeps what was there as name.1. When it returns, both are on disk. A file
// that Read would refuse is not replaced.
func (p *Profile) Write(name string, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, err := p.Read(name, maxPrevious)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case bytes.Equal(old, data):
		return p.syncFolder() // in case it was this that failed before
	default:
		// As a copy: the file itself must not be gone for a moment.
		if err := p.replaceClosed(name+previous, old); err != nil {
			return err
		}
	}
	return p.replaceClosed(name, data)
}

func (p *Profile) replaceClosed(name string, data []byte) error {
	data, err := p.closed(name, data)
	if err != nil {
		return fmt.Errorf("write %s: %w", p.Path(name), err)
	}
	return p.replace(name, data)
}

// replace writes a temporary file and renames it to name.
func (p *Profile) replace(name string, data []byte) error {
	temp, err := p.writeTemp(data)
	if err == nil {
		if err = p.step("rename"); err == nil {
			err = p.root.Rename(temp, name)
		}
		if err != nil {
			p.discard(temp)
		}
	}
	if err == nil {
		err = p.syncFolder()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", p.Path(name), err)
	}
	return nil
}

// Create makes the file called name with these contents; the error wraps
// fs.ErrExist when there is one, and the file is never there in part.
func (p *Profile) Create(name string, data []byte) error {
	if !plainName(name) {
		return fmt.Errorf("create %q: not a file name", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	data, err := p.closed(name, data)
	if err != nil {
		return fmt.Errorf("create %s: %w", p.Path(name), err)
	}
	temp, err := p.writeTemp(data)
	if err == nil {
		// A link fails if there is a file, as O_EXCL does, but the contents
		// are complete before the name exists.
		if err = p.step("link"); err == nil {
			err = p.root.Link(temp, name)
		}
		_ = p.root.Remove(temp)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			err = p.writeNew(name, data) // a file system without hard links
		}
	}
	if err == nil {
		err = p.syncFolder()
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", p.Path(name), err)
	}
	return nil
}

// writeTemp writes data to a new temporary file and to the disk.
func (p *Profile) writeTemp(data []byte) (name string, err error) {
	name = tempPrefix + randomName()
	return name, p.writeNew(name, data)
}

// writeNew makes a file that must not exist, 0600, and brings it to the disk.
// It leaves nothing behind when it fails.
func (p *Profile) writeNew(name string, data []byte) error {
	if p.gone {
		return errDestroyed // a node that runs on must not leave pins in clear
	}
	if err := p.step("open"); err != nil {
		return err
	}
	f, err := p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = p.step("write"); err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = p.step("sync")
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		p.discard(name)
	}
	return err
}

// discard removes a file that was not to be. It may hold a key.
func (p *Profile) discard(name string) {
	_ = p.wipe(name)
	_ = p.root.Remove(name)
}

// syncFolder brings names to the disk.
func (p *Profile) syncFolder() error {
	if err := p.step("sync folder"); err != nil {
		return err
	}
	f, err := p.root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

// step asks the test, if there is one, whether to go on.
func (p *Profile) step(name string) error {
	if p.before == nil {
		return nil
	}
	return p.before(name)
}
