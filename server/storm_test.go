package server_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Storms of exch: many clients exchange a few keys in both orders, a key with
// itself among them. Nothing may deadlock, and no value may be lost or doubled.

const (
	stormClients = 8
	stormKeys    = 6
	stormBatch   = 25 // requests sent at once
)

// addresses are those of a server's two listeners.
type addresses struct{ weensy, memcache string }

// of spreads clients over the listeners.
func (a addresses) of(client int) (addr string, onWeensy bool) {
	if client%2 == 0 {
		return a.weensy, true
	}
	return a.memcache, false
}

func stormKey(i int) string { return fmt.Sprint("storm", i) }

// storm sends batches of what compose makes up from each of the clients, and
// lets judge see every first line of a reply. A request has one line of reply.
func storm(at addresses, seed uint64, batches int, compose func(rng *rand.Rand, client, n int, onWeensy bool) string, judge func(line string) bool) error {
	run := func(client int) error {
		addr, onWeensy := at.of(client)
		c, err := connect(addr)
		if err != nil {
			return err
		}
		defer c.Close()
		rng := rand.New(rand.NewPCG(seed, uint64(client)))
		for batch := range batches {
			var requests strings.Builder
			for i := range stormBatch {
				requests.WriteString(compose(rng, client, batch*stormBatch+i, onWeensy))
			}
			c.extend()
			if _, err := c.Write([]byte(requests.String())); err != nil {
				return err
			}
			for range stormBatch {
				if line, err := readLine(c.in); err != nil || !judge(line) {
					return fmt.Errorf("client %d: %q (%v)", client, line, err)
				}
			}
		}
		return nil
	}
	errs := make(chan error, stormClients)
	for client := range stormClients {
		go func() { errs <- run(client) }()
	}
	var first error
	for range stormClients {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// composeExch exchanges a random pair.
func composeExch(rng *rand.Rand, _, _ int, _ bool) string {
	return "exch " + stormKey(rng.IntN(stormKeys)) + " " + stormKey(rng.IntN(stormKeys)) + "\r\n"
}

// composeAny exchanges, sets and deletes. Each set has a value of its own.
func composeAny(rng *rand.Rand, client, n int, onWeensy bool) string {
	key := stormKey(rng.IntN(stormKeys))
	value := fmt.Sprintf("%d-%d", client, n)
	switch i := rng.IntN(10); {
	case i < 7:
		return composeExch(rng, client, n, onWeensy)
	case i < 8:
		return "delete " + key + "\r\n"
	case onWeensy:
		return fmt.Sprintf("set %s %d\r\n%s", key, len(value), value)
	}
	return fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, len(value), value)
}

// fill sets every key of the storm and returns the values.
func fill(c *conn) (values []string, err error) {
	for i := range stormKeys {
		value := fmt.Sprint("initial", i)
		values = append(values, value)
		if _, err := fmt.Fprintf(c, "set %s 0 0 %d\r\n%s\r\n", stormKey(i), len(value), value); err != nil {
			return nil, err
		}
		if line, err := readLine(c.in); err != nil || line != "STORED" {
			return nil, fmt.Errorf("set: %q (%v)", line, err)
		}
	}
	return values, nil
}

// collect gets the values of all keys of the storm that have one.
func collect(c *conn) (values []string, err error) {
	for i := range stormKeys {
		if _, err := fmt.Fprintf(c, "get %s\r\n", stormKey(i)); err != nil {
			return nil, err
		}
		for {
			line, err := readLine(c.in)
			if err != nil {
				return nil, err
			}
			if line == "END" {
				break
			}
			if !strings.HasPrefix(line, "VALUE ") {
				values = append(values, line)
			}
		}
	}
	return values, nil
}

// exchStorm lets the clients exchange, and nothing else: the values that were
// there are there afterwards.
func exchStorm(at addresses, seed uint64, batches int) error {
	c, err := connect(at.memcache)
	if err != nil {
		return err
	}
	defer c.Close()
	before, err := fill(c)
	if err != nil {
		return err
	}
	isExchanged := func(line string) bool { return strings.HasPrefix(line, "EXCHANGED") }
	if err := storm(at, seed, batches, composeExch, isExchanged); err != nil {
		return err
	}
	after, err := collect(c)
	if err != nil {
		return err
	}
	slices.Sort(after)
	if !slices.Equal(before, after) {
		return fmt.Errorf("%w: %q became %q", errLostOrDoubled, before, after)
	}
	return nil
}

// errLostOrDoubled is what a storm finds if an exchange was not one step.
var errLostOrDoubled = fmt.Errorf("values were lost or doubled")

// mixedStorm sets and deletes meanwhile: a value is then in at most one place.
func mixedStorm(at addresses, seed uint64, batches int) error {
	c, err := connect(at.memcache)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fill(c); err != nil {
		return err
	}
	isReply := func(line string) bool {
		word, _, _ := strings.Cut(line, " ")
		return slices.Contains([]string{"EXCHANGED", "NOT_FOUND", "DELETED", "STORED"}, word)
	}
	if err := storm(at, seed, batches, composeAny, isReply); err != nil {
		return err
	}
	values, err := collect(c)
	if err != nil {
		return err
	}
	slices.Sort(values)
	if len(slices.Compact(slices.Clone(values))) < len(values) {
		return fmt.Errorf("%w: %q", errLostOrDoubled, values)
	}
	return nil
}

func TestExchStorm(t *testing.T) {
	batches := 200
	if testing.Short() {
		batches = 50
	}
	db := openWith(t, nil)
	at := addresses{db.WeensyAddr(), db.MemcacheAddr()}
	defer watchdog(2 * longWait)()
	t.Run("exch alone", func(t *testing.T) {
		if err := exchStorm(at, newSeed(t), batches); err != nil {
			t.Error(err)
		}
	})
	t.Run("sets and deletes among them", func(t *testing.T) {
		if err := mixedStorm(at, newSeed(t), batches); err != nil {
			t.Error(err)
		}
	})
}

// TestExchWithinAStripe exchanges one key with so many others, in both orders
// at once, that some share its stripe. There are 1,024 stripes: of 8,192 keys
// none does with a probability of about 1 in 3,000.
func TestExchWithinAStripe(t *testing.T) {
	const keys = 8192
	db := openWith(t, nil)
	defer watchdog(2 * longWait)()
	c := dial(t, db.WeensyAddr())
	var sets strings.Builder
	for i := range keys {
		fmt.Fprintf(&sets, "set %s 1\r\nx", stormKey(i))
	}
	go c.Write([]byte(sets.String()))
	for i := range keys {
		c.expect(t, fmt.Sprintf("STORED #%d\r\n", i+1))
	}
	errs := make(chan error, 2)
	for direction := range 2 {
		go func() { errs <- exchWithAll(db.WeensyAddr(), keys, direction == 1) }()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// exchWithAll exchanges the first key with each other. The IDs stay with the keys.
func exchWithAll(addr string, keys int, backwards bool) error {
	c, err := connect(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var requests strings.Builder
	for i := range keys {
		a, b := 0, i
		if backwards {
			a, b = i, 0
		}
		fmt.Fprintf(&requests, "exch %s %s\r\n", stormKey(a), stormKey(b))
	}
	go c.Write([]byte(requests.String()))
	for i := range keys {
		want := fmt.Sprintf("EXCHANGED #%d #%d", 1, i+1)
		if backwards {
			want = fmt.Sprintf("EXCHANGED #%d #%d", i+1, 1)
		}
		if line, err := readLine(c.in); line != want {
			return fmt.Errorf("%q (%v), want %q", line, err, want)
		}
	}
	return nil
}
