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
// seconds. For a ghost, and where it cannot be known that the profile is none,
// nothing is sent (K5). self is the node that runs for the profile; nil: none does. Nothing
// is changed, in the profile neither: of it only the addresses are read at
// which contacts answered before.
func Diagnose(ctx context.Context, nameOrDir string, only []string, self API) (Diagnosis, error) {
	if err := checkInterfaces(only); err != nil {
		return Diagnosis{}, err
	}
	o := doctor.Options{Only: only, Silent: isGhost(nameOrDir)}
	if self != nil {
		if err := introduce(ctx, &o, self); err != nil {
			return Diagnosis{}, err
		}
	}
	o.Known = append(o.Known, lastAddresses(nameOrDir)...)
	return doctor.Run(ctx, o)
}

// introduce asks the running node for its name and port, and where people
// are as far as it knows.
func introduce(ctx context.Context, o *doctor.Options, self API) error {
	s, err := self.Status(ctx)
	if err != nil || !s.Running {
		return err
	}
	o.Running, o.Name, o.Port = true, s.Name.String(), s.Port
	o.Silent = s.Visibility == VisibleGhost // of the present run: daemon --visibility
	peers, err := self.Peers(ctx)
	if err != nil {
		return err
	}
	for _, p := range peers {
		o.Known = append(o.Known, parseAddresses(p.Addresses)...)
	}
	return nil
}

func parseAddresses(texts []string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, text := range texts {
		if a, err := netip.ParseAddrPort(text); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// isGhost reads the profile's visibility. What cannot be read could be a ghost.
func isGhost(nameOrDir string) bool {
	p, err := openProfile(nameOrDir)
	if err != nil {
		return true
	}
	defer func() { _ = p.Close() }()
	s, err := p.Settings()
	return err != nil || s.Visibility == VisibleGhost
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
		if c.State != trust.Blocked {
			out = append(out, parseAddresses(c.LastAddrs)...)
		}
	}
	return out
}
