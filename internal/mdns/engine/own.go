package engine

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"llchat/internal/mdns/wire"
)

// TTLs of our records (RFC 6762 10, C-34).
const (
	ttlHost  = 120  // SRV, A, AAAA
	ttlOther = 4500 // PTR, TXT
)

// formerFor is how long late copies of our own announcements are not taken for
// somebody else after we gave up a name.
const formerFor = 5 * time.Second

// own is our instance: names, text, and how its names came to be.
type own struct {
	wanted      bool // Publish was called
	established bool // announced under the present names at least once
	reported    string
	txt         []byte // on the air
	wantTXT     []byte // to be there as soon as the update rate allows
	pictures    pictures

	user, machine       string // wanted
	userAdd, machineAdd string // what was appended because of conflicts
	tries               int    // renames since the names last held

	label                string // instance label
	instance, host       wire.Name
	instanceKey, hostKey string
	former               map[string]time.Time

	conflicts  []time.Time // of the last minute
	deafUntil  time.Time   // conflicts are a squatter's work until then
	reprobed   time.Time   // last return from live to probing
	updates    []time.Time // changes announced in the last minute
	change     timer       // next change of TXT
	bye        timer       // second goodbye
	byePackets []Send
	byeKey     string // instance that it is for
}

func (o *own) init(e *Engine) {
	o.former = map[string]time.Time{}
	o.change.fire = e.applyText
	o.bye.fire = e.secondGoodbye
}

// name sets the wanted names. It reports whether they make a valid label.
func (o *own) name(user, machine string) bool {
	o.user, o.machine = user, machine
	o.userAdd, o.machineAdd = "", ""
	if user == "" || machine == "" || len(machine) > maxMachine || len(user) > wire.MaxLabel {
		return false
	}
	for _, c := range []byte(machine) { // 174-12.1, README 3
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return utf8.ValidString(user) && validLabel(user) && o.build()
}

// maxMachine leaves room for a user part and for the suffixes of both.
const maxMachine = 40

// build makes labels and names of the parts, cutting the user part where the
// suffixes would not fit otherwise (174-12.2: at most 63 octets).
func (o *own) build() bool {
	host := o.machine + o.machineAdd
	room := wire.MaxLabel - len(host) - len("@") - len(o.userAdd)
	user := cut(o.user, room)
	o.label = user + o.userAdd + "@" + host
	var err1, err2 error
	o.instance, err1 = service.Child(o.label)
	o.host, err2 = local.Child(host)
	o.instanceKey, o.hostKey = o.instance.Key(), o.host.Key()
	return user != "" && err1 == nil && err2 == nil
}

// cut cuts s to at most n octets at a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:max(0, n)]
}

// validLabel says whether an instance label has no control octets (C-31).
func validLabel(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7F })
}

// part is a part of the instance name.
type part int

const (
	userPart part = iota
	machinePart
)

// counted is how often a name gets the next number before it gets a suffix
// chosen at random, which no squatter can foresee.
const counted = 8

// next moves to the next name as XEP-0174 3 says: -1, -2 ... on the machine
// part when another machine has it, on the user part when this machine has it.
func (o *own) next(e *Engine, p part) {
	add := &o.userAdd
	if p == machinePart {
		add = &o.machineAdd
	}
	o.tries++
	if o.tries > counted {
		*add = "-" + strconv.FormatUint(uint64(e.rand.Uint32N(1<<20))|1<<20, 36)
	} else {
		n, _ := strconv.Atoi(strings.TrimPrefix(*add, "-"))
		*add = "-" + strconv.Itoa(n+1)
	}
	o.build()
}

// slot names one of our records on a link, for rate limits and pending answers.
type slot struct {
	kind slotKind
	addr netip.Addr
}

type slotKind int

const (
	slotPTR slotKind = iota
	slotMeta
	slotSRV
	slotTXT
	slotNULL // the avatar; not there unless the TXT record names it
	slotAddr
	slotNSECInstance
	slotNSECHost
)

// ownRecord is one of our records as it goes out on a link.
type ownRecord struct {
	slot   slot
	shared bool
	rec    wire.Record
}

// record makes the record of s on l.
func (e *Engine) record(l *linkState, s slot) ownRecord {
	o := &e.own
	r := wire.Record{Class: wire.ClassIN, TTL: ttlOther, Flush: true}
	switch s.kind {
	case slotPTR:
		r.Name, r.Type, r.PTR, r.Flush = service, wire.TypePTR, o.instance, false
	case slotMeta:
		r.Name, r.Type, r.PTR, r.Flush = meta, wire.TypePTR, service, false
	case slotSRV:
		r.Name, r.Type, r.TTL = o.instance, wire.TypeSRV, ttlHost
		r.SRV = wire.SRV{Port: e.cfg.Port, Target: o.host}
	case slotTXT:
		r.Name, r.Type, r.TXT = o.instance, wire.TypeTXT, o.txt
	case slotNULL:
		r.Name, r.Type, r.Raw = o.instance, wire.TypeNULL, o.pictures.onAir.data
	case slotAddr:
		r.Name, r.Type, r.TTL, r.Addr = o.host, wire.TypeA, ttlHost, s.addr
		if s.addr.Is6() {
			r.Type = wire.TypeAAAA
		}
	case slotNSECInstance:
		r.Name, r.Type = o.instance, wire.TypeNSEC
		r.NSEC = wire.NSEC{Next: o.instance, Types: o.instanceTypes()}
	case slotNSECHost:
		r.Name, r.Type, r.TTL = o.host, wire.TypeNSEC, ttlHost // 6.1: as the missing record
		r.NSEC = wire.NSEC{Next: o.host, Types: l.families()}
	}
	return ownRecord{slot: s, shared: !r.Flush, rec: r}
}

// families are the address types that we have on l, in ascending order.
func (l *linkState) families() []wire.Type {
	var v4, v6 bool
	for _, p := range l.info.Addrs {
		v4 = v4 || p.Addr().Is4()
		v6 = v6 || p.Addr().Is6()
	}
	var out []wire.Type
	if v4 {
		out = append(out, wire.TypeA)
	}
	if v6 {
		out = append(out, wire.TypeAAAA)
	}
	return out
}

// addrSlots are our addresses on l: all of this link and no others (RFC 6762
// 6.2), at most as many as others keep.
func (l *linkState) addrSlots() []slot {
	var out []slot
	for _, p := range l.info.Addrs {
		if len(out) < maxAddrs {
			out = append(out, slot{slotAddr, p.Addr()})
		}
	}
	return out
}

// fullSet is what an announcement holds.
func (l *linkState) fullSet() []slot {
	return append([]slot{{kind: slotPTR}, {kind: slotSRV}, {kind: slotTXT}}, l.addrSlots()...)
}

// isFormer says whether key is a name that we gave up moments ago.
func (o *own) isFormer(now time.Time, key string) bool {
	until, ok := o.former[key]
	if ok && now.After(until) {
		delete(o.former, key)
		return false
	}
	return ok
}
