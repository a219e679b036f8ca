package stable

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	controlName     = "control"
	controlMagic    = "weensyCT"
	controlSize     = 128  // of a copy
	controlDistance = 4096 // between the copies, so that they share no sector of any disk
	controlFileSize = 2 * controlDistance
)

// place is where the log ends.
type place struct {
	segment  uint64 // 0 if there is none
	offset   int64
	checksum uint32 // of the header of the last batch; 0 if there is none
}

// control is the content of the control file.
type control struct {
	version   uint32 // of the format, as it was read
	clean     bool
	write     uint64 // rises with each write
	identity  uint64
	cutoff    cutoff
	newest    uint64 // segment known when this was written
	positions uint64 // claimed up to this
	ids       uint64 // claimed up to this

	// After a clean stop:
	nextPosition, nextID uint64
	end                  place
}

// goesOn returns the numbers that come next.
func (c *control) goesOn() (position, id uint64) {
	if c.clean {
		return c.nextPosition, c.nextID
	}
	return c.positions + 1, c.ids + 1
}

func (c *control) encode() []byte {
	b := make([]byte, controlSize)
	le := binary.LittleEndian
	copy(b, controlMagic)
	le.PutUint32(b[8:], formatVersion)
	if c.clean {
		le.PutUint32(b[12:], 1)
	}
	for i, v := range []uint64{c.write, c.identity, c.cutoff.oldest, c.newest, c.positions, c.ids, c.nextPosition, c.nextID, c.end.segment, uint64(c.end.offset)} {
		le.PutUint64(b[16+8*i:], v)
	}
	le.PutUint32(b[96:], c.end.checksum)
	le.PutUint32(b[100:], c.cutoff.checksum)
	le.PutUint64(b[104:], c.cutoff.last)
	le.PutUint64(b[112:], c.cutoff.snapshot)
	le.PutUint32(b[124:], checksum(b[:124]))
	return b
}

// parseControl reads a copy. ok is false if it is not whole.
func parseControl(b []byte) (c control, ok bool) {
	le := binary.LittleEndian
	if string(b[:8]) != controlMagic || le.Uint32(b[124:]) != checksum(b[:124]) {
		return c, false
	}
	c.version = le.Uint32(b[8:])
	c.clean = le.Uint32(b[12:])&1 != 0
	for i, p := range []*uint64{&c.write, &c.identity, &c.cutoff.oldest, &c.newest, &c.positions, &c.ids, &c.nextPosition, &c.nextID, &c.end.segment} {
		*p = le.Uint64(b[16+8*i:])
	}
	c.end.offset = int64(le.Uint64(b[88:]))
	c.end.checksum, c.cutoff.checksum = le.Uint32(b[96:]), le.Uint32(b[100:])
	c.cutoff.last, c.cutoff.snapshot = le.Uint64(b[104:]), le.Uint64(b[112:])
	return c, true
}

// save writes c over the two copies, one after the other.
func (c *control) save(file File) error {
	c.write++
	b := c.encode()
	for i := range int64(2) {
		if _, err := file.WriteAt(b, i*controlDistance); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// createControl makes the control file of a new log.
func createControl(fs FS) (File, control, error) {
	c := control{version: formatVersion, identity: random(), cutoff: cutoff{oldest: 1}}
	file, err := c.create(fs)
	return file, c, err
}

func (c *control) create(fs FS) (File, error) {
	return makeFile(fs, controlName, func(file File) error {
		if _, err := file.WriteAt(zeros[:controlFileSize], 0); err != nil {
			return err
		}
		return c.save(file)
	})
}

// openControl reads the control file of a log with some segments and snapshots.
// whole says how many copies were valid.
func openControl(fs FS, files int) (file File, c control, whole int, err error) {
	file, err = fs.Open(controlName)
	switch {
	case isMissing(err) && files == 0:
		return nil, c, 0, fmt.Errorf("%w: %s is missing", ErrNoLog, fs.Path(controlName))
	case isMissing(err):
		return nil, c, 0, &DamageError{fs.Path(controlName), 0, "there are segments or snapshots, but this file is missing"}
	case err != nil:
		return nil, c, 0, err
	}
	c, whole, err = readControl(fs, file)
	if err != nil {
		return nil, c, whole, errors.Join(err, file.Close())
	}
	return file, c, whole, nil
}

func readControl(fs FS, file File) (c control, whole int, err error) {
	length, err := file.Size()
	if err != nil {
		return c, 0, err
	}
	for i := range int64(2) {
		if length < i*controlDistance+controlSize {
			break
		}
		b := make([]byte, controlSize)
		if _, err := file.ReadAt(b, i*controlDistance); err != nil {
			return c, whole, err
		}
		copied, ok := parseControl(b)
		if !ok {
			continue
		}
		if copied.version > formatVersion {
			return c, whole, fmt.Errorf("%w: %s has version %d, not %d", ErrVersion, fs.Path(controlName), copied.version, formatVersion)
		}
		if whole++; copied.write >= c.write {
			c = copied
		}
	}
	if whole == 0 {
		return c, 0, &DamageError{fs.Path(controlName), 0, "neither of its two copies is valid"}
	}
	return c, whole, nil
}

// checkNumbers demands every segment from the oldest to the newest known. It
// returns those before the first that is missing. Those before the oldest are not
// needed, and about to be removed.
func (c *control) checkNumbers(fs FS, numbers []uint64) (there []uint64, err error) {
	for len(numbers) > 0 && numbers[0] < c.cutoff.oldest {
		numbers = numbers[1:]
	}
	n := 0
	for n < len(numbers) && numbers[n] == c.cutoff.oldest+uint64(n) {
		n++
	}
	if want := c.cutoff.oldest + uint64(n); want <= c.newest || n < len(numbers) {
		err = &DamageError{fs.Path(segmentName(want)), 0, "the file is missing"}
	}
	return numbers[:n], err
}
