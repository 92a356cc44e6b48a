//go:build !unix

package link

// read implements socket, one packet at a time and without control messages.
func (u *udp) read(f func(Packet)) {
	buf := make([]byte, MaxPacket+1)
	for {
		n, from, err := u.conn.ReadFrom(buf)
		if err != nil {
			if !u.pause(err) {
				return
			}
			continue
		}
		if p, ok := u.packet(buf[:n], from, arrival{}); ok {
			f(p)
		}
	}
}
