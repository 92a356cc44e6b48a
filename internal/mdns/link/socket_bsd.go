//go:build unix && !linux && !solaris && !aix

package link

// bindGroup: BSD systems, macOS among them, send with the address a socket is
// bound to, which must not be a group. So the sockets are bound to the
// wildcard there, as all multicast DNS programs of these systems do.
const bindGroup = false

// onlyJoined: BSD systems never pass on groups that the socket did not join.
func onlyJoined(int, family) error { return nil }
