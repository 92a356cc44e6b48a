package history

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// leaves finds messages that no tree leads to any more: a damaged inner page
// hides every page below it, though they are sound. It looks at each page of
// the file by itself, in the format of sqlite.org/fileformat2.html.
type leaves struct{ file vfs.File }

// Numbers of the file format.
const (
	leafOfTable = 0x0d                      // 1.6: the kind of a page, its first octet
	leafHeader  = 8                         // 1.6
	cellLocal   = pageSize - 35             // 1.6: a longer row goes on elsewhere
	cellLeast   = (pageSize-12)*32/255 - 23 // 1.6: of such a row at least this is here
	perOverflow = pageSize - 4              // 1.7
	maxRecord   = 2 * maxBody               // ours: no message is longer
)

// messageColumns is what the columns of a message hold, in their order: nothing,
// an integer, an id, one of these or nothing, text. Schema 1 ended with the
// first eleven.
const (
	messageColumns = "-iiixiii.tt" + "iiy"
	columnsOf1     = 11
)

// value is a column: nil, int64, string, or []byte.
type value any

// openLeaves looks at the file of a connection.
func openLeaves(c *conn) (leaves, bool) {
	f, err := c.db.FileControl("main", sqlite3.FCNTL_FILE_POINTER)
	file, ok := f.(vfs.File)
	return leaves{file}, ok && err == nil
}

// each calls add for each row that can only be a message. What cannot be read
// or understood is left out: this is about what can.
func (l leaves) each(add func(row int64, columns []value) error) error {
	size, err := l.file.Size()
	if err != nil {
		return err
	}
	page := make([]byte, pageSize)
	for off := int64(pageSize); off+pageSize <= size; off += pageSize { // the first page is the schema
		if n, _ := l.file.ReadAt(page, off); n != pageSize || page[0] != leafOfTable {
			continue
		}
		cells := int(binary.BigEndian.Uint16(page[3:]))
		for i := range min(cells, (pageSize-leafHeader)/2) {
			at := int(binary.BigEndian.Uint16(page[leafHeader+2*i:]))
			row, columns, ok := l.cell(page[min(at, pageSize):])
			if !ok || !isMessage(row, columns) {
				continue
			}
			if err := add(row, columns); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell reads a row of a table.
func (l leaves) cell(b []byte) (row int64, columns []value, ok bool) {
	size, n := varint(b)
	if n == 0 || size > maxRecord {
		return 0, nil, false
	}
	id, m := varint(b[n:])
	if m == 0 || id > math.MaxInt64 {
		return 0, nil, false
	}
	b = b[n+m:]
	local := int(size)
	if local > cellLocal {
		if local = cellLeast + (int(size)-cellLeast)%perOverflow; local > cellLocal {
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

// isMessage tells a message from the rows of other tables.
func isMessage(row int64, columns []value) bool {
	if row < 1 || len(columns) != columnsOf1 && len(columns) != len(messageColumns) {
		return false
	}
	for i, v := range columns {
		fits := false
		switch v := v.(type) {
		case nil:
			fits = strings.IndexByte("-.y", messageColumns[i]) >= 0
		case int64:
			fits = strings.IndexByte("i.", messageColumns[i]) >= 0
		case string:
			fits = strings.IndexByte("txy", messageColumns[i]) >= 0 && utf8.ValidString(v)
		case []byte:
			fits = strings.IndexByte("xy", messageColumns[i]) >= 0 && len(v) == idLen/2
		}
		if !fits {
			return false
		}
	}
	return columns[1].(int64) >= row // a message is never renumbered downwards
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
