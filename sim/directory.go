package sim

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// change is one of the names.
type change struct {
	op, from, to string
	node         *inode
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

func (d *Disk) change(c change) {
	c.apply(d.names)
	d.changes = append(d.changes, c)
}

// Path returns name: a Disk is nowhere.
func (d *Disk) Path(name string) string { return name }

// Open opens an existing file.
func (d *Disk) Open(name string) (File, error) {
	err := d.begin("open", name)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	n := d.names[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return &file{d, n, name}, nil
}

// Create makes an empty file, in place of one that may be there.
func (d *Disk) Create(name string) (File, error) {
	err := d.begin("create", name)
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	n := &inode{}
	d.change(change{op: "create", to: name, node: n})
	return &file{d, n, name}, nil
}

// Rename gives a file another name, in place of one that may have it.
func (d *Disk) Rename(from, to string) error {
	err := d.begin("rename", from)
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	if d.names[from] == nil {
		return fs.ErrNotExist
	}
	d.change(change{op: "rename", from: from, to: to, node: d.names[from]})
	return nil
}

// Remove takes a file's name away.
func (d *Disk) Remove(name string) error {
	err := d.begin("remove", name)
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	if d.names[name] == nil {
		return fs.ErrNotExist
	}
	d.change(change{op: "remove", from: name})
	return nil
}

// List returns the names, sorted.
func (d *Disk) List() ([]string, error) {
	err := d.begin("list", "")
	defer d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.names)), nil
}

// SyncDir makes the names stable.
func (d *Disk) SyncDir() error {
	lie := d.pretends("syncdir", "")
	err := d.begin("syncdir", "")
	defer d.mu.Unlock()
	if err != nil {
		return err
	}
	if !lie {
		d.stable, d.changes = maps.Clone(d.names), nil
	}
	return nil
}

// lock is held by who has locked a Disk.
type lock struct{ d *Disk }

// Lock takes the directory, or fails with InUse.
func (d *Disk) Lock() (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.crashed:
		return nil, ErrCrashed
	case d.locked == nil:
		d.locked = &lock{d}
		return d.locked, nil
	case d.InUse != nil:
		return nil, d.InUse
	}
	return nil, errors.New("sim: the disk is in use")
}

// Close gives the directory free.
func (l *lock) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if l.d.locked == l {
		l.d.locked = nil
	}
	return nil
}
