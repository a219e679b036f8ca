package weensydb

import (
	"context"
	"iter"

	"weensydb/store"
)

// All goes through the items whose keys begin with prefix: with "", through all.
//
// The order is arbitrary, but the same every time until the database is closed.
// An item that is there from the beginning to the end is seen once, as it was at
// some instant in between; one that comes or goes meanwhile may be seen or not.
// No lock is held while the loop's body runs, which may do with the database
// what it likes. Memory is needed for one item and some 64 KiB, however many
// there are. Being seen by All does not keep an item in a cache.
//
// If ctx ends or the database is closed, the last pair is an error.
func (db *DB) All(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		cursor := store.Cursor{Prefix: prefix}
		for {
			more, err := db.nextPage(ctx, &cursor)
			if err != nil {
				yield(Item{}, &OpError{"All", prefix, err})
				return
			}
			if !more {
				return
			}
			for i := range cursor.Page {
				if err := ctx.Err(); err != nil {
					yield(Item{}, &OpError{"All", prefix, err})
					return
				}
				it := &cursor.Page[i]
				if !yield(newItem(it.Key, it.Value, &it.Item), nil) {
					return
				}
			}
		}
	}
}

// nextPage moves the cursor on, and waits until what it found is stable.
func (db *DB) nextPage(ctx context.Context, cursor *store.Cursor) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	db.closeMu.RLock()
	if db.closed {
		db.closeMu.RUnlock()
		return false, ErrClosed
	}
	more = db.engine.Next(cursor)
	db.closeMu.RUnlock()
	return more, await(ctx, db.engine, db.Failed(), cursor.Position)
}
