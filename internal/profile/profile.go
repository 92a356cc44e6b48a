package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lockName is the file whose lock says that a node holds the profile.
const lockName = "lock"

// Profile is an open profile folder.
type Profile struct {
	dir       string
	root      *os.Root
	temporary bool

	// before is called before each step of a write; an error stops it there.
	// Only tests set it.
	before func(step string) error
	// testCost is that of the passphrases of tests.
	testCost *cost

	mu      sync.Mutex // guards the following, and makes writes take turns
	lock    *os.File   // nil while we do not hold the lock
	runtime string     // folder of the socket to remove with a temporary profile
	ended   bool
	gone    bool // Destroy was here: nothing is written any more

	passphrases sync.Mutex // one thing about passphrases at a time; guards the following
	wrong       int        // guesses in a row
	notBefore   time.Time  // of the next guess

	keys   sync.Mutex // guards the following; nothing is locked under it
	secret *secret    // the key, once the passphrase was given
	files  string     // how far sealing has come, as the key file says
}

// Open opens the profile in dir, which it makes (0700) if it is not there. It
// sets the umask of the process to 077. A folder that belongs to another
// user or is open to others is an *Error. Open does not lock.
func Open(dir string) (*Profile, error) {
	setUmask()
	harden()
	dir, err := canonical(dir)
	if err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if info, e := os.Stat(dir); e == nil && !info.IsDir() {
			return nil, &Error{Path: dir, Problem: "is not a folder", Hint: "choose another profile with --profile NAME"}
		}
		return nil, fmt.Errorf("make profile: %w", err)
	}
	info, err := os.Stat(dir)
	if err == nil {
		// Before the folder is opened, because that may fail for a foreign one
		// and the reason is clearer this way.
		err = checkAccess(dir, info, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	// Again, for the folder that we hold now.
	if info, err = root.Stat("."); err == nil {
		err = checkAccess(dir, info, 0o700)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open profile: %w", err), root.Close())
	}
	return &Profile{dir: dir, root: root}, nil
}

// Temporary makes a profile in a new folder that Close removes.
func Temporary() (*Profile, error) {
	dir, err := os.MkdirTemp("", "llchat-") // 0700
	if err != nil {
		return nil, fmt.Errorf("make profile: %w", err)
	}
	p, err := Open(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.temporary = true
	return p, nil
}

// Dir returns the folder, absolute and without links.
func (p *Profile) Dir() string { return p.dir }

// Path returns the path of the file called name in the profile.
func (p *Profile) Path(name string) string { return filepath.Join(p.dir, name) }

// Close releases the lock, and removes a temporary profile. It may be called
// more than once.
func (p *Profile) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	p.ended = true
	p.ForgetKey()
	var errs []error
	if p.lock != nil {
		errs = append(errs, p.lock.Close())
		p.lock = nil
	}
	errs = append(errs, p.root.Close())
	if p.temporary {
		errs = append(errs, os.RemoveAll(p.dir))
		if p.runtime != "" {
			errs = append(errs, os.RemoveAll(p.runtime))
		}
	}
	return errors.Join(errs...)
}

// Lock makes this the one node of the profile until Close. The error is
// ErrLocked when another process, or another Profile of this one, holds it. It
// also sweeps up what writes that were cut off have left behind.
func (p *Profile) Lock() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lock != nil {
		return nil
	}
	f, err := p.openLock()
	if err != nil {
		return fmt.Errorf("lock profile %s: %w", p.dir, err)
	}
	p.lock = f
	p.sweep()
	return nil
}

// openLock opens and locks the lock file and writes our process id into it.
func (p *Profile) openLock() (*os.File, error) {
	for {
		f, err := p.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|noWait, 0o600)
		if err != nil {
			return nil, err
		}
		current, err := p.lockFile(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if current {
			return f, nil
		}
		f.Close() // somebody removed the file that we locked: take the new one
	}
}

// lockFile locks f. It reports false when f is no longer the lock file.
func (p *Profile) lockFile(f *os.File) (current bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if err := p.checkFile(lockName, info); err != nil {
		return false, err
	}
	if err := tryLock(f); err != nil {
		return false, err
	}
	now, err := p.root.Lstat(lockName)
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.Mode().IsRegular() && !os.SameFile(now, info) {
		return false, nil
	}
	if err == nil {
		err = p.checkFile(lockName, now) // a link, for one
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	return true, err
}
