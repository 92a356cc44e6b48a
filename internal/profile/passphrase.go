package profile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Answers about passphrases. Nothing was changed.
var (
	ErrSealed      = errors.New("locked by a passphrase")
	ErrPassphrase  = errors.New("the passphrase is wrong")
	ErrUnfit       = errors.New("a passphrase has 1 to 1024 octets")
	ErrProtected   = errors.New("there is a passphrase already")
	ErrUnprotected = errors.New("there is no passphrase")
	errNotHeld     = errors.New("the profile is not locked by this node")
)

// WaitError answers a guess that came too soon after wrong ones. It was not
// looked at.
type WaitError struct{ For time.Duration }

func (e *WaitError) Error() string {
	return fmt.Sprintf("too many wrong passphrases: wait %v", e.For.Round(time.Second))
}

const (
	maxPassphrase = 1024
	freeGuesses   = 3 // wrong ones in a row before the waiting starts
	firstWait     = time.Second
	longestWait   = time.Minute
)

// Protected reports whether the profile has a passphrase.
func (p *Profile) Protected() (bool, error) {
	k, err := p.readKey()
	if missing(err) {
		return false, nil
	}
	return k.wrapped, err
}

// Unlock gives the passphrase, after which StoreKey and the files that are
// sealed can be read. ErrPassphrase is a wrong one. Guesses take their turn;
// after three wrong ones each has to wait, twice as long as the one before, up
// to a minute: a *WaitError. Without a passphrase it does nothing.
//
// With the lock of the profile it also ends what a crash has cut off: a
// SetPassphrase that did not seal all, or a RemovePassphrase. Should that
// fail, the next Unlock does it.
func (p *Profile) Unlock(passphrase []byte) error {
	p.passphrases.Lock()
	defer p.passphrases.Unlock()
	k, err := p.readKey()
	if missing(err) || err == nil && !k.wrapped {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	key, wrapping, err := p.guess(&k, passphrase)
	if err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	defer clear(wrapping)
	p.keep(key, k.files)
	if k.files == filesMoving && p.held() {
		_ = p.finish(&k, key, wrapping)
	}
	return nil
}

// ForgetKey drops the key that Unlock has found. Our own copy, which the
// system was asked to keep out of swap and core files, is overwritten; so are
// the passphrase and what was made of it, right after Unlock. Not in our hands
// are copies that the caller made, those of an open history until it is
// closed, and what the garbage collector has not yet used again.
func (p *Profile) ForgetKey() {
	p.keys.Lock()
	defer p.keys.Unlock()
	p.secret.wipe()
	p.secret, p.files = nil, ""
}

// SetPassphrase puts the key of a profile that has none yet under a
// passphrase, seals the identity and the pins with it, and overwrites what
// they replace. The lock of the profile is needed. After a crash at any moment
// the profile opens without a passphrase, as before, or with this one. When an
// error comes with the passphrase set already, Protected says so.
func (p *Profile) SetPassphrase(passphrase []byte) error {
	return p.change("set passphrase", func() error {
		key, err := p.storeKey()
		if err != nil {
			return err
		}
		k, err := p.readKey()
		if err != nil {
			return err
		}
		if k.wrapped {
			return ErrProtected
		}
		next, wrapping, err := p.newKeyFile(passphrase, filesMoving)
		if err != nil {
			return err
		}
		defer clear(wrapping)
		if err := p.putKey(next, key, wrapping); err != nil {
			return err
		}
		p.keep(key, filesMoving)
		return p.finish(next, key, wrapping)
	})
}

// ChangePassphrase puts the key under another passphrase; the key and all that
// is encrypted with it stay as they are. The lock of the profile is needed.
// After a crash exactly one of the two opens it.
func (p *Profile) ChangePassphrase(old, passphrase []byte) error {
	return p.change("change passphrase", func() error {
		k, key, _, err := p.opened(old)
		if err != nil {
			return err
		}
		next, wrapping, err := p.newKeyFile(passphrase, k.files)
		if err != nil {
			return err
		}
		defer clear(wrapping)
		return p.putKey(next, key, wrapping)
	})
}

// RemovePassphrase makes the profile open without one again. The lock of the
// profile is needed. After a crash it opens with the passphrase, and is as it
// was, or without.
func (p *Profile) RemovePassphrase(passphrase []byte) error {
	return p.change("remove passphrase", func() error {
		k, key, wrapping, err := p.opened(passphrase)
		if err != nil {
			return err
		}
		defer clear(wrapping)
		k.files = filesMoving
		if err := p.putKey(&k, key, wrapping); err != nil {
			return err
		}
		p.keep(key, filesMoving)
		if err := p.moveAll(false); err != nil {
			return err
		}
		if err := p.swap(keyName, (&keyFile{open: key}).text()); err != nil {
			return err
		}
		p.ForgetKey()
		return nil
	})
}

// change runs what rewrites the key file, one at a time.
func (p *Profile) change(op string, do func() error) error {
	p.passphrases.Lock()
	defer p.passphrases.Unlock()
	err := errNotHeld
	if p.held() {
		err = do()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// opened is the key file, opened with a passphrase.
func (p *Profile) opened(passphrase []byte) (k keyFile, key [keySize]byte, wrapping []byte, err error) {
	k, err = p.readKey()
	if missing(err) || err == nil && !k.wrapped {
		err = ErrUnprotected
	}
	if err == nil {
		key, wrapping, err = p.guess(&k, passphrase)
	}
	return k, key, wrapping, err
}

// guess opens a key file with what may be the passphrase.
func (p *Profile) guess(k *keyFile, passphrase []byte) (key [keySize]byte, wrapping []byte, err error) {
	if wait := time.Until(p.notBefore); wait > 0 {
		return key, nil, &WaitError{wait}
	}
	text, err := fit(passphrase)
	if err != nil {
		return key, nil, err
	}
	defer clear(text)
	if wrapping, err = k.wrappingKey(text); err != nil {
		return key, nil, err
	}
	key, ok := k.unwrap(wrapping)
	if ok {
		p.wrong, p.notBefore = 0, time.Time{}
		return key, wrapping, nil
	}
	if p.wrong++; p.wrong >= freeGuesses {
		wait := firstWait << min(p.wrong-freeGuesses, 10)
		p.notBefore = time.Now().Add(min(wait, longestWait))
	}
	return key, nil, ErrPassphrase
}

// fit bounds a passphrase and gives it one form, whichever way a keyboard
// composes letters (RFC 8265 4.2.2).
func fit(passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 || len(passphrase) > maxPassphrase {
		return nil, ErrUnfit
	}
	text := norm.NFC.Bytes(passphrase)
	if len(text) > 0 && &text[0] == &passphrase[0] {
		text = bytes.Clone(text) // it is overwritten after use, and that is the caller's
	}
	return text, nil
}

// newKeyFile makes a key file for a passphrase, with nothing in it yet.
func (p *Profile) newKeyFile(passphrase []byte, files string) (*keyFile, []byte, error) {
	text, err := fit(passphrase)
	if err != nil {
		return nil, nil, err
	}
	defer clear(text)
	k := &keyFile{wrapped: true, cost: p.cost(), files: files}
	rand.Read(k.salt[:]) // never fails
	wrapping, err := k.wrappingKey(text)
	return k, wrapping, err
}

// putKey puts the key file in place of the one before, which it overwrites.
func (p *Profile) putKey(k *keyFile, key [keySize]byte, wrapping []byte) error {
	if err := k.wrap(key, wrapping); err != nil {
		return err
	}
	return p.swap(keyName, k.text())
}

// finish seals what is not sealed yet and says so in the key file.
func (p *Profile) finish(k *keyFile, key [keySize]byte, wrapping []byte) error {
	if err := p.moveAll(true); err != nil {
		return err
	}
	k.files = filesSealed
	if err := p.putKey(k, key, wrapping); err != nil {
		return err
	}
	p.keep(key, filesSealed)
	return nil
}

// keep remembers the key and how far sealing has come.
func (p *Profile) keep(key [keySize]byte, files string) {
	p.keys.Lock()
	defer p.keys.Unlock()
	if p.secret == nil {
		p.secret = newSecret()
	}
	copy(p.secret.octets(), key[:])
	p.files = files
}

// unlocked returns the key that Unlock has found.
func (p *Profile) unlocked() (key [keySize]byte, err error) {
	p.keys.Lock()
	defer p.keys.Unlock()
	if p.secret == nil {
		return key, ErrSealed
	}
	copy(key[:], p.secret.octets())
	return key, nil
}

func (p *Profile) held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lock != nil
}
