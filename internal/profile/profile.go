package profile

import (
	"encoding/json"
	"errors"
)

// ErrLocked means that another node holds the profile.
var ErrLocked = errors.New("profile is in use")

var errTodo = errors.ErrUnsupported

// Error is a profile that cannot be used as it is.
type Error struct{ Path, Problem, Hint string }

func (e *Error) Error() string { return e.Path + ": " + e.Problem }

// Profile is an open profile folder.
type Profile struct{ dir string }

// Settings is the file config.
type Settings struct {
	Nick, Status, Message, Strangers, Visibility, User, Machine string
	Port                                                        uint16
	Extra                                                       map[string]json.RawMessage
}

// Root returns the folder of all profiles.
func Root() (string, error) { return "", errTodo }

// Dir returns the folder of a profile.
func Dir(nameOrDir string) (string, error) { return "", errTodo }

// Open opens a profile.
func Open(dir string) (*Profile, error) { return nil, errTodo }

// Temporary makes a throw-away profile.
func Temporary() (*Profile, error) { return nil, errTodo }

// Dir returns the folder.
func (p *Profile) Dir() string { return p.dir }

// Close releases the lock.
func (p *Profile) Close() error { return nil }

// Lock takes the lock.
func (p *Profile) Lock() error { return errTodo }

// Read reads a file.
func (p *Profile) Read(name string, max int) ([]byte, error) { return nil, errTodo }

// Write replaces a file.
func (p *Profile) Write(name string, data []byte) error { return errTodo }

// Create makes a file.
func (p *Profile) Create(name string, data []byte) error { return errTodo }

// Path returns the path of a file.
func (p *Profile) Path(name string) string { return p.dir }

// StoreKey returns the key of the store.
func (p *Profile) StoreKey() ([32]byte, error) { return [32]byte{}, errTodo }

// Socket returns the path of the control socket.
func (p *Profile) Socket() string { return "" }

// Settings reads the settings.
func (p *Profile) Settings() (Settings, error) { return Settings{}, errTodo }

// SaveSettings writes the settings.
func (p *Profile) SaveSettings(Settings) error { return errTodo }
