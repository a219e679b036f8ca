package crash_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkLimit is how long the checker may search one group's history. It takes
// milliseconds: a history that is so large that it takes longer is a defect.
const checkLimit = 60 * time.Second

// A history records what clients saw of a server and of its successors, from a
// moment at which nobody else was connected and all that it held was known.
type history struct {
	start   time.Time
	initial []groupState // of each group

	mu      sync.Mutex
	entries []porcupine.Operation // guarded by mu
	pending []int                 // entries whose request has no reply, in this life of the server; guarded by mu
	clients int                   // IDs given out; guarded by mu
}

func newHistory(initial []groupState) *history {
	return &history{start: time.Now(), initial: initial}
}

func (h *history) now() int64 { return int64(time.Since(h.start)) }

// newClient gives out an ID. Nobody has one in two lives of the server.
func (h *history) newClient() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
	return h.clients
}

func (h *history) add(client int, op operation, call int64, got answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if got.unknown {
		h.pending = append(h.pending, len(h.entries))
	}
	h.entries = append(h.entries, porcupine.Operation{ClientId: client, Input: op, Call: call, Output: got, Return: h.now()})
}

// dead says that the server is: what is pending has happened or never will.
func (h *history) dead() (pending int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	pending = len(h.pending)
	for _, i := range h.pending {
		h.entries[i].Return = h.now()
	}
	h.pending = nil
	return pending
}

// check judges the history. That the checker could not decide is wrong as well.
func (h *history) check() error {
	var flushes []int // entries: those of which nobody knows whether they happened
	for i, e := range h.entries {
		if e.Input.(operation).verb == askFlush && e.Output.(answer).unknown {
			flushes = append(flushes, i)
		}
	}
	if err := h.checkGroups(h.entries); err != nil || len(flushes) == 0 {
		return err
	}
	if len(flushes) > 8 {
		return fmt.Errorf("%d flushes with unknown outcome: the history is too long", len(flushes))
	}
	// Each has happened to all groups or to none.
	for happened := range uint(1) << len(flushes) {
		if h.checkGroups(h.suppose(flushes, happened)) == nil {
			return nil
		}
	}
	return fmt.Errorf("%d flushes cut off by a crash have happened to some groups of keys and not to others", len(flushes))
}

// suppose is the history if of the flushes those with a bit in happened did
// happen, and no others.
func (h *history) suppose(flushes []int, happened uint) []porcupine.Operation {
	entries := slices.Clone(h.entries)
	for i, at := range slices.Backward(flushes) {
		if happened>>i&1 == 1 {
			entries[at].Output = answer{}
		} else {
			entries = slices.Delete(entries, at, at+1)
		}
	}
	return entries
}

// ofGroup is the part of the entries that concerns a group.
func ofGroup(entries []porcupine.Operation, group int) (some []porcupine.Operation) {
	for _, e := range entries {
		if g := e.Input.(operation).group; g == group || g == everywhere {
			some = append(some, e)
		}
	}
	return some
}

func (h *history) checkGroups(entries []porcupine.Operation) error {
	for group, initial := range h.initial {
		v := &violation{initial: initial, entries: ofGroup(entries, group)}
		if v.result = porcupine.CheckOperationsTimeout(modelFrom(initial), v.entries, checkLimit); v.result != porcupine.Ok {
			return v
		}
	}
	return nil
}

// A violation is a group's history that the model does not explain, or not
// within the time given.
type violation struct {
	result  porcupine.CheckResult
	initial groupState
	entries []porcupine.Operation
}

// Error tells how far the model can explain the history, and what it then cannot.
func (v *violation) Error() string {
	model := modelFrom(v.initial)
	_, info := porcupine.CheckOperationsVerbose(model, v.entries, checkLimit)
	var explained []porcupine.Operation
	for _, some := range info.PartialLinearizationsOperations()[0] {
		if len(some) > len(explained) {
			explained = some
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "linearizable: %s; of %d requests %d can be explained, at last these:\n", v.result, len(v.entries), len(explained))
	write := func(op porcupine.Operation) {
		fmt.Fprintf(&text, "%12d %12d client %-3d %s\n", op.Call, op.Return, op.ClientId, model.DescribeOperation(op.Input, op.Output))
	}
	type identity struct {
		client int
		call   int64
	}
	seen := map[identity]bool{}
	state := model.Init()
	for i, op := range explained {
		seen[identity{op.ClientId, op.Call}] = true
		if i >= len(explained)-30 {
			write(op)
		}
		_, state = model.Step(state, op.Input, op.Output)
	}
	fmt.Fprintf(&text, "now %+v, and these have no place:\n", state)
	rest := slices.DeleteFunc(slices.Clone(v.entries), func(op porcupine.Operation) bool { return seen[identity{op.ClientId, op.Call}] })
	slices.SortFunc(rest, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, op := range rest[:min(len(rest), 30)] {
		write(op)
	}
	return text.String()
}
