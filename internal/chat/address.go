package chat

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"llchat/internal/safetext"
)

// defaultPort is dialled where an address names none: IANA keeps it for
// XEP-0174 ("presence"). A node listens on any free port unless it is told one.
const defaultPort = 5298

// What a host name and a label of it have at most (RFC 1035 section 2.3.4), a
// zone as the name of an interface has on any system we know.
const (
	maxHostName = 253
	maxLabel    = 63
	maxZone     = 32
)

// target is an address as the user gave it.
type target struct {
	host string // a name to look up; empty when ip is set
	ip   netip.Addr
	port uint16
}

// String is the form in which it is kept.
func (t target) String() string {
	if t.host != "" {
		return t.host + ":" + strconv.Itoa(int(t.port))
	}
	return netip.AddrPortFrom(t.ip, t.port).String()
}

// parseTarget reads ADDRESS[:PORT]: IPv4, IPv6 (in brackets where a port
// follows), or a host name.
func parseTarget(text string) (target, error) {
	text = strings.TrimSpace(text)
	if isTicket(text) {
		return target{}, usage("contact tickets cannot be read yet", "give the address: llchat add 192.0.2.7:5298")
	}
	t, err := splitTarget(text)
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return target{}, usage(fmt.Sprintf("%q: %v", safetext.Line(text).String(), err), addressForms)
	}
	return t, nil
}

const addressForms = "an address is 192.0.2.7, 192.0.2.7:5298, [2001:db8::7]:5298, [fe80::7%wlan0]:5298 or nuc.example.org:5298"

// isTicket tells a ticket from a host: no label of a name is that long, and
// behind the colon of a host that is called llchat stands a port.
func isTicket(text string) bool {
	body, marked := strings.CutPrefix(strings.ToLower(text), "llchat:")
	return marked && strings.Trim(body, "0123456789") != "" || len(text) > maxLabel && !strings.ContainsAny(text, ".:%[ ")
}

var (
	errForm = errors.New("this is not an address")
	errPort = errors.New("a port is a number from 1024 to 65535")

	// errLocal: the resolver of the system would send the name to a server that
	// has no business with it (RFC 6762 section 3).
	errLocal = errors.New("names under .local are not looked up: multicast, which they need, lists its people by itself")
)

func splitTarget(text string) (target, error) {
	if a, err := netip.ParseAddr(text); err == nil { // IPv6 without brackets, too
		return target{ip: a.Unmap(), port: defaultPort}, nil
	}
	host, digits := text, ""
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		host, digits = text[:i], text[i+1:]
	}
	port := uint64(defaultPort)
	if host != text {
		var err error
		if port, err = strconv.ParseUint(digits, 10, 16); err != nil {
			return target{}, errPort
		}
	}
	t := target{port: uint16(port)}
	if inside, ok := strings.CutPrefix(host, "["); ok {
		inside, closed := strings.CutSuffix(inside, "]")
		a, err := netip.ParseAddr(inside)
		if err != nil || !closed || !a.Is6() {
			return target{}, errForm
		}
		t.ip = a.Unmap()
		return t, nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		t.ip = a
		return t, nil
	}
	t.host = strings.ToLower(strings.TrimSuffix(host, "."))
	return t, nil
}

// check refuses what is no host of anybody. What the user typed may be more
// than an announcement may say: loopback is this machine, where other profiles
// run (L-26 is about addresses of others).
func (t target) check() error {
	if t.port < minPort {
		return errPort
	}
	if strings.HasSuffix(t.host, ".local") {
		return errLocal
	}
	if t.host != "" || !t.ip.IsValid() {
		return checkHostName(t.host)
	}
	switch a := t.ip; {
	case a.IsUnspecified() || a.IsMulticast() || a == broadcast4:
		return errors.New("this is not the address of one host")
	case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
		return errors.New("this address means nothing without its interface: put %wlan0 (or another) behind it")
	case len(a.Zone()) > maxZone || strings.ContainsFunc(a.Zone(), notGraphic):
		return errForm
	}
	return nil
}

// minPort is the lowest port that is dialled (L-26).
const minPort = 1024

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func notGraphic(r rune) bool { return r <= ' ' || r > '~' }

// checkHostName wants letters, digits and hyphens (RFC 1123 section 2.1), with
// the underscore that some machines have; the last label is no number, or it
// would be an address with a slip in it.
func checkHostName(host string) error {
	if host == "" || len(host) > maxHostName {
		return errForm
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > maxLabel || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return errForm
		}
		last = label
	}
	if strings.Trim(last, "0123456789") == "" {
		return errForm
	}
	return nil
}
