package avahi

import (
	"encoding/binary"
	"net/netip"

	"llchat/internal/mdns/wire"
)

// TTLs of our records (RFC 6762 10).
const (
	ttlHost  = uint32(120)
	ttlOther = uint32(4500)
)

// addHost puts the addresses of a link into its group, under our host label.
func (n *Node) addHost(g *group, shared bool) error {
	name := n.pub.host + ".local"
	for _, a := range g.addrs {
		var err error
		if shared {
			err = n.addRecord(g, name, addrType(a), ttlHost, a.AsSlice())
		} else {
			err = n.ask(g.path, groupFace+".AddAddress", nil, int32(g.link), anyProto, noReverse, name, a.String())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addShared puts the service into its group as single records that are not
// unique, see squatterLimit. UpdateServiceTxt does not work on these; the group
// is made anew then.
func (n *Node) addShared(g *group) error {
	p := &n.pub
	instance, err := service.Child(p.label)
	if err != nil {
		return err
	}
	host, err := wire.NewName([]byte(p.host), []byte("local"))
	if err != nil {
		return err
	}
	owner := presentation(instance.Labels()...)
	srv := host.AppendWire(binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, n.cfg.Port))
	var txt []byte
	for _, s := range p.txt {
		txt = append(append(txt, byte(len(s))), s...)
	}
	if len(txt) == 0 {
		txt = []byte{0} // RFC 6763 6.1
	}
	for _, r := range []struct {
		name string
		kind wire.Type
		ttl  uint32
		data []byte
	}{
		{"_presence._tcp.local", wire.TypePTR, ttlOther, instance.AppendWire(nil)},
		{owner, wire.TypeSRV, ttlHost, srv},
		{owner, wire.TypeTXT, ttlOther, txt},
	} {
		if err := n.addRecord(g, r.name, r.kind, r.ttl, r.data); err != nil {
			return err
		}
	}
	return nil
}

// addRecord puts one record that is not unique into a group.
func (n *Node) addRecord(g *group, name string, kind wire.Type, ttl uint32, data []byte) error {
	return n.ask(g.path, groupFace+".AddRecord", nil, int32(g.link), anyProto, uint32(0),
		name, uint16(wire.ClassIN), uint16(kind), ttl, data)
}

func addrType(a netip.Addr) wire.Type {
	if a.Is4() {
		return wire.TypeA
	}
	return wire.TypeAAAA
}
