package store

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// TestGrowth inserts so many small items that each index grows several times,
// and deletes them again, so that it shrinks.
func TestGrowth(t *testing.T) {
	n, every := 200_000, uint32(1)
	if testing.Short() {
		n, every = 130_000, 7
	}
	r := newRand(t)
	tab := newTestTable(1<<30, 1000, false)
	defer tab.arena.Close()
	m := map[uint32]uint32{} // key to value
	var res Result
	var key, value [4]byte
	run := func(op Op, k, v uint32) Status {
		binary.BigEndian.PutUint32(key[:], k)
		binary.BigEndian.PutUint32(value[:], v)
		tab.Execute(&Request{Op: op, Key: key[:], Value: value[:]}, 1, &res)
		return res.Status
	}
	check := func(when string) {
		t.Helper()
		if err := tab.checkInvariants(); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got := tab.Stats().Items; got != int64(len(m)) {
			t.Fatalf("%s: %d items, the map has %d", when, got, len(m))
		}
		for k := uint32(0); k < uint32(n); k += every {
			v, ok := m[k]
			if s := run(Get, k, 0); (s == OK) != ok || ok && binary.BigEndian.Uint32(res.Value) != v {
				t.Fatalf("%s: %d: status %d, %x; the map has %d, %v", when, k, s, res.Value, v, ok)
			}
		}
	}
	for k := range uint32(n) { // every tenth is deleted again, and every twentieth is back
		v := r.Uint32()
		if s := run(Set, k, v); s != OK {
			t.Fatalf("set: status %d", s)
		}
		m[k] = v
		if k%10 == 9 {
			gone := r.Uint32N(k)
			_, ok := m[gone]
			if s := run(Delete, gone, 0); (s == OK) != ok {
				t.Fatalf("delete: status %d", s)
			}
			if delete(m, gone); k%20 == 19 {
				run(Set, gone, v)
				m[gone] = v
			}
		}
	}
	check("grown")
	most := tab.indexPages()
	for _, left := range []uint32{10, 1000} {
		for k := range uint32(n) {
			if _, ok := m[k]; ok && k%left != 0 {
				run(Delete, k, 0)
				delete(m, k)
			}
		}
		for range 20 {
			tab.Sweep(1, Buckets)
		}
		check(fmt.Sprintf("one in %d left", left))
	}
	if least := tab.indexPages(); most < 2*stripeCount || least > most/2 {
		t.Errorf("the index grew to %d pages and shrank to %d", most, least)
	}
	for k := range uint32(n / 4) {
		run(Set, k, k)
		m[k] = k
	}
	check("grown again")
}

func (t *Table) indexPages() (n int) {
	for i := range t.stripes {
		n += len(t.stripes[i].index.pages)
	}
	return n
}
