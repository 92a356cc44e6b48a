package wire

import (
	"encoding/binary"
	"errors"
)

// ErrFraming means that the packet cannot be walked: nothing of it is used.
var ErrFraming = errors.New("wire: broken framing")

// errBad marks one question or record that is skipped: its extent is known,
// its content makes no sense.
var errBad = errors.New("wire: bad record")

// errFull ends the walk: a bound of L-20 is reached.
var errFull = errors.New("wire: bound reached")

// Parse decodes one packet within the bounds of the package comment. Counts in
// the header that promise more than the packet holds are not an error when it
// ends behind a complete question or record.
func Parse(data []byte) (Message, error) { return ParseFirst(data, MaxRecords) }

// ParseFirst is Parse that stops behind so many records.
func ParseFirst(data []byte, records int) (Message, error) {
	if len(data) < headerLen || len(data) > MaxPacket {
		return Message{}, ErrFraming
	}
	p := parser{msg: data, off: headerLen, limit: min(records, MaxRecords)}
	m := header(data)
	err := p.message(&m)
	if errors.Is(err, errFull) {
		p.skipped++
		err = nil
	}
	if err != nil {
		return Message{}, err
	}
	m.Skipped = p.skipped
	return m, nil
}

// header reads the fixed part (RFC 1035 section 4.1.1).
func header(data []byte) Message {
	return Message{
		ID:            binary.BigEndian.Uint16(data),
		Response:      data[2]&0x80 != 0,
		Opcode:        data[2] >> 3 & 0x0f,
		Authoritative: data[2]&0x04 != 0,
		Truncated:     data[2]&0x02 != 0,
		Rcode:         data[3] & 0x0f,
	}
}

// parser walks one packet; off is at the start of the next entry.
type parser struct {
	msg     []byte
	off     int
	records int
	limit   int // of records
	skipped int
	names   nameTable
}

func (p *parser) message(m *Message) error {
	count := func(i int) int { return int(binary.BigEndian.Uint16(p.msg[4+2*i:])) }
	var err error
	if m.Questions, err = p.questions(count(0)); err != nil {
		return err
	}
	if m.Answers, err = p.section(count(1)); err != nil {
		return err
	}
	if m.Authority, err = p.section(count(2)); err != nil {
		return err
	}
	m.Additional, err = p.section(count(3))
	return err
}

// questions reads up to MaxQuestions and walks over the rest, because the
// records behind them are wanted.
func (p *parser) questions(n int) ([]Question, error) {
	var out []Question
	for i := 0; i < n && p.off < len(p.msg); i++ {
		if i >= MaxQuestions {
			end, ok := p.skipName(p.off, len(p.msg))
			if !ok || end+4 > len(p.msg) {
				return nil, ErrFraming
			}
			p.off = end + 4
			p.skipped++
			continue
		}
		q, err := p.question()
		switch {
		case errors.Is(err, errBad):
			p.skipped++
		case err != nil:
			return out, err
		default:
			out = append(out, q)
		}
	}
	return out, nil
}

func (p *parser) question() (Question, error) {
	name, end, bad := p.name(p.off, len(p.msg))
	if bad != nil && !errors.Is(bad, errBad) {
		return Question{}, bad
	}
	if end+4 > len(p.msg) {
		return Question{}, ErrFraming
	}
	class := binary.BigEndian.Uint16(p.msg[end+2:])
	q := Question{
		Name:    name,
		Type:    Type(binary.BigEndian.Uint16(p.msg[end:])),
		Class:   Class(class &^ topBit),
		Unicast: class&topBit != 0,
	}
	p.off = end + 4
	if q.Class != ClassIN && q.Class != ClassANY {
		bad = errBad
	}
	return q, bad
}

// section reads n records or as many as there are. What was read before
// errFull is returned with it.
func (p *parser) section(n int) ([]Record, error) {
	var out []Record
	// The header may lie: memory follows what the packet can hold.
	if room := min(n, (len(p.msg)-p.off)/11, p.limit-p.records); room > 0 {
		out = make([]Record, 0, room)
	}
	for i := 0; i < n && p.off < len(p.msg); i++ {
		if p.records >= p.limit {
			return out, errFull
		}
		p.records++
		r, err := p.record()
		switch {
		case errors.Is(err, errBad):
			p.skipped++
		case err != nil:
			return out, err
		case r.Type != TypeOPT: // EDNS says nothing in multicast DNS
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// record reads the record at p.off and moves behind it, also when its content
// is bad.
func (p *parser) record() (Record, error) {
	name, end, bad := p.name(p.off, len(p.msg))
	if bad != nil && !errors.Is(bad, errBad) {
		return Record{}, bad
	}
	if end+10 > len(p.msg) {
		return Record{}, ErrFraming
	}
	class := binary.BigEndian.Uint16(p.msg[end+2:])
	r := Record{
		Name:  name,
		Type:  Type(binary.BigEndian.Uint16(p.msg[end:])),
		Class: Class(class &^ topBit),
		Flush: class&topBit != 0,
		TTL:   min(binary.BigEndian.Uint32(p.msg[end+4:]), MaxTTL),
	}
	start := end + 10
	p.off = start + int(binary.BigEndian.Uint16(p.msg[end+8:]))
	if p.off > len(p.msg) {
		return Record{}, ErrFraming
	}
	if r.Type == TypeOPT {
		return r, nil
	}
	if bad != nil || r.Class != ClassIN {
		return Record{}, errBad
	}
	if err := p.rdata(&r, start, p.off); err != nil {
		if !errors.Is(err, errFull) {
			err = errBad
		}
		return Record{}, err
	}
	return r, nil
}
