package chat

import (
	"llchat/internal/mdns"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// capsNode names llchat in entity capabilities (XEP-0115 section 3). It says
// no version: what can be done with us is in the hash.
const capsNode = "urn:x-llchat"

// ourInfo is what we are and can do (XEP-0030): nothing in it that does not
// work.
var ourInfo = stanza.Info{
	Identities: []stanza.Identity{{Category: "client", Type: "console", Name: "llchat"}},
	Features: []string{
		stanza.NSDiscoInfo, stanza.NSDiscoItems, stanza.NSCaps, stanza.NSPing, stanza.NSReceipts, stanza.NSDelay,
		stanza.NSNick, stanza.NSStanzaID, stanza.NSChatStates, stanza.NSMarkers, stanza.NSCorrect, stanza.NSRetract,
		stanza.NSReactions, stanza.NSReply, stanza.NSFallback, stanza.NSSpoiler, stanza.NSStyling, stanza.NSOOB,
		stanza.NSGeoloc, stanza.NSEME, stanza.NSEndpoints,
	},
}

var ourVer = ourInfo.Ver()

// ourNode is our information as it stands in the features of a stream (README
// 5.4).
func ourNode() *xmlstream.Element {
	info := ourInfo
	info.Node = capsNode + "#" + ourVer
	return info.Element()
}

// ourFeatures is what a contact finds in the features of a stream that it has
// dialled (174-10.4).
func ourFeatures() []*xmlstream.Element { return []*xmlstream.Element{ourNode()} }

// withCaps adds the capabilities to the TXT record of the open profile, where
// they have the values that they have in a stream (174-10.2).
func withCaps(t mdns.Text) mdns.Text {
	for _, e := range [...]struct{ key, value string }{{"node", capsNode}, {"hash", "sha-1"}, {"ver", ourVer}} {
		t = append(t, mdns.TextEntry{Key: e.key, Value: []byte(e.value), HasValue: true})
	}
	return t
}

// disco answers a contact who asks what we can do; ok is false for another
// question.
func disco(q stanza.IQ) (answer stanza.IQ, ok bool) {
	switch {
	case q.Type != "get" || q.Payload == nil:
		return answer, false
	case q.Payload.Is(stanza.NSDiscoItems, "query"):
		return q.Result(stanza.NoItems(q.Payload)), true
	case !q.Payload.Is(stanza.NSDiscoInfo, "query"):
		return answer, false
	}
	info := ourInfo
	info.Node = q.Payload.Attr("node")
	if info.Node != "" && info.Node != capsNode+"#"+ourVer {
		return q.Refuse(notFound), true
	}
	return q.Result(info.Element()), true
}
