package stanza

import (
	"strconv"
	"time"

	"llchat/internal/xmlstream"
)

// appendOpen begins a stanza: its name and the attributes that all stanzas have.
func appendOpen(dst []byte, name, id, from, to, kind string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = appendAttr(dst, "id", id)
	dst = appendAttr(dst, "from", from)
	dst = appendAttr(dst, "to", to)
	return appendAttr(dst, "type", kind)
}

func appendAttr(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return xmlstream.AppendAttr(dst, name, value)
}

// appendClose ends what appendOpen began; inner is where its content starts. Without
// content the '>' there becomes an empty-element tag.
func appendClose(dst []byte, name string, inner int) []byte {
	if len(dst) == inner {
		return append(dst[:inner-1], '/', '>')
	}
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

func appendTextElement(dst []byte, name, text string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = append(dst, '>')
	dst = xmlstream.AppendText(dst, text)
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

func appendAll(dst []byte, list []*xmlstream.Element) []byte {
	for _, e := range list {
		dst = xmlstream.AppendElement(dst, e)
	}
	return dst
}

func (m Message) append(dst []byte) []byte {
	dst = append(appendOpen(dst, "message", m.ID, m.From, m.To, m.Type), '>')
	inner := len(dst)
	if m.HasBody || m.Body != "" {
		dst = appendTextElement(dst, "body", m.Body)
	}
	if m.Request {
		dst = append(dst, "<request xmlns='"+NSReceipts+"'/>"...)
	}
	if m.Received != "" {
		dst = append(dst, "<received xmlns='"+NSReceipts+"'"...)
		dst = xmlstream.AppendAttr(dst, "id", m.Received)
		dst = append(dst, '/', '>')
	}
	if m.Nick != "" {
		dst = append(dst, "<nick xmlns='"+NSNick+"'>"...)
		dst = xmlstream.AppendText(dst, m.Nick)
		dst = append(dst, "</nick>"...)
	}
	dst = appendDelay(dst, m.Delay)
	dst = m.Payloads.append(dst)
	dst = appendAll(dst, m.Unknown)
	if m.Error != nil {
		dst = m.Error.append(dst)
	}
	return appendClose(dst, "message", inner)
}

// appendDelay writes XEP-0203 in UTC. A year of more than four digits has no form
// in XEP-0082, so such a time is left out.
func appendDelay(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return dst
	}
	dst = append(dst, "<delay xmlns='"+NSDelay+"' stamp='"...)
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, "'/>"...)
}

func (p Presence) append(dst []byte) []byte {
	dst = append(appendOpen(dst, "presence", p.ID, p.From, p.To, p.Type), '>')
	inner := len(dst)
	if p.Show != "" {
		dst = appendTextElement(dst, "show", p.Show)
	}
	if p.Status != "" {
		dst = appendTextElement(dst, "status", p.Status)
	}
	dst = appendAll(dst, p.Unknown)
	if p.Error != nil {
		dst = p.Error.append(dst)
	}
	return appendClose(dst, "presence", inner)
}

func (q IQ) append(dst []byte) []byte {
	dst = append(appendOpen(dst, "iq", q.ID, q.From, q.To, q.Type), '>')
	inner := len(dst)
	if q.Ping {
		dst = append(dst, "<ping xmlns='"+NSPing+"'/>"...)
	}
	if q.Payload != nil {
		dst = xmlstream.AppendElement(dst, q.Payload)
	}
	if q.Error != nil {
		dst = q.Error.append(dst)
	}
	return appendClose(dst, "iq", inner)
}

func (f Features) append(dst []byte) []byte {
	dst = append(dst, "<stream:features>"...)
	inner := len(dst)
	switch {
	case f.StartTLSRequired:
		dst = append(dst, "<starttls xmlns='"+NSTLS+"'><required/></starttls>"...)
	case f.StartTLS:
		dst = append(dst, "<starttls xmlns='"+NSTLS+"'/>"...)
	}
	if len(f.Mechanisms) > 0 {
		dst = append(dst, "<mechanisms xmlns='"+NSSASL+"'>"...)
		for _, m := range f.Mechanisms {
			dst = appendTextElement(dst, "mechanism", m)
		}
		dst = append(dst, "</mechanisms>"...)
	}
	dst = appendAll(dst, f.Unknown)
	if f.SM {
		dst = append(dst, "<sm xmlns='"+NSSM+"'/>"...)
	}
	dst = f.appendLimits(dst)
	if f.Waiting {
		dst = append(dst, "<waiting xmlns='"+NSWaiting+"'/>"...)
	}
	return appendClose(dst, "stream:features", inner)
}

func (f Features) appendLimits(dst []byte) []byte {
	if f.MaxBytes <= 0 && f.IdleSeconds <= 0 {
		return dst
	}
	dst = append(dst, "<limits xmlns='"+NSLimits+"'>"...)
	dst = appendNumber(dst, "max-bytes", f.MaxBytes)
	dst = appendNumber(dst, "idle-seconds", f.IdleSeconds)
	return append(dst, "</limits>"...)
}

func appendNumber(dst []byte, name string, n int) []byte {
	if n <= 0 {
		return dst
	}
	var room [20]byte
	return appendTextElement(dst, name, string(strconv.AppendInt(room[:0], int64(n), 10)))
}
