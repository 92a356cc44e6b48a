package control

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// sameUser refuses a process of another user at the other end (G-7). Root may
// come in: it can read the memory of the node anyway.
func sameUser(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	var cred *unix.Ucred
	var got error
	if err := raw.Control(func(fd uintptr) {
		cred, got = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if got != nil {
		return fmt.Errorf("control socket: %w", got)
	}
	return allow(int(cred.Uid), os.Geteuid())
}
