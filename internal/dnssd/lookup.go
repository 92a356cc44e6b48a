package dnssd

import (
	"context"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"llchat/internal/mdns"
)

// facts are what the domain says about one instance.
type facts struct {
	target target
	text   mdns.Text
	addrs  []netip.Addr
	ttl    time.Duration // of the record that ends first
	here   bool          // there is a service under the name
}

// lookup asks for everything about an instance: SRV and TXT, then the
// addresses of its host, unless they came along.
func (a *asker) lookup(ctx context.Context, name string) (facts, error) {
	ans, err := a.ask(ctx, name, dns.TypeSRV)
	if err != nil {
		return facts{}, err
	}
	var f facts
	if f.target, f.ttl, f.here = ans.service(name); !f.here {
		return f, nil
	}
	txt, err := a.ask(ctx, name, dns.TypeTXT)
	if err != nil {
		return facts{}, err
	}
	var ttl time.Duration
	f.text, ttl = txt.text(name)
	f.ttl = min(f.ttl, ttl)
	addrs, ttl := ans.addresses(nil, f.target.host, dns.TypeA, dns.TypeAAAA)
	if len(addrs) == 0 {
		if addrs, ttl, err = a.hostAddresses(ctx, f.target.host); err != nil {
			return facts{}, err
		}
	}
	f.addrs, f.ttl = addrs, min(f.ttl, ttl)
	return f, nil
}

// hostAddresses asks for both families.
func (a *asker) hostAddresses(ctx context.Context, host string) (list []netip.Addr, ttl time.Duration, err error) {
	ttl = endless
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		ans, err := a.ask(ctx, host, kind)
		if err != nil {
			return nil, 0, err
		}
		var d time.Duration
		list, d = ans.addresses(list, host, kind)
		ttl = min(ttl, d)
	}
	return list, ttl, nil
}
