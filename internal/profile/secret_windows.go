package profile

import (
	"reflect"

	"golang.org/x/sys/windows"
)

// secret is a key in memory that the system was asked to keep out of the page
// file.
type secret struct{ page []byte }

func newSecret() *secret {
	s := &secret{make([]byte, keySize)}
	_ = windows.VirtualLock(pageOf(s.page), keySize)
	return s
}

func (s *secret) octets() []byte { return s.page }

// wipe overwrites the key. A nil secret has none.
func (s *secret) wipe() {
	if s == nil {
		return
	}
	clear(s.page)
	_ = windows.VirtualUnlock(pageOf(s.page), keySize)
	s.page = nil
}

// pageOf is where the octets lie; what is on the heap does not move.
func pageOf(page []byte) uintptr { return reflect.ValueOf(page).Pointer() }
