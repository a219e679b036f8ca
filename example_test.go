package weensydb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"weensydb"
)

// A database of the program's own: no listener, 256 MiB. What Set has stored is
// there again when the directory is opened the next time.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := weensydb.Open(weensydb.Config{Dir: dir, Memory: 256 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	if err := db.Set(ctx, "hello", []byte("Hi"), weensydb.TTL(time.Hour)); err != nil {
		log.Fatal(err)
	}
	item, err := db.Get(ctx, "hello")
	if errors.Is(err, weensydb.ErrNotFound) {
		log.Fatal("already an hour ago?")
	}
	fmt.Printf("%s, item %d\n", item.Value, item.ID)
	_, err = db.Get(ctx, "goodbye")
	fmt.Println(err)
	// Output:
	// Hi, item 1
	// Get "goodbye": not found
}

// A change that depends on what is there is tried until nobody has been faster.
// Flags and expiry stay, since they are item's.
func ExampleDB_CompareAndSwap() {
	ctx := context.Background()
	db, _ := weensydb.Open(weensydb.Config{Cache: true})
	defer db.Close()
	db.Set(ctx, "guests", []byte("Ada"))

	invite := func(name string) error {
		for {
			item, err := db.Get(ctx, "guests")
			if err != nil {
				return err
			}
			item.Value = fmt.Appendf(item.Value, ", %s", name)
			err = db.CompareAndSwap(ctx, item)
			if !errors.Is(err, weensydb.ErrExists) {
				return err
			}
		}
	}
	if err := invite("Grace"); err != nil {
		log.Fatal(err)
	}
	item, _ := db.Get(ctx, "guests")
	fmt.Printf("%s\n", item.Value)
	// Output: Ada, Grace
}

// Counters are decimal numbers, as memcached's clients know them. The first one
// to count adds the item.
func ExampleDB_Increment() {
	ctx := context.Background()
	db, _ := weensydb.Open(weensydb.Config{Cache: true})
	defer db.Close()

	_, err := db.Increment(ctx, "visits", 1)
	fmt.Println(err)
	err = db.Add(ctx, "visits", []byte("1"), weensydb.TTL(24*time.Hour))
	fmt.Println(err)
	n, err := db.Increment(ctx, "visits", 1)
	fmt.Println(n, err)
	// Output:
	// Increment "visits": not found
	// <nil>
	// 2 <nil>
}

// Nobody sees a state in which both are on duty, or neither is.
func ExampleDB_Exchange() {
	ctx := context.Background()
	db, _ := weensydb.Open(weensydb.Config{Cache: true})
	defer db.Close()
	db.Set(ctx, "duty/Ada", []byte("on duty"))
	db.Set(ctx, "duty/Grace", []byte("off duty"))

	if err := db.Exchange(ctx, "duty/Ada", "duty/Grace"); err != nil {
		log.Fatal(err)
	}
	item, _ := db.Get(ctx, "duty/Grace")
	fmt.Printf("Grace is %s\n", item.Value)
	// Output: Grace is on duty
}

func ExampleDB_All() {
	ctx := context.Background()
	db, _ := weensydb.Open(weensydb.Config{Cache: true})
	defer db.Close()
	db.Set(ctx, "city/Oslo", []byte("709"))
	db.Set(ctx, "city/Turku", []byte("202"))
	db.Set(ctx, "river/Aura", []byte("70"))

	for item, err := range db.All(ctx, "city/") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", item.Key, item.Value)
	}
	// Unordered output:
	// city/Oslo 709
	// city/Turku 202
}

// The program's data, for memcached clients on a listener that it has made.
func ExampleDB_Serve() {
	ctx := context.Background()
	db, _ := weensydb.Open(weensydb.Config{Cache: true})
	defer db.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go db.Serve(listener)
	db.Set(ctx, "hello", []byte("Hi"))

	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	io.WriteString(client, "get hello\r\nquit\r\n")
	for reply := bufio.NewScanner(client); reply.Scan(); {
		fmt.Println(reply.Text())
	}
	// Output:
	// VALUE hello 0 2
	// Hi
	// END
}
