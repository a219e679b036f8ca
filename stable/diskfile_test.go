package stable

import (
	"errors"
	"io"
	"slices"
	"syscall"
)

type handle struct {
	d    *disk
	n    *inode
	name string
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	if err := h.d.begin("read", h.name); err != nil {
		return 0, err
	}
	defer h.d.mu.Unlock()
	n := copy(b, h.n.seen[min(at, int64(len(h.n.seen))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	if err := h.d.begin("write", h.name); err != nil {
		if errors.Is(err, errCrashing) { // some of it may be there
			h.write(b, at)
		}
		return 0, err
	}
	defer h.d.mu.Unlock()
	if grown := at + int64(len(b)) - int64(len(h.n.seen)); grown > 0 && h.d.capacity > 0 && h.d.used()+grown > h.d.capacity {
		return 0, syscall.ENOSPC
	}
	h.write(b, at)
	return len(b), nil
}

func (h *handle) write(b []byte, at int64) {
	h.n.seen = put(h.n.seen, at, b)
	h.n.writes = append(h.n.writes, write{at, slices.Clone(b)})
}

func (d *disk) used() (sum int64) {
	for _, n := range d.names {
		sum += int64(len(n.seen))
	}
	return sum
}

func (h *handle) Sync() error {
	if err := h.d.begin("sync", h.name); err != nil {
		return err
	}
	defer h.d.mu.Unlock()
	h.d.syncs++
	if h.d.lie != nil && h.d.lie("sync", h.name) {
		return nil
	}
	for _, w := range h.n.writes {
		h.n.synced = put(h.n.synced, w.at, w.data)
	}
	h.n.writes = nil
	return nil
}

func (h *handle) Size() (int64, error) {
	if err := h.d.begin("size", h.name); err != nil {
		return 0, err
	}
	defer h.d.mu.Unlock()
	return int64(len(h.n.seen)), nil
}

func (h *handle) Close() error { return nil }
