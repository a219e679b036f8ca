package stable

// window reads a segment, a good piece at a time.
type window struct {
	segment *segment
	buffer  []byte
	at      int64 // offset of the buffer
}

const windowSize = 1 << 20

// bytes returns n bytes from offset on, or ok false if the segment has fewer. They
// are valid until the next call. Nothing is allocated for what is not there.
func (w *window) bytes(offset, n int64) (b []byte, ok bool, err error) {
	if n < 0 || offset > w.segment.size || n > w.segment.size-offset {
		return nil, false, nil
	}
	if offset < w.at || offset+n > w.at+int64(len(w.buffer)) {
		if err := w.load(offset, max(n, windowSize)); err != nil {
			return nil, false, err
		}
	}
	return w.buffer[offset-w.at:][:n:n], true, nil
}

func (w *window) load(offset, n int64) error {
	n = min(n, w.segment.size-offset)
	if int64(cap(w.buffer)) < n {
		w.buffer = make([]byte, n)
	}
	w.buffer, w.at = w.buffer[:n], offset
	_, err := w.segment.file.ReadAt(w.buffer, offset)
	if err != nil {
		w.buffer = w.buffer[:0]
	}
	return err
}

// lastByte returns the offset behind the last byte from offset on that is not
// zero, or offset if there is none.
func (w *window) lastByte(offset int64) (int64, error) {
	last := offset
	for at := offset; at < w.segment.size; {
		n := min(windowSize, w.segment.size-at)
		b, _, err := w.bytes(at, n)
		if err != nil {
			return 0, err
		}
		if !isBlank(b) {
			for i := len(b); i > 0; i-- {
				if b[i-1] != 0 {
					last = at + int64(i)
					break
				}
			}
		}
		at += n
	}
	return last, nil
}
