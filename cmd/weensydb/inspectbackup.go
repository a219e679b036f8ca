package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"

	"weensydb/stable"
	"weensydb/store"
)

// inspectBackup tells what is in a backup, or prints its items.
func (s *session) inspectBackup(path string, items bool, out *bufio.Writer) error {
	if items {
		w := &lineWriter{inspect: true, out: out}
		_, err := s.readBackupFile(path, w.each)
		if w.failed != nil {
			return ended(w.failed)
		}
		return cmp.Or(ended(out.Flush()), err)
	}
	b, err := s.readBackupFile(path, nil)
	if err == nil {
		reportBackup(out, &b)
	}
	if flushed := out.Flush(); flushed != nil {
		return ended(flushed)
	}
	return s.conclude(backupVerdict(&b, err), err)
}

func reportBackup(out io.Writer, b *backup) {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "%-10s%s\n", what, fmt.Sprintf(format, args...))
	}
	line("log", "%016x", b.Identity)
	line("position", "%d", b.Position)
	line("taken", "%s", timeText(b.image.Clock))
	line("claimed", "positions up to %d, IDs up to %d", b.Positions, b.IDs)
	line("blocks", "%d, of %d bytes before they were compressed", b.Blocks, b.Raw)
	line("bytes", "%d", b.Size)
	if b.image.FlushDue != store.Never {
		line("flush_all", "at %s", timeText(b.image.FlushDue))
	}
	fmt.Fprintln(out)
}

// reportSnapshots prints a line for each snapshot of a directory.
func reportSnapshots(out io.Writer, snapshots []stable.InspectedSnapshot) {
	if len(snapshots) == 0 {
		return
	}
	const row = "%-21s  %10v  %10v  %8v  %10v  %s\n"
	fmt.Fprintf(out, "\n"+row, "snapshot", "bytes", "raw bytes", "blocks", "position", "state")
	for _, s := range snapshots {
		if s.Size == 0 { // it was not read
			fmt.Fprintf(out, row, s.Name, "-", "-", "-", s.Position, s.State)
			continue
		}
		fmt.Fprintf(out, row, s.Name, s.Size, s.Raw, s.Blocks, s.Position, s.State)
	}
}
