package server_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"weensydb"
)

// Histories: clients on both listeners send random requests about few keys at
// once; the checker then looks for one order of them, agreeing with real time,
// in which the model gives every reply that was seen.

// checkLimit is how long the checker may search one group's history. It takes
// milliseconds: a history that is so large that it takes longer is a defect.
const checkLimit = 60 * time.Second

// A groupKind says which requests a group of keys gets. Not all mix: what a
// mark of staleness or a text in a counter's place would do is left to the
// conversations.
type groupKind struct {
	keys     int
	counters bool // decimal numbers, else text
	joined   bool // by exch
	marks    bool // stale and won, by the meta commands
	flush    bool
}

// A shape is what a kind of history consists of.
type shape struct {
	clients int
	steps   int // requests of each client
	groups  []groupKind
}

// flush_all touches all keys, so a history that has it is a single group; it is
// short, since all its clients meet in that group.
var (
	ordinary = shape{clients: 10, steps: 80, groups: []groupKind{
		{keys: 3, joined: true, marks: true},
		{keys: 2, joined: true, counters: true},
		{keys: 1, counters: true},
		{keys: 1, marks: true},
	}}
	flushed = shape{clients: 8, steps: 15, groups: []groupKind{{keys: 2, joined: true, marks: true, flush: true}}}
)

// A history records what a set of clients saw.
type history struct {
	start time.Time

	mu      sync.Mutex
	entries []porcupine.Operation // guarded by mu
	clients int                   // IDs given out, guarded by mu
}

func (h *history) now() int64 { return int64(time.Since(h.start)) }

// newClient gives out an ID. A client that does not know what became of its
// request goes on under a new one.
func (h *history) newClient() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
	return h.clients - 1
}

func (h *history) add(client int, op operation, call int64, got answer, back int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, porcupine.Operation{
		ClientId: client, Input: op, Call: call, Output: got, Return: back,
	})
}

// record lets the clients of one history loose on a server.
func record(at addresses, seed uint64, of shape) (*history, error) {
	h := &history{start: time.Now()}
	errs := make(chan error, of.clients)
	for i := range of.clients {
		go func() {
			c := &historian{
				history: h, at: at, kinds: of.groups, author: i, id: h.newClient(),
				rng: rand.New(rand.NewPCG(seed, uint64(i))), seen: map[string]sighting{},
			}
			errs <- c.run(of.steps)
		}()
	}
	var first error
	for range of.clients {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return h, first
}

// check judges a history and explains what is wrong with it. That the checker
// could not decide is wrong as well.
func (h *history) check() error {
	owners := map[uint64]string{}
	own := func(id *uint64, name string) error {
		if id == nil {
			return nil
		}
		if owner := owners[*id]; owner != "" && owner != name {
			return fmt.Errorf("ID %d belongs to both %s and %s", *id, owner, name)
		}
		owners[*id] = name
		return nil
	}
	for _, entry := range h.entries {
		op, got := entry.Input.(operation), entry.Output.(answer)
		if err := errors.Join(own(got.id, op.keyName()), own(got.otherID, keyName(op.group, op.other))); err != nil {
			return err
		}
	}
	for _, group := range groupModel.Partition(h.entries) {
		result := porcupine.CheckOperationsTimeout(groupModel, group, checkLimit)
		if result != porcupine.Ok {
			return &violation{result, group}
		}
	}
	return nil
}

// A violation is a group's history that the model does not explain, or not
// within the time given.
type violation struct {
	result porcupine.CheckResult
	group  []porcupine.Operation
}

// Error tells how far the model can explain the history, and what it then cannot.
func (v *violation) Error() string {
	_, info := porcupine.CheckOperationsVerbose(groupModel, v.group, checkLimit)
	var explained []porcupine.Operation
	for _, some := range info.PartialLinearizationsOperations()[0] {
		if len(some) > len(explained) {
			explained = some
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "linearizable: %s; at most this can be explained:\n", v.result)
	write := func(op porcupine.Operation) {
		fmt.Fprintf(&text, "%12d %12d client %-3d %s\n", op.Call, op.Return, op.ClientId,
			groupModel.DescribeOperation(op.Input, op.Output))
	}
	state := groupState{}
	for _, op := range explained {
		write(op)
		_, state = state.explain(op.Input.(operation), op.Output.(answer))
	}
	fmt.Fprintf(&text, "now %+v, and what is left has no place:\n", state)
	for _, op := range v.group {
		if !slices.Contains(explained, op) {
			write(op)
		}
	}
	return text.String()
}

func TestLinearizable(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for name, of := range map[string]shape{"ordinary": ordinary, "flush_all": flushed} {
		t.Run(name, func(t *testing.T) {
			seed := newSeed(t)
			for round := range rounds {
				db := openWith(t, func(c *weensydb.Config) { c.Now = stoppedClock })
				h, err := record(addresses{db.WeensyAddr(), db.MemcacheAddr()}, seed+uint64(round), of)
				if err != nil {
					t.Fatal(err)
				}
				if err := h.check(); err != nil {
					t.Fatalf("seed %d: %v", seed+uint64(round), err)
				}
			}
		})
	}
}

// stoppedClock makes every time to live in a history exact.
func stoppedClock() time.Time { return time.Unix(1_800_000_000, 0) }

// never is the return time of a request of which nobody knows what became of it.
const never = math.MaxInt64
