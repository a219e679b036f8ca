//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A slowDisk is a FUSE file system that shows a directory as it is, except that
// a sync takes longer. It runs in a process of its own: this program, started
// with the environment variable serveSlow. Reads and writes pass through the
// kernel to the file below, if it is root; only syncs and names cross to that
// process.
type slowDisk struct {
	mount  string
	cmd    *exec.Cmd
	stdin  io.WriteCloser // closed to end it
	stdout *bufio.Reader
}

// serveSlow holds, as JSON, the slowDiskConfig of the process that serves one.
const serveSlow = "DURABLE_SLOW_DISK"

type slowDiskConfig struct {
	Below, Mount string
	Sync         time.Duration // what a sync takes at least
}

// mountSlow mounts a slow disk at dir/slow that keeps its files in dir/below.
func mountSlow(dir string, sync time.Duration) (*slowDisk, error) {
	c := slowDiskConfig{filepath.Join(dir, "below"), filepath.Join(dir, "slow"), sync}
	for _, name := range []string{c.Below, c.Mount} {
		if err := os.Mkdir(name, 0o700); err != nil {
			return nil, err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	d := &slowDisk{mount: c.Mount, cmd: exec.Command(program)}
	d.cmd.Env = append(os.Environ(), serveSlow+"="+string(config))
	d.cmd.Stderr = os.Stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt ends the servers first
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.stdout = bufio.NewReader(out)
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := d.syncs(); err != nil {
		d.unmount()
		return nil, fmt.Errorf("no slow disk (it needs /dev/fuse, and root or the Debian package fuse3; -sync 0 leaves it out): %w", err)
	}
	return d, nil
}

// syncs returns how many syncs the disk has seen.
func (d *slowDisk) syncs() (n int64, err error) {
	if _, err := io.WriteString(d.stdin, "\n"); err != nil {
		return 0, err
	}
	line, err := d.stdout.ReadString('\n')
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(line, &n)
	return n, err
}

func (d *slowDisk) unmount() {
	d.stdin.Close()
	d.cmd.Wait() // it said why, if it failed
}

// serveSlowDisk mounts a slow disk, answers each line of stdin with the number
// of syncs so far, and unmounts at the end of stdin.
func serveSlowDisk(config string) error {
	var c slowDiskConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return err
	}
	root, err := fs.NewLoopbackRoot(c.Below)
	if err != nil {
		return err
	}
	var syncs atomic.Int64
	node := &slowNode{root.(*fs.LoopbackNode), c.Sync, &syncs}
	node.RootData.RootNode = node
	forever := time.Hour // nobody else changes what is below
	server, err := fs.Mount(c.Mount, node, &fs.Options{
		EntryTimeout: &forever,
		AttrTimeout:  &forever,
		MountOptions: fuse.MountOptions{FsName: "slow", DirectMount: os.Getuid() == 0},
	})
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(syncs.Load())
	}
	return server.Unmount()
}

// slowNode is a file or directory of a slow disk.
type slowNode struct {
	*fs.LoopbackNode
	sync  time.Duration
	syncs *atomic.Int64
}

// WrapChild makes the children of a slow node slow.
func (n *slowNode) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &slowNode{child.(*fs.LoopbackNode), n.sync, n.syncs}
}

const fdatasync = 1 // FUSE_FSYNC_FDATASYNC of linux/fuse.h

// Fsync syncs a file. The loopback file's own knows no fdatasync.
func (n *slowNode) Fsync(_ context.Context, file fs.FileHandle, flags uint32) syscall.Errno {
	return n.slowly(func() syscall.Errno {
		fd, _ := file.(fs.FilePassthroughFder).PassthroughFd()
		if flags&fdatasync != 0 {
			return fs.ToErrno(unix.Fdatasync(fd))
		}
		return fs.ToErrno(unix.Fsync(fd))
	})
}

// OpendirHandle opens a directory, whose syncs are slow too.
func (n *slowNode) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, open, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &slowDir{h.(directory), n}, open, 0
}

// directory is what an open directory of the loopback file system can do.
type directory interface {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileReleasedirer
	fs.FileFsyncdirer
}

type slowDir struct {
	directory
	node *slowNode
}

// Fsyncdir syncs a directory.
func (d *slowDir) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	return d.node.slowly(func() syscall.Errno { return d.directory.Fsyncdir(ctx, flags) })
}

// slowly syncs what is below, and then waits until the whole has taken as long
// as a sync takes here.
func (n *slowNode) slowly(sync func() syscall.Errno) syscall.Errno {
	end := time.Now().Add(n.sync)
	errno := sync()
	n.syncs.Add(1)
	sleepUntil(end)
	return errno
}

// sleepUntil blocks the thread: the runtime's timers can be a millisecond late.
func sleepUntil(t time.Time) {
	for left := time.Until(t); left > 0; left = time.Until(t) {
		wait := unix.NsecToTimespec(int64(left))
		unix.Nanosleep(&wait, nil) // interrupted: look at the clock again
	}
}

// timeSync returns the median of what a write of 4 KiB and its fdatasync take in
// dir, in a file that has its size.
func timeSync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := []byte(strings.Repeat("x", 4096))
	const blocks = 200
	for i := range blocks {
		if _, err := f.WriteAt(block, int64(i*len(block))); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	var took sample
	for i := range blocks {
		began := time.Now()
		if _, err := f.WriteAt(block, int64(i*len(block))); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(began)))
	}
	return time.Duration(took.median()), nil
}
