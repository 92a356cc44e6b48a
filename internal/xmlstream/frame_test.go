package xmlstream

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// framed is what the framer found out about an input.
type framed struct {
	N                    int
	Done                 bool
	Tokens, Nodes, Attrs int
	Err                  string
}

// frameIn scans in, cut into parts at the given places.
func frameIn(f framer, in string, lim Limits, cuts ...int) framed {
	var out framed
	from := 0
	for _, to := range append(cuts, len(in)) {
		n, done, err := f.scan([]byte(in[from:to]), &lim)
		out.N += n
		out.Done = done
		if err != nil {
			out.Err = err.Condition
		}
		if done || err != nil {
			break
		}
		from = to
	}
	out.Tokens, out.Nodes, out.Attrs = f.tokens, f.nodes, f.attrs
	return out
}

// The framer stops behind the last octet of an element and counts what is in it,
// wherever the input is cut in two or in three.
func TestFramer(t *testing.T) {
	tests := []struct {
		name, in string
		want     framed
	}{
		{"empty element", `<a/><b/>`, framed{N: 4, Done: true, Tokens: 1, Nodes: 1}},
		{"pair", `<a></a><b/>`, framed{N: 7, Done: true, Tokens: 2, Nodes: 1}},
		{"text", `<a>x y</a> `, framed{N: 10, Done: true, Tokens: 3, Nodes: 1}},
		{"nested", `<a><b/>x<c></c></a>`, framed{N: 19, Done: true, Tokens: 6, Nodes: 3}},
		{"attributes", `<a b='1' c="2"><d e='3'/></a>`, framed{N: 29, Done: true, Tokens: 3, Nodes: 2, Attrs: 3}},
		{"angle brackets in values", `<a b='>' c="/>"/>`, framed{N: 17, Done: true, Tokens: 1, Nodes: 1, Attrs: 2}},
		{"quotes in values", `<a b='"' c="'"/>`, framed{N: 16, Done: true, Tokens: 1, Nodes: 1, Attrs: 2}},
		{"slash at the end of a value", `<a b='/'></a>`, framed{N: 13, Done: true, Tokens: 2, Nodes: 1, Attrs: 1}},
		{"slash without quotes", `<a b=/></a>`, framed{N: 7, Done: true, Tokens: 1, Nodes: 1}},
		{"CDATA with tags", `<a><![CDATA[</a><b>]]></a>`, framed{N: 26, Done: true, Tokens: 3, Nodes: 1}},
		{"CDATA with brackets", `<a><![CDATA[]]]]]></a>`, framed{N: 22, Done: true, Tokens: 3, Nodes: 1}},
		{"CDATA with half an end", `<a><![CDATA[]>]]x>]]></a>`, framed{N: 25, Done: true, Tokens: 3, Nodes: 1}},
		{"quotes in text", `<a>'"</a>`, framed{N: 9, Done: true, Tokens: 3, Nodes: 1}},
		{"end of the stream", `</stream:stream>x`, framed{N: 16, Done: true, Tokens: 1}},
		{"unfinished text", `<a>x`, framed{N: 4, Tokens: 2, Nodes: 1}},
		{"unfinished value", `<a b='/>`, framed{N: 8, Tokens: 1, Nodes: 1, Attrs: 1}},
		{"unfinished CDATA", `<a><![CDATA[</a>]]`, framed{N: 18, Tokens: 2, Nodes: 1}},
		{"comment", `<a><!-- </a>`, framed{N: 6, Tokens: 1, Nodes: 1, Err: RestrictedXML}},
		{"document type", `<!DOCTYPE a>`, framed{N: 3, Err: RestrictedXML}},
		{"instruction", `<a><?b?></a>`, framed{N: 5, Tokens: 1, Nodes: 1, Err: RestrictedXML}},
		{"tag in a tag", `<a <b/>`, framed{N: 3, Tokens: 1, Nodes: 1, Err: NotWellFormed}},
		{"CDATA outside", `<![CDATA[x]]>`, framed{N: 9, Err: NotWellFormed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, frameIn(newFramer(), tt.in, Accepted)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for i := range len(tt.in) {
				for j := i; j < len(tt.in); j++ {
					got := frameIn(newFramer(), tt.in, Accepted, i, j)
					if got != tt.want {
						t.Fatalf("cut at %d and %d: got %+v, want %+v", i, j, got, tt.want)
					}
				}
			}
		})
	}
}

// A header is one start tag; what follows stays.
func TestHeaderFramer(t *testing.T) {
	tests := []struct {
		name, in string
		want     framed
	}{
		{"open", `<stream:stream a='>'>x`, framed{N: 21, Done: true, Tokens: 1, Nodes: 1, Attrs: 1}},
		{"closed at once", `<stream:stream/>x`, framed{N: 16, Done: true, Tokens: 1, Nodes: 1}},
		{"unfinished", `<stream:stream a='`, framed{N: 18, Tokens: 1, Nodes: 1, Attrs: 1}},
		{"late declaration", `<?xml`, framed{N: 2, Err: RestrictedXML}},
	}
	for _, tt := range tests {
		for cut := range len(tt.in) {
			if got := frameIn(newHeaderFramer(), tt.in, Prelude, cut); got != tt.want {
				t.Errorf("%s cut at %d: got %+v, want %+v", tt.name, cut, got, tt.want)
			}
		}
	}
}

// L-09: each limit is noticed by the framer at the octet that passes it, before the
// element is complete.
func TestL09_FramerLimits(t *testing.T) {
	tests := []struct {
		name string
		lim  Limits
		in   string
		at   int
	}{
		{"depth", Limits{Depth: 3}, `<a><b><c>`, 7},
		{"attributes", Limits{Attrs: 2}, `<a b='' c='' d='`, 15},
		{"value", Limits{AttrLen: 3}, `<a b='1234`, 6},
		{"tokens of tags", Limits{Tokens: 2}, `<a><b><c>`, 7},
		{"tokens of end tags", Limits{Tokens: 2}, `<a><b></b>`, 8},
		{"tokens of text", Limits{Tokens: 1}, `<a>x`, 3},
		{"tokens of CDATA", Limits{Tokens: 1}, `<a><![CDATA[`, 12},
	}
	for _, tt := range tests {
		got := frameIn(newFramer(), tt.in, tt.lim)
		if got.Err != PolicyViolation || got.N != tt.at {
			t.Errorf("%s: got %s at %d, want policy-violation at %d", tt.name, got.Err, got.N, tt.at)
		}
		if got := frameIn(newFramer(), tt.in, Limits{}); got.Err != "" {
			t.Errorf("%s: without limits %s", tt.name, got.Err)
		}
	}
}
