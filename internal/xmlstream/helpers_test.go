package xmlstream

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const open10 = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

// outcome is everything a stream gave: its elements and how it ended.
type outcome struct {
	Header   Header
	Elements []*Element
	Err      error
}

func readAll(r io.Reader, l Limits) outcome {
	var out outcome
	rd := NewReader(r, l)
	if out.Header, out.Err = rd.Header(); out.Err != nil {
		return out
	}
	for {
		e, err := rd.Next()
		if err != nil {
			out.Err = err
			return out
		}
		out.Elements = append(out.Elements, e)
	}
}

// parseOne reads s as the only child of a stream.
func parseOne(s string) (*Element, error) {
	out := readAll(strings.NewReader(open10+s+CloseTag), Accepted)
	if !errors.Is(out.Err, ErrClosed) {
		return nil, out.Err
	}
	if len(out.Elements) != 1 {
		return nil, errors.New("not one element")
	}
	return out.Elements[0], nil
}

func mustParse(t testing.TB, s string) *Element {
	t.Helper()
	e, err := parseOne(s)
	if err != nil {
		t.Fatalf("parse %s: %v", s, err)
	}
	return e
}

// condition names how a stream ended.
func condition(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Condition
	}
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, ErrClosed):
		return "closed"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	}
	return err.Error()
}

func oneOctet(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) }

// endless gives unit for ever and counts what was taken.
type endless struct {
	unit  string
	at    int
	taken int
}

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = e.unit[e.at]
		e.at = (e.at + 1) % len(e.unit)
	}
	e.taken += len(b)
	return len(b), nil
}
