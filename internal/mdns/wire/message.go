package wire

import "net/netip"

// Type is a resource record type.
type Type uint16

// The types this codec knows; all others are carried as Raw.
const (
	TypeA    Type = 1
	TypeNULL Type = 10
	TypePTR  Type = 12
	TypeTXT  Type = 16
	TypeAAAA Type = 28
	TypeSRV  Type = 33
	TypeOPT  Type = 41 // skipped by Parse
	TypeNSEC Type = 47
	TypeANY  Type = 255 // questions only
)

// Class is a record class without the cache-flush or QU bit.
type Class uint16

// Multicast DNS uses class IN; a question may ask for any.
const (
	ClassIN  Class = 1
	ClassANY Class = 255 // questions only
)

// topBit of the class: cache-flush in records (RFC 6762 10.2), unicast
// response wanted in questions (5.4).
const topBit = 0x8000

// Question is one entry of the question section.
type Question struct {
	Name    Name
	Type    Type
	Class   Class
	Unicast bool // the QU bit
}

// SRV is the data of a service record (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 Name
}

// NSEC is the restricted negative answer of RFC 6762 section 6.1: the types
// below 256 that exist at a name, in ascending order.
type NSEC struct {
	Next  Name
	Types []Type
}

// Record is one resource record. Which data field counts follows from Type:
// PTR, SRV, TXT, NSEC; Addr for A and AAAA; Raw for NULL and all other types.
type Record struct {
	Name  Name
	Type  Type
	Class Class // 0 is written as IN
	Flush bool
	TTL   uint32 // seconds; Parse cuts at MaxTTL

	PTR  Name
	SRV  SRV
	TXT  []byte // the strings as on the wire, length octets included
	Addr netip.Addr
	NSEC NSEC
	Raw  []byte // names inside are as they came, pointers included
}

// Message is one packet. ID, Opcode, Rcode and the flags are given as they
// are; what to ignore (RFC 6762 section 18) is the engine's choice.
type Message struct {
	ID            uint16
	Response      bool
	Authoritative bool
	Truncated     bool
	Opcode, Rcode uint8

	Questions  []Question
	Answers    []Record
	Authority  []Record
	Additional []Record

	// Skipped counts what Parse left out: bad or beyond a bound. OPT records
	// are left out without being counted.
	Skipped int

	// Legacy makes Append leave SRV targets uncompressed (RFC 6762 section
	// 18.14: unicast replies to legacy queriers). Parse never sets it.
	Legacy bool
}

// Empty reports whether no section holds anything.
func (m *Message) Empty() bool {
	return len(m.Questions)+len(m.Answers)+len(m.Authority)+len(m.Additional) == 0
}
