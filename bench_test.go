package weensydb_test

import (
	"fmt"
	"testing"

	"weensydb"
)

// BenchmarkGet and BenchmarkSet measure the methods on 100,000 items of 100
// bytes, by as many goroutines as -cpu says.
func BenchmarkGet(b *testing.B) {
	benchMethods(b, func(db *weensydb.DB, key string, _ []byte) error {
		_, err := db.Get(b.Context(), key)
		return err
	})
}

func BenchmarkSet(b *testing.B) {
	benchMethods(b, func(db *weensydb.DB, key string, value []byte) error {
		return db.Set(b.Context(), key, value)
	})
}

func benchMethods(b *testing.B, method func(db *weensydb.DB, key string, value []byte) error) {
	db := openEmbedded(b, weensydb.Config{})
	keys, value := make([]string, 100_000), make([]byte, 100)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%012d", i)
		must(b, db.Set(b.Context(), keys[i], value))
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i += 7919 {
			if err := method(db, keys[i%len(keys)], value); err != nil {
				b.Error(err)
			}
		}
	})
}
