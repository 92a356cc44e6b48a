package stanza

import (
	"strconv"

	"llchat/internal/xmlstream"
)

// empty reports whether there is nothing to write.
func (p *Payloads) empty() bool {
	return p.State == "" && !p.Markable && p.Displayed == "" && p.Replaces == "" && p.Retracts == "" &&
		p.Reactions == nil && p.Reply == nil && len(p.Fallbacks) == 0 && p.Spoiler == nil && !p.Unstyled &&
		p.OriginID == "" && p.Link == nil && p.Location == nil && p.Encrypted == ""
}

func (p *Payloads) append(dst []byte) []byte {
	if p.empty() {
		return dst
	}
	dst = appendMark(dst, string(p.State), NSChatStates, p.State != "")
	dst = appendMark(dst, "markable", NSMarkers, p.Markable)
	dst = appendRef(dst, "displayed", NSMarkers, p.Displayed)
	dst = appendRef(dst, "replace", NSCorrect, p.Replaces)
	dst = appendRef(dst, "retract", NSRetract, p.Retracts)
	dst = appendRef(dst, "origin-id", NSStanzaID, p.OriginID)
	dst = p.Reactions.append(dst)
	if p.Reply != nil {
		dst = append(dst, "<reply xmlns='"+NSReply+"'"...)
		dst = appendAttr(dst, "to", p.Reply.To)
		dst = append(appendAttr(dst, "id", p.Reply.ID), '/', '>')
	}
	for _, f := range p.Fallbacks {
		dst = f.append(dst)
	}
	dst = appendMark(dst, "unstyled", NSStyling, p.Unstyled)
	if p.Spoiler != nil {
		dst = append(dst, "<spoiler xmlns='"+NSSpoiler+"'>"...)
		dst = append(xmlstream.AppendText(dst, *p.Spoiler), "</spoiler>"...)
	}
	dst = p.Link.append(dst)
	dst = p.Location.append(dst)
	if p.Encrypted != "" {
		dst = append(dst, "<encryption xmlns='"+NSEME+"'"...)
		dst = append(appendAttr(dst, "namespace", p.Encrypted), '/', '>')
	}
	return dst
}

// appendMark writes an empty element when there is one.
func appendMark(dst []byte, local, space string, on bool) []byte {
	if !on {
		return dst
	}
	dst = append(append(dst, '<'), local...)
	return append(xmlstream.AppendAttr(dst, "xmlns", space), '/', '>')
}

// appendRef writes an element that only refers to a message.
func appendRef(dst []byte, local, space, id string) []byte {
	if id == "" {
		return dst
	}
	dst = append(append(dst, '<'), local...)
	dst = xmlstream.AppendAttr(dst, "xmlns", space)
	return append(xmlstream.AppendAttr(dst, "id", id), '/', '>')
}

func (r *Reactions) append(dst []byte) []byte {
	if r == nil {
		return dst
	}
	dst = append(dst, "<reactions xmlns='"+NSReactions+"'"...)
	dst = append(appendAttr(dst, "id", r.ID), '>')
	for _, s := range r.Set {
		dst = appendTextElement(dst, "reaction", s)
	}
	return append(dst, "</reactions>"...)
}

func (f Fallback) append(dst []byte) []byte {
	dst = append(dst, "<fallback xmlns='"+NSFallback+"'"...)
	dst = append(appendAttr(dst, "for", f.For), '>')
	if f.End > f.Start {
		dst = append(dst, "<body start='"...)
		dst = append(strconv.AppendInt(dst, int64(f.Start), 10), "' end='"...)
		dst = append(strconv.AppendInt(dst, int64(f.End), 10), "'/>"...)
	}
	return append(dst, "</fallback>"...)
}

func (l *Link) append(dst []byte) []byte {
	if l == nil {
		return dst
	}
	dst = append(dst, "<x xmlns='"+NSOOB+"'>"...)
	dst = appendTextElement(dst, "url", l.URL)
	if l.Text != "" {
		dst = appendTextElement(dst, "desc", l.Text)
	}
	return append(dst, "</x>"...)
}

func (l *Location) append(dst []byte) []byte {
	if l == nil {
		return dst
	}
	dst = append(dst, "<geoloc xmlns='"+NSGeoloc+"'><lat>"...)
	dst = append(appendFloat(dst, l.Lat), "</lat><lon>"...)
	dst = append(appendFloat(dst, l.Lon), "</lon>"...)
	if l.Accuracy > 0 {
		dst = append(dst, "<accuracy>"...)
		dst = append(appendFloat(dst, l.Accuracy), "</accuracy>"...)
	}
	if l.Text != "" {
		dst = appendTextElement(dst, "text", l.Text)
	}
	return append(dst, "</geoloc>"...)
}

func appendFloat(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'f', -1, 64) }
