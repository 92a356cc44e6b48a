package chat_test

import (
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// XEP-0184 as README 7 has it: what is on disk is confirmed, once, by a message
// that holds nothing else. A receipt, a group message, an error and what has no
// id never are, and no contact marker is sent unless the user wants that.
func TestXEP0184_WhatIsConfirmed(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("carol@h")
		conn := contactDials(t, c.hostA, c.alice, m, "carol")
		conn.SetStanding(stream.Accepted)
		hint := &xmlstream.Element{Name: xmlstream.Name{Space: "urn:xmpp:hints", Local: "no-store"}}
		tests := []struct {
			say       stanza.Message
			kept, yes bool
		}{
			{stanza.Message{ID: "plain", Type: "chat", HasBody: true, Body: "plain", Request: true}, true, true},
			{stanza.Message{ID: "no type", HasBody: true, Body: "no type", Request: true}, true, true},
			{stanza.Message{ID: "markable", HasBody: true, Body: "markable", Request: true, Payloads: stanza.Payloads{Markable: true}}, true, true},
			{stanza.Message{ID: "hint", HasBody: true, Body: "XEP-0334 is ignored", Request: true, Unknown: []*xmlstream.Element{hint}}, true, true},
			{stanza.Message{ID: "unasked", HasBody: true, Body: "unasked"}, true, false},
			{stanza.Message{HasBody: true, Body: "no id", Request: true}, true, false},
			{stanza.Message{ID: "receipt", HasBody: true, Body: "receipt", Received: "plain", Request: true}, false, false},
			{stanza.Message{ID: "group", Type: "groupchat", HasBody: true, Body: "group", Request: true}, false, false},
			{stanza.Message{ID: "error", Type: "error", HasBody: true, Body: "error", Request: true, Error: stanza.NewError("bad-request")}, false, false},
			{stanza.Message{ID: "typing", Request: true, Payloads: stanza.Payloads{State: stanza.Composing}}, false, false},
		}
		for _, tt := range tests {
			if err := conn.Send(t.Context(), tt.say); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		confirmed := map[string]int{}
		for _, s := range m.Got() {
			msg, ok := s.(stanza.Message)
			if !ok {
				continue
			}
			if msg.Received == "" || msg.HasBody || msg.Request || msg.Payloads.Displayed != "" || msg.Payloads.State != "" || len(msg.Unknown) > 0 {
				t.Errorf("not only a receipt: %+v", msg)
			}
			confirmed[msg.Received]++
		}
		for _, tt := range tests {
			if got := confirmed[tt.say.ID] == 1; got != tt.yes || confirmed[tt.say.ID] > 1 {
				t.Errorf("%q: %d receipts, want one: %v", tt.say.ID, confirmed[tt.say.ID], tt.yes)
			}
			got, n := find(t, c.alice, "carol", tt.say.Body)
			if kept := n == 1 && got.State == chat.Received; tt.say.HasBody && kept != tt.kept {
				t.Errorf("%q is there %d times, want it: %v", tt.say.Body, n, tt.kept)
			}
		}
		closeMallory(t, m)
	})
}
