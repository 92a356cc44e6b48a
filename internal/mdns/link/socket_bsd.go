//go:build unix && !linux && !solaris && !aix

package link

import "golang.org/x/sys/unix"

// bindGroup: BSD systems, macOS among them, send with the address a socket is
// bound to, which must not be a group. So the sockets are bound to the
// wildcard there, as all multicast DNS programs of these systems do.
const bindGroup = false

// systemOptions: BSD systems share a port by SO_REUSEPORT, and never pass on
// groups that the socket did not join.
func systemOptions(fd int, _ family) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}
