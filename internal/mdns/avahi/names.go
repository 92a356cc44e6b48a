package avahi

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
)

// names are what we want to be called and what conflicts made of it.
type names struct {
	user, machine       string
	userAdd, machineAdd string
	tries               int // renames since the names last held

	label string // instance label
	host  string // host label
}

// maxMachine leaves room for a user part and for the suffixes of both.
const maxMachine = 40

// name sets the wanted names; it reports whether they make a valid label.
func (o *names) name(user, machine string) bool {
	o.user, o.machine = user, machine
	if user == "" || machine == "" || len(machine) > maxMachine || len(user) > wire.MaxLabel {
		return false
	}
	for _, c := range []byte(machine) { // 174-12.1
		if !plain(c) || c == '_' {
			return false
		}
	}
	return utf8.ValidString(user) && validLabel(user) && o.build()
}

// build makes the labels, cutting the user part where the suffixes would not
// fit otherwise (174-12.2: at most 63 octets).
func (o *names) build() bool {
	o.host = o.machine + o.machineAdd
	room := wire.MaxLabel - len(o.host) - len("@") - len(o.userAdd)
	user := o.user
	for len(user) > max(0, room) || !utf8.ValidString(user) {
		user = user[:len(user)-1]
	}
	o.label = user + o.userAdd + "@" + o.host
	return user != ""
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
func (o *names) next(p part, random uint32) {
	add := &o.userAdd
	if p == machinePart {
		add = &o.machineAdd
	}
	o.tries++
	if o.tries > counted {
		*add = "-" + strconv.FormatUint(uint64(random%(1<<20))|1<<20, 36)
	} else {
		n, _ := strconv.Atoi(strings.TrimPrefix(*add, "-"))
		*add = "-" + strconv.Itoa(n+1)
	}
	o.build()
}

// fold lower-cases A-Z and nothing else (RFC 6762 16): the key of a label.
func fold(label string) string {
	b := []byte(label)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// validLabel says whether an instance label has no control octets (C-31).
func validLabel(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7F })
}

// plain says whether Avahi writes an octet of a label as it is.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// presentation writes labels as the D-Bus calls want them: one string, with all
// octets but letters, digits, "-" and "_" escaped as \DDD. Whatever the labels
// hold, that is ASCII.
func presentation(labels ...string) string {
	var b strings.Builder
	for i, l := range labels {
		if i > 0 {
			b.WriteByte('.')
		}
		for _, c := range []byte(l) {
			if plain(c) {
				b.WriteByte(c)
				continue
			}
			b.WriteByte('\\')
			b.WriteByte('0' + c/100)
			b.WriteByte('0' + c/10%10)
			b.WriteByte('0' + c%10)
		}
	}
	return b.String()
}

// errData means that record data does not hold what its type says.
var errData = errors.New("avahi: bad record data")

// readName reads a name without compression that fills data.
func readName(data []byte) (wire.Name, error) {
	var labels [][]byte
	for len(data) > 0 {
		n := int(data[0])
		if n == 0 {
			if len(data) != 1 {
				return wire.Name{}, errData
			}
			return wire.NewName(labels...)
		}
		if n > wire.MaxLabel || n >= len(data) {
			return wire.Name{}, errData
		}
		labels = append(labels, data[1:1+n])
		data = data[1+n:]
	}
	return wire.Name{}, errData
}

// service owns the PTR records (174-3.2).
var service = wire.MustName("_presence", "_tcp", "local")

// readPTR reads the instance label of PTR data.
func readPTR(data []byte) (label string, err error) {
	name, err := readName(data)
	switch {
	case err != nil:
		return "", err
	case !name.Parent().Equal(service) || !validLabel(name.First()):
		return "", errData
	}
	return name.First(), nil
}

// readSRV reads port and target of SRV data: priority, weight, port, name.
func readSRV(data []byte) (target wire.Name, port uint16, err error) {
	if len(data) < 7 {
		return wire.Name{}, 0, errData
	}
	target, err = readName(data[6:])
	return target, uint16(data[4])<<8 | uint16(data[5]), err
}

// encode makes the strings of a TXT record, within L-21.
func encode(t mdns.Text) ([][]byte, error) {
	pairs := make([]wire.Pair, 0, len(t))
	for _, e := range t {
		pairs = append(pairs, wire.Pair(e))
	}
	txt, err := wire.AppendText(nil, pairs)
	if err != nil {
		return nil, &mdns.TextError{Err: err}
	}
	out := [][]byte{}
	for s := range wire.Strings(txt) {
		if len(s) > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// decode reads TXT data as it was on the wire, within L-21.
func decode(txt []byte) mdns.Text {
	var t mdns.Text
	for _, p := range wire.ParseText(txt) {
		t = append(t, mdns.TextEntry(p))
	}
	return t
}
