//go:build !unix

package dnssd

import (
	"errors"
	"io/fs"
)

// checkKeyFile wants a regular file. Who may read it is said by access lists
// that Go does not show; a profile folder keeps others out by default.
func checkKeyFile(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	return nil
}
