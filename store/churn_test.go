package store

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes a new one")

// newRand returns a generator whose seed is printed and can be given again.
func newRand(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// churnSize draws the size of a value: mostly small, sometimes over many pages.
func churnSize(r *rand.Rand, most int) int {
	switch r.IntN(10) {
	case 0:
		return r.IntN(most)
	case 1, 2:
		return r.IntN(PageSize)
	default:
		return r.IntN(200)
	}
}

// churnKeys keys of churnSize take more than the 32 MiB of the test.
const churnKeys = 8000

// TestChurn overwrites, extends, deletes and exchanges values of all sizes in a
// Table that is nearly full, and compares it with a map. What the Table refused
// did not happen.
func TestChurn(t *testing.T) {
	for _, evict := range []bool{false, true} {
		t.Run(fmt.Sprintf("evict=%v", evict), func(t *testing.T) { churn(t, evict) })
	}
}

func churn(t *testing.T, evict bool) {
	const most = 100_000 // bytes
	r := newRand(t)
	tab := newTestTable(32<<20, most, evict)
	m := map[string][]byte{}
	var res Result
	fill := make([]byte, most)
	for i := range fill {
		fill[i] = byte(r.Uint32())
	}
	steps := 60_000
	if testing.Short() {
		steps = 30_000
	}
	refused := 0
	for i := range steps {
		key := fmt.Sprintf("key-%d", r.IntN(churnKeys))
		n := churnSize(r, most-1000)
		off := r.IntN(most - n)
		req := &Request{Key: []byte(key), Value: fill[off : off+n]}
		switch r.IntN(12) {
		case 0:
			req.Op = Append
			req.Value = req.Value[:min(n, 100)]
		case 1:
			req.Op = Delete
		case 2:
			req.Op, req.Key2 = Exchange, fmt.Appendf(nil, "key-%d", r.IntN(churnKeys))
		case 3, 4, 5:
			req.Op = Get
		default:
			req.Op = Set
		}
		tab.Execute(req, int64(i), &res)
		if err := churnCheck(m, req, &res, evict); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if res.Status == NoMemory {
			refused++
		}
		if i%(steps/40) == 0 {
			if err := tab.checkInvariants(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
	}
	st := tab.Stats()
	t.Logf("%d items, %d bytes of %d, %d live; %d refused, %d evicted", st.Items, st.Bytes, st.Limit, st.Live, refused, st.Evictions)
	if evict && st.Evictions == 0 || !evict && refused == 0 {
		t.Error("memory never ran out: the test shows little")
	}
	// The rest is the index, what is dead, and for eviction a second chain.
	least := 0.8
	if evict {
		least = 0.7
	}
	if used := float64(st.Live) / float64(st.Limit); used < least {
		t.Errorf("only %.0f %% of the memory holds items", used*100)
	}
}

// churnCheck compares one result with the map and brings the map up to date.
func churnCheck(m map[string][]byte, req *Request, res *Result, evict bool) error {
	key := string(req.Key)
	was, had := m[key]
	switch {
	case res.Status == NoMemory:
		if evict && req.Op == Set {
			delete(m, key)
		}
		return nil
	case res.Status == NotFound || res.Status == NotStored && req.Op == Append:
		if _, had2 := m[string(req.Key2)]; had && (req.Op != Exchange || had2) && !evict && len(was)+len(req.Value) < 90_000 {
			return fmt.Errorf("%d of %q: not found", req.Op, key)
		}
		if req.Op != Exchange && req.Op != Append {
			delete(m, key) // evicted
		}
		return nil
	case res.Status != OK:
		return fmt.Errorf("%d of %q: status %d", req.Op, key, res.Status)
	}
	switch req.Op {
	case Set:
		m[key] = req.Value
	case Append:
		m[key] = append(bytes.Clone(was), req.Value...)
	case Delete:
		delete(m, key)
	case Exchange:
		m[key], m[string(req.Key2)] = m[string(req.Key2)], m[key]
	case Get:
		if !had || !bytes.Equal(res.Value, was) {
			return fmt.Errorf("get of %q: %d bytes, the map has %d, %v", key, len(res.Value), len(was), had)
		}
	}
	return nil
}
