package history

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"llchat/internal/identity"
)

// leaves finds rows that no tree leads to any more: a damaged inner page
// hides every page below it, though they are sound, and a damaged first page
// hides them all. It looks at each page of the file by itself, in the format of
// sqlite.org/fileformat2.html.
type leaves struct{ file vfs.File }

// Numbers of the file format.
const (
	leafOfTable = 0x0d                      // 1.6: the kind of a page, its first octet
	leafOfIndex = 0x0a                      // 1.6
	leafHeader  = 8                         // 1.6
	cellLocal   = pageSize - 35             // 1.6: a longer row goes on elsewhere
	indexLocal  = (pageSize-12)*64/255 - 23 // 1.6: the same of an entry of an index
	cellLeast   = (pageSize-12)*32/255 - 23 // 1.6: of such a row at least this is here
	perOverflow = pageSize - 4              // 1.7
	maxRecord   = 2 * maxBody               // ours: no message is longer
)

// shape is how the rows of a table are told from all others: by what their
// columns hold, in their order. A letter is nothing (-), an integer (i), an id
// (x), text (t), a key (k), octets (b); one of these or nothing (. y n).
type shape struct {
	table, names, columns string
	older                 int  // so many columns were all in an earlier schema
	index                 bool // a table without row numbers
	alone                 bool // so plain that all of its page has to be of it
}

const messageNames = "row, seq, peer, out, id, state, pending, time, delay, reason, body"

var shapes = []shape{
	{table: "message", names: messageNames + ", kind, flags, target", columns: "-iiixiii.ttiiy", older: 11},
	{table: "peer", names: "id, pin, gone, seen", columns: "-kii", older: 2, alone: true},
	{table: "request", names: "id, pin, seq, first, last, nick, addr, names", columns: "-kiiittb"},
	{table: "waiting", names: "n, request, id, time, body", columns: "-ixit"},
	{
		table: "detail", columns: "-y.nn..nn..",
		names: "row, reply, quote, hint, text, edited, retracted, ours, theirs, ours_at, theirs_at",
	},
	{table: "draft", names: "peer, body", columns: "tt", index: true, alone: true},
}

// of reports whether a row is of this shape.
func (s *shape) of(index bool, row int64, columns []value) bool {
	if index != s.index || !index && row < 1 || len(columns) != len(s.columns) && (s.older == 0 || len(columns) != s.older) {
		return false
	}
	for i, v := range columns {
		if !holds(s.columns[i], v) {
			return false
		}
	}
	return s.table != "message" || columns[1].(int64) >= row // one is never renumbered downwards
}

func holds(letter byte, v value) bool {
	letters := ""
	switch v := v.(type) {
	case nil:
		letters = "-.yn"
	case int64:
		letters = "i."
	case string:
		if letters = "txyn"; !utf8.ValidString(v) {
			letters = ""
		}
	case []byte:
		switch letters = "b"; len(v) {
		case idLen / 2:
			letters = "bxy"
		case len(identity.Pin{}):
			letters = "bk"
		}
	}
	return strings.IndexByte(letters, letter) >= 0
}

// value is a column: nil, int64, string, or []byte.
type value any

// openLeaves looks at the file of a connection.
func openLeaves(c *conn) (leaves, bool) {
	f, err := c.db.FileControl("main", sqlite3.FCNTL_FILE_POINTER)
	file, ok := f.(vfs.File)
	return leaves{file}, ok && err == nil
}

// each calls add for each row that can only be of one of the shapes. What
// cannot be read or understood is left out: this is about what can.
func (l leaves) each(shapes []shape, add func(s *shape, row int64, columns []value) error) error {
	size, err := l.file.Size()
	if err != nil {
		return err
	}
	page := make([]byte, pageSize)
	for off := int64(pageSize); off+pageSize <= size; off += pageSize { // the first page is the schema
		if n, _ := l.file.ReadAt(page, off); n != pageSize || page[0] != leafOfTable && page[0] != leafOfIndex {
			continue
		}
		for i := range shapes {
			if err := l.rows(page, &shapes[i], add); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows finds those of one shape on a page.
func (l leaves) rows(page []byte, s *shape, add func(s *shape, row int64, columns []value) error) error {
	if (page[0] == leafOfIndex) != s.index {
		return nil
	}
	type found struct {
		row     int64
		columns []value
	}
	var all []found
	cells := min(int(binary.BigEndian.Uint16(page[3:])), (pageSize-leafHeader)/2)
	for i := range cells {
		at := int(binary.BigEndian.Uint16(page[leafHeader+2*i:]))
		row, columns, ok := l.cell(page[min(at, pageSize):], s.index)
		if ok && s.of(s.index, row, columns) {
			all = append(all, found{row, columns})
		}
	}
	if s.alone && len(all) < cells {
		return nil
	}
	for _, f := range all {
		if err := add(s, f.row, f.columns); err != nil {
			return err
		}
	}
	return nil
}

// cell reads a row of a table, or an entry of an index, which has no number.
func (l leaves) cell(b []byte, index bool) (row int64, columns []value, ok bool) {
	size, n := varint(b)
	if n == 0 || size > maxRecord {
		return 0, nil, false
	}
	most := indexLocal
	var id uint64
	if !index {
		var m int
		if id, m = varint(b[n:]); m == 0 || id > math.MaxInt64 {
			return 0, nil, false
		}
		most = cellLocal
		n += m
	}
	b = b[n:]
	local := int(size)
	if local > most {
		if local = cellLeast + (int(size)-cellLeast)%perOverflow; local > most {
			local = cellLeast
		}
	}
	if local > len(b) || int(size) > local && local+4 > len(b) {
		return 0, nil, false
	}
	record := append([]byte(nil), b[:local]...)
	if int(size) > local {
		if record, ok = l.overflow(record, binary.BigEndian.Uint32(b[local:]), int(size)); !ok {
			return 0, nil, false
		}
	}
	columns, ok = parseRecord(record)
	return int64(id), columns, ok
}

// overflow adds what is on the other pages of a row.
func (l leaves) overflow(record []byte, next uint32, size int) ([]byte, bool) {
	page := make([]byte, pageSize)
	for len(record) < size {
		if next < 2 {
			return nil, false
		}
		if n, _ := l.file.ReadAt(page, int64(next-1)*pageSize); n != pageSize {
			return nil, false
		}
		next = binary.BigEndian.Uint32(page)
		record = append(record, page[4:4+min(perOverflow, size-len(record))]...)
	}
	return record, true
}

// parseRecord takes a record apart (2.1).
func parseRecord(b []byte) (columns []value, ok bool) {
	head, n := varint(b)
	if n == 0 || head > uint64(len(b)) || head < uint64(n) {
		return nil, false
	}
	types, body := b[n:head], b[head:]
	for len(types) > 0 {
		kind, n := varint(types)
		if n == 0 {
			return nil, false
		}
		types = types[n:]
		size := sizeOf(kind)
		if size > uint64(len(body)) {
			return nil, false
		}
		columns = append(columns, valueOf(kind, body[:size]))
		body = body[size:]
	}
	return columns, len(body) == 0
}

// sizeOf is the length of a value of a serial type (2.1).
func sizeOf(kind uint64) uint64 {
	if kind >= 12 {
		return (kind - 12) / 2
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, math.MaxUint64, math.MaxUint64}[kind]
}

func valueOf(kind uint64, raw []byte) value {
	switch {
	case kind == 0 || kind == 7: // we store no fractions
		return nil
	case kind == 8 || kind == 9:
		return int64(kind - 8)
	case kind >= 12 && kind%2 == 0:
		return raw
	case kind >= 12:
		return string(raw)
	}
	n := int64(int8(raw[0]))
	for _, c := range raw[1:] {
		n = n<<8 | int64(c)
	}
	return n
}

// varint reads a number of up to nine octets (1.6), n of them; none if b ends
// before it does.
func varint(b []byte) (v uint64, n int) {
	for i, c := range b[:min(len(b), 9)] {
		if i == 8 {
			return v<<8 | uint64(c), 9
		}
		if v = v<<7 | uint64(c&0x7f); c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
