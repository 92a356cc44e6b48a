package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ruleset is what `nft --json list ruleset` says (libnftables-json(5)), as far
// as it decides about a packet that comes in.
type ruleset struct{ chains []*chain }

// chain is a chain of rules; Hook is set on the ones that packets enter by.
type chain struct {
	Family string `json:"family"`
	Table  string `json:"table"`
	Name   string `json:"name"`
	Hook   string `json:"hook"`
	Policy string `json:"policy"`
	rules  [][]map[string]json.RawMessage
}

// parseRules reads a rule set.
func parseRules(data []byte) (*ruleset, error) {
	var doc struct {
		List []struct {
			Chain *chain `json:"chain"`
			Rule  *struct {
				Family string                       `json:"family"`
				Table  string                       `json:"table"`
				Chain  string                       `json:"chain"`
				Expr   []map[string]json.RawMessage `json:"expr"`
			} `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read firewall rules: %w", err)
	}
	r := &ruleset{}
	for _, e := range doc.List {
		switch {
		case e.Chain != nil:
			r.chains = append(r.chains, e.Chain)
		case e.Rule != nil:
			if c := r.find(e.Rule.Family, e.Rule.Table, e.Rule.Chain); c != nil {
				c.rules = append(c.rules, e.Rule.Expr)
			}
		}
	}
	return r, nil
}

func (r *ruleset) find(family, table, name string) *chain {
	i := slices.IndexFunc(r.chains, func(c *chain) bool {
		return c.Family == family && c.Table == table && c.Name == name
	})
	if i < 0 {
		return nil
	}
	return r.chains[i]
}

// arrival is a packet that a neighbour begins a conversation with.
type arrival struct {
	iface    string
	protocol string // udp or tcp
	four     bool
	src      netip.Addr
	port     uint16 // ours
}

// verdict on an arrival.
type verdict int

const (
	passes verdict = iota
	drops
	unsure // a rule that was not understood might decide
)

// judge says what becomes of a, and which chain drops it.
func (r *ruleset) judge(a arrival) (verdict, *chain) {
	out := passes
	for _, c := range r.chains {
		if c.Hook != "input" && c.Hook != "prerouting" || !c.sees(a) {
			continue
		}
		switch v, _ := r.walk(c, a, 0); v {
		case drops:
			return drops, c
		case unsure:
			out = unsure
		}
	}
	return out, nil
}

func (c *chain) sees(a arrival) bool {
	return c.Family == "inet" || c.Family == "ip" && a.four || c.Family == "ip6" && !a.four
}

// maxJumps is how deep chains may call each other; the kernel's own bound is 16.
const maxJumps = 16

// walk goes through a chain. decided is false when the end was reached, or
// returned to, in a chain that was jumped to.
func (r *ruleset) walk(c *chain, a arrival, depth int) (v verdict, decided bool) {
	maybe := passes // unsure when a rule that might match would have ended it
	for _, rule := range c.rules {
		m, act, target := match(rule, a)
		if m == no || act == "" {
			continue
		}
		if act == "return" {
			if m == yes {
				return or(maybe, r.end(c)), depth == 0
			}
			maybe = unsure
			continue
		}
		got, ended := r.act(c, act, target, a, depth)
		switch {
		case m == yes && ended:
			return or(maybe, got), true
		case m == yes && got == unsure, m == perhaps && (ended || got == unsure):
			maybe = unsure
		}
	}
	return or(maybe, r.end(c)), depth == 0
}

// end is what becomes of a packet at the end of a chain.
func (r *ruleset) end(c *chain) verdict {
	if c.Policy == "drop" {
		return drops
	}
	return passes
}

// or keeps the doubt: once it is unsure which rule decides, so is the verdict.
func or(maybe, v verdict) verdict {
	if maybe == unsure {
		return unsure
	}
	return v
}

// act does what a matching rule says.
func (r *ruleset) act(c *chain, act, target string, a arrival, depth int) (verdict, bool) {
	switch act {
	case "accept":
		return passes, true
	case "drop", "reject":
		return drops, true
	case "jump", "goto":
		next := r.find(c.Family, c.Table, target)
		if next == nil || depth >= maxJumps {
			return unsure, true
		}
		v, decided := r.walk(next, a, depth+1)
		if !decided && act == "goto" {
			return or(v, r.end(c)), true
		}
		return v, decided
	}
	return unsure, true // queue, vmap and what is yet to come
}

// fit says whether a rule applies.
type fit int

const (
	no fit = iota
	perhaps
	yes
)

// match looks at the expressions of a rule in order: all of them have to fit.
func match(rule []map[string]json.RawMessage, a arrival) (fit, string, string) {
	m := yes
	for _, e := range rule {
		for kind, body := range e {
			switch kind {
			case "match":
				m = min(m, matches(body, a))
			case "accept", "drop", "reject", "return", "queue", "vmap":
				return m, kind, ""
			case "jump", "goto":
				var to struct{ Target string }
				_ = json.Unmarshal(body, &to) // no target: find says so
				return m, kind, to.Target
			case "counter", "log", "comment", "mangle", "notrack", "ct helper": // decide nothing
			default: // limit, xt and others: not in the JSON whether they fit
				m = min(m, perhaps)
			}
			if m == no {
				return no, "", ""
			}
		}
	}
	return m, "", ""
}

// matches compares one property of the packet.
func matches(body json.RawMessage, a arrival) fit {
	var m struct {
		Op    string
		Left  json.RawMessage
		Right json.RawMessage
	}
	if json.Unmarshal(body, &m) != nil {
		return perhaps
	}
	has, known := a.property(m.Left)
	if !known {
		return perhaps
	}
	if len(has) == 0 {
		return no // another protocol, whatever the operator
	}
	f := among(m.Right, has)
	switch m.Op {
	case "==", "in":
		return f
	case "!=":
		return yes - f
	}
	return perhaps
}

// property is what the packet has in the place that left names; several
// spellings where the rule may use any.
func (a arrival) property(left json.RawMessage) (has []string, known bool) {
	var l struct {
		And     []json.RawMessage `json:"&"`
		Meta    *struct{ Key string }
		Payload *struct{ Protocol, Field string }
		Ct      *struct{ Key string }
	}
	if json.Unmarshal(left, &l) != nil {
		return nil, false
	}
	number := map[string]string{"tcp": "6", "udp": "17"}[a.protocol]
	switch {
	case len(l.And) == 2: // tcp flags & (fin|syn|rst|ack) == syn
		has, known = a.property(l.And[0])
		return has, known && len(has) > 0 && has[0] == "syn"
	case l.Meta != nil:
		switch l.Meta.Key {
		case "iifname", "iif":
			return []string{a.iface}, true
		case "l4proto":
			return []string{a.protocol, number}, true
		case "nfproto":
			return []string{a.nfproto()}, true
		case "protocol":
			return []string{strings.Replace(a.nfproto(), "v4", "", 1), a.nfproto()}, true
		}
	case l.Ct != nil && l.Ct.Key == "state":
		return []string{"new"}, true
	case l.Payload != nil:
		return a.payload(l.Payload.Protocol, l.Payload.Field, number)
	}
	return nil, false
}

func (a arrival) payload(protocol, field, number string) ([]string, bool) {
	switch protocol {
	case "tcp", "udp", "th":
		if protocol != a.protocol && protocol != "th" {
			return []string{}, true // another protocol: fits nothing
		}
		switch field {
		case "dport":
			return []string{fmt.Sprint(a.port)}, true
		case "flags": // it begins a conversation
			return []string{"syn"}, protocol == "tcp"
		}
	case "sctp", "dccp", "udplite", "icmp", "icmpv6", "igmp", "ah", "esp", "comp", "arp":
		return []string{}, true
	case "ip", "ip6":
		switch {
		case (protocol == "ip") != a.four:
			return []string{}, true
		case field == "protocol", field == "nexthdr":
			return []string{a.protocol, number}, true
		case field == "saddr" && a.src.IsValid():
			return []string{a.src.String()}, true
		}
	}
	return nil, false
}

func (a arrival) nfproto() string {
	if a.four {
		return "ipv4"
	}
	return "ipv6"
}

// among looks for what the packet has in the right side of a match: a value,
// a list of flags, a set, a range or a prefix.
func among(right json.RawMessage, has []string) fit {
	right = bytes.TrimSpace(right)
	switch {
	case len(right) == 0:
		return perhaps
	case right[0] == '[':
		return amongAll(right, has)
	case right[0] == '{':
		return amongKinds(right, has)
	}
	value := strings.Trim(string(right), `"`)
	if strings.HasPrefix(value, "@") {
		return perhaps // a named set
	}
	if slices.Contains(has, value) {
		return yes
	}
	if prefix, wild := strings.CutSuffix(value, "*"); wild && slices.ContainsFunc(has, func(h string) bool { return strings.HasPrefix(h, prefix) }) {
		return yes
	}
	return no
}

func amongAll(right json.RawMessage, has []string) fit {
	var list []json.RawMessage
	if json.Unmarshal(right, &list) != nil {
		return perhaps
	}
	best := no
	for _, e := range list {
		best = max(best, among(e, has))
	}
	return best
}

func amongKinds(right json.RawMessage, has []string) fit {
	var r struct {
		Set    json.RawMessage
		Range  []json.RawMessage
		Prefix *struct {
			Addr string
			Len  int
		}
	}
	if json.Unmarshal(right, &r) != nil {
		return perhaps
	}
	switch {
	case len(r.Set) > 0 && r.Set[0] == '[':
		return amongAll(r.Set, has)
	case len(r.Set) > 0:
		return among(r.Set, has)
	case len(r.Range) == 2:
		return inRange(r.Range, has[0])
	case r.Prefix != nil:
		return inPrefix(r.Prefix.Addr, r.Prefix.Len, has[0])
	}
	return perhaps
}

func inRange(ends []json.RawMessage, has string) fit {
	var low, high, n int
	if json.Unmarshal(ends[0], &low) != nil || json.Unmarshal(ends[1], &high) != nil {
		return perhaps
	}
	if _, err := fmt.Sscan(has, &n); err != nil {
		return perhaps
	}
	if low <= n && n <= high {
		return yes
	}
	return no
}

func inPrefix(addr string, bits int, has string) fit {
	a, err := netip.ParseAddr(addr)
	h, err2 := netip.ParseAddr(has)
	if err != nil || err2 != nil {
		return perhaps
	}
	if p, err := a.Prefix(bits); err != nil || !p.Contains(h) {
		return no
	}
	return yes
}
