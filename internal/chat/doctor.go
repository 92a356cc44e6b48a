package chat

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"llchat/internal/doctor"
	"llchat/internal/history"
	"llchat/internal/profile"
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
	state := make(chan string, 1)
	checking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	go func() { state <- historyState(checking, nameOrDir, self) }()
	report, err := doctor.Run(ctx, o)
	if err != nil {
		return report, err
	}
	report.AddHistory(<-state, o.Running)
	return report, nil
}

// HistoryLocked is what CheckHistory says of one that its passphrase keeps.
const HistoryLocked = doctor.HistoryLocked

// checkTime is how long the history may be read for.
const checkTime = time.Minute

// historyState says in a word how the history is: the node that runs looks, or
// we do where the profile has no passphrase.
func historyState(ctx context.Context, nameOrDir string, self API) string {
	if self != nil {
		s, ok := self.(Secrets)
		if !ok {
			return doctor.HistoryUnchecked
		}
		state, err := s.CheckHistory(ctx)
		if err != nil {
			return doctor.HistoryUnchecked
		}
		return state
	}
	if protected, err := Protected(nameOrDir); err != nil {
		return doctor.HistoryUnchecked
	} else if protected {
		return doctor.HistoryLocked
	}
	held, err := Hold(nameOrDir) // every connection to it is of one process
	if err != nil {
		return doctor.HistoryUnchecked
	}
	defer func() { _ = held.Close() }()
	if _, err := os.Lstat(held.p.Path(historyFile)); errors.Is(err, fs.ErrNotExist) {
		return doctor.HistoryNone
	}
	state, _ := checkHistory(ctx, held.p, history.CheckClosed)
	return state
}

// checkHistory reads all of a history, in the way given.
func checkHistory(
	ctx context.Context, p *profile.Profile, check func(context.Context, string, [32]byte) error,
) (string, error) {
	key, err := p.StoreKey()
	if err != nil {
		return doctor.HistoryUnchecked, nil
	}
	defer clear(key[:])
	switch err := check(ctx, p.Path(historyFile), key); {
	case err == nil:
		return doctor.HistorySound, nil
	case errors.Is(err, history.ErrDamaged):
		return doctor.HistoryIsDamaged, err
	}
	return doctor.HistoryUnchecked, nil
}

// CheckHistory is that of Secrets. What is found damaged is mended.
func (n *Node) CheckHistory(ctx context.Context) (string, error) {
	var why closure
	if err := n.call(ctx, func() error {
		why = n.keeping.why
		return nil
	}); err != nil {
		return "", err
	}
	switch why {
	case concealed:
		return doctor.HistoryLocked, nil
	case mending, broken:
		return doctor.HistoryIsDamaged, nil
	}
	state, damage := checkHistory(ctx, n.prof, history.Check)
	if damage != nil {
		_ = n.call(ctx, func() error { return n.damaged(damage) })
	}
	return state, nil
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
