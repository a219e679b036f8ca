package stable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentHeaderSize = 64
	segmentMagic      = "weensySG"
	formatVersion     = 1

	segmentSuffix = ".log"
	temporaryName = "new.tmp" // of a file that is being made

	// fillStep is how much of a new segment is synced at a time: a sync of all of
	// it would hold up those of the batches.
	fillStep = 4 << 20
)

// SectorSize is the unit that a disk writes whole, in bytes.
const SectorSize = 512

// zeros is what segments are filled with, and compared with.
var zeros [256 << 10]byte

func isBlank(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), len(zeros))
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// segment is a file of the log.
type segment struct {
	file   File
	name   string
	number uint64
	salt   uint64
	size   int64
}

func segmentName(number uint64) string { return fmt.Sprintf("%016d%s", number, segmentSuffix) }

// segmentNumber is the inverse of segmentName.
func segmentNumber(name string) (number uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil && number > 0 && segmentName(number) == name
}

var errStopped = errors.New("stable: stopped")

// makeSegment makes a segment. When it returns, file and directory entry have
// been synced (I5). Once stop holds it gives up with errStopped.
func makeSegment(fs FS, identity, number uint64, size int64, stop func() bool) (*segment, error) {
	s := &segment{name: segmentName(number), number: number, salt: random(), size: size}
	var err error
	s.file, err = makeFile(fs, s.name, func(file File) error { return s.fill(file, identity, stop) })
	return s, err
}

// makeFile makes a file under another name, and gives it its own when all of it
// has been synced: a file is whole, or it is not there. It is closed meanwhile,
// since Windows does not rename open files.
func makeFile(fs FS, name string, fill func(File) error) (File, error) {
	file, err := fs.Create(temporaryName)
	if err != nil {
		return nil, err
	}
	err = fill(file)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = fs.Rename(temporaryName, name)
	}
	if err == nil {
		err = fs.SyncDir()
	}
	if err != nil {
		// The disk may be full: give back what was taken. Open removes what this
		// cannot.
		return nil, errors.Join(err, ignoreMissing(fs.Remove(temporaryName)))
	}
	return fs.Open(name)
}

// fill writes the whole file: header and zeros.
func (s *segment) fill(file File, identity uint64, stop func() bool) error {
	for at := int64(0); at < s.size; {
		if stop() {
			return errStopped
		}
		n := min(s.size-at, int64(len(zeros)))
		if _, err := file.WriteAt(zeros[:n], at); err != nil {
			return err
		}
		if at += n; at%fillStep == 0 && at < s.size {
			if err := file.Sync(); err != nil {
				return err
			}
		}
	}
	if _, err := file.WriteAt(s.header(identity), 0); err != nil {
		return err
	}
	return file.Sync()
}

func (s *segment) header(identity uint64) []byte {
	b := make([]byte, segmentHeaderSize)
	le := binary.LittleEndian
	copy(b, segmentMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint64(b[16:], identity)
	le.PutUint64(b[24:], s.salt)
	le.PutUint64(b[32:], s.number)
	le.PutUint64(b[40:], uint64(s.size))
	le.PutUint32(b[60:], checksum(b[:60]))
	return b
}

// listFiles returns the numbers of the segments, in order, and how many segments
// and snapshots there are.
func listFiles(fs FS) (numbers []uint64, files int, err error) {
	names, err := fs.List()
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
			files++
		} else if _, ok := snapshotPosition(name); ok {
			files++
		}
	}
	slices.Sort(numbers)
	return numbers, files, err
}

// openSegments opens segments, up to the first that is not whole.
func openSegments(fs FS, identity uint64, numbers []uint64) (segments []*segment, err error) {
	for _, n := range numbers {
		s, err := openSegment(fs, identity, n)
		if err != nil {
			return segments, err
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// openSegment opens a segment and checks its header. A segment had its header
// before it had its name, so that nothing but a whole one is allowed.
func openSegment(fs FS, identity, number uint64) (*segment, error) {
	s := &segment{name: segmentName(number), number: number}
	file, err := fs.Open(s.name)
	if err != nil {
		return nil, err
	}
	s.file = file
	if err := s.check(fs, identity); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (s *segment) check(fs FS, identity uint64) error {
	length, err := s.file.Size()
	if err != nil {
		return err
	}
	damaged := func(at int64, format string, args ...any) error {
		return &DamageError{fs.Path(s.name), at, fmt.Sprintf(format, args...)}
	}
	if length < segmentHeaderSize {
		return damaged(length, "the file ends within its header")
	}
	b := make([]byte, segmentHeaderSize)
	if _, err := s.file.ReadAt(b, 0); err != nil {
		return err
	}
	le := binary.LittleEndian
	switch {
	case string(b[:8]) != segmentMagic || le.Uint32(b[60:]) != checksum(b[:60]):
		return damaged(0, "the header of the segment is not valid")
	case le.Uint32(b[8:]) > formatVersion:
		return fmt.Errorf("%w: %s has version %d, not %d", ErrVersion, fs.Path(s.name), le.Uint32(b[8:]), formatVersion)
	case le.Uint64(b[16:]) != identity:
		return damaged(16, "the segment belongs to another log")
	case le.Uint64(b[32:]) != s.number:
		return damaged(32, "the segment is number %d, its name says %d", le.Uint64(b[32:]), s.number)
	case le.Uint64(b[40:]) != uint64(length):
		return damaged(length, "the file has %d bytes, its header says %d", length, le.Uint64(b[40:]))
	}
	s.salt, s.size = le.Uint64(b[24:]), length
	return nil
}
