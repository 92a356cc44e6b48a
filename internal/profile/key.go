package profile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

const (
	keyName    = "key"
	keyVersion = 1
	keyMagic   = "llchat-store-key"
	keyComment = "# The key to the history of this llchat profile. Keep it secret; without it the history is lost.\n"
	maxKeyFile = 4096
)

// StoreKey returns the key of the encrypted store, which it makes on the first
// call. A key file that does not hold a key of a known version is an *Error.
func (p *Profile) StoreKey() ([32]byte, error) {
	text, err := p.Read(keyName, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = p.makeKey()
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("store key: %w", err)
	}
	return p.parseKey(string(text))
}

// makeKey makes a key file, unless another process was faster, and returns
// what is in it.
func (p *Profile) makeKey() ([]byte, error) {
	var key [32]byte
	rand.Read(key[:]) // never fails
	text := fmt.Appendf(nil, "%s%s %d\n%x\n", keyComment, keyMagic, keyVersion, key)
	if err := p.Create(keyName, text); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return p.Read(keyName, maxKeyFile)
}

// parseKey reads a key file. No error shows what is in it.
func (p *Profile) parseKey(text string) (key [32]byte, err error) {
	path := p.Path(keyName)
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return key, damaged(path, "no key in it")
	}
	number, ok := strings.CutPrefix(lines[0], keyMagic+" ")
	version, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || version < 1:
		return key, damaged(path, "not a store key")
	case version > keyVersion:
		return key, newer(path, version)
	case len(lines) != 2 || len(lines[1]) != hex.EncodedLen(len(key)):
		return key, damaged(path, "the key has not 64 hex digits")
	}
	if _, err := hex.Decode(key[:], []byte(lines[1])); err != nil {
		return [32]byte{}, damaged(path, "the key has not 64 hex digits")
	}
	return key, nil
}
