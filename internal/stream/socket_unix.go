//go:build unix

package stream

import (
	"errors"
	"net"
	"syscall"
)

// socket reads and writes a TCP connection without waiting in the middle of
// it. Its two functions are made once: the runtime calls them for each attempt.
type socket struct {
	raw syscall.RawConn

	reading *gate // of the reader alone
	attempt func(fd uintptr) bool

	put     []byte // of whoever holds the gate's lock
	wrote   int
	failed  error
	putting func(fd uintptr) bool
}

// newSocket returns nil when raw is no TCP connection of the system.
func newSocket(raw net.Conn) *socket {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return nil
	}
	rc, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: rc}
	s.attempt, s.putting = s.tryRead, s.tryWrite
	return s
}

// read waits until the kernel has something, and takes it.
func (s *socket) read(g *gate) error {
	s.reading = g
	return s.raw.Read(s.attempt)
}

func (s *socket) tryRead(fd uintptr) (done bool) {
	c := chunks.Get().(*chunk)
	for {
		n, err := syscall.Read(int(fd), c[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			chunks.Put(c)
			return false
		case err != nil:
			n, err = 0, &net.OpError{Op: "read", Net: "tcp", Err: err}
		}
		s.reading.arrived(c, n, err)
		return true
	}
}

// write writes what the kernel takes at once.
func (s *socket) write(p []byte) (int, error) {
	s.put, s.wrote, s.failed = p, 0, nil
	err := s.raw.Write(s.putting)
	s.put = nil
	if err == nil {
		err = s.failed
	}
	return s.wrote, err
}

func (s *socket) tryWrite(fd uintptr) (done bool) {
	for s.wrote < len(s.put) {
		n, err := syscall.Write(int(fd), s.put[s.wrote:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err != nil:
			s.failed = &net.OpError{Op: "write", Net: "tcp", Err: err}
			return true
		}
		s.wrote += n
	}
	return true
}
