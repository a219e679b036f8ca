package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// A shelf is a Table of which only one stripe is used, so that it is known where
// in a page the next item will begin.
type shelf struct {
	t      *testing.T
	table  *Table
	stripe *stripe
	key    []byte    // under test
	others [3][]byte // of the same stripe
	bytes  []byte    // arbitrary; values are parts of it
	now    int64
	res    Result
	what   string
}

func newShelf(t *testing.T, key []byte) *shelf {
	s := &shelf{t: t, table: newTestTable(1<<30, 1<<20, false), key: key, bytes: make([]byte, 8*PageSize)}
	t.Cleanup(s.table.arena.Close)
	r := rand.New(rand.NewPCG(6, 6))
	for i := range s.bytes {
		s.bytes[i] = byte(r.Uint32())
	}
	want, _ := s.table.place(key)
	s.stripe = &s.table.stripes[want]
	for i, n := 0, 0; n < len(s.others); i++ {
		other := fmt.Appendf(nil, "other-%d", i)
		if stripe, _ := s.table.place(other); stripe == want {
			s.others[n] = other
			n++
		}
	}
	return s
}

// value is one of n bytes; it differs for each n and which.
func (s *shelf) value(n, which int) []byte {
	off := (n + which) % PageSize
	return s.bytes[off : off+n]
}

func (s *shelf) run(req *Request) {
	s.t.Helper()
	s.now++
	s.table.Execute(req, s.now, &s.res)
	if s.res.Status != OK {
		s.t.Fatalf("%s: op %d: status %d", s.what, req.Op, s.res.Status)
	}
}

func (s *shelf) set(key, value []byte) { s.run(&Request{Op: Set, Key: key, Value: value}) }

func (s *shelf) want(key, value []byte) {
	s.t.Helper()
	s.run(&Request{Op: Get, Key: key})
	if !bytes.Equal(s.res.Value, value) {
		s.t.Fatalf("%s: %d bytes that are not the %d that were stored", s.what, len(s.res.Value), len(value))
	}
}

func (s *shelf) check() {
	s.t.Helper()
	if err := s.table.checkInvariants(); err != nil {
		s.t.Fatalf("%s: %v", s.what, err)
	}
}

// clear removes everything and leaves an empty page.
func (s *shelf) clear() {
	for _, k := range append(s.others[:], s.key) {
		s.table.Execute(&Request{Op: Delete, Key: k}, s.now, &s.res)
	}
}

// pad stores an item such that the page has room bytes left after it.
func (s *shelf) pad(room int) {
	s.t.Helper()
	s.set(s.others[0], s.value(1, 0)) // there is a page now
	s.clear()
	n := s.stripe.log.chains[old].room() - room
	head := headSize(&Item{}, false, len(s.others[0]), 1000)
	s.set(s.others[0], s.value(n-head, 0))
	if got := s.stripe.log.chains[old].room(); got != room {
		s.t.Fatalf("%s: room for %d, not %d", s.what, got, room)
	}
}

// compact empties all pages that hold anything dead.
func (s *shelf) compact() {
	s.stripe.mu.Lock()
	defer s.stripe.unlock(s.table)
	for range 20 {
		s.stripe.compact(s.table, levels-1)
	}
}

// TestPageEnds puts items where head or value end close to the end of a page, and
// does everything to them that moves them.
func TestPageEnds(t *testing.T) {
	sizes := []int{0, 1, 2, 127, 128, 129, 1000, 1<<14 - 1, 1 << 14}
	for _, pages := range []int{1, 2, 3} {
		for d := -2; d <= 2; d++ {
			sizes = append(sizes, pages*pageRoom+d, pages*PageSize+d)
		}
	}
	keys := []string{"k", "a longer key", "k2", "k-3", string(bytes.Repeat([]byte("k"), MaxKeyLen))}
	if testing.Short() {
		keys = keys[:2]
	}
	for _, key := range keys {
		t.Run(fmt.Sprintf("key of %d", len(key)), func(t *testing.T) {
			s := newShelf(t, []byte(key))
			for _, n := range sizes {
				head := headSize(&Item{}, false, len(key), n)
				for d := -2; d <= 2; d++ {
					s.at(n, head+d)
					if n > 4 && n < 2000 {
						s.at(n, head+n+d)
					}
				}
				for room := range 3 { // no head fits
					s.at(n, room)
				}
			}
		})
	}
}

// at stores a value of n bytes where room bytes are left in the page, and then
// changes it in every way.
func (s *shelf) at(n, room int) {
	s.t.Helper()
	s.what = fmt.Sprintf("%d bytes with room for %d", n, room)
	other := s.value(100, 1)
	s.pad(room)
	s.set(s.key, s.value(n, 0))
	s.want(s.key, s.value(n, 0))
	s.set(s.others[1], other) // behind it
	s.set(s.key, s.value(n, 1))
	s.want(s.key, s.value(n, 1))
	s.check()
	s.run(&Request{Op: Touch, Key: s.key, Expiry: s.now + 1_000_000}) // a larger head
	s.want(s.key, s.value(n, 1))

	s.pad(room)
	s.set(s.key, s.value(n, 2))
	s.set(s.others[1], other)
	s.run(&Request{Op: Exchange, Key: s.key, Key2: s.others[1]})
	s.want(s.key, other)
	s.want(s.others[1], s.value(n, 2))
	s.run(&Request{Op: Exchange, Key: s.key, Key2: s.others[1]})
	s.want(s.key, s.value(n, 2))
	s.want(s.others[1], other)

	s.pad(room)
	s.set(s.key, s.value(n, 3))
	s.set(s.others[1], other)
	s.run(&Request{Op: Delete, Key: s.others[0]}) // its page is worth compacting now
	s.set(s.others[2], s.value(3*PageSize, 0))
	s.compact()
	s.want(s.key, s.value(n, 3))
	s.want(s.others[1], other)
	s.want(s.others[2], s.value(3*PageSize, 0))
	s.check()

	s.pad(room)
	s.set(s.key, s.value(n, 0))
	for k := 1; k <= 3; k++ {
		s.run(&Request{Op: Append, Key: s.key, Value: s.bytes[n%PageSize+n+k-1:][:1]})
		s.want(s.key, s.bytes[n%PageSize:][:n+k])
	}
	s.run(&Request{Op: Prepend, Key: s.key, Value: other})
	s.want(s.key, append(bytes.Clone(other), s.bytes[n%PageSize:][:n+3]...))
	s.clear()
	s.check()
	if live := s.stripe.log.live(); live != 0 {
		s.t.Fatalf("%s: %d bytes live in an empty stripe", s.what, live)
	}
}

// TestEverySize goes through all sizes up to three pages.
func TestEverySize(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 11
	}
	s := newShelf(t, []byte("key"))
	was := s.value(0, 0)
	s.set(s.others[0], was)
	for n := 0; n <= 3*PageSize+2; n += step {
		s.what = fmt.Sprintf("%d bytes", n)
		s.set(s.key, s.value(n, 0))
		s.want(s.key, s.value(n, 0))
		switch n / step % 4 {
		case 0:
			s.set(s.key, s.value(n, 1))
			s.want(s.key, s.value(n, 1))
		case 1:
			s.run(&Request{Op: Append, Key: s.key, Value: s.bytes[n%PageSize+n:][:2]})
			s.want(s.key, s.bytes[n%PageSize:][:n+2])
		case 2:
			s.run(&Request{Op: Exchange, Key: s.key, Key2: s.others[0]})
			s.want(s.key, was)
			was = s.value(n, 0)
			s.want(s.others[0], was)
		case 3:
			s.run(&Request{Op: Delete, Key: s.key})
		}
		if n/step%500 == 0 {
			s.compact()
			s.check()
		}
	}
	s.want(s.others[0], was)
	s.check()
}
