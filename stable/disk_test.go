package stable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
)

// disk is an FS that loses. What was not synced is in doubt after a crash: of the
// writes any subset of sectors persists, of the names any subset of changes. It
// refuses what refuse says, and everything after a crash.
type disk struct {
	mu      sync.Mutex
	rng     *rand.Rand
	names   map[string]*inode // as seen
	synced  map[string]*inode // as on disk
	changes []change          // of the names, not synced
	locked  *lockOf
	crashed bool

	countdown int                         // operations until the crash; negative: none
	refuse    func(op, name string) error // may be nil
	lie       func(op, name string) bool  // reports that a sync only pretends; may be nil
	hold      func(op, name string)       // called without the lock, may block; may be nil
	syncs     int                         // of files
	capacity  int64                       // bytes of all files; 0: no bound
}

type change struct {
	op, from, to string
	node         *inode
}

type inode struct {
	seen, synced []byte
	writes       []write // not synced
}

type write struct {
	at   int64
	data []byte
}

type lockOf struct{ d *disk }

var (
	errCrashing = errors.New("the disk crashes")
	errCrashed  = errors.New("the disk has crashed")
)

func newDisk(seed uint64) *disk {
	return &disk{rng: rand.New(rand.NewPCG(seed, 1)), names: map[string]*inode{}, synced: map[string]*inode{}, countdown: -1}
}

// begin is called by each operation, and returns with the lock taken unless the
// operation is refused.
func (d *disk) begin(op, name string) error {
	if d.hold != nil {
		d.hold(op, name)
	}
	d.mu.Lock()
	err := error(nil)
	if d.refuse != nil {
		err = d.refuse(op, name)
	}
	switch {
	case d.crashed:
		err = errCrashed
	case d.countdown == 0:
		d.crashed, err = true, errCrashing
	case d.countdown > 0:
		d.countdown--
	}
	if err != nil {
		d.mu.Unlock()
		return fmt.Errorf("%s %s: %w", op, name, err)
	}
	return nil
}

// crash loses what is in doubt and starts the machine again.
func (d *disk) crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.synced
	for _, c := range d.changes {
		if d.rng.IntN(2) == 0 {
			c.apply(names)
		}
	}
	all := map[*inode]bool{}
	for _, n := range names {
		all[n] = true
	}
	for _, name := range sortedNames(names) { // in an order that a seed repeats
		if n := names[name]; all[n] {
			n.crash(d.rng)
			delete(all, n)
		}
	}
	d.names, d.synced, d.changes = cloneNames(names), names, nil
	d.locked, d.crashed, d.countdown = nil, false, -1
}

// kill ends the process and not the machine: what was written is seen, and still
// in doubt.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked, d.crashed, d.countdown = nil, false, -1
}

// crash keeps any subset of the sectors of each write.
func (n *inode) crash(rng *rand.Rand) {
	keep := rng.Float64()
	for _, w := range n.writes {
		for from := int64(0); from < int64(len(w.data)); {
			to := min(int64(len(w.data)), (w.at+from)/sectorSize*sectorSize+sectorSize-w.at)
			if rng.Float64() < keep {
				n.synced = put(n.synced, w.at+from, w.data[from:to])
			}
			from = to
		}
	}
	n.writes, n.seen = nil, slices.Clone(n.synced)
}

func put(b []byte, at int64, data []byte) []byte {
	if short := at + int64(len(data)) - int64(len(b)); short > 0 {
		b = append(b, make([]byte, short)...)
	}
	copy(b[at:], data)
	return b
}

func (c change) apply(names map[string]*inode) {
	switch c.op {
	case "create":
		names[c.to] = c.node
	case "rename":
		if names[c.from] == c.node { // a rename whose file never got its first name makes it appear
			delete(names, c.from)
		}
		names[c.to] = c.node
	case "remove":
		delete(names, c.from)
	}
}

func sortedNames(m map[string]*inode) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func cloneNames(m map[string]*inode) map[string]*inode {
	c := map[string]*inode{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

func (d *disk) change(c change) {
	c.apply(d.names)
	d.changes = append(d.changes, c)
}

func (d *disk) Path(name string) string { return name }

func (d *disk) Open(name string) (File, error) {
	if err := d.begin("open", name); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return &handle{d, n, name}, nil
}

func (d *disk) Create(name string) (File, error) {
	if err := d.begin("create", name); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	n := &inode{}
	d.change(change{op: "create", to: name, node: n})
	return &handle{d, n, name}, nil
}

func (d *disk) Rename(from, to string) error {
	if err := d.begin("rename", from); err != nil {
		return err
	}
	defer d.mu.Unlock()
	d.change(change{op: "rename", from: from, to: to, node: d.names[from]})
	return nil
}

func (d *disk) Remove(name string) error {
	if err := d.begin("remove", name); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if d.names[name] == nil {
		return fs.ErrNotExist
	}
	d.change(change{op: "remove", from: name})
	return nil
}

func (d *disk) List() ([]string, error) {
	if err := d.begin("list", ""); err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	return sortedNames(d.names), nil
}

func (d *disk) SyncDir() error {
	if err := d.begin("syncdir", ""); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if d.lie == nil || !d.lie("syncdir", "") {
		d.synced, d.changes = cloneNames(d.names), nil
	}
	return nil
}

func (d *disk) Lock() (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked != nil {
		return nil, ErrInUse
	}
	d.locked = &lockOf{d}
	return d.locked, nil
}

func (l *lockOf) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if l.d.locked == l {
		l.d.locked = nil
	}
	return nil
}
