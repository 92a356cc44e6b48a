package xmlstream

import "io"

// Reader reads one stream.
type Reader struct {
	src io.Reader
	lim Limits
}

// NewReader returns a Reader that takes octets from r under l.
func NewReader(r io.Reader, l Limits) *Reader { return &Reader{src: r, lim: l} }

// SetLimits changes the limits from the next octet on.
func (r *Reader) SetLimits(l Limits) { r.lim = l }

// Buffered returns how many octets were taken from the source beyond what was
// returned.
func (r *Reader) Buffered() int { return 0 }

// Header reads the stream header.
func (r *Reader) Header() (Header, error) { return Header{}, io.ErrUnexpectedEOF }

// Next reads the next child of the stream.
func (r *Reader) Next() (*Element, error) { return nil, io.ErrUnexpectedEOF }
