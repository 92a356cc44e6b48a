//go:build unix

package profile

import (
	"os"

	"golang.org/x/sys/unix"
)

// secret is a key in memory that the system was asked to keep out of swap and
// core files. What it refuses is not worth ending for.
type secret struct{ page []byte }

func newSecret() *secret {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return &secret{make([]byte, keySize)[:keySize:keySize]}
	}
	_ = unix.Mlock(page)
	keepOut(page)
	return &secret{page}
}

func (s *secret) octets() []byte { return s.page[:keySize] }

// wipe overwrites the key and gives the memory back. A nil secret has none.
func (s *secret) wipe() {
	if s == nil {
		return
	}
	clear(s.page)
	if len(s.page) > keySize {
		_ = unix.Munmap(s.page)
	}
	s.page = nil
}
