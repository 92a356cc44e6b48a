//go:build unix

package link

import (
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// read implements socket; on Linux up to batch packets come by one system
// call, elsewhere one.
func (u *udp) read(f func(Packet)) {
	msgs := make([]ipv4.Message, batch) // the same type as ipv6.Message
	for i := range msgs {
		// One octet more, to know a packet that is too large.
		msgs[i].Buffers = [][]byte{make([]byte, MaxPacket+1)}
		msgs[i].OOB = make([]byte, u.controlSize())
	}
	for {
		n, err := u.readBatch(msgs)
		if err != nil {
			// ICMP errors of unicast packets sent before arrive here too.
			if !u.pause(err) {
				return
			}
			continue
		}
		for _, m := range msgs[:n] {
			if p, ok := u.packet(m.Buffers[0][:m.N], m.Addr, u.arrival(m.OOB[:m.NN])); ok {
				f(p)
			}
		}
	}
}

func (u *udp) controlSize() int {
	if u.v4 != nil {
		return len(ipv4.NewControlMessage(ipv4.FlagDst | ipv4.FlagInterface | ipv4.FlagTTL))
	}
	return len(ipv6.NewControlMessage(ipv6.FlagDst | ipv6.FlagInterface | ipv6.FlagHopLimit))
}

func (u *udp) readBatch(msgs []ipv4.Message) (int, error) {
	if u.v4 != nil {
		return u.v4.ReadBatch(msgs, 0)
	}
	return u.v6.ReadBatch(msgs, 0)
}
