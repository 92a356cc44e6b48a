package identity

import (
	"errors"
	"fmt"
	"io/fs"
)

// fileName is the file of a profile that holds the Identity.
const fileName = "identity"

// Store is the part of a profile that Load needs.
type Store interface {
	// Read returns a file of at most max octets, or fs.ErrNotExist.
	Read(name string, max int) ([]byte, error)
	// Create makes a file that must not exist yet, and has it on disk when
	// it returns.
	Create(name string, data []byte) error
}

// Load reads the identity of a profile. Only when the file does not exist it
// makes one; any other trouble is an error and nothing is replaced. created
// tells the first start.
func Load(s Store) (id *Identity, created bool, err error) {
	text, err := s.Read(fileName, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		id, err = create(s)
		return id, err == nil, err
	case err != nil:
		return nil, false, fmt.Errorf("load identity: %w", err)
	}
	defer clear(text)
	id, err = Parse(text)
	if err != nil {
		return nil, false, fmt.Errorf("load identity: %w", err)
	}
	return id, false, nil
}

func create(s Store) (*Identity, error) {
	id, err := Generate()
	if err != nil {
		return nil, err
	}
	text := id.Marshal()
	defer clear(text)
	if err := s.Create(fileName, text); err != nil {
		id.Erase()
		return nil, fmt.Errorf("create identity: %w", err)
	}
	return id, nil
}
