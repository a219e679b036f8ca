package stable

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// blockReader reads blocks, one behind the other. Several goroutines take turns:
// while one reads, the others check and decompress what they have read.
type blockReader struct {
	source io.Reader
	left   int64 // bytes that are there, if that is known
	known  bool
	salt   uint64

	at       int64 // offset in the file
	number   uint64
	previous uint32 // checksum of the last header
	raw      uint64
	metaAt   int64
	meta     []byte
	footer   *footer
	done     bool // the footer was read, or there is nothing to go on with
}

// run reads all, and gives the blocks of the caller to f, which may be nil.
func (r *blockReader) run(workers int, f func(raw []byte) error) error {
	turn := make(chan struct{}, 1)
	stop := make(chan struct{}) // closed at the first error
	var first sync.Once
	var failure error
	fail := func(err error) {
		first.Do(func() { failure = err; close(stop) })
	}
	var all sync.WaitGroup
	for range max(1, workers) {
		all.Go(func() {
			if err := r.work(turn, stop, f); err != nil {
				fail(err)
			}
		})
	}
	all.Wait()
	return failure
}

// work is one of the goroutines. Who has put something in turn reads.
func (r *blockReader) work(turn chan struct{}, stop <-chan struct{}, f func(raw []byte) error) error {
	var stored bytes.Buffer
	var buffer []byte
	for {
		select {
		case <-stop:
			return nil
		case turn <- struct{}{}:
		}
		at := r.at
		h, more, err := r.next(&stored)
		<-turn
		if err != nil || !more {
			return err
		}
		raw, ok := h.unpack(buffer, stored.Bytes())
		if !ok {
			return &blockError{at, fmt.Sprintf("block %d is not what was written", h.number)}
		}
		if h.flags == blockCompressed {
			buffer = raw
		}
		if f == nil {
			continue
		}
		if err := f(raw); err != nil {
			return fmt.Errorf("block %d of the snapshot: %w", h.number, err)
		}
	}
}

// next reads a block of the caller. more is false if there are none: then meta and
// footer were read.
func (r *blockReader) next(stored *bytes.Buffer) (h blockHeader, more bool, err error) {
	for !r.done {
		at := r.at
		if h, err = r.take(stored); err != nil {
			r.done = true
			return h, false, err
		}
		if h.flags&^blockCompressed == 0 && r.meta == nil {
			r.raw += uint64(h.raw)
			return h, true, nil
		}
		payload, ok := h.unpack(nil, stored.Bytes())
		switch {
		case !ok:
			err = &blockError{at, fmt.Sprintf("block %d is not what was written", h.number)}
		case h.flags == blockIsMeta && r.meta == nil:
			r.metaAt, r.meta = at, append([]byte{}, payload...)
		case h.flags == blockIsFooter && r.meta != nil:
			err = r.end(at, &h, payload)
		default:
			err = &blockError{at, fmt.Sprintf("block %d is not one that comes here", h.number)}
		}
		if err != nil {
			r.done = true
			return h, false, err
		}
	}
	return h, false, nil
}

// take reads a block as it is stored. Its payload was not checked yet.
func (r *blockReader) take(stored *bytes.Buffer) (h blockHeader, err error) {
	var b [blockHeaderSize]byte
	if _, err := io.ReadFull(r.source, b[:]); err != nil {
		return h, r.short(err)
	}
	h, sum, ok := parseBlockHeader(b[:])
	switch {
	case !ok:
		return h, &blockError{r.at, fmt.Sprintf("the header of block %d is not valid", r.number)}
	case h.salt != r.salt || h.number != r.number || h.previous != r.previous:
		return h, &blockError{r.at, fmt.Sprintf("this is not block %d", r.number)}
	case r.known && h.size() > r.left:
		return h, r.short(io.ErrUnexpectedEOF)
	}
	stored.Reset()
	if r.known {
		stored.Grow(int(h.stored) + bytes.MinRead)
	} // else it grows as the bytes come: nothing is allocated for what is not there
	if _, err := io.CopyN(stored, r.source, int64(h.stored)); err != nil {
		return h, r.short(err)
	}
	r.at, r.left, r.number, r.previous = r.at+h.size(), r.left-h.size(), r.number+1, sum
	return h, nil
}

// short makes an error of the end of the source, where a block should be.
func (r *blockReader) short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &blockError{r.at, fmt.Sprintf("the file ends within block %d", r.number)}
	}
	return err
}

// end checks the footer, and that it is the end.
func (r *blockReader) end(at int64, h *blockHeader, payload []byte) error {
	f, ok := parseFooter(payload)
	if !ok || f.at != at || f.meta != r.metaAt || f.raw != r.raw || f.blocks+1 != h.number {
		return &blockError{at, fmt.Sprintf("block %d, the footer, is not of these blocks", h.number)}
	}
	var b [1]byte
	switch n, err := io.ReadFull(r.source, b[:]); {
	case n > 0:
		return &blockError{r.at, "something follows the footer"}
	case err != io.EOF:
		return err
	}
	r.footer, r.done = &f, true
	return nil
}

// ReadSnapshot reads a snapshot as a backup is: from its front to its end. It gives
// the blocks to f, which may be nil, as Snapshot.Blocks does; but what was given is
// known to be all of it only when the error is nil. Then it returns what is known
// of it, and the meta. path is its name for people. The error is a *DamageError if it
// is not what was written.
func ReadSnapshot(source io.Reader, path string, workers int, f func(raw []byte) error) (SnapshotInfo, []byte, error) {
	b := make([]byte, snapshotHeaderSize)
	if n, err := io.ReadFull(source, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = &blockError{int64(n), "the file ends within its header"}
		}
		return SnapshotInfo{}, nil, damageOf(path, err)
	}
	h, err := parseSnapshotHeader(b, path)
	if err != nil {
		return SnapshotInfo{}, nil, damageOf(path, err)
	}
	r := &blockReader{source: source, at: snapshotHeaderSize, salt: h.salt, number: 1}
	if err := r.run(workers, f); err != nil {
		return SnapshotInfo{}, nil, damageOf(path, err)
	}
	return r.footer.describe(h.identity), r.meta, nil
}

// verify reads all blocks, and so checks them.
func (s *Snapshot) verify() error { return s.Blocks(runtime.GOMAXPROCS(0), nil) }

// VerifySnapshot reads a snapshot or backup and checks all of it.
func VerifySnapshot(source io.Reader, path string, workers int) (SnapshotInfo, error) {
	info, _, err := ReadSnapshot(source, path, workers, nil)
	return info, err
}
