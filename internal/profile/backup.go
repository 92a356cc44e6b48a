package profile

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// A backup is one sealed file: three lines, then the box, which is bound
// to them.
//
//	llchat-backup 1
//	argon2id t=3 m=65536 p=1 salt=<16 octets, hex>
//	xchacha20poly1305 <nonce, hex>
//
// In the box is JSON: a version, and the files of the profile by name.
const (
	backupMagic    = "llchat-backup "
	backupVersion  = 1
	backupLabel    = "llchat/profile/backup/v1"
	backupLines    = 3
	maxBackupLine  = 160
	contentVersion = 1

	// MaxBackup bounds a backup: a full pin store is 8 MiB, in base64 11.
	MaxBackup = 24 << 20
)

// BackupFiles are what a backup holds of a profile: who we are, whom we know,
// the settings, and the addresses given by hand.
var BackupFiles = []string{"identity", "trust", configName, addedName}

// ErrBackup: a file that is no backup, or was changed.
var ErrBackup = errors.New("this is no whole backup of llchat")

// NewerBackup answers a backup that a later llchat made.
type NewerBackup struct{ Version int }

func (e *NewerBackup) Error() string {
	return fmt.Sprintf("the backup was made by a newer llchat (version %d)", e.Version)
}

// backup is a sealed file taken apart.
type backup struct {
	cost  cost
	salt  [saltSize]byte
	nonce [chacha20poly1305.NonceSizeX]byte
	box   []byte
}

// backupContent is what is in the box.
type backupContent struct {
	Version int               `json:"version"`
	Files   map[string][]byte `json:"files"`
}

// Backup seals what a backup holds of the profile with a passphrase of its own.
// The files are read as they are at this moment; no lock is needed. The
// passphrase of the profile, if it has one, has to be given first (Unlock).
func (p *Profile) Backup(passphrase []byte) ([]byte, error) {
	c := backupContent{contentVersion, map[string][]byte{}}
	for _, name := range BackupFiles {
		data, err := p.Read(name, maxPrevious)
		switch {
		case missing(err):
		case err != nil:
			return nil, fmt.Errorf("backup: %w", err)
		default:
			c.Files[name] = data
		}
	}
	if c.Files["identity"] == nil {
		return nil, fmt.Errorf("backup: %s: %w", p.Path("identity"), fs.ErrNotExist)
	}
	plain, err := json.Marshal(c)
	for _, data := range c.Files {
		clear(data)
	}
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer clear(plain)
	return sealBackup(passphrase, plain, p.cost())
}

func sealBackup(passphrase, plain []byte, c cost) ([]byte, error) {
	b := backup{cost: c}
	rand.Read(b.salt[:])  // never fails
	rand.Read(b.nonce[:]) // never fails
	key, err := b.key(passphrase)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	defer clear(key)
	box, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	head := []byte(b.head())
	out := box.Seal(head, b.nonce[:], plain, []byte(b.head()))
	if len(out) > MaxBackup {
		return nil, errors.New("backup: the profile is too large for one")
	}
	return out, nil
}

// head are the lines before the box.
func (b *backup) head() string {
	return fmt.Sprintf("%s%d\n"+kdfForm+"\n%s %x\n", backupMagic, backupVersion, b.cost.time, b.cost.memory, b.salt, wrapAlgorithm, b.nonce)
}

// key makes the key of a passphrase. It takes half a second.
func (b *backup) key(passphrase []byte) ([]byte, error) {
	text, err := fit(passphrase)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	kek := argon2.IDKey(text, b.salt[:], b.cost.time, b.cost.memory, kdfThreads, keySize)
	defer clear(kek)
	return hkdf.Key(sha256.New, kek, nil, backupLabel, keySize)
}

// OpenBackup gives the files in a backup. A wrong passphrase and a file that was
// changed cannot be told apart: ErrPassphrase. What is none at all is ErrBackup,
// one of a later version a *NewerBackup.
func OpenBackup(sealed, passphrase []byte) (map[string][]byte, error) {
	b, err := parseBackup(sealed)
	if err != nil {
		return nil, err
	}
	key, err := b.key(passphrase)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	box, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	plain, err := box.Open(nil, b.nonce[:], b.box, []byte(b.head()))
	if err != nil {
		return nil, ErrPassphrase
	}
	defer clear(plain)
	return parseContent(plain)
}

// parseBackup takes a backup apart. Nothing in it is believed yet but what
// opening it costs, which is bounded (security.md 4.1).
func parseBackup(sealed []byte) (*backup, error) {
	if len(sealed) > MaxBackup {
		return nil, ErrBackup
	}
	var lines [backupLines]string
	rest := sealed
	for i := range lines {
		line, _, ok := bytes.Cut(rest[:min(len(rest), maxBackupLine)], []byte("\n"))
		if !ok {
			return nil, ErrBackup
		}
		lines[i], rest = string(line), rest[len(line)+1:]
		if i == 0 {
			if err := checkBackupVersion(lines[0]); err != nil {
				return nil, err
			}
		}
	}
	b := &backup{box: rest}
	var salt []byte
	if _, err := fmt.Sscanf(lines[1], kdfForm, &b.cost.time, &b.cost.memory, &salt); err != nil || len(salt) != saltSize {
		return nil, ErrBackup
	}
	copy(b.salt[:], salt)
	digits, ok := strings.CutPrefix(lines[2], wrapAlgorithm+" ")
	if !ok || len(digits) != hex.EncodedLen(len(b.nonce)) || !unhex(b.nonce[:], digits) {
		return nil, ErrBackup
	}
	if b.cost.time < 1 || b.cost.time > maxKDFTime || b.cost.memory < 8 || b.cost.memory > maxKDFMemory || len(b.box) < chacha20poly1305.Overhead {
		return nil, ErrBackup
	}
	if !bytes.HasPrefix(sealed, []byte(b.head())) { // one way to write it
		return nil, ErrBackup
	}
	return b, nil
}

func checkBackupVersion(line string) error {
	number, ok := strings.CutPrefix(line, backupMagic)
	version, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || version < 1:
		return ErrBackup
	case version > backupVersion:
		return &NewerBackup{version}
	}
	return nil
}

// parseContent reads what is in the box: files that a backup holds, and an
// identity among them.
func parseContent(plain []byte) (map[string][]byte, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(plain, &version); err != nil || version.Version < 1 {
		return nil, ErrBackup
	}
	if version.Version > contentVersion {
		return nil, &NewerBackup{version.Version}
	}
	var c backupContent
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || c.Files["identity"] == nil {
		return nil, ErrBackup
	}
	for name := range c.Files {
		if !slices.Contains(BackupFiles, name) {
			return nil, ErrBackup
		}
	}
	return c.Files, nil
}

// TakeIn writes the settings and the addresses of a backup where the profile has
// none of its own; what is there stays. Both are looked at before either is
// written.
func (p *Profile) TakeIn(files map[string][]byte) error {
	if data := files[configName]; data != nil {
		if _, err := parseSettings("config of the backup", data); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if data := files[addedName]; data != nil {
		if _, err := parseAdded("addresses of the backup", data); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	for _, name := range []string{configName, addedName} {
		data := files[name]
		if data == nil {
			continue
		}
		if err := p.Create(name, data); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return nil
}
