package stable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The sizes are in bytes; doc.go draws a snapshot.
const (
	snapshotMagic      = "weensySN"
	snapshotHeaderSize = 64
	footerSize         = 64 // of its payload
	leastSnapshotSize  = snapshotHeaderSize + 2*blockHeaderSize + footerSize

	snapshotSuffix    = ".snap"
	temporarySnapshot = "snapshot.tmp" // one that is being written
)

// MaxMeta is the length of the longest meta of a snapshot, in bytes.
const MaxMeta = 1 << 20

// SnapshotInfo says what is known of a snapshot without reading its blocks.
type SnapshotInfo struct {
	Name     string
	Position uint64 // that it is of: it holds what all records up to there left
	Identity uint64 // of the log
	Size     int64  // of the file, in bytes
	Blocks   int64
	Raw      int64 // bytes of the blocks before they were compressed

	// Positions and IDs were claimed up to these when it was written: no greater
	// number had been given.
	Positions, IDs uint64
}

// Snapshot is a snapshot that can be read. Meta is the caller's.
type Snapshot struct {
	SnapshotInfo
	Meta []byte

	salt  uint64
	path  string // for people
	file  File
	close func() error
}

func snapshotName(position uint64) string { return fmt.Sprintf("%016d%s", position, snapshotSuffix) }

// snapshotPosition is the inverse of snapshotName.
func snapshotPosition(name string) (position uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, snapshotSuffix)
	if !ok {
		return 0, false
	}
	position, err := strconv.ParseUint(digits, 10, 64)
	return position, err == nil && snapshotName(position) == name
}

// listSnapshots returns the positions of the snapshots, in order.
func listSnapshots(fs FS) (positions []uint64, err error) {
	names, err := fs.List()
	for _, name := range names {
		if p, ok := snapshotPosition(name); ok {
			positions = append(positions, p)
		}
	}
	slices.Sort(positions)
	return positions, err
}

// snapshotHeader is the header of a snapshot. The salt is in each of its blocks.
type snapshotHeader struct{ identity, salt uint64 }

func (h snapshotHeader) encode() []byte {
	b := make([]byte, snapshotHeaderSize)
	le := binary.LittleEndian
	copy(b, snapshotMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint64(b[16:], h.identity)
	le.PutUint64(b[24:], h.salt)
	le.PutUint32(b[60:], checksum(b[:60]))
	return b
}

func parseSnapshotHeader(b []byte, path string) (h snapshotHeader, err error) {
	le := binary.LittleEndian
	switch {
	case string(b[:8]) != snapshotMagic || le.Uint32(b[60:]) != checksum(b[:60]):
		return h, &blockError{0, "the header of the snapshot is not valid"}
	case le.Uint32(b[8:]) > formatVersion:
		return h, fmt.Errorf("%w: %s has version %d, not %d", ErrVersion, path, le.Uint32(b[8:]), formatVersion)
	}
	return snapshotHeader{le.Uint64(b[16:]), le.Uint64(b[24:])}, nil
}

// footer is the payload of the last block. It proves that all is there: the
// header of each block has the checksum of the one before.
type footer struct {
	position, positions, ids uint64
	blocks                   uint64 // before it, the meta's with them
	raw                      uint64 // bytes
	at                       int64  // where the block of the footer begins
	meta                     int64  // and that of the meta
}

func (f *footer) encode() []byte {
	b := make([]byte, footerSize)
	for i, v := range []uint64{f.position, f.positions, f.ids, f.blocks, f.raw, uint64(f.at), uint64(f.meta)} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	return b
}

func parseFooter(b []byte) (f footer, ok bool) {
	if len(b) != footerSize || !isBlank(b[56:]) {
		return f, false
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	f = footer{at(0), at(1), at(2), at(3), at(4), int64(at(5)), int64(at(6))}
	return f, f.blocks > 0 && f.meta >= snapshotHeaderSize && f.meta <= f.at-blockHeaderSize
}

// describe makes of a footer what people are told.
func (f *footer) describe(identity uint64) SnapshotInfo {
	return SnapshotInfo{
		Name: snapshotName(f.position), Position: f.position, Identity: identity, Size: f.at + blockHeaderSize + footerSize,
		Blocks: int64(f.blocks) - 1, Raw: int64(f.raw), Positions: f.positions, IDs: f.ids,
	}
}

// openSnapshot opens a snapshot and checks its two ends. The blocks are checked
// as they are read.
func openSnapshot(fs FS, position uint64) (*Snapshot, error) {
	name := snapshotName(position)
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{path: fs.Path(name), file: file, close: file.Close}
	if err = s.check(); err == nil && s.Position != position {
		err = &blockError{s.Size - footerSize, fmt.Sprintf("the footer says position %d", s.Position)}
	}
	if err != nil {
		return nil, errors.Join(damageOf(s.path, err), file.Close())
	}
	return s, nil
}

// check reads header, footer and meta.
func (s *Snapshot) check() error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	if size < leastSnapshotSize {
		return &blockError{size, "the file ends before the footer"}
	}
	b := make([]byte, snapshotHeaderSize)
	if _, err := s.file.ReadAt(b, 0); err != nil {
		return err
	}
	h, err := parseSnapshotHeader(b, s.path)
	if err != nil {
		return err
	}
	at := size - footerSize - blockHeaderSize
	end, payload, err := s.block(h.salt, at, size, "the footer")
	if err != nil {
		return err
	}
	f, ok := parseFooter(payload)
	if !ok || end.flags != blockIsFooter || f.at != at || f.blocks+1 != end.number {
		return &blockError{at, "the footer makes no sense, although its checksum is right"}
	}
	s.SnapshotInfo, s.salt = f.describe(h.identity), h.salt
	meta, payload, err := s.block(h.salt, f.meta, at, fmt.Sprintf("block %d, the meta,", f.blocks))
	if err != nil {
		return err
	}
	if meta.flags != blockIsMeta || meta.number != f.blocks || f.meta+meta.size() != at {
		return &blockError{f.meta, "the meta makes no sense, although its checksum is right"}
	}
	s.Meta = payload
	return nil
}

// block reads one of the two blocks at the end, which lies between two offsets.
func (s *Snapshot) block(salt uint64, at, end int64, what string) (h blockHeader, payload []byte, err error) {
	b := make([]byte, blockHeaderSize)
	if _, err := s.file.ReadAt(b, at); err != nil {
		return h, nil, err
	}
	h, _, ok := parseBlockHeader(b)
	if !ok || h.salt != salt || int64(h.stored) > end-at-blockHeaderSize || h.stored > MaxMeta {
		return h, nil, &blockError{at, "the header of " + what + " is not valid, or the file does not end where it ended"}
	}
	payload = make([]byte, h.stored)
	if _, err := s.file.ReadAt(payload, at+blockHeaderSize); err != nil {
		return h, nil, err
	}
	if checksum(payload) != h.payloadSum {
		return h, nil, &blockError{at, what + " is not what was written"}
	}
	return h, payload, nil
}

// Blocks reads the blocks and gives each to f, from as many goroutines, in no
// order; raw is valid during the call. An error of f ends it, and it returns it. If
// the file is not what was written the error is a *DamageError that names the
// block.
func (s *Snapshot) Blocks(workers int, f func(raw []byte) error) error {
	r := &blockReader{
		source: io.NewSectionReader(s.file, snapshotHeaderSize, s.Size-snapshotHeaderSize),
		left:   s.Size - snapshotHeaderSize, known: true, at: snapshotHeaderSize, salt: s.salt, number: 1,
	}
	return damageOf(s.path, r.run(workers, f))
}

// ReadAt reads the file as it is: all of it is a backup.
func (s *Snapshot) ReadAt(b []byte, at int64) (int, error) { return s.file.ReadAt(b, at) }

// Close ends the use of s.
func (s *Snapshot) Close() error { return s.close() }
