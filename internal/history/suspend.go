package history

import "errors"

// errInMemory: what is only in memory would be gone.
var errInMemory = errors.New("history: not in a file")

// Close commits what is under way, ends the writer and closes the files.
// Calls after it get ErrClosed. Closing again returns the same.
func (s *Store) Close() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.final {
		s.final, s.failed = true, s.halt()
	}
	return s.failed
}

// Suspend closes the files as Close does, until Resume: what is under way is
// committed, calls get ErrClosed, and no key is held any more. Suspending again
// does nothing.
func (s *Store) Suspend() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.config.vfs == "" {
		return errInMemory
	}
	return s.halt()
}

// Resume opens the files again, which may be others by now: Salvage may have
// been there. Numbers go on behind those that were given before. After an
// error the store is as it was, suspended.
func (s *Store) Resume(key [32]byte) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.final {
		return ErrClosed
	}
	if !s.halted() {
		return nil
	}
	f := file{config: s.config, path: s.path, key: key}
	err := f.prepare()
	if err == nil {
		err = s.reconnect(f)
	}
	if err != nil {
		return explain("open", s.path, err)
	}
	s.open.Lock()
	s.closed = false
	s.open.Unlock()
	return nil
}

func (s *Store) reconnect(f file) error {
	w, r, err := f.connections()
	if err != nil {
		return err
	}
	s.w.take(w)
	s.r.take(r)
	s.forget()
	s.logPages, s.unswept, s.key = 0, false, f.key
	if err := s.begin(); err != nil {
		return errors.Join(err, s.r.close(), s.w.close())
	}
	return nil
}

// take makes c what from is.
func (c *conn) take(from *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.db, c.queries = from.db, from.queries
}

func (s *Store) halted() bool {
	s.open.RLock()
	defer s.open.RUnlock()
	return s.closed
}

// halt commits what is under way, ends the writer and closes the files.
func (s *Store) halt() error {
	s.open.Lock() // nobody is about to submit
	was := s.closed
	s.closed = true
	s.open.Unlock()
	if was {
		return nil
	}
	close(s.closing)
	s.ended.Wait()
	moved := s.stayAtLast()
	s.settle()
	clear(s.key[:])
	return explain("close", s.path, errors.Join(moved, s.r.close(), s.w.close()))
}
