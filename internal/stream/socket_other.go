//go:build !unix

package stream

import "net"

// socket is for systems whose sockets can be tried without waiting. Elsewhere
// a stream keeps its goroutines and buffers while it is idle.
type socket struct{}

func newSocket(net.Conn) *socket { return nil }

func (*socket) read(*gate) error          { panic("stream: no such socket here") }
func (*socket) write([]byte) (int, error) { panic("stream: no such socket here") }
