// Command embed counts the words of its standard input in a database of its own.
// Until the input ends, memcached clients may look on, or join in.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"

	"weensydb"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	db, err := weensydb.Open(weensydb.Config{Cache: true, Memcache: []string{"127.0.0.1:0"}})
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println("memcached clients may ask", db.MemcacheAddr())

	words := bufio.NewScanner(os.Stdin)
	words.Split(bufio.ScanWords)
	for words.Scan() {
		if err := count(ctx, db, words.Text()); err != nil {
			return err
		}
	}
	if err := words.Err(); err != nil {
		return err
	}
	return report(ctx, db)
}

// count adds one to a word's number. A client may come in between the two steps;
// then it takes another turn.
func count(ctx context.Context, db *weensydb.DB, word string) error {
	for {
		_, err := db.Increment(ctx, word, 1)
		if !errors.Is(err, weensydb.ErrNotFound) {
			return err
		}
		err = db.Add(ctx, word, []byte("1"))
		if !errors.Is(err, weensydb.ErrNotStored) {
			return err
		}
	}
}

// report prints the words in the order in which they came first: that of their
// IDs.
func report(ctx context.Context, db *weensydb.DB) error {
	var items []weensydb.Item
	for item, err := range db.All(ctx, "") {
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	slices.SortFunc(items, func(a, b weensydb.Item) int { return cmp.Compare(a.ID, b.ID) })
	for _, item := range items {
		fmt.Printf("%s %s\n", item.Value, item.Key)
	}
	return nil
}
