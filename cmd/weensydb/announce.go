package main

import (
	"fmt"
	"io"
	"os"
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
	if o.config.Cache {
		line("mode", "cache: evicts when full; in memory only, so a stop or a crash loses everything")
	} else {
		line("mode", "database without a log (durability none): a stop or a crash loses everything")
	}
	line("memory", units.BytesSize(float64(o.config.Memory))+"; an item up to "+units.BytesSize(float64(o.config.MaxItemSize)))
	line("directory", "none: nothing is written to disk")
	line("stop", fmt.Sprintf("Ctrl-C, or SIGTERM to process %d; within %v", os.Getpid(), o.config.DrainTimeout))
}

// bound lists a dialect's addresses. The first is the one that was bound, which
// tells a port that the system chose.
func bound(first string, configured []string) string {
	if len(configured) == 0 {
		return "off"
	}
	return strings.Join(append([]string{first}, configured[1:]...), " ")
}
