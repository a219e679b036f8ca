package server_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"weensydb"
)

// Nobody blocks anybody: hundreds of clients of each bad kind at once, while a
// healthy one goes on and memory stays bounded; when they have left, nothing of
// them is left.

const (
	hostileMemory = 64 << 20
	bigValues     = 16
	bigSize       = 1_000_000

	// healthyLimit is how long a healthy client's request may take among them.
	// It is no measure of speed, only far less than for ever.
	healthyLimit = 15 * time.Second

	// memoryPerClient is what both ends of a connection may take beyond what
	// Config.Memory bounds: two goroutines of each end with their stacks, small
	// buffers, and the buffer with which a client of this test reads. In bytes.
	memoryPerClient = 32 << 10

	// memorySlack is for what is allocated while the collector runs, and what
	// the heap loses to fragmentation. In bytes.
	memorySlack = 32 << 20
)

// A hostility is what one bad client does with its connection. It calls begun
// when it has done its worst for the first time, and returns when there is
// nothing to do or the connection fails.
type hostility struct {
	name   string
	greedy bool // for memory
	act    func(c badClient, begun func())
}

type badClient struct {
	net.Conn
	onWeensy bool
	left     <-chan struct{} // closed when it is to leave
}

// choose picks what the client's listener understands.
func (c badClient) choose(onWeensy, onMemcache string) string {
	if c.onWeensy {
		return onWeensy
	}
	return onMemcache
}

var hostilities = []hostility{
	{"silent", false, func(_ badClient, begun func()) { begun() }},
	{"half a line", false, once("get bi", "get bi")},
	{"half a set", false, once("set half 1000000\r\n"+strings.Repeat("x", 1000), "set half 0 0 1000000\r\n"+strings.Repeat("x", 1000))},
	{"a set but for its end", true, once("set most 1000000\r\n"+strings.Repeat("x", 999_999), "set most 0 0 1000000\r\n"+strings.Repeat("x", 1_000_000))},
	{"reads nothing of many gets", true, once(strings.Repeat("get big0\r\n", 200), strings.Repeat("get big0\r\n", 200))},
	{"reads nothing of a get of many", true, once("get big0\r\n", "get "+strings.Join(bigKeys(), " ")+"\r\n")},
	{"pipelines for ever and reads nothing", false, forEver(manyGets, manyGets)},
	{"pipelines for ever", false, func(c badClient, begun func()) {
		go io.Copy(io.Discard, c)
		forEver(strings.Repeat("set small 1\r\ns", 100), strings.Repeat("mg small v\r\n", 100))(c, begun)
	}},
	{"drips", false, drip},
}

func bigKeys() (keys []string) {
	for i := range bigValues {
		keys = append(keys, fmt.Sprint("big", i))
	}
	return keys
}

// once sends text and then stays silent.
func once(onWeensy, onMemcache string) func(badClient, func()) {
	return func(c badClient, begun func()) {
		_, _ = io.WriteString(c, c.choose(onWeensy, onMemcache)) // being refused is as good
		begun()
	}
}

var manyGets = strings.Repeat("get small\r\n", 100)

// forEver sends the same text for ever.
func forEver(onWeensy, onMemcache string) func(badClient, func()) {
	return func(c badClient, begun func()) {
		text, sent := []byte(c.choose(onWeensy, onMemcache)), 0
		for {
			// The time limit is for the one who reads nothing: that a write
			// blocks shows that the worst is done.
			c.SetWriteDeadline(time.Now().Add(shortly))
			n, err := c.Write(text[sent:])
			begun()
			if err != nil && !isTimeout(err) {
				return
			}
			sent = (sent + n) % len(text)
		}
	}
}

// drip sends a request byte by byte, and the next.
func drip(c badClient, begun func()) {
	text := c.choose("set drip 3\r\nabc", "set drip 0 0 3\r\nabc\r\n")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for i := range text {
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
			begun()
			select {
			case <-tick.C:
			case <-c.left:
				return
			}
		}
	}
}

// A crowd is the bad clients that are there.
type crowd struct {
	conns []net.Conn
	left  chan struct{}
	begun sync.WaitGroup
	acts  sync.WaitGroup
}

// gather lets n clients of each of the kinds in, spread over the listeners. They
// begin when all are there: the busiest would delay the others' arrival.
func gather(t *testing.T, n int, kinds []hostility, at addresses) *crowd {
	crowd := &crowd{left: make(chan struct{})}
	var clients []badClient
	for i := range n * len(kinds) {
		addr, onWeensy := at.of(i)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, badClient{c, onWeensy, crowd.left})
		crowd.conns = append(crowd.conns, c)
	}
	crowd.begun.Add(len(clients))
	for i, c := range clients {
		crowd.acts.Go(func() {
			begun := sync.OnceFunc(crowd.begun.Done)
			defer begun()
			kinds[i%len(kinds)].act(c, begun)
		})
	}
	return crowd
}

func (c *crowd) leave() {
	close(c.left)
	for _, conn := range c.conns {
		conn.Close()
	}
	c.acts.Wait()
}

// stayHealthy sends small requests until stop says so, and returns how long the
// slowest took. One that takes longer than limit is an error.
func stayHealthy(addr string, limit time.Duration, stop func() bool) (longest time.Duration, err error) {
	c, err := connect(addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for rounds := 0; !stop(); rounds++ {
		value := fmt.Sprint("value", rounds)
		for _, exchange := range [][2]string{
			{fmt.Sprintf("set healthy 0 0 %d\r\n%s\r\n", len(value), value), "STORED\r\n"},
			{"get healthy\r\n", fmt.Sprintf("VALUE healthy 0 %d\r\n%s\r\nEND\r\n", len(value), value)},
			{"delete healthy\r\n", "DELETED\r\n"},
		} {
			start := time.Now()
			c.SetDeadline(start.Add(limit))
			if _, err := io.WriteString(c, exchange[0]); err != nil {
				return longest, fmt.Errorf("%q: %w", exchange[0], err)
			}
			if got, err := c.take(len(exchange[1])); got != exchange[1] {
				return longest, fmt.Errorf("%q: got %q (%w) after %v", exchange[0], got, err, time.Since(start))
			}
			longest = max(longest, time.Since(start))
		}
	}
	return longest, nil
}

// An ordeal is a crowd of bad clients, seen by a healthy one.
type ordeal struct {
	patience time.Duration // how long to go on while no more is in use than allowed
	clients  int           // bad ones
	longest  time.Duration // that a request of the healthy one took
	most     int64         // bytes of memory in use, beyond those before
	allowed  int64
	before   holding
}

// hold lets n bad clients of each of the kinds in, waits until all do their worst, and
// lets the healthy one go on for a while. Then all leave.
func (o *ordeal) hold(t *testing.T, db *weensydb.DB, n int, kinds []hostility) {
	t.Helper()
	defer watchdog(2 * longWait)()
	c := dial(t, db.MemcacheAddr())
	for _, key := range bigKeys() {
		c.ask(t, fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, bigSize, strings.Repeat("b", bigSize)), "STORED\r\n")
	}
	c.ask(t, "set small 0 0 1\r\ns\r\n", "STORED\r\n")
	o.before = holds()
	memory := occupied()
	o.clients = n * len(kinds)
	o.allowed = hostileMemory + int64(o.clients)*memoryPerClient + memorySlack

	crowd := gather(t, n, kinds, addresses{db.WeensyAddr(), db.MemcacheAddr()})
	inPlace := make(chan struct{})
	go func() {
		crowd.begun.Wait()
		close(inPlace)
	}()
	more := 30 // rounds to go once all are in place
	rounds := 0
	start := time.Now()
	longest, err := stayHealthy(db.MemcacheAddr(), healthyLimit, func() bool {
		select {
		case <-inPlace:
			more--
		default:
		}
		if rounds++; rounds%10 == 0 {
			o.most = max(o.most, occupied()-memory)
		}
		waiting := o.most <= o.allowed && time.Since(start) < o.patience
		return more <= 0 && !waiting
	})
	if err != nil {
		t.Errorf("among %d bad clients, after %d rounds: %v", o.clients, rounds, err)
	}
	o.longest = longest
	crowd.leave()
	c.ask(t, "get small\r\n", "VALUE small 0 1\r\ns\r\nEND\r\n")
	t.Logf("%d bad clients; the healthy one did %d rounds, the longest request took %v; at most %d bytes more in use, allowed %d",
		o.clients, rounds, o.longest, o.most, o.allowed)
}

func TestNobodyBlocksAnybody(t *testing.T) {
	n := 100
	if testing.Short() {
		n = 20
	}
	n = crowdSize(t, n, len(hostilities))
	db := openWith(t, func(c *weensydb.Config) { c.Memory = hostileMemory })
	var o ordeal
	o.hold(t, db, n, hostilities)
	if o.most > o.allowed {
		t.Errorf("%d bytes in use, more than %d", o.most, o.allowed)
	}
	expectReturnTo(t, o.before)
}

// TestPipelinesYield: nothing slows down clients who send what has no reply;
// others have their turn all the same. They are few, since all that the system
// has buffered of theirs will be executed.
func TestPipelinesYield(t *testing.T) {
	kinds := []hostility{{"sends what has no reply", false, forEver(
		strings.Repeat(strings.Repeat(" ", 250)+"\r\n", 100),
		strings.Repeat("delete "+strings.Repeat("k", 250)+" noreply\r\n", 100))}}
	db := openWith(t, nil)
	defer watchdog(2 * longWait)()
	before := holds()
	crowd := gather(t, 8, kinds, addresses{db.WeensyAddr(), db.MemcacheAddr()})
	crowd.begun.Wait()
	rounds := 0
	longest, err := stayHealthy(db.MemcacheAddr(), healthyLimit, func() bool { rounds++; return rounds > 20 })
	t.Logf("the longest request took %v", longest)
	if err != nil {
		t.Error(err)
	}
	crowd.leave()
	expectReturnTo(t, before)
}

// TestBoundedMemoryIsNoticed: where memory is as good as unbounded, those who
// are after it take more than they are allowed above.
func TestBoundedMemoryIsNoticed(t *testing.T) {
	const n = 60
	if crowdSize(t, n, len(hostilities)) < n {
		t.Skip("too few descriptors for a crowd that matters")
	}
	var greedy []hostility
	for _, h := range hostilities {
		if h.greedy {
			greedy = append(greedy, h)
		}
	}
	db := openWith(t, func(c *weensydb.Config) { c.Memory = 1 << 40 })
	o := ordeal{patience: longWait}
	o.hold(t, db, n, greedy)
	if o.most <= o.allowed {
		t.Errorf("only %d bytes in use, not more than %d: are the bad clients any good?", o.most, o.allowed)
	}
}

// TestBlockingIsNoticed: where nobody answers, the healthy client says so.
func TestBlockingIsNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := stayHealthy(l.Addr().String(), shortly, func() bool { return false }); !isTimeout(err) {
		t.Errorf("%v, want a time-out", err)
	}
}
