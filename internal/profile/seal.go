package profile

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// sealedNames are the files that are sealed when there is a passphrase, each
// with its previous version: the identity because it is a key, the pins
// because they are names of contacts (P-20), and because nobody without the
// passphrase may change them (security.md 6.3).
var sealedNames = []string{"identity", "trust"}

const (
	sealMagic    = "llchat-sealed "
	sealVersion  = 1
	sealHead     = "llchat-sealed 1 xchacha20poly1305\n"
	sealLabel    = "llchat/profile/file/v1"
	sealOverhead = len(sealHead) + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// sealable returns the name that a file is sealed under: its own, also when it
// is the previous version, so that that can be put in its place.
func sealable(name string) (under string, ok bool) {
	under = strings.TrimSuffix(name, previous)
	return under, slices.Contains(sealedNames, under)
}

func isSealed(data []byte) bool { return bytes.HasPrefix(data, []byte(sealMagic)) }

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// anySealed finds a file that is sealed.
func (p *Profile) anySealed() (string, bool) {
	for _, name := range sealedNames {
		if data, err := p.readRaw(name, maxPrevious); err == nil && isSealed(data) {
			return name, true
		}
	}
	return "", false
}

func sealer(key [keySize]byte) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key[:], nil, sealLabel, keySize)
	if err != nil {
		return nil, err
	}
	defer clear(own)
	return chacha20poly1305.NewX(own)
}

func seal(key [keySize]byte, under string, data []byte) ([]byte, error) {
	box, err := sealer(key)
	if err != nil {
		return nil, err
	}
	var nonce [chacha20poly1305.NonceSizeX]byte
	rand.Read(nonce[:]) // never fails
	out := append(make([]byte, 0, len(data)+sealOverhead), sealHead...)
	out = append(out, nonce[:]...)
	return box.Seal(out, nonce[:], data, []byte(sealHead+under)), nil
}

// unseal opens what seal has made, and refuses everything else (P-26).
func unseal(key [keySize]byte, path, under string, data []byte) ([]byte, error) {
	head, _, _ := bytes.Cut(data, []byte("\n"))
	var version int
	if _, err := fmt.Sscanf(string(head), sealMagic+"%d", &version); err == nil && version > sealVersion {
		return nil, newer(path, version)
	}
	if len(data) < sealOverhead || !bytes.HasPrefix(data, []byte(sealHead)) {
		return nil, damaged(path, "its seal is not whole")
	}
	box, err := sealer(key)
	if err != nil {
		return nil, err
	}
	nonce, text := data[len(sealHead):sealOverhead-chacha20poly1305.Overhead], data[sealOverhead-chacha20poly1305.Overhead:]
	plain, err := box.Open(nil, nonce, text, []byte(sealHead+under))
	if err != nil {
		return nil, damaged(path, "it was changed, or sealed with another key")
	}
	return plain, nil
}

// plain gives the contents of a file of the profile, unsealed if it is one of
// those. While there is a passphrase, one of those that lies there in the
// clear was put there by somebody who does not know it.
func (p *Profile) plain(name string, data []byte) ([]byte, error) {
	under, ok := sealable(name)
	if !ok {
		return data, nil
	}
	key, protected, err := p.sealingKey()
	switch {
	case err != nil:
		return nil, err
	case isSealed(data):
		return unseal(key, p.Path(name), under, data)
	case protected && p.allSealed():
		return nil, &Error{
			Path: p.Path(name), Problem: "is not sealed, though there is a passphrase: llchat did not write it",
			Hint: hintDamaged(name),
		}
	}
	return data, nil
}

// closed gives what is to be written for the contents of a file.
func (p *Profile) closed(name string, data []byte) ([]byte, error) {
	under, ok := sealable(name)
	if !ok {
		return data, nil
	}
	key, protected, err := p.sealingKey()
	if err != nil || !protected {
		return data, err
	}
	return seal(key, under, data)
}

// sealingKey returns the key that files are sealed with. Without a passphrase
// it still opens what was sealed once.
func (p *Profile) sealingKey() (key [keySize]byte, protected bool, err error) {
	k, err := p.readKey()
	switch {
	case missing(err):
		return key, false, nil
	case err != nil || !k.wrapped:
		return k.open, false, err
	}
	key, err = p.unlocked()
	return key, true, err
}

func (p *Profile) allSealed() bool {
	p.keys.Lock()
	defer p.keys.Unlock()
	return p.files == filesSealed
}

// moveAll seals every file that has to be, or unseals them all.
func (p *Profile) moveAll(in bool) error {
	key, err := p.unlocked()
	if err != nil {
		return err
	}
	for _, under := range sealedNames {
		for _, name := range []string{under, under + previous} {
			if err := p.move(key, name, under, in); err != nil && !missing(err) {
				return err
			}
		}
	}
	return nil
}

func (p *Profile) move(key [keySize]byte, name, under string, in bool) error {
	// Nobody may write the file between.
	p.mu.Lock()
	defer p.mu.Unlock()
	data, err := p.readRaw(name, maxPrevious)
	if err != nil || isSealed(data) == in {
		return err
	}
	if in {
		data, err = seal(key, under, data)
	} else {
		data, err = unseal(key, p.Path(name), under, data)
	}
	if err != nil {
		return err
	}
	return p.swapLocked(name, data)
}
