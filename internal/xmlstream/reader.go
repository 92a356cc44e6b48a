package xmlstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

// smallBuffer is where a Reader's buffer begins and what it returns to after a big
// stanza: thousands of idle streams each keep one.
const smallBuffer = 4096

// maxDeclaration bounds the XML declaration; the longest sensible one has 55 octets.
const maxDeclaration = 128

// Reader reads one stream. An error that is an *Error, and ErrClosed, are final and
// returned for ever; an error of the source is not: after a timeout, the next call
// goes on where it was.
type Reader struct {
	src    io.Reader
	lim    Limits
	err    error // final
	srcErr error // came together with octets, due next

	buf     []byte
	r, w    int  // buf[r:w] is read and not yet returned
	taken   int  // octets from the source in all
	seen    int  // octets of buf[r:w] that the framer took
	opened  bool // the header is read
	started bool // there is no XML declaration, or it is read
	frame   framer
	parser  *parser // scratch, nil while none is needed

	spaces      int // white space since the last element
	windowUsed  int // white space beyond spaceFree in the present window
	windowStart time.Time
}

// NewReader returns a Reader that takes octets from r under l.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{src: r, lim: l, frame: newHeaderFramer()}
}

// SetLimits changes the limits from the next octet on.
func (r *Reader) SetLimits(l Limits) { r.lim = l }

// Small buffers and scratch wait here while their readers have nothing to do.
var (
	buffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	parsers = sync.Pool{New: func() any { return new(parser) }}
)

// Release gives buffer and scratch back while nothing is read and not returned. The
// next call takes others, so a stream on which nothing comes costs next to nothing.
func (r *Reader) Release() {
	if r.r < r.w {
		return
	}
	if cap(r.buf) == smallBuffer {
		buffers.Put((*[smallBuffer]byte)(r.buf[:smallBuffer]))
	}
	r.buf, r.r, r.w = nil, 0, 0
	if r.parser != nil {
		parsers.Put(r.parser)
		r.parser = nil
	}
}

// scratch returns the parser to use now.
func (r *Reader) scratch() *parser {
	if r.parser == nil {
		r.parser = parsers.Get().(*parser)
	}
	return r.parser
}

// Buffered returns how many octets were taken from the source beyond what was
// returned. Anything but 0 before TLS begins is an injection (C-4).
func (r *Reader) Buffered() int { return r.w - r.r }

// Header reads the optional XML declaration and the opening tag of the stream. A
// header without a version is returned without an error. With an *Error, the Header
// holds what could still be read; HasVersion tells whether the peer gets an answer.
func (r *Reader) Header() (Header, error) {
	if r.err != nil {
		return Header{Minor: 9}, r.err
	}
	h, err := r.header()
	return h, r.keep(err)
}

// Next returns the next complete child of the stream: ErrClosed after the closing
// tag, io.ErrUnexpectedEOF when the source ends before it.
func (r *Reader) Next() (*Element, error) {
	if r.err != nil {
		return nil, r.err
	}
	if !r.opened {
		if _, err := r.Header(); err != nil {
			return nil, err
		}
	}
	e, err := r.next()
	return e, r.keep(err)
}

// Take takes the next child of the stream without parsing it, if it stands in the
// buffer already and is written exactly as prefix, at most ten digits, suffix; it
// returns the digits. The three together must be one well-formed element without
// character data. Anything else is left to Next, and so are errors.
func (r *Reader) Take(prefix, suffix string) (digits []byte, ok bool) {
	if r.err != nil || !r.opened || r.seen > 0 {
		return nil, false
	}
	b := r.buf[r.r:r.w]
	space := spaces(b)
	b = b[space:]
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return nil, false
	}
	n := len(prefix)
	for n < len(b) && n-len(prefix) < 10 && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	if len(b)-n < len(suffix) || string(b[n:n+len(suffix)]) != suffix {
		return nil, false
	}
	if r.chargeSpace(space, true) != nil {
		return nil, false // Next finds that too, since nothing was taken
	}
	r.r += space + n + len(suffix)
	r.spaces = 0
	return b[len(prefix):n], true
}

// keep makes an error of the stream final.
func (r *Reader) keep(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok || errors.Is(err, ErrClosed) {
		r.err = err
		r.buf = nil // of no use any more
		r.r, r.w = 0, 0
	}
	return err
}

func (r *Reader) header() (Header, error) {
	none := Header{Minor: 9}
	if err := r.readDeclaration(); err != nil {
		return none, err
	}
	if err := r.toTag(false); err != nil {
		return none, err
	}
	tag, err := r.readFrame()
	if err != nil {
		return none, err
	}
	h, err := r.scratch().header(tag, &r.frame, &r.lim)
	r.endFrame()
	r.opened = err == nil
	return h, err
}

// readDeclaration reads an XML declaration if the stream begins with one. A stream
// that begins with neither '<' nor white space is refused at its first octet.
func (r *Reader) readDeclaration() error {
	for !r.started {
		b := r.buf[r.r:r.w]
		switch {
		case len(b) == 0:
		case b[0] == 0, b[0] >= 0xFE, len(b) > 1 && b[0] == '<' && b[1] == 0:
			return &Error{Condition: UnsupportedEncoding, Text: "this looks like UTF-16 or UTF-32"}
		case b[0] != '<' && !isSpace(b[0]):
			return illFormed("not an XML stream")
		case b[0] != '<' || len(b) > 1 && b[1] != '?':
			r.started = true
			return nil
		}
		if end := bytes.IndexByte(b, '>'); end >= 0 && end < maxDeclaration {
			return r.endDeclaration(b[:end+1])
		}
		if len(b) >= maxDeclaration {
			return restricted("processing instruction or long XML declaration")
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) endDeclaration(b []byte) error {
	if !checkChars(b) {
		return illFormed("octets that are not XML")
	}
	if err := declaration(string(b), &r.lim); err != nil {
		return err
	}
	r.r += len(b)
	r.started = true
	return nil
}

func (r *Reader) next() (*Element, error) {
	if err := r.toTag(true); err != nil {
		return nil, err
	}
	s, err := r.readFrame()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(s, "</") {
		return nil, closing(s)
	}
	e, err := r.scratch().element(s, &r.frame, &r.lim)
	r.endFrame()
	return e, err
}

func closing(s string) error {
	name := strings.TrimRight(s[len("</"):len(s)-len(">")], " \t\r\n")
	if name != "stream:stream" {
		return illFormed("end tag does not match")
	}
	return ErrClosed
}

// toTag skips white space up to the next '<'. Inside a stream that is charged
// (security.md 9.2), except where Total bounds everything; before the header it
// counts as part of what may be read without progress, the size of a stanza.
func (r *Reader) toTag(inside bool) error {
	if r.seen > 0 {
		return nil // in the middle of a frame, after a timeout
	}
	for {
		b := r.buf[r.r:r.w]
		n := spaces(b)
		r.r += n
		if err := r.chargeSpace(n, inside); err != nil {
			return err
		}
		if n < len(b) {
			if b[n] != '<' {
				return illFormed("text between elements")
			}
			return nil
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// spaces returns how much white space b begins with. Padding is a long run of
// spaces (security.md 6.4), of which it takes eight at a time.
func spaces(b []byte) (n int) {
	for len(b)-n >= 8 && binary.NativeEndian.Uint64(b[n:]) == 0x2020202020202020 {
		n += 8
	}
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	return n
}

func (r *Reader) chargeSpace(n int, inside bool) error {
	if n == 0 || r.lim.Total > 0 {
		return nil
	}
	over := min(n, r.spaces+n-spaceFree)
	r.spaces += n
	if over <= 0 {
		return nil
	}
	if !inside {
		return overLimit("too much white space before the stream header")
	}
	if now := time.Now(); now.Sub(r.windowStart) >= spaceWindow*time.Second {
		r.windowStart, r.windowUsed = now, 0
	}
	if r.windowUsed += over; r.windowUsed > spaceRate {
		return overLimit("too much white space between elements")
	}
	return nil
}

// readFrame takes one frame out of the buffer as a string: the only copy of the
// octets, and all names and values are parts of it.
func (r *Reader) readFrame() (string, error) {
	limit := r.lim.stanza()
	for r.seen < limit {
		b := r.buf[r.r+r.seen : r.w]
		if len(b) == 0 {
			if err := r.fill(); err != nil {
				return "", err
			}
			continue
		}
		n, done, err := r.frame.scan(b[:min(len(b), limit-r.seen)], &r.lim)
		r.seen += n
		if err != nil {
			return "", err
		}
		if done {
			return r.takeFrame()
		}
	}
	return "", &Error{Condition: PolicyViolation, AppCondition: StanzaTooBig}
}

func (r *Reader) takeFrame() (string, error) {
	b := r.buf[r.r : r.r+r.seen]
	r.r += r.seen
	r.seen, r.spaces = 0, 0
	if !checkChars(b) {
		return "", illFormed("octets that are not UTF-8, or characters that XML excludes")
	}
	return string(b), nil
}

// endFrame gets ready for the next element and gives a grown buffer back.
func (r *Reader) endFrame() {
	r.frame = newFramer()
	if rest := r.w - r.r; cap(r.buf) > smallBuffer && rest <= smallBuffer/2 {
		small := make([]byte, smallBuffer)
		r.w = copy(small, r.buf[r.r:r.w])
		r.buf, r.r = small, 0
	}
}

// fill reads at least one octet into the buffer, or returns why it cannot.
func (r *Reader) fill() error {
	if r.srcErr != nil {
		err := r.srcErr
		r.srcErr = nil
		return sourceError(err)
	}
	if r.lim.Total > 0 && r.taken >= r.lim.Total {
		return overLimit("too many octets before TLS")
	}
	r.makeRoom()
	room := r.buf[r.w:]
	if r.lim.Total > 0 {
		room = room[:min(len(room), r.lim.Total-r.taken)]
	}
	for range 100 { // as bufio does: a source that never moves is broken
		n, err := r.src.Read(room)
		r.w += n
		r.taken += n
		if n > 0 {
			r.srcErr = err
			return nil
		}
		if err != nil {
			return sourceError(err)
		}
	}
	return io.ErrNoProgress
}

func sourceError(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeRoom leaves space behind buf[r:w]: by starting over, by moving what is left
// to the front, or by doubling up to the size of a stanza. It can always succeed,
// since a frame that fills a buffer of that size is refused before.
func (r *Reader) makeRoom() {
	switch {
	case r.r == r.w:
		r.r, r.w = 0, 0
		if r.buf == nil {
			r.buf = newBuffer(r.lim.stanza())
		}
	case r.w < len(r.buf):
	case r.r > 0:
		r.w = copy(r.buf, r.buf[r.r:])
		r.r = 0
	default:
		grown := make([]byte, max(len(r.buf)+1, min(2*len(r.buf), r.lim.stanza())))
		copy(grown, r.buf)
		r.buf = grown
	}
}

// newBuffer returns an empty buffer for elements of at most so many octets.
func newBuffer(most int) []byte {
	if most < smallBuffer {
		return make([]byte, most)
	}
	return buffers.Get().(*[smallBuffer]byte)[:]
}
