package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"

	"weensydb"
)

// announce prints what an operator asks first: where it listens, what a crash
// can lose, how much memory it takes, where its files are, how to stop it.
func (o *options) announce(out io.Writer, db *weensydb.DB) {
	line := func(what, text string) { fmt.Fprintf(out, "  %-10s%s\n", what, text) }
	fmt.Fprintf(out, "weensydb %s\n", weensydb.Version)
	line("weensy", bound(db.WeensyAddr(), o.config.Weensy))
	line("memcache", bound(db.MemcacheAddr(), o.config.Memcache))
	line("mode", o.promise())
	line("memory", units.BytesSize(float64(o.config.Memory))+"; an item up to "+units.BytesSize(float64(o.config.MaxItemSize)))
	line("directory", o.directory())
	line("stop", fmt.Sprintf("Ctrl-C, or SIGTERM to process %d; within %v", os.Getpid(), o.config.DrainTimeout))
}

// promise says what the mode is, and what a crash can lose.
func (o *options) promise() string {
	if o.config.Cache {
		return "cache: evicts when full; in memory only, so a stop or a crash loses everything"
	}
	return map[weensydb.Durability]string{
		weensydb.DurabilityAlways:   "durability always: a crash loses nothing that was answered",
		weensydb.DurabilityInterval: "durability interval: a crash may lose the last second",
		weensydb.DurabilityNone:     "durability none: a crash may lose anything; a stop loses nothing",
	}[o.config.Durability]
}

func (o *options) directory() string {
	if o.config.Cache {
		return "none: nothing is written to disk"
	}
	if dir, err := filepath.Abs(o.config.Dir); err == nil {
		return dir
	}
	return o.config.Dir
}

// bound lists a dialect's addresses. The first is the one that was bound, which
// tells a port that the system chose.
func bound(first string, configured []string) string {
	if len(configured) == 0 {
		return "off"
	}
	return strings.Join(append([]string{first}, configured[1:]...), " ")
}
