package server_test

import (
	"fmt"
	"math/rand/v2"
)

// A sighting is what a client last saw of a key, for requests that compare.
type sighting struct {
	value string
	token uint64
}

// A historian is one client of a history. Over its life it uses several
// connections, each to one of the listeners.
type historian struct {
	history *history
	at      addresses
	kinds   []groupKind
	author  int // of its values

	rng      *rand.Rand
	id       int
	conn     *conn // nil: none
	onWeensy bool
	written  int // values made up so far
	seen     map[string]sighting
}

func (c *historian) chance(percent int) bool { return c.rng.IntN(100) < percent }

func (c *historian) run(steps int) error {
	defer c.hangUp()
	for range steps {
		if c.conn == nil || c.chance(3) {
			if err := c.reconnect(); err != nil {
				return err
			}
		}
		var err error
		if c.chance(2) {
			c.vanish(c.compose())
		} else {
			err = c.perform(c.compose())
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", c.id, err)
		}
	}
	return nil
}

func (c *historian) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *historian) reconnect() (err error) {
	c.hangUp()
	addr := c.at.memcache
	if c.onWeensy = c.chance(40); c.onWeensy {
		addr = c.at.weensy
	}
	c.conn, err = connect(addr)
	return err
}

// perform sends the request and reads its reply. One that has none is over when
// the reply to a later mn has come.
func (c *historian) perform(op operation) (err error) {
	request := op.encode()
	if op.noreply {
		request += "mn\r\n"
	}
	call, got := c.history.now(), answer{unknown: op.noreply}
	if _, err := c.conn.Write([]byte(request)); err != nil {
		return err
	}
	if !op.noreply {
		got, err = op.readAnswer(c.conn.in)
	} else if line, err := readLine(c.conn.in); err != nil || line != "MN" {
		return fmt.Errorf("%q (%v) for MN", line, err)
	}
	if err != nil {
		return err
	}
	c.history.add(c.id, op, call, got, c.history.now())
	c.notice(op, got)
	return nil
}

// vanish loses the connection while op is under way: the client goes on
// without knowing what became of it. If not all of it was sent, nothing did:
// then the history has no such request, and any effect of it is a violation.
func (c *historian) vanish(op operation) {
	request := op.encode()
	cut := c.chance(50)
	if cut {
		request = request[:1+c.rng.IntN(len(request)-1)]
	} else if op.token != 0 {
		return // the model must know whether a comparison succeeded
	}
	call := c.history.now()
	_, _ = c.conn.Write([]byte(request)) // whether it arrives is left open either way
	c.hangUp()
	if !cut {
		c.history.add(c.id, op, call, answer{unknown: true}, never)
		c.id = c.history.newClient()
	}
}

// notice remembers what an answer shows, for later comparisons.
func (c *historian) notice(op operation, got answer) {
	if got.status != isDone || got.unknown {
		return
	}
	s := c.seen[op.keyName()]
	switch {
	case got.value != nil && op.verb == askGet:
		s.value = *got.value
	case op.verb == askStore && op.mode == 'S', op.verb == askSwapValue:
		s.value = op.value
	}
	if got.token != nil {
		s.token = *got.token
	}
	c.seen[op.keyName()] = s
}

// compose makes up a request that the connection's listener takes.
func (c *historian) compose() operation {
	op := operation{group: c.rng.IntN(len(c.kinds))}
	kind := c.kinds[op.group]
	op.key, op.other = c.rng.IntN(kind.keys), c.rng.IntN(kind.keys)
	switch {
	case kind.flush && !c.onWeensy && c.chance(4):
		op.verb, op.dialect = askFlush, inClassic
	case kind.joined && c.chance(20):
		op.verb, op.dialect = askExch, inClassic
		if c.onWeensy {
			op.dialect = inWeensy
		}
	case c.onWeensy:
		c.composeWeensy(&op)
	case c.chance(50):
		c.composeClassic(&op)
	default:
		c.composeMeta(&op)
	}
	if op.dialect == inClassic && op.token == 0 && op.verb != askGet {
		op.noreply = c.chance(5)
	}
	return op
}

// newValue makes up a value that nobody else writes. Numbers leave room
// between them for counting.
func (c *historian) newValue(kind groupKind) string {
	c.written++
	if kind.counters {
		return fmt.Sprint(1_000_000*(c.author+1) + 1000*c.written)
	}
	return fmt.Sprintf("v%d.%d", c.author, c.written)
}

func (c *historian) composeWeensy(op *operation) {
	op.dialect = inWeensy
	op.value = c.newValue(c.kinds[op.group])
	switch n := c.rng.IntN(100); {
	case n < 35:
		op.verb = askGet
	case n < 60:
		op.verb, op.mode = askStore, 'S'
	case n < 75:
		op.verb = askRemove
	default:
		op.verb = askSwapValue
		op.old = c.seen[op.keyName()].value
	}
}

// ttl is a time to live: mostly for ever, sometimes over at once.
func (c *historian) ttl() int64 {
	switch {
	case c.chance(60):
		return 0
	case c.chance(10):
		return -1
	}
	return 100 + c.rng.Int64N(100_000)
}

func (c *historian) composeClassic(op *operation) {
	kind := c.kinds[op.group]
	op.dialect = inClassic
	op.value, op.flags, op.ttl = c.newValue(kind), c.rng.Uint32(), c.ttl()
	switch n := c.rng.IntN(100); {
	case n < 30:
		op.verb, op.showToken, op.touch = askGet, c.chance(70), c.chance(20)
	case n < 45:
		op.verb, op.mode, op.token = askStore, 'S', c.seen[op.keyName()].token
	case n < 65:
		op.verb, op.mode = askStore, c.storeMode(kind)
	case n < 72:
		op.verb = askRemove
	case n < 80:
		op.verb = askTouch
	default:
		op.verb, op.delta, op.down = askCount, 1+c.rng.Uint64N(9), c.chance(30)
	}
}

// storeMode is one of the five, as ms has them. Text is not attached to
// counters: digits that follow digits would no longer be unique.
func (c *historian) storeMode(kind groupKind) byte {
	if kind.counters {
		return "SER"[c.rng.IntN(3)]
	}
	return "SERAP"[c.rng.IntN(5)]
}

func (c *historian) composeMeta(op *operation) {
	kind := c.kinds[op.group]
	op.dialect = inMeta
	op.value, op.flags, op.ttl = c.newValue(kind), c.rng.Uint32(), max(c.ttl(), 0)
	if c.chance(40) {
		op.token = c.seen[op.keyName()].token
	}
	if c.chance(20) {
		op.newToken = clientTokens + uint64(c.author)<<32 + uint64(c.written)
	}
	switch n := c.rng.IntN(100); {
	case n < 35:
		op.verb, op.token = askGet, 0
		c.composeMetaGet(op, kind)
	case n < 60:
		op.verb, op.mode = askStore, c.storeMode(kind)
		op.stale = kind.marks && c.chance(30)
		if (op.mode == 'A' || op.mode == 'P') && c.chance(30) {
			op.create = 1000
		}
	case n < 80:
		op.verb = askRemove
		op.drop = !kind.counters && c.chance(20)
		op.stale = kind.marks && c.chance(50)
		op.touch = op.stale && c.chance(50)
	default:
		op.verb, op.delta, op.down = askCount, 1+c.rng.Uint64N(9), c.chance(30)
		if kind.counters && c.chance(40) {
			op.create, op.initial = 500, 1_000_000_000*uint64(c.author+1)+1000*uint64(c.written)
		}
	}
}

// composeMetaGet adds at most one of the flags that change the item: how they
// combine is left to the conversations.
func (c *historian) composeMetaGet(op *operation, kind groupKind) {
	switch n := c.rng.IntN(100); {
	case n < 20:
		op.touch = true
	case kind.marks && n < 40:
		op.create = 700
	case kind.marks && n < 60:
		op.recache = 50_000
	}
	if op.create == 0 {
		op.newToken = 0
	}
}
