package history

import "llchat/internal/identity"

// Store is an open database.
type Store struct{}

// Open opens the database at path.
func Open(path string, key [32]byte) (*Store, error) { return &Store{}, nil }

// OpenMemory opens a store that leaves no trace.
func OpenMemory() (*Store, error) { return &Store{}, nil }

// Close ends the writer.
func (s *Store) Close() error { return nil }

// NextSeq returns the next number.
func (s *Store) NextSeq() uint64 { return 0 }

// Append stores a message.
func (s *Store) Append(m Message) (Message, bool, error) { return m, true, nil }

// Mark changes the state of one of our messages.
func (s *Store) Mark(peer identity.Pin, id string, st State, reason string) (Message, error) {
	return Message{}, nil
}

// Outbox returns what is not delivered yet, oldest first.
func (s *Store) Outbox(peer identity.Pin) ([]Message, error) { return nil, nil }

// OutboxPeers returns who has an outbox.
func (s *Store) OutboxPeers() ([]identity.Pin, error) { return nil, nil }

// Page returns the newest n messages before a row, oldest first.
func (s *Store) Page(peer identity.Pin, before int64, n int) ([]Message, error) { return nil, nil }

// Get returns one message.
func (s *Store) Get(peer identity.Pin, id string) (Message, bool, error) {
	return Message{}, false, nil
}

// Since returns the stored facts after a number.
func (s *Store) Since(seq uint64, n int) ([]Fact, error) { return nil, nil }

// AddRequest creates or refreshes a request.
func (s *Store) AddRequest(r Request) (Request, error) { return r, nil }

// AddRequestMessage stores a waiting message.
func (s *Store) AddRequestMessage(pin identity.Pin, m RequestMessage) (Request, bool, error) {
	return Request{}, false, nil
}

// Requests returns the queue.
func (s *Store) Requests() ([]Request, error) { return nil, nil }

// Request returns one request.
func (s *Store) Request(pin identity.Pin) (Request, bool, error) { return Request{}, false, nil }

// DropRequest removes a request.
func (s *Store) DropRequest(pin identity.Pin) error { return nil }

// TakeRequest turns a request into messages.
func (s *Store) TakeRequest(pin identity.Pin) ([]Message, error) { return nil, nil }

// Draft returns what is being written.
func (s *Store) Draft(peer string) (string, error) { return "", nil }

// SetDraft keeps what is being written.
func (s *Store) SetDraft(peer, text string) error { return nil }
