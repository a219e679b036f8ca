package store

import "encoding/binary"

// An Image is what a snapshot holds beside the items.
type Image struct {
	Position uint64 // of the newest change in it
	Floor    uint64 // position of the newest flush
	FlushDue int64  // when a delayed flush happens, in Unix ms; 0: none will
	Clock    int64  // Unix ms
}

// AppendTo appends i as bytes to dst: four unsigned varints, in the order of the
// fields.
func (i *Image) AppendTo(dst []byte) []byte {
	for _, n := range []uint64{i.Position, i.Floor, uint64(i.FlushDue), uint64(i.Clock)} {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

// ParseImage is the inverse of AppendTo.
func ParseImage(b []byte) (Image, error) {
	r := reader{rest: b}
	i := Image{r.uvarint(), r.uvarint(), int64(r.uvarint()), int64(r.uvarint())}
	if r.bad || len(r.rest) > 0 {
		return Image{}, ErrRecord
	}
	return i, nil
}

// AppendItem appends an item of a snapshot to a block: the position and the length
// of the record as unsigned varints, and the record.
func AppendItem(dst []byte, position uint64, r *Record) []byte {
	dst = binary.AppendUvarint(dst, position)
	dst = binary.AppendUvarint(dst, uint64(r.Size()))
	return r.AppendTo(dst)
}

// Items calls f for each item of a block. The record points into it.
func Items(block []byte, f func(position uint64, record []byte) error) error {
	r := reader{rest: block}
	for r.more() {
		position := r.uvarint()
		record := r.bytes(r.uvarint())
		if r.bad {
			break
		}
		if err := f(position, record); err != nil {
			return err
		}
	}
	if r.bad {
		return ErrRecord
	}
	return nil
}
