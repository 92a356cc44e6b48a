package dnssd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/miekg/dns"
)

// Error says what could not be asked or changed, of which server, and what to
// do about it.
type Error struct {
	Op     string         // "ask", "update", "browse", "register", "read key"
	Server netip.AddrPort // zero when it is no server's fault
	What   string         // the question ("PTR _presence._tcp.example.org") or the thing
	Err    error
	Hint   string // what the user may do; may be empty
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("dnssd: " + e.Op)
	if e.Server.IsValid() {
		fmt.Fprintf(&b, " %v", e.Server)
	}
	if e.What != "" {
		if e.Op == "ask" {
			b.WriteString(" for")
		}
		b.WriteString(" " + e.What)
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Causes of an Error that come from a server's answer.
var (
	errMalformed  = errors.New("the answer is malformed")
	errLame       = errors.New("it does not know the domain and does not ask others")
	errUnsigned   = errors.New("the answer is not signed")
	errTruncated  = errors.New("the answer is cut")
	errNoServers  = errors.New("no name servers are configured")
	errNoZone     = errors.New("no zone holds it")
	errNoPrimary  = errors.New("the zone's primary has no usable address")
	errNoAddress  = errors.New("we have no address that others could reach")
	errNameTaken  = errors.New("the name is taken")
	errBadMACTime = errors.New("the signature is from another time")
)

// noAnswer is a timeout in words for everybody.
type noAnswer struct{}

func (noAnswer) Error() string { return "no answer" }

// Timeout is part of net.Error.
func (noAnswer) Timeout() bool { return true }

// Temporary is part of net.Error.
func (noAnswer) Temporary() bool { return true }

// rcodeError is a response code that is no answer.
type rcodeError int

func (c rcodeError) Error() string {
	switch int(c) {
	case dns.RcodeServerFailure:
		return "the server failed (SERVFAIL)"
	case dns.RcodeRefused:
		return "refused (REFUSED)"
	case dns.RcodeFormatError:
		return "the server did not understand (FORMERR)"
	case dns.RcodeNotImplemented:
		return "the server cannot do that (NOTIMP)"
	case dns.RcodeNotAuth:
		return "not authorised (NOTAUTH)"
	case dns.RcodeNotZone:
		return "the name is in another zone (NOTZONE)"
	case dns.RcodeBadKey:
		return "the server does not know the key (BADKEY)"
	case dns.RcodeBadSig:
		return "the signature is wrong (BADSIG)"
	case dns.RcodeBadTime:
		return "the clocks differ (BADTIME)"
	}
	if s, ok := dns.RcodeToString[int(c)]; ok {
		return "response code " + s
	}
	return fmt.Sprintf("response code %d", int(c))
}

// hint says what a user can do about the cause of an error.
func hint(op string, err error) string {
	var code rcodeError
	if errors.As(err, &code) {
		return rcodeHint(op, int(code))
	}
	switch {
	case errors.Is(err, errNoServers):
		return "name the servers of the domain in the settings"
	case errors.Is(err, errLame):
		return "use a name server that holds the domain, or one that resolves for you"
	case errors.Is(err, errNoZone):
		return "check the spelling of the domain"
	case errors.Is(err, errUnsigned), errors.Is(err, errBadMACTime):
		return "somebody else may have answered; check the key and that the server has the same one"
	case errors.Is(err, errNoPrimary):
		return "name the primary server in the settings"
	case errors.Is(err, errMalformed), errors.Is(err, errTruncated):
		return "this may not be a name server, or something on the way changes its answers"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check the address and that the name server runs"
	case isTimeout(err):
		return "check that the server is reachable: a firewall or a VPN may be in the way"
	}
	return ""
}

func rcodeHint(op string, code int) string {
	switch code {
	case dns.RcodeServerFailure:
		if op == "update" { // BIND's answer to the 101st instance, measured with 9.18.49
			return "the domain may be full (BIND: max-records-per-type) or its file not writable: the server's log says which"
		}
		return "the server has trouble with this domain: its log says which"
	case dns.RcodeRefused:
		if op == "update" {
			return "the zone does not let this key change these names: see its update policy"
		}
		return "this server does not answer for you: use another"
	case dns.RcodeNotImplemented:
		if op == "update" {
			return "this server takes no updates: name the primary in the settings"
		}
	case dns.RcodeNotAuth, dns.RcodeNotZone:
		return "this server is not the primary of the zone, or does not know the key"
	case dns.RcodeBadKey:
		return "name and algorithm of the key must be those in the server's configuration"
	case dns.RcodeBadSig:
		return "the secret of the key differs from the server's"
	case dns.RcodeBadTime:
		return "set the clock: it may differ from the server's by 5 minutes at most"
	}
	return ""
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &n) && n.Timeout()
}
