package main

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"weensydb/stable"
	"weensydb/store"
)

// eachBlock begins a block: it returns what takes its items one after the other, and
// what is called after the last. Blocks are taken from several goroutines, in no
// order.
type eachBlock func() (item func(position uint64, it *store.Effect, accessed int64) error, end func() error)

// readBackup reads a backup from its front to its end, checks all of it, and gives
// its items to each, if that is not nil. name is for people.
func readBackup(source io.Reader, name string, each eachBlock) (b backup, err error) {
	var items atomic.Int64
	info, meta, err := stable.ReadSnapshot(source, name, workers(), func(block []byte) error {
		n, err := readBlock(block, each)
		items.Add(n)
		return err
	})
	b.SnapshotInfo, b.items = info, items.Load()
	if err == nil {
		b.image, err = store.ParseImage(meta)
	}
	return b, explainBackup(name, err)
}

// readBlock takes a block apart.
func readBlock(block []byte, each eachBlock) (items int64, err error) {
	item := func(uint64, *store.Effect, int64) error { return nil }
	end := func() error { return nil }
	if each != nil {
		item, end = each()
	}
	err = store.Items(block, func(position uint64, b []byte) error {
		r, err := store.ParseRecord(b)
		switch {
		case err != nil:
			return err
		case len(r.Effects) != 1 || r.Effects[0].Kind != store.Put:
			return store.ErrRecord
		}
		items++
		e := &r.Effects[0]
		if e.FreshCAS {
			e.Item.CAS = position
		}
		return item(position, e, r.Now)
	})
	return items, errors.Join(err, end())
}

// explainBackup makes of an error what a person wants to know: where the damage is.
func explainBackup(name string, err error) error {
	if !isDamage(err) {
		return err
	}
	return &failure{exitRefused, &backupDamage{name, err}}
}

// backupDamage says that a backup is not what was written.
type backupDamage struct {
	name  string
	cause error
}

func (d *backupDamage) Error() string { return d.name + " is damaged: " + d.where() }
func (d *backupDamage) Unwrap() error { return d.cause }

// where is the place of the damage, without the name.
func (d *backupDamage) where() string {
	var damage *stable.DamageError
	if errors.As(d.cause, &damage) {
		return fmt.Sprintf("at byte %d: %s", damage.Offset, damage.Reason)
	}
	return d.cause.Error()
}
