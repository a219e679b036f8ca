package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"weensydb/sim"
)

// mountDisk lets other processes see a simulated disk as a directory. It must not
// be looked into by this process, which would wait for itself. unmount is called
// when nobody uses it any more.
func mountDisk(t *testing.T, disk *sim.Disk) (dir string, unmount func()) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("this test needs FUSE in the kernel, which no package brings: ", err)
	}
	if os.Geteuid() != 0 {
		needTool(t, "fusermount3", "fuse3")
	}
	dir = t.TempDir()
	server, err := fs.Mount(dir, &diskDir{disk: disk}, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMount: true, FsName: "disk", Name: "sim", DisableXAttrs: true, DisableReadDirPlus: true,
	}})
	if err != nil {
		lacks(t, fmt.Sprintf("leave to mount a FUSE file system: %v", err))
	}
	mounted := true
	unmount = func() {
		if !mounted {
			return
		}
		mounted = false
		ended := make(chan error, 1)
		go func() { ended <- server.Unmount() }()
		select {
		case err = <-ended:
		case <-time.After(patience):
			err = errors.New("it does not end")
		}
		if err != nil {
			t.Error("unmount:", err)
			if syscall.Unmount(dir, syscall.MNT_DETACH) != nil {
				exec.Command("fusermount3", "-u", "-z", dir).Run() // nothing is left to try
			}
		}
	}
	t.Cleanup(unmount)
	return dir, unmount
}

// diskDir is the root of the mounted file system. Nothing of it is cached: the
// kernel asks each time, and passes each read and write on.
type diskDir struct {
	fs.Inode
	disk *sim.Disk
}

type diskFile struct {
	fs.Inode
	file sim.File
}

var (
	_ fs.NodeLookuper  = (*diskDir)(nil)
	_ fs.NodeCreater   = (*diskDir)(nil)
	_ fs.NodeRenamer   = (*diskDir)(nil)
	_ fs.NodeUnlinker  = (*diskDir)(nil)
	_ fs.NodeReaddirer = (*diskDir)(nil)
	_ fs.NodeFsyncer   = (*diskDir)(nil)
	_ fs.NodeOpener    = (*diskFile)(nil)
	_ fs.NodeGetattrer = (*diskFile)(nil)
	_ fs.NodeReader    = (*diskFile)(nil)
	_ fs.NodeWriter    = (*diskFile)(nil)
	_ fs.NodeFsyncer   = (*diskFile)(nil)
)

func errno(err error) syscall.Errno {
	var number syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &number):
		return number
	case errors.Is(err, iofs.ErrNotExist):
		return syscall.ENOENT
	}
	return syscall.EIO
}

func (d *diskDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	node := d.GetChild(name) // the same one for all, that locks meet
	if node == nil {
		file, err := d.disk.Open(name)
		if err != nil {
			return nil, errno(err)
		}
		node = d.newFile(ctx, file)
	}
	return node, node.Operations().(*diskFile).attributes(&out.Attr)
}

func (d *diskDir) newFile(ctx context.Context, file sim.File) *fs.Inode {
	return d.NewInode(ctx, &diskFile{file: file}, fs.StableAttr{Mode: syscall.S_IFREG})
}

func (d *diskDir) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	file, err := d.disk.Create(name)
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	node := d.newFile(ctx, file)
	return node, nil, fuse.FOPEN_DIRECT_IO, node.Operations().(*diskFile).attributes(&out.Attr)
}

func (d *diskDir) Rename(_ context.Context, from string, _ fs.InodeEmbedder, to string, _ uint32) syscall.Errno {
	return errno(d.disk.Rename(from, to)) // there is one directory
}

func (d *diskDir) Unlink(_ context.Context, name string) syscall.Errno {
	return errno(d.disk.Remove(name))
}

func (d *diskDir) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	names, err := d.disk.List()
	entries := make([]fuse.DirEntry, len(names))
	for i, name := range names {
		entries[i] = fuse.DirEntry{Name: name, Mode: syscall.S_IFREG}
	}
	return fs.NewListDirStream(entries), errno(err)
}

func (d *diskDir) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return errno(d.disk.SyncDir())
}

func (f *diskFile) attributes(out *fuse.Attr) syscall.Errno {
	size, err := f.file.Size()
	out.Mode, out.Size = syscall.S_IFREG|0o600, uint64(size)
	out.Uid, out.Gid = uint32(os.Geteuid()), uint32(os.Getegid())
	return errno(err)
}

func (f *diskFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *diskFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return f.attributes(&out.Attr)
}

func (f *diskFile) Read(_ context.Context, _ fs.FileHandle, dest []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n, err := f.file.ReadAt(dest, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return fuse.ReadResultData(dest[:n]), errno(err)
}

func (f *diskFile) Write(_ context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	n, err := f.file.WriteAt(data, at)
	return uint32(n), errno(err)
}

func (f *diskFile) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return errno(f.file.Sync())
}
