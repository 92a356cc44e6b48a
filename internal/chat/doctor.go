package chat

import (
	"context"
	"net/netip"

	"llchat/internal/doctor"
	"llchat/internal/trust"
)

// Diagnosis is what llchat doctor found. It is safe to publish.
type Diagnosis = doctor.Report

// Diagnose examines the network of this machine, which takes about nine
// seconds. self is the state of the node that runs for the profile; nil: none
// does. Nothing is changed, in the profile neither: of it only the addresses
// are read at which contacts answered before.
func Diagnose(ctx context.Context, nameOrDir string, only []string, self *Status) (Diagnosis, error) {
	if err := checkInterfaces(only); err != nil {
		return Diagnosis{}, err
	}
	o := doctor.Options{Only: only, Known: lastAddresses(nameOrDir)}
	if self != nil && self.Running {
		o.Running, o.Name, o.Port = true, self.Name.String(), self.Port
	}
	return doctor.Run(ctx, o)
}

// lastAddresses reads where contacts answered before. A profile that cannot
// be read has none: its fault is told by the commands that need it.
func lastAddresses(nameOrDir string) []netip.AddrPort {
	p, err := openProfile(nameOrDir)
	if err != nil {
		return nil
	}
	defer func() { _ = p.Close() }()
	s, err := trust.Open(p)
	if err != nil {
		return nil
	}
	var out []netip.AddrPort
	for _, c := range s.All() {
		for _, text := range c.LastAddrs {
			if a, err := netip.ParseAddrPort(text); err == nil && c.State != trust.Blocked {
				out = append(out, a)
			}
		}
	}
	return out
}
