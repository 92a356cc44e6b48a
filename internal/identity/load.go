package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
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

// remains are the files that show that a profile had an identity: each group of
// them comes only after that. A key alone does not: a passphrase may be set
// before the first start.
var remains = [][]string{{"trust"}, {"trust.1"}, {"history.db"}, {"key", "config"}}

// Load reads the identity of a profile. Only when the file does not exist, and
// nothing shows that it once did, it makes one; any other trouble is an error
// and nothing is replaced: to contacts a new identity is a stranger. created
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
	if name, lost := lost(s); lost {
		return nil, &Error{Problem: "the file is gone, though " + name + " is there", Hint: hintGone}
	}
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

// lost reports whether there was an identity before, and what shows it.
func lost(s Store) (name string, lost bool) {
	// A file that cannot be read, or not in no octets, is there.
	there := func(name string) bool {
		_, err := s.Read(name, 0)
		return !errors.Is(err, fs.ErrNotExist)
	}
	for _, group := range remains {
		if !slices.ContainsFunc(group, func(name string) bool { return !there(name) }) {
			return group[0], true
		}
	}
	return "", false
}
