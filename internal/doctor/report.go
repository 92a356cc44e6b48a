package doctor

import (
	"fmt"
	"slices"
	"strings"

	"llchat/internal/health"
)

// Codes of findings. They never change their meaning.
const (
	NoInterface       = "no-interface"       // nothing that multicast DNS could run on
	LeftOut           = "left-out"           // only interfaces that are left out by rule
	NoAddress         = "no-address"         // an interface without any address
	NoIPv4            = "no-ipv4"            // IPv6 only
	IPv6Off           = "ipv6-off"           // IPv6 is switched off on the interface
	PortTaken         = "port-taken"         // 5353 is held exclusively
	NoEcho            = "no-echo"            // our own multicast does not come back: local firewall
	MulticastFiltered = "multicast-filtered" // the network eats multicast: somebody is there, nothing heard
	NobodyHeard       = "nobody-heard"       // nobody there, or filtered: cannot be told apart
	ClientIsolation   = "client-isolation"   // multicast passes, dialling does not
	PeerFirewall      = "peer-firewall"      // their machine answers, their port does not
	PortFirewall      = "port-firewall"      // our firewall keeps others from our stream port
	VPNCaptures       = "vpn-captures"       // a tunnel takes what is for neighbours
	VPNDefault        = "vpn-default"        // a tunnel has the default route, neighbours do not suffer
	NameConflict      = "name-conflict"      // somebody answers for our name
	NotAnnounced      = "not-announced"      // a node runs, but its announcement is not heard
	SecondOpinion     = "second-opinion"     // the other stack sees people we do not
	ClockOff          = "clock-off"          // the clock cannot be right
	HistoryDamaged    = "history-damaged"    // not all of the history can be read
)

// Where a command is to be run.
const (
	Here    = "this machine"
	Network = "the access point or switch"
	Another = "a second machine on this network"
)

// Finding is something that does not work, or that explains something.
type Finding struct {
	Code      string          `json:"code"`
	Severity  health.Severity `json:"severity"`
	Interface string          `json:"interface,omitempty"`
	// Text says what was found and what it means.
	Text string `json:"text"`
	// Hint is the one command that mends it; empty where no command does.
	Hint string `json:"hint,omitempty"`
	// Where the command is to be run.
	Where string `json:"where,omitempty"`
}

// Interface is what was found on one network interface.
type Interface struct {
	Name string `json:"name"`
	// Used: multicast DNS runs on it. Otherwise Why says why not.
	Used bool   `json:"used"`
	Why  string `json:"why,omitempty"`
	// IPv4 and IPv6 say what kind of address there is, never which.
	IPv4 string `json:"ipv4"`
	IPv6 string `json:"ipv6"`
	// Echo lists the families on which our own multicast came back.
	Echo []string `json:"echo"`
	// Heard machines, at least, spoke multicast DNS; Answered of them, or
	// others, answered a question by unicast.
	Heard    int `json:"heard"`
	Answered int `json:"answered"`
	// People announce themselves here; Dialled of them were tried and
	// Reached answered.
	People  int `json:"people"`
	Dialled int `json:"dialled"`
	Reached int `json:"reached"`
	// Announced: our running node's own announcement was heard.
	Announced bool `json:"announced"`
}

// Second is the view of the other mDNS stack.
type Second struct {
	Stack string `json:"stack"`
	// Asked: it could look.
	Asked bool `json:"asked"`
	// SeesUs: it found our running node.
	SeesUs bool `json:"seesUs"`
	// People it found beside us.
	People int `json:"people"`
}

// Report is what Run found. It is safe to publish.
type Report struct {
	// Running: a node of this profile was asked who it is.
	Running bool `json:"running"`
	// Silent: the profile is a ghost, so nothing was sent. Only what needs no
	// packet was looked at; the rest is in Unchecked.
	Silent bool `json:"silent"`
	// Seconds of listening.
	Seconds    int         `json:"seconds"`
	Interfaces []Interface `json:"interfaces"`
	// Findings, the worst first.
	Findings []Finding `json:"findings"`
	// People on all interfaces, each once, beside us.
	People int `json:"people"`
	// Second opinion of another stack on this machine.
	Second Second `json:"second"`
	// History is how the history on disk is; empty where nobody asked.
	History string `json:"history,omitempty"`
	// Unchecked says what could not be looked at, and why.
	Unchecked []string `json:"unchecked"`
}

// Find returns the first finding of this code.
func (r Report) Find(code string) (Finding, bool) {
	for _, f := range r.Findings {
		if f.Code == code {
			return f, true
		}
	}
	return Finding{}, false
}

// Text is the report for people: a line for each thing that was looked at,
// with ok, no or ?? before it, then what to do.
func (r Report) Text() string {
	var b strings.Builder
	for _, i := range r.Interfaces {
		i.text(&b, r)
	}
	r.second(&b)
	r.history(&b)
	for _, f := range r.Findings {
		f.text(&b)
	}
	switch {
	case len(r.Findings) > 0:
	case r.Silent:
		b.WriteString("\nnothing is wrong with what can be seen without sending\n")
	default:
		b.WriteString("\nnothing is wrong\n")
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(&b, "\nnot looked at: %s", u)
	}
	if len(r.Unchecked) > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// Wrong names what does not work, warnings and errors, each code once: a
// remark is nothing wrong.
func (r Report) Wrong() []string {
	var out []string
	for _, f := range r.Findings {
		if f.Severity > health.Info && !slices.Contains(out, f.Code) {
			out = append(out, f.Code)
		}
	}
	return out
}

// line writes one thing that was looked at.
func line(b *strings.Builder, mark, format string, args ...any) {
	fmt.Fprintf(b, "   %s  %s\n", mark, fmt.Sprintf(format, args...))
}

// mark is ok or what stands for it not being so.
func mark(ok bool, otherwise string) string {
	if ok {
		return "ok"
	}
	return otherwise
}

func (i Interface) text(b *strings.Builder, r Report) {
	fmt.Fprintln(b, i.Name)
	if !i.Used {
		line(b, "--", "not used: %s", i.Why)
		return
	}
	line(b, mark(i.IPv4 != kindNone, "no"), "IPv4 address: %s", i.IPv4)
	line(b, mark(i.IPv6 != kindNone && i.IPv6 != kindOff, "??"), "IPv6 address: %s", i.IPv6)
	if r.Silent {
		return
	}
	echo := strings.Join(i.Echo, " and ")
	if echo == "" {
		echo = "none"
	}
	line(b, mark(len(i.Echo) > 0, "no"), "own multicast came back over: %s", echo)
	if r.Running {
		line(b, mark(i.Announced, "??"), "own announcement %s", heard(i.Announced))
	}
	line(b, mark(i.Heard > 0, "??"), "%s heard in %d s, %s by unicast", count(i.Heard, "other machine"), r.Seconds, answered(i.Answered))
	line(b, mark(i.People > 0, "??"), "%s announced here", count(i.People, "chat"))
	if i.Dialled > 0 {
		line(b, mark(i.Reached > 0, "no"), "%d of %d tried can be dialled", i.Reached, i.Dialled)
	}
}

func heard(yes bool) string {
	if yes {
		return "heard"
	}
	return "not heard"
}

func answered(n int) string {
	if n == 1 {
		return "1 answers"
	}
	return fmt.Sprintf("%d answer", n)
}

// count is a number with its word.
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (r Report) second(b *strings.Builder) {
	s := r.Second
	fmt.Fprintf(b, "second opinion (%s)\n", s.Stack)
	if !s.Asked {
		line(b, "--", "not asked")
		return
	}
	if r.Running {
		line(b, mark(s.SeesUs, "??"), "%s us", map[bool]string{true: "sees", false: "does not see"}[s.SeesUs])
	}
	line(b, mark(s.People > 0, "??"), "sees %s beside us", count(s.People, "chat"))
}

func (f Finding) text(b *strings.Builder) {
	where := ""
	if f.Interface != "" {
		where = " on " + f.Interface
	}
	fmt.Fprintf(b, "\n%s: %s%s\n  %s\n", f.Severity, f.Code, where, f.Text)
	if f.Hint != "" {
		fmt.Fprintf(b, "  on %s:\n    %s\n", f.Where, f.Hint)
	}
}
