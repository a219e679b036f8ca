package sim

import (
	"errors"
	"io"
	"slices"
	"syscall"
)

// file is an open file of a Disk.
type file struct {
	d    *Disk
	n    *inode
	name string
}

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	err := f.d.begin("read", f.name)
	defer f.d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n := copy(b, f.n.seen[min(at, int64(len(f.n.seen))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	err := f.d.begin("write", f.name)
	defer f.d.mu.Unlock()
	if errors.Is(err, errCrashing) { // some of it may be there
		f.n.write(b, at)
	}
	if err != nil {
		return 0, err
	}
	if grown := at + int64(len(b)) - int64(len(f.n.seen)); grown > 0 && f.d.capacity > 0 && f.d.used()+grown > f.d.capacity {
		return 0, syscall.ENOSPC
	}
	f.n.write(b, at)
	return len(b), nil
}

func (n *inode) write(b []byte, at int64) {
	n.seen = put(n.seen, at, b)
	n.writes = append(n.writes, write{at, slices.Clone(b)})
}

// put writes data over b, which grows as it must.
func put(b []byte, at int64, data []byte) []byte {
	if short := at + int64(len(data)) - int64(len(b)); short > 0 {
		b = append(b, make([]byte, short)...)
	}
	copy(b[at:], data)
	return b
}

func (d *Disk) used() (sum int64) {
	for _, n := range d.names {
		sum += int64(len(n.seen))
	}
	return sum
}

func (f *file) Sync() error {
	lie := f.d.pretends("sync", f.name)
	err := f.d.begin("sync", f.name)
	defer f.d.mu.Unlock()
	if err != nil {
		return err
	}
	f.d.syncs++
	if lie {
		return nil
	}
	for _, w := range f.n.writes {
		f.n.stable = put(f.n.stable, w.at, w.data)
	}
	f.n.writes = nil
	return nil
}

func (f *file) Size() (int64, error) {
	err := f.d.begin("size", f.name)
	defer f.d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return int64(len(f.n.seen)), nil
}

func (f *file) Close() error { return nil }
