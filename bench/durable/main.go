//go:build linux

// Command durable measures what durability costs: WeensyDB beside Redis, each of
// which syncs before it answers, and beside itself without that. It starts all
// servers and is their load.
//
//	go run ./durable -rounds 7 -only 'Sets'
//
// The servers of one table run side by side, and take turns at the load, so that
// what disturbs the machine disturbs all of them. Generator and servers share
// the processors; nothing is pinned.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	within      = flag.String("dir", ".", "keep the data in a new folder in this `folder`; not in memory")
	rounds      = flag.Int("rounds", 7, "how often each server takes its turn")
	length      = flag.Duration("time", 3*time.Second, "how long it is measured each time")
	warm        = flag.Duration("warm", time.Second, "how long the load is on before that")
	only        = flag.String("only", "", "play only the contests whose name contains this: Sets, Sets with slow syncs, Gets, Recovery, Snapshots")
	connections = flag.Int("connections", 50, "clients at a time")
	pipelines   = flag.String("pipelines", "1,16", "how many requests a client sends before it waits; a `list`")
	keys        = flag.Int("keys", 100_000, "how many keys there are")
	size        = flag.Int("size", 100, "of a value, in bytes")
	threads     = flag.Int("threads", 1, "of the generator")
	seed        = flag.Uint64("seed", 1, "of the keys that are asked for")
	syncTime    = flag.Duration("sync", 5*time.Millisecond, "what a slow sync takes; 0 leaves that contest out")
	recoverN    = flag.Int("recover", 1_000_000, "how many items of 1,000 bytes are recovered; 0 leaves that out")
	snapshotN   = flag.Int("snapshot", 1_000_000, "how many items of 1,000 bytes a snapshot is taken of; 0 leaves that out")
	saverName   = flag.String("saver", "", "take snapshots only with the servers whose name contains this")
	rate        = flag.Int("rate", 20_000, "operations a second meanwhile")
	memory      = flag.String("memory", "2G", "the --memory of WeensyDB")
	weensydb    = flag.String("weensydb", "", "the WeensyDB `program`; empty: built from the source")
	source      = flag.String("source", "..", "the `folder` of WeensyDB's source")
	redisServer = flag.String("redis", "redis-server", "the `program` to compare with")
)

func main() {
	err := error(nil)
	if config := os.Getenv(serveSlow); config != "" {
		err = serveSlowDisk(config)
	} else {
		flag.Parse()
		err = interruptible()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		os.Exit(1)
	}
}

// interruptible lets an interrupt end the servers and the slow disk too, and
// remove what they wrote.
func interruptible() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx)
}

func run(ctx context.Context) error {
	depths, err := parsePipelines(*pipelines)
	if err != nil {
		return err
	}
	if *rounds < 1 || *connections < 1 || *keys < 1 || *size < 1 || *threads < 1 || *threads > *connections {
		return fmt.Errorf("at least one round, connection, key, byte and thread, and no thread without a connection")
	}
	dir, err := filepath.Abs(*within)
	if err != nil {
		return err
	}
	if dir, err = os.MkdirTemp(dir, "durable-data-"); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *weensydb == "" {
		if err := build(dir); err != nil {
			return err
		}
	}
	text, err := heading(dir)
	if err != nil {
		return err
	}
	fmt.Print(text)
	for _, c := range contests {
		if !strings.Contains(c.name, *only) || c.slow && *syncTime == 0 {
			continue
		}
		if c.slow {
			if text, err = slowHeading(dir); err != nil {
				return err
			}
			fmt.Print("\n", text)
		}
		for _, pipeline := range depths {
			if err := c.play(ctx, dir, pipeline); err != nil {
				return err
			}
		}
	}
	if strings.Contains("Recovery", *only) && *recoverN > 0 {
		if err := recoverAll(ctx, dir); err != nil {
			return err
		}
	}
	if strings.Contains("Snapshots", *only) && *snapshotN > 0 {
		return snapshotAll(ctx, dir)
	}
	return nil
}

func build(dir string) error {
	*weensydb = filepath.Join(dir, "weensydb")
	cmd := exec.Command("go", "build", "-o", *weensydb, "./cmd/weensydb")
	cmd.Dir = *source
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func parsePipelines(list string) (depths []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-pipelines %s: %q is no number from 1 to 1000", list, field)
		}
		depths = append(depths, n)
	}
	return depths, nil
}
