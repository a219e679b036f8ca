package stable

import (
	"errors"
	"fmt"
	"io"
)

// restoreGap is how many numbers a restored log leaves out: the server from which
// the backup is may have given numbers after it was taken, which the backup cannot
// know, and clients may have them still.
const restoreGap = 1 << 40

// RestoreOptions say where a backup goes.
type RestoreOptions struct {
	// Dir is the directory; it is made if it is not there. Unused with an FS.
	Dir string
	// FS is the directory behind an interface.
	FS FS
	// Path is the name of the backup for people.
	Path string
	// Workers is how many goroutines check the blocks.
	Workers int
}

// RestoreTo makes a log of a backup, in a directory that is empty. All of the backup
// is checked; an error leaves no log. The log has an identity of its own, and its
// numbers are above those that were given before the backup was taken, and above 2^40
// more. The error is ErrNotEmpty if the directory holds anything, and a *DamageError
// if the backup is not what was written.
func RestoreTo(o RestoreOptions, backup io.Reader) (SnapshotInfo, error) {
	directory := o.FS
	if directory == nil {
		var err error
		if directory, err = Dir(o.Dir); err != nil {
			return SnapshotInfo{}, err
		}
	}
	directory = checked(directory)
	lock, err := directory.Lock()
	if err != nil {
		return SnapshotInfo{}, err
	}
	info, err := restore(directory, &o, backup)
	return info, errors.Join(err, lock.Close())
}

func restore(fs FS, o *RestoreOptions, backup io.Reader) (info SnapshotInfo, err error) {
	if err := checkEmpty(fs); err != nil {
		return info, err
	}
	c := control{version: formatVersion, identity: random(), cutoff: cutoff{oldest: 1}}
	file, err := fs.Create(temporarySnapshot)
	if err != nil {
		return info, err
	}
	info, err = restoreSnapshot(file, c.identity, o, backup)
	if err = errors.Join(err, file.Close()); err == nil {
		err = fs.Rename(temporarySnapshot, info.Name)
	}
	if err != nil {
		return info, errors.Join(err, ignoreMissing(fs.Remove(temporarySnapshot)))
	}
	info.Identity = c.identity
	c.cutoff.snapshot, c.cutoff.last = info.Position, info.Position
	c.positions, c.ids = info.Positions+restoreGap, info.IDs+restoreGap
	file, err = c.create(fs) // it syncs the directory
	if err != nil {
		return info, errors.Join(err, fs.Remove(info.Name))
	}
	return info, file.Close()
}

// checkEmpty allows what a Restore that was killed leaves, and the lock.
func checkEmpty(fs FS) error {
	names, err := fs.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != lockName && name != temporarySnapshot && name != temporaryName {
			return fmt.Errorf("%w: there is %s", ErrNotEmpty, fs.Path(name))
		}
	}
	return nil
}

// restoreSnapshot copies a backup while it is checked. Its header names another log:
// that is all that changes.
func restoreSnapshot(file File, identity uint64, o *RestoreOptions, backup io.Reader) (info SnapshotInfo, err error) {
	to := &stepWriter{file: file}
	info, err = VerifySnapshot(io.TeeReader(backup, to), o.Path, o.Workers)
	if err != nil {
		return info, err
	}
	b := make([]byte, snapshotHeaderSize)
	if _, err := file.ReadAt(b, 0); err != nil {
		return info, err
	}
	h, err := parseSnapshotHeader(b, o.Path)
	if err != nil {
		return info, err
	}
	h.identity = identity
	if _, err := file.WriteAt(h.encode(), 0); err != nil {
		return info, err
	}
	return info, file.Sync()
}

// stepWriter writes to a file from its front on.
type stepWriter struct {
	file File
	at   int64
}

func (w *stepWriter) Write(b []byte) (int, error) {
	n, err := w.file.WriteAt(b, w.at)
	w.at += int64(n)
	return n, err
}
