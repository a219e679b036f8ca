package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
)

// A groupKind says which requests a group of keys gets.
type groupKind struct {
	keys     int
	counters bool // decimal numbers, else text
}

// groups are the keys of the histories, with clientsPerGroup clients each.
var groups = []groupKind{{keys: 4}, {keys: 3}, {keys: 2, counters: true}}

const clientsPerGroup = 3

var loadClients = len(groups) * clientsPerGroup

// A sighting is what a client last saw of a key, for requests that compare.
type sighting struct {
	value string
	token uint64
}

// A client sends random requests on one group of keys, one at a time, each to
// one of the listeners. It lives as long as the server.
type client struct {
	load  *load
	id    int
	group int
	kind  groupKind
	line  *line
	rng   *rand.Rand
	flush bool // it sends flush_all now and then
	lie   liar // nil: it tells the truth
	seen  [groupSize]sighting
}

// A load is all clients of one life of a server.
type load struct {
	history *history
	stopped atomic.Bool   // clients end after the request under way
	replies atomic.Int64  // that have come
	enough  int64         // replies
	reached chan struct{} // closed when there are enough
	done    chan error    // a client has ended; nil: as it should
}

// A liar tells an untruth about one request: the history gets what it returns.
type liar func(c *client, op operation) (got answer, lied bool, err error)

// startLoad starts the clients.
func startLoad(h *history, at addresses, rng *rand.Rand, enough int64, lie liar) (*load, error) {
	l := &load{history: h, enough: enough, reached: make(chan struct{}), done: make(chan error, loadClients)}
	var clients []*client
	for range clientsPerGroup {
		for group, kind := range groups {
			line, err := at.dial()
			if err != nil {
				return nil, err
			}
			clients = append(clients, &client{
				load: l, id: h.newClient(), group: group, kind: kind, line: line,
				lie: lie, flush: len(clients) == 0,
				rng: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
			})
		}
	}
	for _, c := range clients {
		go func() { l.done <- c.run() }()
	}
	return l, nil
}

func (c *client) chance(percent int) bool { return c.rng.IntN(100) < percent }

// run ends when the load is stopped or the connection fails.
func (c *client) run() error {
	defer c.line.hangUp()
	for !c.load.stopped.Load() {
		if err := c.perform(c.compose()); err != nil {
			return fmt.Errorf("client %d: %w", c.id, err)
		}
	}
	return nil
}

// perform sends the request, reads its reply, and writes down both. Without a
// reply nobody knows what became of it.
func (c *client) perform(op operation) error {
	h := c.load.history
	call := h.now()
	got, lied, err := answer{}, false, error(nil)
	if c.lie != nil {
		got, lied, err = c.lie(c, op)
	}
	if !lied && err == nil {
		got, err = c.line.ask(op)
	}
	if errors.Is(err, errUnexpected) {
		return err
	}
	if err != nil {
		got = answer{unknown: true}
	}
	h.add(c.id, op, call, got)
	if err != nil {
		return err
	}
	c.notice(op, got)
	if c.load.replies.Add(1) == c.load.enough {
		close(c.load.reached)
	}
	return nil
}

// notice remembers what an answer shows.
func (c *client) notice(op operation, got answer) {
	if got.status != isDone || op.verb == askFlush {
		return
	}
	s := &c.seen[op.key]
	switch {
	case got.value != nil:
		s.value = *got.value
	case op.value != "":
		s.value = op.value
	}
	if got.token != 0 {
		s.token = got.token
	}
}

// authored numbers the values, which are all different.
var authored atomic.Uint64

// newValue makes up a value that nobody else writes: mostly short, some of
// several sectors, a few of many. Numbers leave room between them for counting.
func (c *client) newValue() string {
	n := authored.Add(1)
	switch p := c.rng.IntN(100); {
	case c.kind.counters:
		return fmt.Sprint(100_000_000_000 + 10_000*n)
	case p < 80:
		return fmt.Sprintf("%d;", n)
	case p < 95:
		return fmt.Sprintf("%d*%d;", n, 100+c.rng.IntN(10_000))
	}
	return fmt.Sprintf("%d*%d;", n, 100+c.rng.IntN(200_000))
}

// compose makes up a request.
func (c *client) compose() operation {
	op := operation{group: c.group, key: c.rng.IntN(c.kind.keys)}
	op.onWeensy = c.chance(40)
	switch n := c.rng.IntN(1000); {
	case n < 40 && c.flush:
		op = operation{verb: askFlush, group: everywhere}
	case n < 200:
		op.verb, op.other = askExch, c.rng.IntN(c.kind.keys)
	case op.onWeensy:
		c.composeWeensy(&op)
	default:
		c.composeMemcache(&op)
	}
	return op
}

func (c *client) composeWeensy(op *operation) {
	switch n := c.rng.IntN(100); {
	case n < 30:
		op.verb = askGet
	case n < 65:
		op.verb, op.value = askSet, c.newValue()
	case n < 80:
		op.verb = askRemove
	default:
		op.verb, op.value, op.old = askSwapValue, c.newValue(), c.seen[op.key].value
	}
}

func (c *client) composeMemcache(op *operation) {
	op.meta = c.chance(50)
	write := func(v verb) {
		op.verb, op.value, op.flags, op.life = v, c.newValue(), c.rng.Uint32(), c.rng.IntN(3)
	}
	counting := c.kind.counters || c.chance(20)
	switch n := c.rng.IntN(100); {
	case n < 25:
		op.verb = askGet
	case n < 40:
		write(askSet)
	case n < 50:
		write(askAdd)
	case n < 65 && c.seen[op.key].token != 0:
		write(askCas)
		op.token = c.seen[op.key].token
	case n < 72:
		op.verb = askRemove
	case n < 82:
		op.verb, op.life = askTouch, c.rng.IntN(3)
		if c.chance(10) {
			op.life = -1
		}
	case counting:
		op.verb, op.delta, op.down = askCount, 1+c.rng.Uint64N(9), c.chance(30)
	default:
		write(askSet)
	}
}
