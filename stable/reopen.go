package stable

import (
	"slices"

	"weensydb/lockcheck"
)

// maxReopened is how many segments stay open for the next Read. More are open
// only while as many Reads go on at once.
const maxReopened = 8

// reopened are segments that are open to be read from. They are opened apart from
// the writer's, which closes its own as soon as it needs them no more, and asks
// nobody.
type reopened struct {
	fs FS

	mu     lockcheck.Mutex // guards the rest
	kept   []*readFile     // the one used last comes last
	closed bool
}

// readFile is a segment that is open to be read from.
type readFile struct {
	File
	segment uint32 // number
	users   int
	kept    bool // among those of its reopened; if not, the last user closes it
}

// take opens a segment, or finds it open.
func (o *reopened) take(segment uint32) (*readFile, error) {
	if r := o.find(segment); r != nil {
		return r, nil
	}
	file, err := o.fs.Open(segmentName(uint64(segment)))
	if err != nil {
		return nil, err
	}
	r := &readFile{File: file, segment: segment, users: 1}
	if old := o.keep(r); old != nil {
		old.Close() // nothing was written: its error tells nothing
	}
	return r, nil
}

func (o *reopened) find(segment uint32) *readFile {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.kept, func(r *readFile) bool { return r.segment == segment })
	if i < 0 {
		return nil
	}
	r := o.kept[i]
	o.kept = append(slices.Delete(o.kept, i, i+1), r)
	r.users++
	return r
}

// keep keeps r, unless it comes too late: another Read was faster, or all were
// closed. It returns what is to be closed in its place.
func (o *reopened) keep(r *readFile) (old *readFile) {
	o.mu.Lock()
	defer o.mu.Unlock()
	late := slices.ContainsFunc(o.kept, func(k *readFile) bool { return k.segment == r.segment })
	if o.closed || late {
		return nil
	}
	if len(o.kept) == maxReopened {
		old = o.kept[0]
		o.kept = slices.Delete(o.kept, 0, 1)
		if old.kept = false; old.users > 0 {
			old = nil
		}
	}
	r.kept = true
	o.kept = append(o.kept, r)
	return old
}

// giveBack ends the use of r.
func (o *reopened) giveBack(r *readFile) {
	o.mu.Lock()
	r.users--
	done := r.users == 0 && !r.kept
	o.mu.Unlock()
	if done {
		r.Close()
	}
}

// drop closes those before a segment: they are about to be removed.
func (o *reopened) drop(before uint64) {
	o.mu.Lock()
	unused := o.takeUnused(func(r *readFile) bool { return uint64(r.segment) < before })
	o.mu.Unlock()
	for _, r := range unused {
		r.Close()
	}
}

// close closes all that nobody uses. Who uses one closes it.
func (o *reopened) close() {
	o.mu.Lock()
	o.closed = true
	unused := o.takeUnused(func(*readFile) bool { return true })
	o.mu.Unlock()
	for _, r := range unused {
		r.Close()
	}
}

// takeUnused keeps no more those that go, and returns those of them that nobody
// uses.
func (o *reopened) takeUnused(goes func(*readFile) bool) (unused []*readFile) {
	kept := o.kept[:0]
	for _, r := range o.kept {
		if !goes(r) {
			kept = append(kept, r)
			continue
		}
		if r.kept = false; r.users == 0 {
			unused = append(unused, r)
		}
	}
	clear(o.kept[len(kept):])
	o.kept = kept
	return unused
}
