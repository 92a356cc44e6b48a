package chat

import (
	"context"
	"errors"
	"strings"

	"llchat/internal/dnssd"
	"llchat/internal/mdns"
)

// Finder is our place on the links: a *mdns.Node with sockets of its own, or a
// *avahi.Node. What only one of them can do is asked for by an interface of
// its own, of sources.Finder.
type Finder interface {
	Rename(ctx context.Context, user, machine string, port uint16, t mdns.Text) (instance string, err error)
	SetText(t mdns.Text) error
	Withdraw(ctx context.Context) error
	Silence() error
	Name() string
	Events() <-chan mdns.Event
	Peers() []mdns.Peer
	Resolve(ctx context.Context, key string) (mdns.Peer, error)
	Reconfirm(key string)
	Watch(keys ...string)
	Err() error
	Close() error
}

// DomainBrowser watches a unicast DNS-SD domain: *dnssd.Browser.
type DomainBrowser interface {
	Events() <-chan dnssd.Event
	Peers() []dnssd.Peer
	Resolve(ctx context.Context, key string) (dnssd.Peer, error)
	Refresh(keys ...string)
	Close() error
}

// domainMark ends the keys of claims that a domain makes. No label holds it
// (C-31): the same name there and on the link are two claims, each with what
// was proven about it.
const domainMark = "\x00dns"

// inDomain gives an instance of the domain the key of its claim.
func inDomain(p mdns.Peer) mdns.Peer {
	p.Key += domainMark
	return p
}

// label is the instance name of a claim's key, as it is compared.
func label(key string) string { return strings.TrimSuffix(key, domainMark) }

func isInDomain(key string) bool { return strings.HasSuffix(key, domainMark) }

// sources are where claims come from: the links, and a domain if one is set.
// Each is asked for its own.
type sources struct {
	Finder
	domain DomainBrowser    // nil: none
	dead   func(key string) // nobody answers at a claim of the domain
}

// Resolve asks the source of a claim for its addresses. The last answer of a
// domain whose servers are away may still be right.
func (s *sources) Resolve(ctx context.Context, key string) (mdns.Peer, error) {
	if !isInDomain(key) {
		return s.Finder.Resolve(ctx, key)
	}
	if s.domain == nil {
		return mdns.Peer{}, mdns.ErrUnknown
	}
	p, err := s.domain.Resolve(ctx, label(key))
	if err != nil && len(p.Addrs) == 0 {
		return mdns.Peer{}, err
	}
	return inDomain(p.Peer), nil
}

// Reconfirm follows a dial that failed. Records in a zone have no end by
// themselves, so it is the dial that says who is not there any more.
func (s *sources) Reconfirm(key string) {
	switch {
	case !isInDomain(key):
		s.Finder.Reconfirm(key)
	case s.domain != nil:
		s.domain.Refresh(label(key))
		s.dead(key)
	}
}

// Watch is for the links: a server tells when it is asked.
func (s *sources) Watch(keys ...string) {
	onLink := make([]string, 0, len(keys))
	for _, key := range keys {
		if !isInDomain(key) {
			onLink = append(onLink, key)
		}
	}
	s.Finder.Watch(onLink...)
}

// Close ends both.
func (s *sources) Close() error {
	err := s.Finder.Close()
	if s.domain != nil {
		err = errors.Join(err, s.domain.Close())
	}
	return err
}

// nobody is the Finder while there is none.
type nobody struct{}

var errNoFinder = errors.New("discovery: not there yet")

func (nobody) Rename(context.Context, string, string, uint16, mdns.Text) (string, error) {
	return "", errNoFinder
}
func (nobody) SetText(mdns.Text) error        { return errNoFinder }
func (nobody) Withdraw(context.Context) error { return nil }
func (nobody) Silence() error                 { return nil }
func (nobody) Name() string                   { return "" }
func (nobody) Events() <-chan mdns.Event      { return nil }
func (nobody) Peers() []mdns.Peer             { return nil }
func (nobody) Resolve(context.Context, string) (mdns.Peer, error) {
	return mdns.Peer{}, mdns.ErrUnknown
}
func (nobody) Reconfirm(string) {}
func (nobody) Watch(...string)  {}
func (nobody) Err() error       { return errNoFinder }
func (nobody) Close() error     { return nil }
