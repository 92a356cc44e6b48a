package profile

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	keyName       = "key"
	keyOpen       = 1 // version of a file with the key itself
	keyWrapped    = 2 // version of a file with the key under a passphrase
	keyMagic      = "llchat-store-key"
	keyComment    = "# The key to the history of this llchat profile. Keep it secret; without it the history is lost.\n"
	wrapComment   = "# The key to this llchat profile, under a passphrase. Without both of them all of it is lost.\n"
	maxKeyFile    = 4096
	wrapLabel     = "llchat/profile/wrap/v1"
	maxKDFMemory  = 256 << 10 // KiB, security.md 4.1
	maxKDFTime    = 10        // security.md 4.1
	kdfThreads    = 1         // security.md 4.1
	saltSize      = 16        // security.md 4.1
	filesSealed   = "sealed"  // every file that has to be is sealed
	filesMoving   = "moving"  // some are, some are not: it was cut off
	keySize       = 32
	sumSize       = 8 // tells a damaged file from a wrong passphrase
	wrappedLines  = 5
	openLines     = 2
	kdfForm       = "argon2id t=%d m=%d p=1 salt=%x"
	wrapAlgorithm = "xchacha20poly1305"
	historyName   = "history.db"
	hintKey       = "put a copy of the key in its place; or take your backup into a profile of its own: llchat restore FILE --profile NAME"
)

// cost is what one guess at a passphrase takes.
type cost struct {
	time, memory uint32 // rounds, KiB
}

// Costs of security.md 4.1.
var (
	standardCost = cost{3, 64 << 10}
	smallCost    = cost{4, 32 << 10}
)

// smallMemory is where 64 MiB for a moment hurt.
const smallMemory = 512 << 20

// cost is that of new passphrases on this machine.
func (p *Profile) cost() cost {
	if p.testCost != nil {
		return *p.testCost
	}
	if n := systemMemory(); n > 0 && n < smallMemory {
		return smallCost
	}
	return standardCost
}

// keyFile is what a key file says.
type keyFile struct {
	open [keySize]byte // the key, version 1 only

	wrapped bool // version 2; all below belongs to it
	cost    cost
	salt    [saltSize]byte
	files   string // filesSealed or filesMoving
	nonce   [chacha20poly1305.NonceSizeX]byte
	box     []byte
}

// StoreKey returns the key of the encrypted store, which it makes on the first
// call. With a passphrase, Unlock has to come first: the error wraps ErrSealed
// otherwise. A key file that does not hold a key of a known version is an
// *Error.
func (p *Profile) StoreKey() ([32]byte, error) {
	key, err := p.storeKey()
	if err != nil {
		return [32]byte{}, fmt.Errorf("store key: %w", err)
	}
	return key, nil
}

func (p *Profile) storeKey() ([keySize]byte, error) {
	k, err := p.readKey()
	if errors.Is(err, fs.ErrNotExist) {
		k, err = p.makeKey()
	}
	if err != nil || !k.wrapped {
		return k.open, err
	}
	return p.unlocked()
}

func (p *Profile) readKey() (keyFile, error) {
	text, err := p.readRaw(keyName, maxKeyFile)
	if err != nil {
		return keyFile{}, err
	}
	return p.parseKey(string(text))
}

// makeKey makes a key file, unless another process was faster, and returns
// what is in it. Where something is sealed, or a history lies, there was a key
// once, and another one would not bring it back.
func (p *Profile) makeKey() (keyFile, error) {
	if name, sealed := p.anySealed(); sealed {
		return keyFile{}, &Error{
			Path: p.Path(keyName), Problem: "is missing, and " + name + " is sealed with it",
			Hint: hintKey,
		}
	}
	if _, err := p.root.Lstat(historyName); !missing(err) {
		return keyFile{}, &Error{
			Path: p.Path(keyName), Problem: "is missing, and " + historyName + " can be read with nothing else",
			Hint: "put a copy of the key in its place; only if you have none, move the files " + historyName + "* away to begin with an empty history",
		}
	}
	var k keyFile
	rand.Read(k.open[:]) // never fails
	if err := p.Create(keyName, k.text()); err != nil && !errors.Is(err, fs.ErrExist) {
		return keyFile{}, err
	}
	return p.readKey()
}

// text is the file.
func (k *keyFile) text() []byte {
	if !k.wrapped {
		return fmt.Appendf(nil, "%s%s %d\n%x\n", keyComment, keyMagic, keyOpen, k.open)
	}
	text := fmt.Appendf([]byte(k.head()), "%s %x %x\n", wrapAlgorithm, k.nonce, k.box)
	sum := sha256.Sum256(text)
	return fmt.Appendf([]byte(wrapComment), "%ssum %x\n", text, sum[:sumSize])
}

// head is all that comes before the wrapped key, which is bound to it.
func (k *keyFile) head() string {
	return fmt.Sprintf("%s %d\n"+kdfForm+"\nfiles %s\n", keyMagic, keyWrapped, k.cost.time, k.cost.memory, k.salt, k.files)
}

// wrappingKey makes a key of a passphrase. It takes half a second.
func (k *keyFile) wrappingKey(passphrase []byte) ([]byte, error) {
	kek := argon2.IDKey(passphrase, k.salt[:], k.cost.time, k.cost.memory, kdfThreads, keySize)
	defer clear(kek)
	return hkdf.Key(sha256.New, kek, nil, wrapLabel, keySize)
}

// wrap puts the key into the file under the wrapping key.
func (k *keyFile) wrap(key [keySize]byte, wrapping []byte) error {
	box, err := chacha20poly1305.NewX(wrapping)
	if err != nil {
		return err
	}
	rand.Read(k.nonce[:]) // never fails
	k.box = box.Seal(nil, k.nonce[:], key[:], []byte(k.head()))
	return nil
}

// unwrap is the inverse of wrap; ok is false with the wrong wrapping key.
func (k *keyFile) unwrap(wrapping []byte) (key [keySize]byte, ok bool) {
	box, err := chacha20poly1305.NewX(wrapping)
	if err != nil {
		return key, false
	}
	plain, err := box.Open(nil, k.nonce[:], k.box, []byte(k.head()))
	if err != nil || len(plain) != keySize {
		return key, false
	}
	copy(key[:], plain)
	clear(plain)
	return key, true
}

// parseKey reads a key file. No error shows what is in it.
func (p *Profile) parseKey(text string) (keyFile, error) {
	path := p.Path(keyName)
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return keyFile{}, damaged(path, "no key in it")
	}
	number, ok := strings.CutPrefix(lines[0], keyMagic+" ")
	version, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || version < keyOpen:
		return keyFile{}, damaged(path, "not a store key")
	case version > keyWrapped:
		return keyFile{}, newer(path, version)
	case version == keyOpen:
		return parseOpen(path, lines)
	}
	return parseWrapped(path, lines)
}

func parseOpen(path string, lines []string) (k keyFile, err error) {
	if len(lines) != openLines || !unhex(k.open[:], lines[1]) {
		return keyFile{}, damaged(path, "the key has not 64 hex digits")
	}
	return k, nil
}

func parseWrapped(path string, lines []string) (keyFile, error) {
	k := keyFile{wrapped: true}
	bad := func(what string) (keyFile, error) { return keyFile{}, damaged(path, what) }
	if len(lines) != wrappedLines {
		return bad("it is not whole")
	}
	sum := sha256.Sum256([]byte(strings.Join(lines[:wrappedLines-1], "\n") + "\n"))
	if lines[wrappedLines-1] != "sum "+hex.EncodeToString(sum[:sumSize]) {
		return bad("its check sum is wrong")
	}
	var salt []byte
	if _, err := fmt.Sscanf(lines[1], kdfForm, &k.cost.time, &k.cost.memory, &salt); err != nil || len(salt) != saltSize {
		return bad("its second line is not known")
	}
	copy(k.salt[:], salt)
	if k.cost.time < 1 || k.cost.time > maxKDFTime || k.cost.memory < 8 || k.cost.memory > maxKDFMemory {
		return bad("opening it would cost more than it may")
	}
	k.files = strings.TrimPrefix(lines[2], "files ")
	if k.files != filesSealed && k.files != filesMoving {
		return bad("its third line is not known")
	}
	k.box = make([]byte, keySize+chacha20poly1305.Overhead)
	words := strings.Split(lines[3], " ")
	if len(words) != 3 || words[0] != wrapAlgorithm || !unhex(k.nonce[:], words[1]) || !unhex(k.box, words[2]) {
		return bad("its fourth line is not known")
	}
	return k, nil
}

// unhex fills all of dst, or reports false.
func unhex(dst []byte, digits string) bool {
	if len(digits) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, []byte(digits))
	return err == nil
}
