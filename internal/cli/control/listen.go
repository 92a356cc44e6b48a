package control

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// errForeign: the other end belongs to somebody else.
var errForeign = errors.New("control socket: the other end belongs to another user")

// allow decides about the user at the other end.
func allow(theirs, ours int) error {
	if theirs != ours && theirs != 0 {
		return errForeign
	}
	return nil
}

// listen0600 makes the socket for its owner only. Go would leave it to the
// umask (0755 under 022, measured); profile.Open has set that to 077, and the
// chmod covers a caller that did not.
func listen0600(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// Listener removes it, under the path that stays valid.
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// maxPath is what a socket address holds, with the NUL at its end: 108 octets
// on Linux, 104 elsewhere.
const maxPath = len(syscall.RawSockaddrUnix{}.Path)
