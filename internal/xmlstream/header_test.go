package xmlstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeader(t *testing.T) {
	const c, s = " xmlns='jabber:client'", " xmlns:stream='http://etherx.jabber.org/streams'"
	v10 := Header{Version: "1.0", HasVersion: true, Major: 1}
	v09 := Header{Minor: 9}
	tests := []struct {
		name, in string
		want     Header
		err      string
	}{
		{"plain", open10, v10, "none"},
		{"declaration", "<?xml version='1.0'?>" + open10, v10, "none"},
		{"declaration with all", "<?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?>\n" + open10, v10, "none"},
		{"white space before", " \r\n\t" + open10, v10, "none"},
		{
			"all fields", "<stream:stream from='ada@kite' to='bo@reef' id='x' xml:lang='en' version='1.0'" + c + s + ">",
			Header{From: "ada@kite", To: "bo@reef", ID: "x", Lang: "en", Version: "1.0", HasVersion: true, Major: 1},
			"none",
		},
		{"escaped address", "<stream:stream from='a&lt;&apos;b@c'" + c + s + ">", Header{From: "a<'b@c", Minor: 9}, "none"},
		{"foreign attribute", "<stream:stream hello='x' stream:to='y' version='1.0'" + c + s + ">", v10, "none"},
		// README 5.1: what Finch and its kin send; recognisable, no error.
		{"version 0.9", "<stream:stream" + c + s + " from=\"a@b\" to=\"c@d\">", Header{From: "a@b", To: "c@d", Minor: 9}, "none"},
		{"version 0.9 with an extension", "<stream:stream xmlns:x='urn:x'" + c + s + ">", v09, "none"},

		// C-12: two integers.
		{"leading zeros", "<stream:stream version='01.00'" + c + s + ">", Header{Version: "01.00", HasVersion: true, Major: 1}, "none"},
		{"version 1.10", "<stream:stream version='1.10'" + c + s + ">", Header{Version: "1.10", HasVersion: true, Major: 1, Minor: 10}, "none"},
		{"version 12.3", "<stream:stream version='12.3'" + c + s + ">", Header{Version: "12.3", HasVersion: true, Major: 12, Minor: 3}, "none"},
		{"huge version", "<stream:stream version='99999999999999999999.0'" + c + s + ">", Header{Version: "99999999999999999999.0", HasVersion: true, Major: 9999}, "none"},
		{"version 0.9 in words", "<stream:stream version='0.9'" + c + s + ">", Header{Version: "0.9", Minor: 9}, "none"},
		{"version without a dot", "<stream:stream version='1'" + c + s + ">", Header{Version: "1", Minor: 0}, UnsupportedVersion},
		{"version with a sign", "<stream:stream version='+1.0'" + c + s + ">", Header{Version: "+1.0"}, UnsupportedVersion},
		{"three parts", "<stream:stream version='1.0.0'" + c + s + ">", Header{Version: "1.0.0", Major: 1}, UnsupportedVersion},
		{"empty version", "<stream:stream version=''" + c + s + ">", Header{}, UnsupportedVersion},

		// Namespaces and prefixes.
		{"wrong stream namespace", "<stream:stream version='1.0' xmlns:stream='urn:x'" + c + ">", v10, InvalidNamespace},
		{"streams as default", "<stream version='1.0' xmlns='http://etherx.jabber.org/streams'>", v10, BadNamespacePrefix},
		{"other prefix", "<s:stream version='1.0' xmlns:s='http://etherx.jabber.org/streams'" + c + ">", v10, BadNamespacePrefix},
		{"no prefix", "<stream version='1.0'" + c + ">", v10, InvalidNamespace},
		{"server namespace", "<stream:stream version='1.0' xmlns='jabber:server'" + s + ">", v10, InvalidNamespace},
		{"no content namespace", "<stream:stream version='1.0'" + s + ">", v10, InvalidNamespace},
		{"C-19 extension namespace", "<stream:stream version='1.0' xmlns:x='urn:x'" + c + s + ">", v10, InvalidNamespace},
		{"C-19 prefix for jabber:client", "<stream:stream version='1.0' xmlns:c='jabber:client'" + c + s + ">", v10, BadNamespacePrefix},
		{"second prefix for streams", "<stream:stream version='1.0' xmlns:x='http://etherx.jabber.org/streams'" + c + s + ">", v10, BadNamespacePrefix},
		{"undeclared prefix", "<stream:stream version='1.0'" + c + ">", v09, NotWellFormed},

		// Not a stream.
		{"other root", "<stanza version='1.0'/>", v09, BadFormat},
		{"other root, open", "<message xmlns='jabber:client' version='1.0'>", v09, BadFormat},
		{"empty stream", "<stream:stream version='1.0'" + c + s + "/>", v09, BadFormat},
		{"TLS record", "\x16\x03\x01\x02\x00", v09, NotWellFormed},
		{"HTTP", "GET / HTTP/1.1\r\n", v09, NotWellFormed},
		{"end tag first", CloseTag, v09, NotWellFormed},
		{"text at depth 0", " x" + open10, v09, NotWellFormed},
		{"CDATA at depth 0", "<![CDATA[x]]>" + open10, v09, NotWellFormed},
		{"comment first", "<!-- -->" + open10, v09, RestrictedXML},
		{"document type first", "<!DOCTYPE x>" + open10, v09, RestrictedXML},
		{"document type after the declaration", "<?xml version='1.0'?><!DOCTYPE x>" + open10, v09, RestrictedXML},
		{"nothing", "", v09, "cut"},
		{"half a header", "<stream:stream xmlns='jabber", v09, "cut"},
		{"half a declaration", "<?xml vers", v09, "cut"},

		// XML declaration and encoding (C-18).
		{"declaration after white space", " <?xml version='1.0'?>" + open10, v09, RestrictedXML},
		{"two declarations", "<?xml version='1.0'?><?xml version='1.0'?>" + open10, v09, RestrictedXML},
		{"other instruction", "<?xml-stylesheet version='1.0'?>" + open10, v09, RestrictedXML},
		{"instruction", "<?php?>" + open10, v09, RestrictedXML},
		{"endless declaration", "<?xml version='1.0' " + strings.Repeat(" ", 200) + "?>" + open10, v09, RestrictedXML},
		{"no version", "<?xml?>" + open10, v09, NotWellFormed},
		{"encoding first", "<?xml encoding='UTF-8' version='1.0'?>" + open10, v09, NotWellFormed},
		{"standalone before encoding", "<?xml version='1.0' standalone='no' encoding='UTF-8'?>" + open10, v09, NotWellFormed},
		{"encoding twice", "<?xml version='1.0' encoding='UTF-8' encoding='UTF-8'?>" + open10, v09, NotWellFormed},
		{"unknown item", "<?xml version='1.0' foo='bar'?>" + open10, v09, NotWellFormed},
		{"item without quotes", "<?xml version=1.0?>" + open10, v09, NotWellFormed},
		{"no space", "<?xml version='1.0'encoding='UTF-8'?>" + open10, v09, NotWellFormed},
		{"XML 1.1", "<?xml version='1.1'?>" + open10, v09, NotWellFormed},
		{"standalone maybe", "<?xml version='1.0' standalone='maybe'?>" + open10, v09, NotWellFormed},
		{"control in the declaration", "<?xml version='1.0' encoding='\x01'?>" + open10, v09, NotWellFormed},
		{"Latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?>" + open10, v09, UnsupportedEncoding},
		{"UTF-16 declared", "<?xml version='1.0' encoding='UTF-16'?>" + open10, v09, UnsupportedEncoding},
		{"UTF-16 LE mark", "\xFF\xFE<\x00?\x00", v09, UnsupportedEncoding},
		{"UTF-16 BE mark", "\xFE\xFF\x00<\x00?", v09, UnsupportedEncoding},
		{"UTF-16 LE bare", "<\x00?\x00", v09, UnsupportedEncoding},
		{"UTF-16 BE bare", "\x00<\x00?", v09, UnsupportedEncoding},
		{"UTF-8 byte order mark", "\uFEFF" + open10, v09, NotWellFormed},
		{"duplicate attribute", "<stream:stream version='1.0' version='1.0'" + c + s + ">", v09, NotWellFormed},
		{"not UTF-8", "<stream:stream from='\xFF'" + c + s + ">", v09, NotWellFormed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewReader(strings.NewReader(tt.in), Accepted).Header()
			if diff := cmp.Diff(tt.want, got); diff != "" || condition(err) != tt.err {
				t.Errorf("error %v, want %s; header -want +got:\n%s", err, tt.err, diff)
			}
			octets, err2 := NewReader(oneOctet(tt.in), Accepted).Header()
			if octets != got || condition(err2) != condition(err) {
				t.Errorf("one octet at a time: %v %v", octets, err2)
			}
		})
	}
}

// Next without Header reads the header itself, and says what was wrong with it.
func TestNextReadsHeader(t *testing.T) {
	e, err := NewReader(strings.NewReader(open10+"<a/>"), Prelude).Next()
	if err != nil || e.Name.Local != "a" {
		t.Errorf("got %v, %v", e, err)
	}
	r := NewReader(strings.NewReader("<a>"), Prelude)
	_, err1 := r.Next()
	_, err2 := r.Header()
	if condition(err1) != BadFormat || condition(err2) != BadFormat {
		t.Errorf("got %v, then %v; want bad-format for ever", err1, err2)
	}
}
