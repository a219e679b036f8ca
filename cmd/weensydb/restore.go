package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"weensydb/stable"
)

// restoreCommand and verifyCommand read files themselves; they speak to no server.
type restoreCommand struct {
	File string `arg:"" name:"FILE" help:"What weensydb backup has written; '-' is standard input."`
	Dir  string `arg:"" name:"DIR" help:"The directory to make. If it is there it must be empty."`
}

func (*restoreCommand) Help() string {
	return `weensydb serve --dir DIR then has what the server held when the backup was taken. All of it is verified; if something is wrong, a server will not start in DIR.

IDs, positions and CAS tokens go on far above all that the old server can have given since, so that none is given twice.`
}

func (c *restoreCommand) Run(s *session) error {
	if err := checkRestore(c.Dir); err != nil {
		return err
	}
	in, err := s.openInput(c.File)
	if err != nil {
		return err
	}
	defer in.close()
	source, end := s.watch("restoring", in)
	info, err := stable.RestoreTo(stable.RestoreOptions{Dir: c.Dir, Path: in.name, Workers: workers()}, source)
	end()
	switch {
	case errors.Is(err, stable.ErrInUse):
		return refused("%s is in use by a server", c.Dir)
	case err != nil:
		return explainBackup(in.name, err)
	}
	return s.say(fmt.Sprintf("%s: position %d, %d bytes; start it with 'weensydb serve --dir %s'", c.Dir, info.Position, info.Size, c.Dir), nil)
}

// checkRestore reports why a directory cannot be made.
func checkRestore(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return misused("%w", err)
	}
	for _, e := range entries { // a restore that was cut short leaves these
		if name := e.Name(); name != "lock" && name != "snapshot.tmp" && name != "new.tmp" {
			return misused("%s is not empty: restore makes a new directory, and changes none that holds something (%s)", dir, name)
		}
	}
	return nil
}

// watch shows a bar while in is read.
func (s *session) watch(doing string, in *input) (source io.Reader, end func()) {
	bar := newProgress(doing, s.stderr, slog.New(slog.DiscardHandler))
	return bufio.NewReaderSize(&counter{source: in, total: in.size, show: bar.show}, 256<<10), bar.end
}

type verifyCommand struct {
	Path string `arg:"" name:"PATH" help:"A backup ('-' is standard input), or the directory of a server that was stopped."`
}

func (*verifyCommand) Help() string {
	return "Every checksum is verified, and nothing is changed. The answer is a line: whole, or damaged, and where. weensydb inspect tells more."
}

func (c *verifyCommand) Run(s *session) error {
	isDir, err := checkPath(c.Path)
	if err != nil {
		return err
	}
	if !isDir {
		b, err := s.readBackupFile(c.Path, nil)
		return s.conclude(backupVerdict(&b, err), err)
	}
	in, err := s.inspect(c.Path, &dump{silent: true}, true)
	if err := explainInspect(c.Path, in, err); err != nil {
		return err
	}
	return s.conclude(verdict(in, err), err)
}

// conclude prints the verdict. err is what it is about.
func (s *session) conclude(verdict string, err error) error {
	if exitCode(err) == exitUsage {
		return err
	}
	if printed := s.say(verdict, nil); printed != nil || err == nil {
		return ended(printed)
	}
	return &failure{exitRefused, nil} // the verdict says why
}

// checkPath reports whether there is a directory, or a file.
func checkPath(path string) (isDir bool, err error) {
	if path == standard {
		return false, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, misused("%s: there is no such file or directory", path)
	case err != nil:
		return false, misused("%w", err)
	}
	return info.IsDir(), nil
}

// readBackupFile reads a backup, and gives its items to each.
func (s *session) readBackupFile(path string, each eachBlock) (backup, error) {
	in, err := s.openInput(path)
	if err != nil {
		return backup{}, err
	}
	defer in.close()
	source, end := s.watch("verifying", in)
	defer end()
	b, err := readBackup(source, in.name, each)
	b.Name = in.name
	return b, err
}

// backupVerdict is the one line that tells whether a backup is whole.
func backupVerdict(b *backup, err error) string {
	var damage *backupDamage
	switch {
	case errors.As(err, &damage):
		return "damaged: " + cmp.Or(damage.name, b.Name) + " " + damage.where()
	case err != nil:
		return "not readable: " + err.Error()
	}
	return fmt.Sprintf("whole: %s in %s", plural(b.items, "item", "items"), plural(b.Blocks, "block", "blocks"))
}
