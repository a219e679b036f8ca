package stable

import "errors"

// InspectedSnapshot is a snapshot, and what part it plays. If it is damaged, no more
// than its name and position may be known.
type InspectedSnapshot struct {
	SnapshotInfo
	State SnapshotState
}

// SnapshotState says what part a snapshot plays.
type SnapshotState string

// The states of snapshots.
const (
	SnapshotNewest  SnapshotState = "newest"  // Open goes on from it
	SnapshotOld     SnapshotState = "old"     // Open would remove it, unread
	SnapshotDamaged SnapshotState = "damaged" // Open would refuse it
)

// readSnapshots lists the snapshots and reads the newest one. The error is what
// Open would refuse it for.
func (in *Inspection) readSnapshots(fs FS, c *control, read func(*Snapshot) error) error {
	positions, err := listSnapshots(fs)
	if err != nil {
		return err
	}
	for _, p := range positions {
		in.Snapshots = append(in.Snapshots, InspectedSnapshot{SnapshotInfo{Name: snapshotName(p), Position: p}, SnapshotOld})
	}
	s, err := c.newestSnapshot(fs)
	if len(positions) == 0 {
		return err
	}
	newest := &in.Snapshots[len(positions)-1]
	if s != nil {
		newest.SnapshotInfo, in.Recovery.Snapshot = s.SnapshotInfo, s.Position
		if read == nil {
			read = (*Snapshot).verify
		}
		err = errors.Join(read(s), s.Close())
	}
	newest.State = SnapshotNewest
	var d *DamageError
	if errors.As(err, &d) && d.File == fs.Path(newest.Name) {
		newest.State = SnapshotDamaged
	}
	return err
}
