package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"llchat/internal/health"
)

// stamp is a time as cli.md writes it: RFC 3339, UTC, milliseconds.
type stamp time.Time

const stampFormat = `"2006-01-02T15:04:05.000Z"`

func (t stamp) IsZero() bool { return time.Time(t).IsZero() }

func (t stamp) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, stampFormat), nil
}

func (t *stamp) UnmarshalJSON(b []byte) error {
	return (*time.Time)(t).UnmarshalJSON(b)
}

// The plain types have the fields of the exported ones and none of their
// methods; the outer field shadows the one that is written differently.
type (
	plainPeer    Peer
	plainMessage Message
	plainStatus  Status
	plainVersion Version
)

type peerJSON struct {
	plainPeer
	LastSeen stamp `json:"lastSeen,omitzero"`
}

type messageJSON struct {
	plainMessage
	Written   stamp `json:"written"`
	Edited    stamp `json:"edited,omitzero"`
	Retracted stamp `json:"retracted,omitzero"`
}

type versionJSON struct {
	plainVersion
	Written stamp `json:"written"`
}

type healthJSON struct {
	health.Item
	Since stamp `json:"since"`
	Gone  bool  `json:"gone,omitempty"`
}

type statusJSON struct {
	plainStatus
	Health []healthJSON `json:"health"`
}

// MarshalJSON writes the status as cli.md documents it: times as everywhere,
// lists never null.
func (s Status) MarshalJSON() ([]byte, error) {
	j := statusJSON{plainStatus(s), []healthJSON{}}
	for _, h := range s.Health {
		j.Health = append(j.Health, healthJSON{Item: h, Since: stamp(h.Since)})
	}
	if j.Addresses == nil {
		j.Addresses = []string{}
	}
	if j.Interfaces == nil {
		j.Interfaces = []Interface{}
	}
	return json.Marshal(j)
}

// MarshalJSON writes the notice as cli.md documents it.
func (h HealthNotice) MarshalJSON() ([]byte, error) {
	return json.Marshal(healthJSON{h.Item, stamp(h.Since), h.Gone})
}

// MarshalJSON writes the row as cli.md documents it.
func (p Peer) MarshalJSON() ([]byte, error) {
	if p.Addresses == nil {
		p.Addresses = []string{}
	}
	return json.Marshal(peerJSON{plainPeer(p), stamp(p.LastSeen)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Peer) UnmarshalJSON(b []byte) error {
	var j peerJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*p = Peer(j.plainPeer)
	p.LastSeen = time.Time(j.LastSeen)
	return nil
}

// MarshalJSON writes the message as cli.md documents it.
func (m Message) MarshalJSON() ([]byte, error) {
	return json.Marshal(messageJSON{plainMessage(m), stamp(m.Written), stamp(m.Edited), stamp(m.Retracted)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Message) UnmarshalJSON(b []byte) error {
	var j messageJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*m = Message(j.plainMessage)
	m.Written, m.Edited, m.Retracted = time.Time(j.Written), time.Time(j.Edited), time.Time(j.Retracted)
	return nil
}

// head is what every event begins with.
type head struct {
	Type string `json:"type"`
	Seq  uint64 `json:"seq,omitempty"`
	Time stamp  `json:"time,omitzero"`
}

// Type is the word of cli.md for the kind of event; empty for no kind.
func (e Event) Type() string {
	switch e.Body.(type) {
	case Peer:
		return "peer"
	case Message:
		return "message"
	case Request:
		return "request"
	case Typing:
		return "typing"
	case ConflictNotice:
		return "conflict"
	case HealthNotice:
		return "health"
	case Resync:
		return "resync"
	}
	return ""
}

// MarshalJSON writes one flat object: type, seq, time, then the body's fields.
func (e Event) MarshalJSON() ([]byte, error) {
	front, err := json.Marshal(head{e.Type(), e.Seq, stamp(e.Time)})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, err
	}
	if len(body) <= len("{}") {
		return front, nil
	}
	return append(append(front[:len(front)-1], ','), body[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. An unknown type leaves Body
// nil, so that an older front-end survives a newer node.
func (e *Event) UnmarshalJSON(b []byte) error {
	var h head
	if err := json.Unmarshal(b, &h); err != nil {
		return fmt.Errorf("chat event: %w", err)
	}
	*e = Event{Seq: h.Seq, Time: time.Time(h.Time)}
	var err error
	switch h.Type {
	case "peer":
		e.Body, err = decode[Peer](b)
	case "message":
		e.Body, err = decode[Message](b)
	case "request":
		e.Body, err = decode[Request](b)
	case "typing":
		e.Body, err = decode[Typing](b)
	case "conflict":
		e.Body, err = decode[ConflictNotice](b)
	case "health":
		e.Body, err = decode[HealthNotice](b)
	case "resync":
		e.Body, err = decode[Resync](b)
	}
	return err
}

func decode[T any](b []byte) (T, error) {
	var v T
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&v); err != nil {
		return v, fmt.Errorf("chat event: %w", err)
	}
	return v, nil
}

// MarshalJSON writes the text as everything else is written.
func (v Version) MarshalJSON() ([]byte, error) {
	return json.Marshal(versionJSON{plainVersion(v), stamp(v.Written)})
}
