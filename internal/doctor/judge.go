package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"llchat/internal/health"
)

// judge makes a Report of what was measured.
func judge(f facts) Report {
	r := Report{
		Running: f.running, Silent: f.silent, Seconds: f.seconds, People: f.people, Second: f.second,
		Interfaces: []Interface{}, Findings: []Finding{}, Unchecked: f.unknown,
	}
	if r.Unchecked == nil {
		r.Unchecked = []string{}
	}
	for _, i := range f.ifaces {
		if i.worthSaying() {
			r.Interfaces = append(r.Interfaces, i.report(f.only))
		}
	}
	r.Findings = append(r.Findings, f.interfaces()...)
	r.Findings = append(r.Findings, f.port()...)
	for _, i := range f.ifaces {
		if i.used {
			r.Findings = append(r.Findings, f.link(i)...)
		}
	}
	r.Findings = append(r.Findings, f.tunnels()...)
	r.Findings = append(r.Findings, f.opinion()...)
	r.Findings = append(r.Findings, f.clock()...)
	for n := range r.Findings {
		r.Findings[n].Interface = shownOrNone(r.Findings[n].Interface)
		if r.Findings[n].Hint != "" && r.Findings[n].Where == "" {
			r.Findings[n].Where = Here
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return r
}

func shownOrNone(name string) string {
	if name == "" {
		return ""
	}
	return shown(name)
}

// worthSaying leaves out loopback and the inside of containers.
func (i iface) worthSaying() bool {
	return i.used || !i.Loopback && (i.tunnel() && i.Up || !i.inner())
}

func (i iface) report(only []string) Interface {
	out := Interface{
		Name: shown(i.Name), Used: i.used, Why: i.why(only), IPv4: kind4(i.Addrs), IPv6: kind6(i.Addrs, i.ipv6Off), Echo: []string{},
		Heard: i.heard, Answered: i.answered, People: i.people, Dialled: i.dialled, Reached: i.reached, Announced: i.announced,
	}
	if i.echo4 {
		out.Echo = append(out.Echo, "IPv4")
	}
	if i.echo6 {
		out.Echo = append(out.Echo, "IPv6")
	}
	return out
}

func (i iface) why(only []string) string {
	switch {
	case i.used:
		return ""
	case !i.adminUp:
		return "switched off"
	case !i.Up:
		return "not connected"
	case len(i.Addrs) == 0:
		return "no address"
	case len(only) > 0:
		return "another was asked for"
	case i.tunnel():
		return "a VPN is left out by rule"
	}
	return "left out by rule"
}

// interfaces judges whether there is anything to run on.
func (f facts) interfaces() []Finding {
	if slices.ContainsFunc(f.ifaces, func(i iface) bool { return i.used && !i.Loopback }) {
		return nil
	}
	if n := slices.IndexFunc(f.ifaces, func(i iface) bool { return i.used }); n >= 0 {
		return []Finding{{
			Code: NoInterface, Severity: health.Error, Interface: f.ifaces[n].Name,
			Text: "This is the loopback of this machine, and no link to meet people on: no other machine hears what is said there. The command looks at the others.",
			Hint: "llchat doctor",
		}}
	}
	for _, better := range []func(iface) bool{
		func(i iface) bool { return !i.inner() && i.Up },       // only an address is missing
		func(i iface) bool { return !i.inner() && !i.adminUp }, // a switch
	} {
		if n := slices.IndexFunc(f.ifaces, better); n >= 0 {
			return []Finding{f.unusable(f.ifaces[n])}
		}
	}
	if n := slices.IndexFunc(f.ifaces, func(i iface) bool { return !i.Loopback && i.Up && len(i.Addrs) > 0 }); n >= 0 {
		i := f.ifaces[n]
		return []Finding{{
			Code: LeftOut, Severity: health.Error, Interface: i.Name,
			Text: "The only interface that is up leads into a VPN or to containers of this machine and is left out by rule: nobody can be found.",
			Hint: "llchat --interface " + ifword(i.Name),
		}}
	}
	if n := slices.IndexFunc(f.ifaces, func(i iface) bool { return !i.inner() }); n >= 0 {
		return []Finding{f.unusable(f.ifaces[n])}
	}
	return []Finding{{Code: NoInterface, Severity: health.Error, Text: "This machine has no network interface but loopback: nobody can be found."}}
}

// unusable says what an interface lacks.
func (f facts) unusable(i iface) Finding {
	out := Finding{Code: NoInterface, Severity: health.Error, Interface: i.Name}
	switch {
	case !i.adminUp:
		out.Text = "No network interface is up; this one is switched off: nobody can be found."
		out.Hint = f.system.linkUp(i.Name)
	case !i.Up:
		out.Text = "No network interface is connected: plug the cable in, or join the Wi-Fi."
		out.Hint = f.system.join(i)
	default:
		out.Code = NoAddress
		out.Text = "The interface is up but has no address: nobody can be found."
		out.Hint = f.system.lease(i.Name, f.draw)
		if i.ipv6Off {
			out.Hint = f.system.ipv6On(i.Name)
		}
	}
	return out
}

// port judges who holds port 5353.
func (f facts) port() []Finding {
	if len(f.taken) == 0 {
		return nil
	}
	who := "another program"
	if f.holder.pid > 0 {
		who = fmt.Sprintf("%s (process %d)", f.holder.name, f.holder.pid)
	}
	return []Finding{{
		Code: PortTaken, Severity: health.Error,
		Text: fmt.Sprintf("UDP port 5353 is held by %s for itself alone (%s): multicast DNS cannot run beside it.", who, strings.Join(f.taken, " and ")),
		Hint: f.system.freePort(f.holder),
	}}
}

// link judges one interface that is used.
func (f facts) link(i iface) []Finding {
	var out []Finding
	for _, check := range []func(iface) (Finding, bool){
		f.addresses, f.ipv6, f.echo, f.silence, f.dialling, f.capture, f.streamPort, f.name, f.announcement,
	} {
		if found, is := check(i); is {
			found.Interface = i.Name
			out = append(out, found)
		}
	}
	return out
}

func (f facts) addresses(i iface) (Finding, bool) {
	return Finding{
		Code: NoIPv4, Severity: health.Warning,
		Text: "The interface has no IPv4 address. People who have IPv6 too are found and reached over IPv6; those with IPv4 only are not.",
		Hint: f.system.lease(i.Name, f.draw),
	}, !i.has(true)
}

func (f facts) ipv6(i iface) (Finding, bool) {
	return Finding{
		Code: IPv6Off, Severity: health.Info,
		Text: "IPv6 is switched off on this interface. People who have IPv4 are found all the same.",
		Hint: f.system.ipv6On(i.Name),
	}, i.ipv6Off && i.has(true)
}

// echo: the system gives every multicast packet back to who sent it; only a
// rule of this machine can keep it away, or that another holds the port. Loopback is no network: what is sent
// to all from 127.0.0.1 is dropped by the kernel.
func (f facts) echo(i iface) (Finding, bool) {
	lacks4 := i.has(true) && !i.echo4 && !slices.Contains(f.taken, family4)
	lacks6 := i.has(false) && !i.echo6 && !slices.Contains(f.taken, family6)
	if !i.opened || i.Loopback || !lacks4 && !lacks6 {
		return Finding{}, false
	}
	families := "IPv4 and IPv6"
	switch {
	case !lacks6:
		families = "IPv4"
	case !lacks4:
		families = "IPv6"
	}
	return Finding{
		Code: NoEcho, Severity: health.Error,
		Text: fmt.Sprintf("Our own multicast does not come back over %s: a firewall on this machine eats UDP port 5353.", families),
		Hint: f.system.allow("udp", 5353, f.dropping(i, "udp", 5353, lacks4)),
	}, true
}

// dropping returns the chain of the local firewall that drops an arrival.
func (f facts) dropping(i iface, protocol string, port uint16, four bool) *chain {
	if f.rules == nil {
		return nil
	}
	_, c := f.rules.judge(arrival{iface: i.Name, protocol: protocol, four: four, port: port})
	return c
}

// silence: our own multicast works, and yet nobody is heard. While another
// program holds the port for a family, that is why.
func (f facts) silence(i iface) (Finding, bool) {
	if !i.echo4 && !i.echo6 || i.heard > 0 || len(f.taken) > 0 {
		return Finding{}, false
	}
	out := Finding{Code: MulticastFiltered, Severity: health.Error, Where: Network, Hint: fmt.Sprintf(floodMulticast, "br0")}
	const eats = "the access point or switch eats multicast DNS (a multicast filter, client isolation, or snooping without a querier). br0 stands for its bridge. " +
		"Until that is mended, llchat add ADDRESS reaches people all the same."
	switch {
	case i.answered > 0:
		out.Text = fmt.Sprintf("%s answered our question directly, but nothing that is sent to all arrives: %s", count(i.answered, "machine"), eats)
	case i.known > 0:
		out.Text = fmt.Sprintf("Somebody listens at %s known from before, but nothing that is sent to all arrives: %s", addressCount(i.known), eats)
	default:
		out = Finding{
			Code: NobodyHeard, Severity: health.Info, Where: Another, Hint: "llchat echo",
			Text: fmt.Sprintf("No other machine was heard in %d s. Either nobody else is here, or the network eats multicast: from one machine the two cannot be told apart. "+
				"Start a second one and run llchat doctor here again.", f.seconds),
		}
	}
	if i.snooping {
		out.Text += " This interface is a bridge of this machine that snoops on multicast without being a querier."
		out.Hint, out.Where = f.system.sudo(fmt.Sprintf(floodMulticast, ifword(i.Name))), Here
	}
	return out, true
}

func addressCount(n int) string {
	if n == 1 {
		return "an address"
	}
	return fmt.Sprintf("%d addresses", n)
}

// dialling: people are heard, but none of those tried can be dialled.
func (f facts) dialling(i iface) (Finding, bool) {
	if i.dialled == 0 || i.silent < i.dialled || i.captured != "" {
		return Finding{}, false
	}
	who := fmt.Sprintf("%s tried here did not answer when dialled", count(i.dialled, "chat"))
	if i.silentSpeak > 0 {
		return Finding{
			Code: PeerFirewall, Severity: health.Warning, Where: Another, Hint: "llchat doctor",
			Text: who + ", though a machine of them answers questions: a firewall on their side, or on ours, keeps TCP away.",
		}, true
	}
	return Finding{
		Code: ClientIsolation, Severity: health.Error, Where: Network, Hint: joinClients,
		Text: who + ", nor by unicast at all, while multicast arrives: the access point keeps its clients apart (client isolation), or every one of them has a firewall. " +
			"The command is the one of OpenWrt.",
	}, true
}

// capture: what is for neighbours leaves by another interface.
func (f facts) capture(i iface) (Finding, bool) {
	return Finding{
		Code: VPNCaptures, Severity: health.Error,
		Text: fmt.Sprintf("What is for neighbours on this interface leaves by %s: people are found, but cannot be reached. The command ends that VPN.", shownOrNone(i.captured)),
		Hint: f.system.linkDown(i.captured),
	}, i.captured != ""
}

// streamPort reads the rules: a connection to ourselves never passes by them
// as one of a neighbour does, because it comes over loopback.
func (f facts) streamPort(i iface) (Finding, bool) {
	if f.rules == nil || f.stream == 0 {
		return Finding{}, false
	}
	for _, four := range []bool{true, false} {
		if !i.has(four) {
			continue
		}
		if c := f.dropping(i, "tcp", f.stream, four); c != nil {
			return Finding{
				Code: PortFirewall, Severity: health.Error,
				Text: "The firewall of this machine keeps others from our stream port: we can dial them, they cannot dial us.",
				Hint: f.system.allow("tcp", f.stream, c),
			}, true
		}
	}
	return Finding{}, false
}

// name: the node moves to another name by itself, as soon as it hears it too.
func (f facts) name(i iface) (Finding, bool) {
	return Finding{
		Code: NameConflict, Severity: health.Warning,
		Text: "Another machine answers for our name or host name with records of its own: who looks for us may dial it. It has another key, and nothing of ours is sent to it. " +
			"The node takes another name by itself, and the command shows it. If this comes again, that machine follows us: it means harm.",
		Hint: "llchat status",
	}, i.fight
}

func (f facts) announcement(i iface) (Finding, bool) {
	return Finding{
		Code: NotAnnounced, Severity: health.Warning,
		Text: "A node runs, but its own announcement was not heard here: nobody on this interface finds us.",
		Hint: "llchat status",
	}, f.running && f.named && !i.announced && (i.echo4 || i.echo6) && !i.fight && len(f.taken) == 0
}

// tunnels judges a default route that leads into a VPN.
func (f facts) tunnels() []Finding {
	n := slices.IndexFunc(f.ifaces, func(i iface) bool { return i.Name == f.route && !i.used && i.tunnel() })
	used := slices.ContainsFunc(f.ifaces, func(i iface) bool { return i.used })
	captured := slices.ContainsFunc(f.ifaces, func(i iface) bool { return i.captured != "" })
	if n < 0 || !used || captured {
		return nil
	}
	return []Finding{{
		Code: VPNDefault, Severity: health.Info, Interface: f.ifaces[n].Name,
		Text: "The default route leads into a VPN, which is left out by rule. People on the local network are found and reached all the same; those behind the VPN are not, unless it is asked for.",
		Hint: "llchat --interface " + ifword(f.ifaces[n].Name),
	}}
}

// opinion compares the other stack's view with ours.
func (f facts) opinion() []Finding {
	s := f.second
	switch {
	case !s.Asked || len(f.taken) > 0: // it reads the port that we cannot
		return nil
	case f.people == 0 && s.People > 0:
		return []Finding{{
			Code: SecondOpinion, Severity: health.Warning, Hint: "llchat doctor",
			Text: fmt.Sprintf("Another mDNS stack on this machine sees %s that we did not hear. Run it again; if it stays so, it is a fault of llchat.", count(s.People, "chat")),
		}}
	case f.running && f.named && !s.SeesUs && slices.ContainsFunc(f.ifaces, func(i iface) bool { return i.announced }):
		return []Finding{{
			Code: SecondOpinion, Severity: health.Info, Hint: "llchat doctor",
			Text: "We hear our own announcement, but another mDNS stack on this machine did not find us in this time. With many people here it needs longer.",
		}}
	}
	return nil
}

// clockAhead is how far after this program was built a clock is believed.
const clockAhead = 20 * 365 * 24 * time.Hour

// clock judges without a second clock: before this program was built it cannot
// be, and long after it hardly.
func (f facts) clock() []Finding {
	if f.built.IsZero() || f.now.After(f.built) && f.now.Before(f.built.Add(clockAhead)) {
		return nil
	}
	return []Finding{{
		Code: ClockOff, Severity: health.Info, Hint: f.system.clock(),
		Text: "The clock of this machine cannot be right: times of messages are wrong. Finding and reaching people does not depend on it.",
	}}
}
