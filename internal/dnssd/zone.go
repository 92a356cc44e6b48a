package dnssd

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// zone is where updates go: the zone that holds the service name, and its
// primary.
type zone struct {
	name    string
	primary netip.AddrPort
}

// findZone asks which zone holds the service name and who its primary is
// (RFC 2136 4): the SOA record says both. A primary that was given is asked
// itself.
func findZone(ctx context.Context, a *asker, r Registration, owner string) (zone, error) {
	if r.Primary.IsValid() {
		a = newAsker(a.dial, []netip.AddrPort{r.Primary}, a.pace)
	}
	fail := func(err error) (zone, error) {
		return zone{}, &Error{Op: "register", What: r.Domain, Err: err, Hint: hint("register", err)}
	}
	ans, err := a.ask(ctx, owner, dns.TypeSOA)
	if err != nil {
		return zone{}, err
	}
	if ans.soa == nil || !dns.IsSubDomain(ans.soa.Hdr.Name, owner) || dns.CountLabel(ans.soa.Hdr.Name) == 0 {
		return fail(errNoZone)
	}
	z := zone{name: ans.soa.Hdr.Name, primary: r.Primary}
	if z.primary.IsValid() {
		return z, nil
	}
	addrs, _, err := a.hostAddresses(ctx, ans.soa.Ns)
	if err != nil {
		return zone{}, err
	}
	if len(addrs) == 0 {
		return fail(errNoPrimary)
	}
	z.primary = netip.AddrPortFrom(addrs[0], dnsPort)
	return z, nil
}

// holds says whether a name lies in the zone.
func (z zone) holds(name string) bool { return dns.IsSubDomain(z.name, name) }

// update sends a signed update to the primary, by TCP: it fits, and nobody has
// to guess whether a lost datagram was carried out. It returns the response
// code; only a signed answer can say success.
func (z zone) update(ctx context.Context, dial DialFunc, k Key, m *dns.Msg) (code int, err error) {
	fail := func(err error) (int, error) {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return 0, &Error{Op: "update", Server: z.primary, What: strings.TrimSuffix(z.name, "."), Err: plain(err), Hint: hint("update", err)}
	}
	m.SetTsig(dns.Fqdn(k.Name), dns.Fqdn(k.Algorithm), tsigFudge, now().Unix())
	packed, mac, err := dns.TsigGenerateWithProvider(m, signer{k}, "", false)
	if err != nil {
		return fail(err)
	}
	raw, reply, err := transact(ctx, dial, "tcp", z.primary, packed, func(raw []byte) (*dns.Msg, bool) {
		r := new(dns.Msg)
		ok := r.Unpack(raw) == nil && r.Id == m.Id && r.Response && r.Opcode == dns.OpcodeUpdate
		return r, ok
	})
	if err != nil {
		return fail(err)
	}
	if err := verify(raw, reply, k, mac); err != nil {
		return fail(err)
	}
	return reply.Rcode, nil
}

// tsigFudge is by how much clocks may differ, in seconds: RFC 8945 10.
const tsigFudge = 300

// verify wants the answer to be signed. One that is not can be an error that
// explains itself (RFC 8945 5.2), never a success.
func verify(raw []byte, reply *dns.Msg, k Key, mac string) error {
	sig := reply.IsTsig()
	switch {
	case sig == nil && reply.Rcode == dns.RcodeSuccess:
		return errUnsigned
	case sig == nil:
		return rcodeError(reply.Rcode)
	case sig.Error == dns.RcodeBadKey, sig.Error == dns.RcodeBadSig, sig.Error == dns.RcodeBadTime:
		return rcodeError(sig.Error)
	}
	err := dns.TsigVerifyWithProvider(raw, signer{k}, mac, false)
	if errors.Is(err, dns.ErrTime) {
		return errBadMACTime
	}
	return err
}
