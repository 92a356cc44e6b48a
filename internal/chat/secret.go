package chat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"llchat/internal/profile"
)

// Secrets is what a holder of a profile can be asked about its keys, besides
// the API: a node that can be locked, and the client of one.
type Secrets interface {
	// SetPassphrase puts the profile under a passphrase; with an old one it
	// changes it, and an empty new one takes it away. The history stays as it
	// is: the key under the passphrase is the same.
	SetPassphrase(ctx context.Context, old, passphrase []byte) error

	// Lock says goodbye, ends all streams and forgets the keys, until Unlock.
	// The other API answers with ErrProfileLocked meanwhile; what others write
	// waits with them.
	Lock(ctx context.Context) error
	Unlock(ctx context.Context, passphrase []byte) error

	// CheckHistory reads all of the history and says in a word how it is:
	// sound, damaged (then it is mended) or locked.
	CheckHistory(ctx context.Context) (string, error)

	// Panic makes keys and history unreadable for good and ends the node
	// (P-21). It asks nothing.
	Panic(ctx context.Context) error
}

// ErrProfileLocked answers whoever wants something of a profile whose
// passphrase was not given.
var ErrProfileLocked = &Error{
	Code: CodeRefused, Text: "llchat is locked: nothing can be read or sent without the passphrase",
	Hint: "llchat unlock asks for the passphrase; for scripts there is --passphrase-file",
}

// Held is a profile that is taken and has no node yet: nobody else opens it
// meanwhile. Options.Held makes a node of it.
type Held struct{ p *profile.Profile }

// Hold takes a profile. Its lock held by others is ErrLocked.
func Hold(nameOrDir string) (*Held, error) {
	p, err := openProfile(nameOrDir)
	if err != nil {
		return nil, err
	}
	if err := p.Lock(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &Held{p}, nil
}

// Protected reports whether it has a passphrase.
func (h *Held) Protected() (bool, error) { return h.p.Protected() }

// Unlock gives the passphrase. Guesses are slow, and slower after wrong ones.
func (h *Held) Unlock(passphrase []byte) error { return passphraseError(h.p.Unlock(passphrase)) }

// Status is what can be told of a profile without its passphrase.
func (h *Held) Status() Status {
	s, _ := h.p.Settings() // what cannot be read is not told
	return lockedStatus(h.p, s)
}

// SetPassphrase is that of Secrets, for a profile without a node.
func (h *Held) SetPassphrase(old, passphrase []byte) error {
	return setPassphrase(h.p, old, passphrase)
}

// Close lets go of the profile.
func (h *Held) Close() error { return h.p.Close() }

// Protected reports whether a profile has a passphrase. It takes no lock.
func Protected(nameOrDir string) (bool, error) {
	p, err := openProfile(nameOrDir)
	if err != nil {
		return false, err
	}
	defer func() { _ = p.Close() }()
	return p.Protected()
}

// Protected reports whether the profile has a passphrase.
func (n *Node) Protected() (bool, error) { return n.prof.Protected() }

// CheckPassphrase reports whether this is the passphrase of the profile; where
// there is none, anything is.
func (n *Node) CheckPassphrase(passphrase []byte) error {
	return passphraseError(n.prof.Unlock(passphrase))
}

// SetPassphrase is that of Secrets.
func (n *Node) SetPassphrase(_ context.Context, old, passphrase []byte) error {
	return setPassphrase(n.prof, old, passphrase)
}

func setPassphrase(p *profile.Profile, old, passphrase []byte) error {
	protected, err := p.Protected()
	switch {
	case err != nil:
		return err
	case len(old) == 0 && protected:
		return passphraseError(profile.ErrProtected)
	case len(old) == 0:
		return passphraseError(p.SetPassphrase(passphrase))
	case len(passphrase) == 0:
		return passphraseError(p.RemovePassphrase(old))
	}
	return passphraseError(p.ChangePassphrase(old, passphrase))
}

// passphraseError says in words why a passphrase was not taken.
func passphraseError(err error) error {
	wait, tooSoon := errors.AsType[*profile.WaitError](err)
	switch {
	case err == nil:
		return nil
	case tooSoon:
		return &Error{Code: CodeRefused, Text: wait.Error(), Hint: "each further guess takes longer, up to a minute"}
	case errors.Is(err, profile.ErrPassphrase):
		return &Error{Code: CodeRefused, Text: profile.ErrPassphrase.Error(), Hint: "is Caps Lock on? After three wrong ones each guess takes longer"}
	case errors.Is(err, profile.ErrUnfit):
		return usage(profile.ErrUnfit.Error(), "")
	case errors.Is(err, profile.ErrProtected):
		return &Error{Code: CodeError, Text: profile.ErrProtected.Error(), Hint: "llchat passphrase change"}
	case errors.Is(err, profile.ErrUnprotected):
		return &Error{Code: CodeError, Text: profile.ErrUnprotected.Error(), Hint: "llchat passphrase set"}
	case errors.Is(err, profile.ErrSealed):
		return ErrProfileLocked
	}
	return err
}

// Destroy makes the profile of a node unreadable for good. From then on it
// writes nothing there; Close ends it.
func (n *Node) Destroy() error {
	_, err := n.prof.Destroy()
	return err
}

// existing is the folder of a profile that is there.
func existing(nameOrDir string) (string, error) {
	dir, err := profile.Dir(nameOrDir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", &Error{Code: CodeNoSuch, Text: fmt.Sprintf("there is no profile %s", dir)}
	}
	return dir, nil
}

// Exists is nil if there is a profile of this name.
func Exists(nameOrDir string) error {
	_, err := existing(nameOrDir)
	return err
}

// Destroy is the same for a profile that needs no node, no lock and no
// passphrase. Files that llchat did not make stay: their names come back.
func Destroy(nameOrDir string) (left []string, err error) {
	dir, err := existing(nameOrDir)
	if err != nil {
		return nil, err
	}
	_ = os.Chmod(dir, 0o700) // one that others can read is to go as well
	p, err := profile.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close() }()
	return p.Destroy()
}
