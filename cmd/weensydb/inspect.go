package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"

	"weensydb/stable"
	"weensydb/store"
)

// inspectCommand reads a directory or a backup itself; it speaks to no server.
type inspectCommand struct {
	Path    string `arg:"" name:"PATH" help:"The directory of a server that was stopped, or a copy of it; or a backup, '-' being standard input."`
	Records bool   `env:"-" help:"Print every item of the snapshot or backup and every record instead, as a line of JSON each."`
}

func (*inspectCommand) Help() string {
	return `All that a start verifies is verified, and nothing is changed. The last line is the verdict: whole; or whole up to a torn tail, which the next start cuts; or damaged, which a start refuses.

With --records the verdict goes to standard error, unless all is whole. Keys and values that are no text are in key_base64 and value_base64.`
}

func (c *inspectCommand) Run(s *session) error {
	isDir, err := checkPath(c.Path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(s.stdout, 64<<10)
	if !isDir {
		return s.inspectBackup(c.Path, c.Records, out)
	}
	d := &dump{silent: !c.Records, out: out}
	in, err := s.inspect(c.Path, d, !c.Records)
	if d.failed != nil {
		return ended(d.failed)
	}
	if err := explainInspect(c.Path, in, err); err != nil {
		return err
	}
	if c.Records {
		return cmp.Or(ended(out.Flush()), s.remark(in, err))
	}
	report(out, in)
	fmt.Fprintln(out, verdict(in, err))
	if flushed := out.Flush(); flushed != nil || err == nil {
		return ended(flushed)
	}
	return &failure{exitRefused, nil} // the verdict says why
}

// inspect reads a directory. A bar and lines would get in each other's way.
func (s *session) inspect(dir string, d *dump, withBar bool) (*stable.Inspection, error) {
	o := stable.InspectOptions{Dir: dir, OnSnapshot: d.snapshot, OnRecord: d.record}
	progress := newProgress("inspecting", s.stderr, slog.New(slog.DiscardHandler))
	if withBar {
		o.Progress = progress.show
	}
	in, err := stable.Inspect(o)
	progress.end()
	return in, err
}

// explainInspect says why there is nothing to tell of a directory; nil: there is.
func explainInspect(dir string, in *stable.Inspection, err error) error {
	switch {
	case errors.Is(err, stable.ErrInUse):
		return refused("%s is in use: stop the server first, or inspect a copy of the directory (%w)", dir, err)
	case errors.Is(err, stable.ErrNoLog):
		return misused("%s is no directory of a server: there is no log in it", dir)
	case in.Control.Copies == 0 && !isDamage(err): // nothing could be read
		return err
	}
	return nil
}

// remark tells on standard error what the records alone do not.
func (s *session) remark(in *stable.Inspection, err error) error {
	if err != nil {
		return refused("%s", verdict(in, err))
	}
	if in.Recovery.Cut.Bytes > 0 {
		fmt.Fprintln(s.stderr, "weensydb:", verdict(in, nil))
	}
	return nil
}

// ended is err, unless it says that whoever read the output has seen enough.
func ended(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// isDamage reports whether err says that something is not as it was written.
func isDamage(err error) bool {
	return errors.As(err, new(*stable.DamageError)) || errors.Is(err, store.ErrRecord)
}

// verdict is the one line that tells whether the log is whole.
func verdict(in *stable.Inspection, err error) string {
	var faults []string
	for _, e := range joinMistakes(nil, err) {
		var damage *stable.DamageError
		if errors.As(e, &damage) {
			faults = append(faults, fmt.Sprintf("%s at byte %d: %s", damage.File, damage.Offset, damage.Reason))
		} else {
			faults = append(faults, e.Error())
		}
	}
	found := in.Recovery
	switch {
	case isDamage(err):
		return "damaged: " + strings.Join(faults, "; ")
	case err != nil: // of a newer version, or the disk refuses
		return "not readable: " + strings.Join(faults, "; ")
	case found.Cut.Bytes > 0:
		return fmt.Sprintf("whole up to a torn tail of %d bytes at byte %d of %s, which the next start cuts: %s", found.Cut.Bytes, found.Cut.Offset, found.Cut.File, counted(found))
	}
	return "whole: " + counted(found)
}

func counted(found stable.Recovery) string {
	log := plural(found.Records, "record", "records") + " in " + plural(found.Batches, "batch", "batches")
	if found.Snapshot > 0 {
		return fmt.Sprintf("a snapshot of position %d, and a log of %s", found.Snapshot, log)
	}
	return log
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// report prints what the control file says, and a line for each segment.
func report(out io.Writer, in *stable.Inspection) {
	c := in.Control
	if c.Copies == 0 { // it could not be read, and nothing without it
		return
	}
	line := func(what, format string, args ...any) {
		fmt.Fprintf(out, "%-10s%s\n", what, fmt.Sprintf(format, args...))
	}
	line("log", "%016x, format %d", c.Identity, c.Version)
	if c.Copies < 2 {
		line("control", "one of its two copies is damaged; the next start writes it anew from the other")
	} else {
		line("control", "both copies are valid")
	}
	if c.Clean {
		line("stopped", "cleanly, at byte %d of segment %d", c.EndOffset, c.EndSegment)
	} else {
		line("stopped", "not cleanly: killed, or the machine went down")
	}
	line("claimed", "positions up to %d, IDs up to %d", c.Positions, c.IDs)
	line("next", "position %d, ID %d", c.NextPosition, c.NextID)
	reportSnapshots(out, in.Snapshots)
	const row = "%-20s  %10v  %10v  %8v  %10v  %10v  %10v  %s\n"
	fmt.Fprintf(out, "\n"+row, "segment", "bytes", "used", "batches", "records", "first", "last", "state")
	for _, s := range in.Segments {
		state := string(s.State)
		if s.Torn > 0 {
			state = fmt.Sprintf("torn: %d bytes from byte %d on", s.Torn, s.Used)
		}
		first, last := any("-"), any("-")
		if s.Records > 0 {
			first, last = s.First, s.Last
		}
		fmt.Fprintf(out, row, s.Name, s.Size, s.Used, s.Batches, s.Records, first, last, state)
	}
	fmt.Fprintln(out)
}
