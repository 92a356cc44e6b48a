package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

const (
	addedName    = "added"
	addedVersion = 1
	maxAddedFile = 64 << 10
)

// MaxAdded is how many addresses are kept that the user gave by hand.
const MaxAdded = 64

// Added is an address that the user gave by hand, and who answered there.
type Added struct {
	Address string `json:"address"` // host or IP address, and port
	Key     string `json:"key"`     // fingerprint, 64 hex digits
	Name    string `json:"name"`    // what it called itself
}

// addedFile is the file added.
type addedFile struct {
	Version int     `json:"version"`
	Added   []Added `json:"added"`
}

// Added reads the addresses given by hand, oldest first. Without a file there
// are none.
func (p *Profile) Added() ([]Added, error) {
	data, err := p.Read(addedName, maxAddedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		var list []Added
		if list, err = parseAdded(p.Path(addedName), data); err == nil {
			return list, nil
		}
	}
	return nil, fmt.Errorf("added addresses: %w", err)
}

func parseAdded(path string, data []byte) ([]Added, error) {
	var f addedFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, damaged(path, "not the JSON that it should be")
	}
	switch {
	case f.Version < 1:
		return nil, damaged(path, "no version in it")
	case f.Version > addedVersion:
		return nil, newer(path, f.Version)
	case len(f.Added) > MaxAdded:
		return nil, damaged(path, fmt.Sprintf("more than %d addresses", MaxAdded))
	}
	return f.Added, nil
}

// SaveAdded writes the addresses given by hand.
func (p *Profile) SaveAdded(list []Added) error {
	data, err := formatAdded(list)
	if err != nil {
		return fmt.Errorf("added addresses: %w", err)
	}
	return p.Write(addedName, data)
}

func formatAdded(list []Added) ([]byte, error) {
	data, err := json.MarshalIndent(addedFile{addedVersion, list}, "", "  ")
	return append(data, '\n'), err
}
