//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	recoverSize     = 1000        // bytes of a value
	recoveryTimeout = time.Minute // much more than either needs
)

// recoverAll measures how long a server takes until it answers after a kill -9,
// first with its files on the disk only, and then with what the kernel still has
// of them in memory.
func recoverAll(ctx context.Context, dir string) error {
	fmt.Printf("\nRecovery of %s items of %d bytes after kill -9. Load average before: %s.\n\n",
		number(float64(*recoverN), 0), recoverSize, loadAverage())
	fmt.Println("| | files, GB | from the disk, s | s/GB | from the page cache, s | s/GB | processor, s |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, r := range []rival{weensyAlways, redisAlways} {
		if err := recoverOne(ctx, dir, r); err != nil {
			return fmt.Errorf("recovery, %s: %w", r.name, err)
		}
	}
	return nil
}

func recoverOne(ctx context.Context, dir string, r rival) error {
	dir, err := os.MkdirTemp(dir, "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := r.start(dir, startTimeout)
	if err != nil {
		return err
	}
	err = s.fill(ctx, *recoverN, payload(recoverSize))
	s.end(syscall.SIGKILL)
	if err != nil {
		return err
	}
	var cold, cached, processor sample
	bytes := int64(0)
	for range *rounds {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if bytes, err = forget(dir); err != nil {
			return err
		}
		for _, took := range []*sample{&cold, &cached} {
			answered, used, err := r.restart(dir, *recoverN)
			if err != nil {
				return err
			}
			*took = append(*took, answered.Seconds())
			processor = append(processor, used.Seconds())
		}
	}
	gb := float64(bytes) / 1e9
	perGB := func(s sample) string { return number(s.median()/gb, 2) }
	fmt.Printf("| %s | %.2f | %s | %s | %s | %s | %s |\n", r.name, gb, cold.show(2), perGB(cold), cached.show(2), perGB(cached), processor.show(2))
	return nil
}

// restart starts r on the data in dir, of n items, and kills it when it has answered.
func (r rival) restart(dir string, n int) (answered, processor time.Duration, err error) {
	began := time.Now()
	s, err := r.start(dir, recoveryTimeout)
	if err != nil {
		return 0, 0, err
	}
	answered = time.Since(began)
	processor, err = processorTime(s.cmd.Process.Pid)
	items, err2 := s.items()
	s.end(syscall.SIGKILL)
	if err2 == nil && items != n {
		err2 = fmt.Errorf("%d items came back of %d", items, n)
	}
	return answered, processor, errors.Join(err, err2)
}

// forget makes the kernel forget what it has in memory of the files below dir,
// and returns what they take on the disk, in bytes.
func forget(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		size += info.Size()
		return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	})
	return size, err
}
