package history

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// The first page is where SQLite sees that a file is a database, and where its
// tables are. Without it the rows can still be told by what they look like.

// rightKeyPages is how many pages are looked at, and rightKeyFits how many of
// them have to look like pages. Noise does once in some 500,000.
const (
	rightKeyPages = 256
	rightKeyFits  = 2
)

// rightKey tells a file whose first page is damaged from one that was made with
// another key, of which every page is noise.
func (f file) rightKey() bool {
	c, err := dial(f.uri("&immutable=1&mode=ro"), &f.key)
	if err != nil {
		return false
	}
	defer func() { _ = c.close() }()
	l, ok := openLeaves(c)
	if !ok {
		return false
	}
	fits, page := 0, make([]byte, pageSize)
	for n := int64(1); n <= rightKeyPages && fits < rightKeyFits; n++ {
		if read, _ := l.file.ReadAt(page, n*pageSize); read < pageSize {
			break
		}
		if isTreePage(page) {
			fits++
		}
	}
	return fits >= rightKeyFits
}

// isTreePage looks at the header of a page (1.6): its kind, and whether what it
// says of its contents fits into a page.
func isTreePage(page []byte) bool {
	header := 0
	switch page[0] {
	case 0x02, 0x05: // inner pages have the number of one more page
		header = leafHeader + 4
	case leafOfIndex, leafOfTable:
		header = leafHeader
	default:
		return false
	}
	free, cells := int(binary.BigEndian.Uint16(page[1:])), int(binary.BigEndian.Uint16(page[3:]))
	content, crumbs := int(binary.BigEndian.Uint16(page[5:])), int(page[7])
	const mostCrumbs = 60 // 1.6: more of them are swept together
	return free < pageSize && content <= pageSize && header+2*cells <= content && crumbs <= mostCrumbs
}

// headless reports whether the first page is damaged, as far as one can know.
func (f file) headless() bool {
	return errors.Is(f.verify(), sqlite3.NOTADB) && f.rightKey()
}

// gather fills a new database with what is recognised in from.
func (f file) gather(ctx context.Context, from file, out *Salvaged) error {
	if err := f.fill(); err != nil {
		return err
	}
	src, err := dial(from.uri("&immutable=1&mode=ro"), &from.key)
	if err != nil {
		return err
	}
	dst, err := f.connect()
	if err != nil {
		return errors.Join(err, src.close())
	}
	out.Gaps++
	err = dst.db.Exec("PRAGMA foreign_keys = OFF")
	if err == nil {
		err = dst.transact("BEGIN IMMEDIATE", func(dst *conn) error {
			s := salvage{ctx: ctx, src: src, dst: dst, out: out}
			return errors.Join(s.leaves(shapes), s.mend())
		})
	}
	return errors.Join(err, dst.close(), src.close())
}
