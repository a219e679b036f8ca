package sim

import "slices"

// Content returns what a program sees of a file, or nil if it is not there. It is
// a copy.
func (d *Disk) Content(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return slices.Clone(n.seen)
	}
	return nil
}

// Stable returns what is stable of a file that a program sees, whether its name
// is or not. It is a copy.
func (d *Disk) Stable(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return slices.Clone(n.stable)
	}
	return nil
}

// SetContent makes b the content of a file, seen and stable, as damage does that
// nobody notices.
func (d *Disk) SetContent(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil {
		n = &inode{}
		d.names[name], d.stable[name] = n, n
	}
	n.seen, n.stable, n.writes = slices.Clone(b), slices.Clone(b), nil
}

// Lose makes a file vanish, as damage does.
func (d *Disk) Lose(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, name)
	delete(d.stable, name)
}
