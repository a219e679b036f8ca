package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// A tenant is a client with keys of its own. It knows all states that they can be
// in: the one that its last reply proves, and for each request that has none yet
// the one after it.
type tenant struct {
	name   string
	weensy bool
	rng    *rand.Rand
	states []map[string]string // value by key
}

func newTenants(seed uint64, n int) []*tenant {
	all := make([]*tenant, n)
	for i := range all {
		all[i] = &tenant{
			name: fmt.Sprintf("t%d-", i), weensy: i%2 == 0,
			rng: rand.New(rand.NewPCG(seed, uint64(i))), states: []map[string]string{{}},
		}
	}
	return all
}

const tenantKeys = 4

func (c *tenant) key() string { return c.name + strconv.Itoa(c.rng.IntN(tenantKeys)) }

// most is how many requests a tenant sends before it waits for replies.
const most = 6

// load sends requests until the connection ends, and counts replies.
func (c *tenant) load(t *testing.T, conn net.Conn, replies *atomic.Int64) {
	r := bufio.NewReader(conn)
	for {
		var requests strings.Builder
		var wants []string
		for range 1 + c.rng.IntN(most) {
			request, want, after := c.change(c.states[len(c.states)-1])
			requests.WriteString(request)
			wants, c.states = append(wants, want), append(c.states, after)
		}
		if _, err := io.WriteString(conn, requests.String()); err != nil {
			return
		}
		for _, want := range wants {
			line, err := r.ReadString('\n')
			if err != nil || strings.HasPrefix(line, "SERVER_ERROR ") {
				return
			}
			if got := itemID.ReplaceAllString(strings.TrimRight(line, "\r\n"), ""); got != want {
				t.Errorf("%s: one of %.300q is answered with %q, want %q", c.name, requests.String(), got, want)
				return
			}
			c.states = c.states[1:]
			replies.Add(1)
		}
	}
}

// change returns a request, its reply without item IDs, and the state after it.
func (c *tenant) change(before map[string]string) (request, reply string, after map[string]string) {
	after = maps.Clone(before)
	key, other := c.key(), c.key()
	old, there := before[key]
	_, otherThere := before[other]
	switch kind := c.rng.IntN(8); {
	case kind == 0 && there:
		delete(after, key)
		return "delete " + key + "\r\n", "DELETED", after
	case kind == 0:
		return "delete " + key + "\r\n", "NOT_FOUND", after
	case kind < 3 && there && otherThere:
		after[key], after[other] = before[other], old
		return "exch " + key + " " + other + "\r\n", "EXCHANGED", after
	case kind < 3:
		return "exch " + key + " " + other + "\r\n", "NOT_FOUND", after
	case kind < 5 && there && c.weensy:
		after[key] = c.value()
		return fmt.Sprintf("cas %s %d %d\r\n%s%s", key, len(old), len(after[key]), old, after[key]), "STORED", after
	case kind < 5 && there && len(old) < 10:
		number, _ := strconv.Atoi(old) // all values are numbers
		after[key] = strconv.Itoa(number + 7)
		return "incr " + key + " 7\r\n", after[key], after
	case c.weensy:
		after[key] = c.value()
		return fmt.Sprintf("set %s %d\r\n%s", key, len(after[key]), after[key]), "STORED", after
	default:
		after[key] = c.value()
		return fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, len(after[key]), after[key]), "STORED", after
	}
}

// value is a number, at times one of many sectors, so that segments fill up.
func (c *tenant) value() string {
	if c.rng.IntN(8) == 0 {
		return strings.Repeat(strconv.Itoa(1+c.rng.IntN(9)), 10+c.rng.IntN(40_000))
	}
	return strconv.Itoa(1 + c.rng.IntN(1_000_000))
}

// judge reads the keys and reports what is wrong with them. They are known then.
func (c *tenant) judge(memcache *caller) error {
	found := map[string]string{}
	for i := range tenantKeys {
		key := c.name + strconv.Itoa(i)
		if value, there := memcache.value(key); there {
			found[key] = value
		}
	}
	states := c.states
	c.states = []map[string]string{found}
	for _, state := range states {
		if maps.Equal(state, found) {
			return nil
		}
	}
	return fmt.Errorf("%s: found %.500q, which is none of the %d states that are possible: from %.500q to %.500q",
		c.name, fmt.Sprint(found), len(states), fmt.Sprint(states[0]), fmt.Sprint(states[len(states)-1]))
}
