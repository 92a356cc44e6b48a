package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3/vfs"
)

// SQLite reads the log up to the first frame whose checksum is wrong, as if
// nothing had ever been behind it. For the end of a write that was cut off this
// is right; for a log that was damaged later it drops, without a word, what had
// been promised to be kept. wal tells the two apart.
//
// Numbers of the log (sqlite.org/fileformat2.html 4.1) and of its index
// (sqlite.org/walformat.html 2.1).
const (
	walMagic      = 0x377f0682 // checksums of little-endian words; big-endian ones: the next number
	walHeader     = 32
	walSums       = 24 // of the header, where its checksum is
	frameHeader   = 24
	frameSize     = frameHeader + pageSize
	saltSize      = 8
	indexHeader   = 48 // of the index, there twice
	indexSums     = 40 // of it, where its checksum is
	indexInit     = 12
	indexFrames   = 16
	indexSalt     = 32
	indexBackfill = 2 * indexHeader
	indexRead     = indexBackfill + 4
)

type salt [saltSize]byte

// frame is one page in the log.
type frame struct {
	page, commit uint32    // commit is 0 but for the last frame of a commit
	sums         [2]uint32 // of everything up to here
	ours         bool      // its header can be read, and is of this log
	follows      bool      // its checksum follows from that of the frame before
}

// wal is what can be made out of a log.
type wal struct {
	frames []frame
	valid  int // so many frames SQLite reads
	end    int // so many frames were committed, as far as is known
	stored int // so many frames are in the database already
}

// damaged reports whether something that was committed is not read.
func (w *wal) damaged() bool { return w.end > w.valid }

// whole reports whether a frame is as it was written. Where the frame before
// cannot be read, there is no checksum to begin with: encryption makes noise of
// a whole block, and the header of the next frame is in the last block of this.
func (w *wal) whole(i int) bool {
	if i == 0 || w.frames[i-1].ours {
		return w.frames[i].ours && w.frames[i].follows
	}
	return w.frames[i].ours && i+1 < len(w.frames) && w.frames[i+1].ours
}

// walIndex is what the index says, which a killed process leaves behind: it is
// written after the log is on the disk, and so never says too much.
type walIndex struct {
	known          bool
	frames, stored int
	salt           salt
}

func readIndex(path string) (x walIndex) {
	file, err := os.Open(path + "-shm")
	if err != nil {
		return x
	}
	defer func() { _ = file.Close() }()
	var b [indexRead]byte
	if _, err := io.ReadFull(file, b[:]); err != nil {
		return x
	}
	for _, h := range [][]byte{b[:indexHeader], b[indexHeader:indexBackfill]} {
		s0, s1 := walSum(binary.LittleEndian, [2]uint32{}, h[:indexSums])
		sums := [2]uint32{binary.LittleEndian.Uint32(h[indexSums:]), binary.LittleEndian.Uint32(h[indexSums+4:])}
		if h[indexInit] == 0 || sums != [2]uint32{s0, s1} {
			continue // it was just being written
		}
		x.known, x.frames = true, int(binary.LittleEndian.Uint32(h[indexFrames:]))
		x.stored = min(x.frames, int(binary.LittleEndian.Uint32(b[indexBackfill:])))
		copy(x.salt[:], h[indexSalt:])
		break
	}
	return x
}

// walSum goes on with a checksum (4.2). It is cumulative.
func walSum(order binary.ByteOrder, from [2]uint32, b []byte) (s0, s1 uint32) {
	s0, s1 = from[0], from[1]
	for ; len(b) >= 8; b = b[8:] {
		s0 += order.Uint32(b) + s1
		s1 += order.Uint32(b[4:]) + s0
	}
	return s0, s1
}

// readLog reads the log of a database that is not open. None is an empty one.
func (f file) readLog(x walIndex) (*wal, error) {
	w := &wal{}
	err := f.withLog(func(log vfs.File, size int64) error {
		w.read(log, size, x)
		return nil
	})
	if x.known && len(w.frames) == 0 { // cut to nothing, or gone
		w.end, w.stored = x.frames, x.stored
	}
	return w, err
}

// withLog opens the log alone, decrypted. SQLite itself, which would take it for
// a database, is asked nothing.
func (f file) withLog(do func(log vfs.File, size int64) error) error {
	info, err := os.Lstat(f.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	log := f
	log.path += "-wal"
	c, err := dial(log.uri("&immutable=1&mode=ro"), &f.key)
	if err != nil {
		return err
	}
	if l, ok := openLeaves(c); ok {
		err = do(l.file, info.Size())
	}
	return errors.Join(err, c.close())
}

func (w *wal) read(log vfs.File, size int64, x walIndex) {
	order := binary.ByteOrder(binary.LittleEndian)
	var head [walHeader]byte
	_, _ = log.ReadAt(head[:], 0) // noise or nothing is no header
	if binary.BigEndian.Uint32(head[:]) == walMagic+1 {
		order = binary.BigEndian
	}
	s0, s1 := walSum(order, [2]uint32{}, head[:walSums])
	before := [2]uint32{binary.BigEndian.Uint32(head[walSums:]), binary.BigEndian.Uint32(head[walSums+4:])}
	headed := binary.BigEndian.Uint32(head[:])&^1 == walMagic && before == [2]uint32{s0, s1}

	salts := make([]salt, 0, size/frameSize)
	buf := make([]byte, frameSize)
	for off := int64(walHeader); off+frameSize <= size; off += frameSize {
		if n, _ := log.ReadAt(buf, off); n < frameSize {
			break
		}
		fr, s := parseFrame(order, before, buf)
		fr.follows = fr.follows && (headed || len(salts) > 0)
		before = fr.sums
		w.frames, salts = append(w.frames, fr), append(salts, s)
	}
	w.judge(salts, headed, salt(head[16:walSums]), x)
}

func parseFrame(order binary.ByteOrder, before [2]uint32, b []byte) (frame, salt) {
	fr := frame{
		page: binary.BigEndian.Uint32(b), commit: binary.BigEndian.Uint32(b[4:]),
		sums: [2]uint32{binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])},
	}
	s0, s1 := walSum(order, before, b[:8])
	s0, s1 = walSum(order, [2]uint32{s0, s1}, b[frameHeader:])
	fr.follows = fr.sums == [2]uint32{s0, s1}
	return fr, salt(b[8:16])
}

// judge finds out what of the frames is ours, and how many were committed.
func (w *wal) judge(salts []salt, headed bool, own salt, x walIndex) {
	if !headed {
		own = x.salt
		for i := 1; i < len(salts) && !x.known; i++ {
			if salts[i] == salts[i-1] { // noise never repeats itself
				own, i = salts[i], len(salts)
			}
		}
	}
	for i := range w.frames {
		w.frames[i].ours = bytes.Equal(salts[i][:], own[:]) && w.frames[i].page > 0
		w.frames[i].follows = w.frames[i].follows && (i == 0 || w.frames[i-1].ours)
	}
	for i, fr := range w.frames {
		if !headed || !fr.ours || !fr.follows {
			break
		}
		if fr.commit > 0 {
			w.valid = i + 1
		}
	}
	w.end = w.valid
	if x.known && x.salt == own {
		w.end, w.stored = max(w.valid, x.frames), x.stored
		return
	}
	w.end = w.committed()
}

// committed is how many frames were committed without doubt, when no index
// tells. Each commit is on the disk before the next begins: what goes on behind
// a commit proves it, and all before. A last one that is not whole may as well
// have been cut off by a loss of power, before anybody was told of it.
func (w *wal) committed() int {
	end := w.valid
	for i := w.valid; i+1 < len(w.frames); i++ {
		a, b := w.frames[i], w.frames[i+1]
		// SQLite repeats the last frame of a commit up to a whole sector.
		again := b.page == a.page && b.commit == a.commit
		if a.ours && a.commit > 0 && b.ours && b.follows && !again {
			end = i + 1
		}
	}
	if end == w.valid {
		return end
	}
	for i := end; i < len(w.frames) && w.frames[i].ours && w.frames[i].follows; i++ {
		if w.frames[i].commit > 0 {
			end = i + 1
		}
	}
	return end
}
